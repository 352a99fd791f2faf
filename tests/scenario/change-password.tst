# Changing a password rings when it is opened and when it is done; every other session ends.
device laptop from 192.0.2.1; member alice on laptop
device phone from 203.0.113.5
attempt sign_in by phone for alice; prove password; prove recovery_key; commit; expect ok
expect alert sign_in opened of alice; expect alert sign_in done of alice
attempt change_password by laptop for alice; expect ok
expect alert change_password opened of alice; expect mail to alice@
prove password; code there; code show by phone; expect ok; prove code; expect proved password code
commit "12345678"; expect weak; expect state proved
commit; expect bad_request; expect state proved
commit "a wholly new passphrase here"; expect ok; expect result nothing; expect state done
expect alert change_password done of alice; expect mail to alice@
expect session laptop alive; expect session phone ended
expect no alert of alice
attempt sign_in by phone for alice; prove password "alice has a long first password"; expect wrong_proof; prove password; expect ok
commit; expect ok
# Three wrong proofs end it, with an alert.
attempt change_password by laptop for alice; expect alert change_password opened of alice
prove password wrong; prove recovery_key wrong; prove password wrong; expect wrong_proof; expect state failed
expect alert change_password refused of alice; expect no alert of alice
