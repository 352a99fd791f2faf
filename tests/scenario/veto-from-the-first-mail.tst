# The mail of his sign-in, days old, undoes all that came of it: the sign-in, and what his device asked for since.
places; device laptop from 192.0.2.1 in DE; member alice on laptop
device thief from 198.51.100.7 in FR; wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok; read
wait 20h
attempt delete_account by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect held
delivered delete_account held of alice; wait 5d
answer not_me by link sign_in done of alice; expect ok; expect account alice locked; expect session thief ended; expect device thief revoked
wait 49h; commit; expect denied; expect account alice locked
