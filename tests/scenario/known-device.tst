# A device that is known signs in with its password alone and nobody is told; three wrong proofs are told, and end it.
device laptop from 192.0.2.1; member alice on laptop; expect mail to alice@
attempt sign_in by laptop for alice; expect needs 1; prove password; expect state proved; commit; expect ok; expect result session
expect no alert of alice; expect no mail to alice@
attempt sign_in by laptop for alice
prove password wrong; expect wrong_proof; prove password wrong; expect wrong_proof; expect no alert of alice
prove password wrong; expect wrong_proof; expect state failed
expect alert sign_in wrong_proofs of alice; expect mail to alice@
prove password; expect expired; commit; expect expired
