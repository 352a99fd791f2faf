# The same answer whether or not the address has an account; the mail tells its owner.
device laptop from 192.0.2.1; member alice on laptop; expect mail to alice@
device stranger from 198.51.100.7; person bob
attempt sign_up by stranger for alice; expect ok; expect needs 1
expect mail to alice@                                   # "somebody tried to sign up"
expect no alert of alice
prove email_code "000000"; expect wrong_proof
show; expect ok
attempt sign_up by stranger for bob; expect ok; expect mail to bob@
attempt sign_up by stranger for alice; attempt sign_up by stranger for alice; attempt sign_up by stranger for alice; expect ok
attempt sign_up by stranger for alice; expect too_many  # one was spent when she signed up herself
attempt sign_up by stranger for bob; attempt sign_up by stranger for bob; attempt sign_up by stranger for bob
attempt sign_up by stranger for bob; expect ok; attempt sign_up by stranger for bob; expect too_many
wait 61m; attempt sign_up by stranger for alice; expect ok
