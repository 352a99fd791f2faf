# Nobody looked for an hour: the thief's changes are done. For a week she takes them back, the newest or the first.
places; device laptop from 192.0.2.1 in DE; member alice on laptop
device thief from 198.51.100.7 in FR; wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok; wait 1h
attempt change_password by thief for alice as password; prove password; code there; code show by laptop; prove code; commit "the thief's own passphrase"; expect held
attempt new_recovery_key by thief for alice as key; prove password; code there; code show by laptop; prove code; commit; expect held
attempt change_email by thief for alice about thief@example.net as address; prove password; code there; code show by laptop; prove code; prove email_code; commit; expect held
delivered change_password held of alice; delivered new_recovery_key held of alice; delivered change_email held of alice
read; wait 61m
# The key and the address first: with the password they were proved by, they would be gone.
with key; commit; expect ok; expect result key; expect alert new_recovery_key done of alice; expect mail to alice@
with address; commit; expect ok; expect alert change_email done of alice; expect mail to alice@; expect mail to thief@
with password; commit "the thief's own passphrase"; expect ok; expect alert change_password done of alice; expect mail to alice@
expect session laptop ended; expect contact alice thief@example.net own; expect contact alice alice@example.org told
# Six days later she reads her mail.
wait 6d
answer not_me by link change_password done of alice; expect ok; expect account alice locked; expect session thief ended
answer not_me by link change_email done of alice; expect ok; expect contact alice alice@example.org own; expect contact alice thief@example.net none
answer not_me by link new_recovery_key done of alice; expect ok
expect history attempt.undone of alice count 4     # and his sign-in
attempt sign_in by thief for alice; prove password "the thief's own passphrase"; expect wrong_proof
