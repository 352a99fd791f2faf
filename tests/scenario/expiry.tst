# Attempts end with their time, whether or not somebody looks.
device laptop from 192.0.2.1; member alice on laptop
device stranger from 198.51.100.7
attempt sign_in by stranger for alice; prove password; prove recovery_key; expect state proved
wait 31m unticked; commit; expect expired; prove password; expect expired; show; expect ok; code there; expect expired
expect state proved; tick; expect state expired
attempt change_password by laptop for alice; wait 31m; expect state expired; commit "a wholly new passphrase"; expect expired
deny by laptop; expect expired
expect history attempt.expired of alice count 2
