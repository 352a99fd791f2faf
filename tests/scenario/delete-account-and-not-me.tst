# Somebody else was in, and the owner deletes the account. Then she says so: the account is locked, and goes all the same.
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
attempt delete_account by laptop for alice; prove password; code here; approve right by thief; commit; expect ok; expect account alice leaving
wait 1h; answer not_me by link sign_in done of alice; expect ok; expect account alice leaving
wait 7d; restart front; tick; expect gone alice
attempt sign_up by laptop for alice; prove email_code; commit; expect ok
# Said of the deletion too, in whatever order, it comes back whole: its address is nobody else's, and its owner gets in.
hold recover_password 0s
device desk from 192.0.2.9; member bob on desk; push desk
attempt sign_in by thief for bob; prove password; code there; code show by desk; prove code; commit; expect ok
attempt delete_account by desk for bob; prove password; code here; approve right by thief; commit; expect ok
answer not_me by link sign_in done of bob; expect ok; wait 1d
answer not_me by link delete_account done of bob; expect ok; expect account bob locked; wait 9d; restart front; tick; expect account bob locked
attempt recover_password by laptop for bob; prove recovery_key; expect ok; code there; prove code; commit "bob is back with this phrase"; expect ok
