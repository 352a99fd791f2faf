# Deleting backups: an attempt opens an hour in which one device may; "it wasn't me" closes it.
device laptop from 192.0.2.1; member alice on laptop
device phone from 203.0.113.5
attempt sign_in by phone for alice; prove password; prove recovery_key; commit; expect ok
expect alert sign_in opened of alice; expect alert sign_in done of alice
deletes laptop; expect forbidden; expect no alert of alice
attempt allow_deletion by laptop for alice about laptop; expect ok; expect alert allow_deletion opened of alice
deletes laptop; expect forbidden
prove password; commit; expect not_proved; prove recovery_key; commit; expect ok
expect alert allow_deletion done of alice; deletes laptop; expect ok; deletes phone; expect forbidden
wait 59m; deletes laptop; expect ok; wait 2m; deletes laptop; expect forbidden

attempt allow_deletion by phone for alice about laptop; expect ok; expect alert allow_deletion opened of alice
prove password; prove recovery_key; commit; expect held; expect alert allow_deletion held of alice
deletes laptop; expect forbidden
delivered allow_deletion held of alice; wait 1h; deletes laptop; expect forbidden; commit; expect ok
expect alert allow_deletion done of alice; deletes laptop; expect ok
answer not_me by link allow_deletion done of alice; expect ok; deletes laptop; expect forbidden
expect history deletion.window_closed of alice
