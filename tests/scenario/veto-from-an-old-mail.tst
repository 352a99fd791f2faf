# A mail from before: its link stops what waits, though the thief is signed in and she is nowhere.
places; device laptop from 192.0.2.1 in DE; member alice on laptop; push laptop
device thief from 198.51.100.7 in FR; wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok; read
attempt change_email by thief for alice about thief@example.net; prove password; code there; code show by laptop; prove code; prove email_code; commit; expect held
expect mail "wants to change your address" to alice@; expect mail "is waiting" to alice@
delivered change_email held of alice; wait 58m
# The mail that said it was asked for is an hour old.
answer not_me by link change_email opened of alice; expect ok; expect state denied; expect account alice locked; expect session thief ended
wait 10m; commit; expect denied; expect contact alice alice@example.org own; expect contact alice thief@example.net none
# And the way back, from a new phone: her key, and the digits that her laptop shows though it is signed out. It waits too.
device phone from 203.0.113.5 in DE; read
attempt recover_password by phone for alice; prove recovery_key; code there; expect push to laptop; prove code; expect state proved
commit "mine and nobody else's now"; expect held; delivered recover_password held of alice; wait 61m
commit "mine and nobody else's now"; expect ok; expect result key; expect account alice normal
attempt sign_in by laptop for alice; expect needs 1; prove password; commit; expect ok
