# Password and a code that was talked out of somebody: he is in, and before the hold ends he can replace nothing.
places; device laptop from 192.0.2.1 in DE; member alice on laptop; push laptop
device thief from 198.51.100.7 in FR; wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
expect alert sign_in opened of alice; expect alert sign_in done of alice; read; wait 1h
attempt change_password by thief for alice as password; prove password; code there; code show by laptop; prove code
expect alert change_password opened of alice; expect mail to alice@; expect push to laptop; read
commit "the thief's own passphrase"; expect held; expect alert change_password held of alice; expect mail "password change is waiting" to alice@; expect push to laptop
attempt change_email by thief for alice about thief@example.net as address; prove password; code there; code show by laptop; prove code; prove email_code
expect alert change_email opened of alice; read; commit; expect held; expect alert change_email held of alice; expect mail to alice@; expect no mail to thief@
attempt new_recovery_key by thief for alice as key; prove password; code there; code show by laptop; prove code
expect alert new_recovery_key opened of alice; read; commit; expect held; expect alert new_recovery_key held of alice; expect mail to alice@; expect push to laptop
attempt add_passkey by thief for alice as passkey; prove password; code here; approve right by laptop; read
commit; expect held; expect alert add_passkey held of alice; expect mail to alice@
attempt remove_device by thief for alice about laptop as device; prove password; code there; code show by laptop; prove code; commit; expect held
expect alert remove_device held of alice
delivered change_password held of alice; delivered change_email held of alice; delivered new_recovery_key held of alice; delivered add_passkey held of alice; delivered remove_device held of alice
# An hour less a minute: all of it waits, and what she has still counts.
wait 59m
with password; commit "the thief's own passphrase"; expect held; with address; commit; expect held; with key; commit; expect held
with passkey; commit; expect held; with device; commit; expect held
expect contact alice alice@example.org own; expect device laptop trusted
device phone from 203.0.113.5 in DE
attempt sign_in by laptop for alice; prove password; commit; expect ok
attempt sign_in by phone for alice; prove password; prove recovery_key; expect state proved
# His own two devices don't end it: digits count there, and the hold goes on.
device thief2 from 198.51.100.9 in FR
attempt sign_in by thief2 for alice; prove password; code here; approve right by thief; commit; expect ok
with password; code here; approve right by thief2; expect ok; expect state held; commit "the thief's own passphrase"; expect held
# Her laptop, taken along to where she never was, doesn't either.
device abroad from 203.0.113.77 in JP; copy laptop to abroad
with key; code here; approve right by abroad; expect ok; expect state held; commit; expect held
# She signs him out with one answer, and all that waited is over.
answer not_me by laptop sign_in done of alice; expect ok; expect account alice locked; expect session thief ended; expect session laptop alive
wait 2h
with password; commit "the thief's own passphrase"; expect denied; with address; commit; expect denied; with key; commit; expect denied
with passkey; commit; expect denied; with device; commit; expect denied
expect contact alice alice@example.org own; expect device laptop trusted
