# A held change dies with the session that opened it, when the account is signed out everywhere or the device is removed.
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
attempt change_password by thief for alice as theft; prove password; code there; code show by laptop; prove code; commit "the thief's own new passphrase"; expect held
delivered change_password held of alice
attempt remove_device by laptop for alice about thief; prove password; prove recovery_key; commit; expect ok
wait 2h; with theft; commit "the thief's own new passphrase"; expect denied; expect state denied
