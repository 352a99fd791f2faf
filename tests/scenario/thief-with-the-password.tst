# The right password, on a new device, in another place: not in, by no way, and the owner hears of it at once.
places; device laptop from 192.0.2.1 in DE; member alice on laptop; push laptop
device thief from 198.51.100.7 in FR; read
wait 1h
attempt sign_in by thief for alice; prove password; expect ok; expect state opened
expect alert sign_in opened of alice; expect mail "knows your password" to alice@; expect push "knows your password" to laptop
commit; expect not_proved
prove password; expect ok; commit; expect not_proved                       # twice the same is one proof
prove email_code 123456; expect bad_request                                # there is no code by e-mail
code there; expect ok; expect no mail to alice@; commit; expect not_proved # it went to the laptop alone
code show by thief; expect unauthorized; approve right by thief; expect unauthorized
prove code wrong; expect wrong_proof; prove code wrong; expect wrong_proof; prove recovery_key wrong; expect wrong_proof; expect state failed
expect alert sign_in wrong_proofs of alice; commit; expect expired
# The digits on his own screen open nothing while nobody types them on the laptop.
attempt sign_in by thief for alice; prove password; code here; expect ok; prove code; expect wrong_proof; commit; expect not_proved
approve right by thief; expect unauthorized; commit; expect not_proved
# The way back is not weaker: the password is no proof there.
attempt recover_password by thief for alice; prove password; expect bad_request; commit "the thief's own passphrase"; expect not_proved
# Nor is anything that takes a session.
attempt change_password by thief for alice; expect unauthorized
attempt change_email by thief for alice about thief@example.net; expect unauthorized
attempt new_recovery_key by thief for alice; expect unauthorized
# Many attempts are no way either: three wrong codes each, and the account's budget ends them.
attempt sign_in by thief for alice; prove password; code there; prove code wrong; prove code wrong; prove code wrong; expect state failed
attempt sign_in by thief for alice; prove password; code there; expect too_many
# She is let in meanwhile, and nothing was done but her signing up and in.
attempt sign_in by laptop for alice; expect needs 1; prove password; commit; expect ok
expect history attempt.done of alice count 2; expect contact alice alice@example.org own; expect account alice normal
