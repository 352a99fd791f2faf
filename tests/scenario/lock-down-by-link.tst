# A thief who had password and code has changed the password. The link in the mail, without any session, stops it all.
hold change_password 0s
device laptop from 192.0.2.1; member alice on laptop; push laptop
device thief from 198.51.100.7
wait 1h
attempt sign_in by thief for alice as in; prove password; code there; code show by laptop; prove code; commit; expect ok
push thief
attempt change_password by thief for alice as change; prove password; code there; code show by laptop; prove code
commit "the thief's own new passphrase"; expect ok; expect session laptop ended; expect session thief alive
look link change_password done of alice; expect ok; expect account alice normal     # a scanner that opens links
seen link change_password done of alice; expect ok
wait 6d
answer not_me by link change_password done of alice tell yes; expect ok
expect account alice locked; expect session thief ended; expect cases 1 of alice
expect history account.locked_down of alice count 1; expect history alert.answered of alice count 1
# The thief is out: known device or not, his password counts for nothing.
attempt sign_in by thief for alice; prove password; expect wrong_proof
device elsewhere from 198.51.100.8
attempt sign_in by elsewhere for alice; prove password; expect wrong_proof; prove recovery_key; expect wrong_proof
# "It was me" afterwards undoes nothing.
answer me by link change_password done of alice; expect ok; expect account alice locked
# The first alert, of the sign-in itself, forgets his device.
answer not_me by link sign_in done of alice; expect ok; expect device thief revoked
# His push subscription went; hers stayed.
read; attempt recover_password by elsewhere for alice; expect push to laptop; expect no push to thief
# A link works for seven days.
wait 2d; answer not_me by link change_password done of alice; expect expired
answer not_me by link change_password done of alice forged; expect missing
