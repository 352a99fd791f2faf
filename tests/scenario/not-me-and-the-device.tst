# "It wasn't me" about a change forgets the device that asked for it, where that came within the week: no code goes there.
hold change_password 0s; hold recover_password 0s
device laptop from 192.0.2.1; member alice on laptop; push laptop
device thief from 198.51.100.7
wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
push thief; wait 6d
attempt sign_in by thief for alice; prove password; commit; expect ok; attempt sign_in by laptop for alice; prove password; commit; expect ok
attempt change_password by thief for alice; prove password; code there; code show by laptop; prove code; commit "the thief's own passphrase"; expect ok
answer not_me by link change_password done of alice; expect ok; expect account alice locked
expect device thief revoked; expect device laptop trusted; expect history device.forgotten of alice count 1
device new from 203.0.113.77
read; attempt recover_password by new for alice; expect push to laptop; expect no push to thief; prove recovery_key
read; code there; expect push to laptop; expect no push to thief; prove code; commit "alice is back with this phrase"; expect ok
# Said again, it is done already.
answer not_me by link change_password done of alice; expect ok; expect history device.forgotten of alice count 1
# The account's first device stays, whoever sat there: she needs it to come back.
device desk from 192.0.2.9; member bob on desk; push desk
attempt change_password by desk for bob; prove password; prove recovery_key; commit "somebody at bob's desk"; expect ok
answer not_me by link change_password done of bob; expect ok; expect account bob locked; expect device desk trusted
read; attempt recover_password by thief for bob; expect push to desk
# So does one that has been there for longer, and the one that the answer comes from.
device home from 192.0.2.17; member carol on home; device phone from 203.0.113.5
attempt sign_in by phone for carol; prove password; prove recovery_key; commit; expect ok; push phone; wait 6d
attempt sign_in by phone for carol; prove password; commit; expect ok
attempt change_password by phone for carol; prove password; prove recovery_key; expect ok
answer not_me by phone change_password opened of carol; expect ok; expect account carol locked; expect session phone alive; expect device phone trusted
wait 1d; wait 1h
device own from 192.0.2.33; member dave on own; device tablet from 203.0.113.9
attempt sign_in by tablet for dave; prove password; prove recovery_key; commit; expect ok; wait 8d
attempt sign_in by tablet for dave; prove password; commit; expect ok
attempt change_password by tablet for dave; prove password; prove recovery_key; commit "a wholly other passphrase"; expect ok
answer not_me by link change_password done of dave; expect ok; expect device tablet trusted; expect session tablet ended
