# "It wasn't me" about a change that the keeper has already applied: it ends as done, and the account stays locked.
hold change_password 0s
hold recover_password 0s
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
wait 1m
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
attempt change_password by thief for alice; prove password; code there; code show by laptop; prove code
commit "the thief's own new passphrase" front-crashes; expect state committing
answer not_me by laptop change_password opened of alice; expect ok; expect account alice locked; expect session thief ended
wait 6s; expect state done; expect account alice locked; expect alert change_password done of alice
attempt sign_in by laptop for alice; prove password "the thief's own new passphrase"; expect wrong_proof
# Not applied: it is denied, not offered again.
device phone from 203.0.113.5
attempt recover_password by phone for alice; prove recovery_key; code there; code show by laptop; prove code; commit "the way back to my account"; expect ok
attempt sign_in by laptop for alice; prove password; commit; expect ok
attempt change_password by laptop for alice; prove password; prove recovery_key
commit "yet another passphrase here" ask-is-lost; expect state committing
answer not_me by laptop change_password opened of alice; wait 6s; expect state denied
