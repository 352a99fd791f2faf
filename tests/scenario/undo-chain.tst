# Two changes by a thief, one after the other: disowning the first puts back what was before both.
hold change_password 0s; hold new_recovery_key 0s
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
attempt change_password by thief for alice; prove password; code there; code show by laptop; prove code; commit "thief passphrase number one"; expect ok
wait 20m
attempt sign_in by laptop for alice; expect ok
attempt new_recovery_key by thief for alice; prove password "thief passphrase number one"; code here; expect ok
wait 6d
answer not_me by link change_password done of alice; expect ok; expect account alice locked
# Her own key and a code from her laptop bring her back, though the thief had changed the password.
device phone from 203.0.113.5; hold recover_password 0s
attempt recover_password by phone for alice; prove recovery_key; expect ok
