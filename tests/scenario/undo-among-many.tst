# What a thief does after a change does not hide it, however much that is: sign-ins that ring no bell, and changes, which are bounded.
hold new_recovery_key 0s; hold change_password 0s
device laptop from 192.0.2.1; member alice on laptop; device thief from 198.51.100.7
wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
attempt new_recovery_key by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok; expect result key
wait 20m
repeat 260: attempt sign_in by thief for alice; prove password; commit; expect ok
repeat 280: attempt change_password by thief for alice; prove password; prove recovery_key; commit "a passphrase of the thief"; expect ok
answer not_me by link sign_in done of alice; expect ok; expect account alice locked; expect device thief revoked
# The key that she wrote down is hers again.
device phone from 203.0.113.5; hold recover_password 0s
attempt recover_password by phone for alice; prove recovery_key first; expect ok

changes 20; device desk from 192.0.2.9; member bob on desk; wait 1h
repeat 20: attempt change_password by desk for bob; prove password; prove recovery_key; commit "quiet passphrase of bob"; expect ok
attempt change_password by desk for bob; expect too_many
attempt sign_in by desk for bob; prove password; commit; expect ok
wait 8d
attempt sign_in by desk for bob; prove password; commit; expect ok
attempt change_password by desk for bob; expect ok
