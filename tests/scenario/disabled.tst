# A hundred wrong passwords in a row from unknown devices disable it there, whatever time passes; not on her own device.
hold recover_password 0s
device laptop from 192.0.2.1; member alice on laptop; device thief from 198.51.100.7; device spare from 203.0.113.7
repeat 10: attempt sign_in by thief for alice; prove password wrong; prove password wrong; prove password wrong; attempt sign_in by thief for alice; prove password wrong; prove password wrong; prove password wrong; attempt sign_in by thief for alice; prove password wrong; prove password wrong; prove password wrong; attempt sign_in by thief for alice; prove password wrong; expect wrong_proof; prove password; expect too_many; wait 24h
attempt sign_in by spare for alice; prove password; expect wrong_proof
attempt sign_in by laptop for alice; prove password; expect ok; commit; expect ok
restart keeper; restart front; wait 30d
attempt sign_in by spare for alice; prove password; expect wrong_proof
# Bound again with two other proofs.
attempt recover_password by spare for alice; prove recovery_key; expect ok; code here; expect ok
approve by laptop; expect unauthorized                    # her session is over by now
attempt sign_in by laptop for alice as own; prove password; commit; expect ok
attempt recover_password by spare for alice; prove recovery_key; expect ok; code here; expect ok; approve right by laptop; expect ok
commit "bound again after all of that"; expect ok
attempt sign_in by spare for alice; prove password; expect ok
