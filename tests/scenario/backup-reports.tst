# What the server tells by itself: once a day for a device, at once, and never by somebody's asking.
device laptop from 192.0.2.1; member alice on laptop
device phone from 203.0.113.5; push laptop
attempt sign_in by phone for alice; prove password; prove recovery_key; commit; expect ok
expect alert sign_in opened of alice; expect alert sign_in done of alice; read
attempt backup_deleted by laptop for alice about laptop; expect bad_request
attempt backup_damaged by phone for alice about laptop; expect bad_request; expect no alert of alice

reports backup_deleted of phone from phone; expect ok; expect alert backup_deleted done of alice count 1
reports backup_deleted of laptop from laptop; expect ok; expect alert backup_deleted done of alice count 1
reports backup_deleted of laptop from phone; expect ok; expect no alert of alice
reports backup_keys_changed of laptop from laptop; expect ok; expect alert backup_keys_changed done of alice

# "It wasn't me": the program is shut out, and an open window with it.
attempt allow_deletion by laptop for alice about laptop; prove password; prove recovery_key; commit; expect ok
expect alert allow_deletion opened of alice; expect alert allow_deletion done of alice
token laptop; token phone; deletes laptop; expect ok
answer not_me by link backup_deleted done of alice; expect ok; expect account alice normal
backs laptop; expect unauthorized; deletes laptop; expect forbidden; backs phone; expect ok

reports backup_overdue of laptop; expect ok; expect alert backup_overdue done of alice
reports backup_damaged of laptop; expect ok; expect alert backup_damaged done of alice
attempt remove_device by laptop for alice about phone; prove password; prove recovery_key; commit; expect ok
expect alert remove_device done of alice
reports backup_overdue of phone; expect expired; expect no alert of alice             # nothing is expected of it
reports backup_damaged of phone; expect ok; expect alert backup_damaged done of alice # and its backup is kept
wait 23h; reports backup_deleted of laptop; expect ok; expect no alert of alice
wait 2h; reports backup_deleted of laptop; expect ok; expect alert backup_deleted done of alice
