# A thief hides his sign-in among many attempts from one network: "it wasn't me" finds it, and the owner is not shut out.
device laptop from 192.0.2.1; member alice on laptop; push laptop
device thief from 198.51.100.7; device thief2 from 198.51.100.8
wait 1m
attempt sign_in by thief for alice; prove password; prove recovery_key; commit; expect ok
flood sign_in 90 by thief2 for alice; expect ok
attempt sign_in by thief2 for alice as last; prove password; expect ok
answer not_me by link sign_in opened of alice; expect ok; expect account alice locked
expect session thief ended; expect device thief revoked; with last; expect state denied
flood sign_in 120 by thief2 for alice; expect too_many
attempt sign_in by laptop for alice; expect ok
device phone from 203.0.113.5; attempt recover_password by phone for alice; expect ok
