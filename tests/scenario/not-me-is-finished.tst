# "It wasn't me" was said, the keeper has locked and put back, and there it broke off: the next start finishes it.
hold change_password 0s; hold recover_password 0s
device laptop from 192.0.2.1; member alice on laptop; push laptop
device thief from 198.51.100.7
wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
push thief
attempt change_password by thief for alice; prove password; code there; code show by laptop; prove code; commit "the thief's own passphrase"; expect ok
expect alert change_password opened of alice; expect alert change_password done of alice
answer not_me by link change_password done of alice tell yes write-is-lost; expect broken; expect account alice normal; expect session thief alive
restart front; tick; expect account alice locked; expect session thief ended; expect cases 1 of alice
expect history attempt.undone of alice count 2; expect history alert.answered of alice count 1; expect history account.locked_down of alice count 1
tick; expect history account.locked_down of alice count 1; expect history alert.answered of alice count 1
answer me by link change_password done of alice; expect ok; expect account alice locked
device other from 203.0.113.9; attempt recover_password by other for alice; prove recovery_key; code there; prove code; commit "alice is back with this phrase"; expect ok
# From a device of hers that was there before: it stays signed in. Whoever answers still attends to it for a while.
device desk from 192.0.2.9; member bob on desk
attempt sign_in by thief for bob; prove password; code there; code show by desk; prove code; commit; expect ok
answer not_me by desk sign_in done of bob write-is-lost; expect broken; expect account bob normal
tick; wait 29s; expect account bob normal; wait 2s; expect account bob locked
expect session desk alive; expect session thief ended; expect device thief revoked; expect cases 0 of bob
# Pressed again meanwhile, it is done once.
device home from 192.0.2.17; member carol on home
attempt sign_in by thief for carol; prove password; code there; code show by home; prove code; commit; expect ok
answer not_me by home sign_in done of carol write-is-lost; expect broken
answer not_me by home sign_in done of carol; expect ok; expect account carol locked
restart front; tick; wait 1m; expect history account.locked_down of carol count 1
# What locks nothing is one write.
attempt sign_in by thief for carol; prove password wrong
