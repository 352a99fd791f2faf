# Of all his alarms she answers the first, that somebody has signed in: what he did from there is taken back with it.
hold add_contact 0s; hold change_password 0s; hold new_recovery_key 0s; hold delete_account 0s; hold recover_password 0s
device laptop from 192.0.2.1; member alice on laptop; push laptop
device thief from 198.51.100.7; wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok; wait 20m
attempt add_contact by thief for alice about thief@example.net; prove password; code there; code show by laptop; prove code; prove email_code; commit; expect ok
attempt new_recovery_key by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
attempt change_password by thief for alice; prove password; code there; code show by laptop; prove code; commit "the thief's own passphrase"; expect ok
expect contact alice thief@example.net live; wait 5d
answer not_me by link sign_in done of alice; expect ok; expect account alice locked; expect device thief revoked; expect device laptop trusted
expect contact alice thief@example.net none; expect history attempt.undone of alice count 4
device phone from 203.0.113.5
attempt recover_password by phone for alice; prove recovery_key first; expect ok; code there; code show by laptop; prove code; commit "alice is back with this phrase"; expect ok
expect account alice normal
# Said again, or of the change itself: she has been back since then, and stays.
answer not_me by link change_password done of alice; expect ok; expect history attempt.undone of alice count 4
# A deletion of his does not go on behind a locked door.
device desk from 192.0.2.9; member bob on desk; push desk
attempt sign_in by thief for bob; prove password; code there; code show by desk; prove code; commit; expect ok
attempt delete_account by thief for bob; prove password; code there; code show by desk; prove code; commit; expect ok; expect account bob leaving
wait 6d; answer not_me by link sign_in done of bob; expect ok; expect account bob locked; wait 9d; restart front; tick; expect account bob locked
attempt recover_password by phone for bob; prove recovery_key; expect ok; code there; code show by desk; prove code; commit "bob is back with this phrase"; expect ok
# What was done from there before, or from elsewhere, is not of that sign-in.
device home from 192.0.2.17; member carol on home; device tablet from 203.0.113.9
attempt add_contact by home for carol about aunt@example.net; prove password; prove recovery_key; prove email_code; commit; expect ok; wait 1h
attempt sign_in by tablet for carol; prove password; code there; code show by home; prove code; commit; expect ok
answer not_me by home sign_in done of carol; expect ok; expect contact carol aunt@example.net live
