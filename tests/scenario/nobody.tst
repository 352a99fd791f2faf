# An address without an account: every call answers as if there were one.
device stranger from 198.51.100.7; person nobody
attempt sign_in by stranger for nobody; expect ok; expect needs 2
code there; expect ok; code here; expect ok
prove code "0000"; expect wrong_proof; prove password; expect wrong_proof; prove recovery_key wrong; expect wrong_proof
expect state failed; prove password; expect expired; commit; expect expired
attempt recover_password by stranger for nobody; expect ok; code there; expect ok; commit "any new passphrase here"; expect not_proved
expect no mail; expect no push
