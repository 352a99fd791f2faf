# "It wasn't me" in all its forms; it can only ever make the account safer.
device laptop from 192.0.2.1; member alice on laptop; wait 1m
device stranger from 192.0.2.77
# About wrong proofs: nothing was shown that counts, nothing is locked; her own sign-in from the same network stands.
attempt sign_in by stranger for alice as guess; prove password wrong; prove password wrong
attempt sign_in by laptop for alice; prove password; commit; expect ok
with guess; prove password wrong; expect state failed
answer not_me by laptop sign_in wrong_proofs of alice; expect ok; expect account alice normal; expect session laptop alive; expect device laptop trusted
# About a sign-in that is done: session and device go. The password was shown: locked.
wait 16m
attempt sign_in by stranger for alice; prove password; prove recovery_key; commit; expect ok; expect session stranger alive
answer not_me by laptop sign_in done of alice; expect ok; expect session stranger ended; expect device stranger revoked
expect account alice locked; expect session laptop alive
# Somebody else's session can't answer it, nor a forged link.
device pc from 198.51.100.7; member mallory on pc
answer not_me by pc sign_in done of alice; expect missing
answer not_me by link sign_in done of alice forged; expect missing
answer not_me by pc sign_in done of alice beside a link; expect ok
