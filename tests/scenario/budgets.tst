# Guesses are counted for the account, whatever attempt they came by, and over restarts; the spent budget is told once.
device laptop from 192.0.2.1; member alice on laptop; push laptop
device stranger from 198.51.100.7; device other from 203.0.113.9
attempt sign_in by stranger for alice; prove password wrong; prove password wrong; prove password wrong; expect alert sign_in wrong_proofs of alice
attempt sign_in by stranger for alice; prove password wrong; prove password wrong; prove password wrong; expect alert sign_in wrong_proofs of alice
restart keeper; restart front
attempt sign_in by other for alice; prove password wrong; prove password wrong; prove password wrong; expect alert sign_in wrong_proofs of alice
attempt sign_in by other for alice; prove password wrong; expect wrong_proof; expect alert sign_in wrong_proofs of alice
expect history budget.spent of alice count 1
prove password; expect too_many
attempt sign_in by stranger for alice; prove password; expect too_many; expect no alert of alice
# Her own device has a budget of its own.
attempt sign_in by laptop for alice; prove password; commit; expect ok
wait 61m
attempt sign_in by other for alice; prove password; expect ok
# Codes: five an hour are made; the last one is told.
expect alert sign_in opened of alice
code there; wait 6m; code there; wait 6m; code there; wait 6m; code there; expect ok; expect no alert of alice
attempt sign_in by other for alice; prove password; expect alert sign_in opened of alice; code there; expect ok
expect alert sign_in wrong_proofs of alice
expect history code.made of alice count 5
attempt sign_in by other for alice; prove password; code there; expect too_many
