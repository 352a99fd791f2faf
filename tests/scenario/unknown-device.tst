# The three moments of a device that was never used: the first right proof, the second, and done.
device laptop from 192.0.2.1; member alice on laptop; expect mail to alice@; push laptop
device stranger from 198.51.100.7
attempt sign_in by stranger for alice; expect needs 2
code there; expect ok; expect no push to laptop          # no digits before another proof
prove password wrong; expect wrong_proof; expect no alert of alice
prove password; expect ok; expect proved password; expect state opened
expect alert sign_in opened of alice count 1
expect mail to alice@; expect push to laptop
expect no mail to alice@
commit; expect not_proved
code there; expect ok; expect push to laptop; expect history code.made of alice count 1
code there; expect ok; expect no push to laptop          # the same digits are on their way
prove code; expect ok; expect proved password code; expect state proved
expect no alert of alice
commit; expect ok; expect result session; expect device stranger trusted
expect alert sign_in done of alice; expect mail to alice@; expect push to laptop
expect no alert of alice
# It is known from now on.
attempt sign_in by stranger for alice; expect needs 1; prove password; commit; expect ok; expect no alert of alice
# The recovery key counts as well; it is spent when the attempt is done, and the answer has a new one.
device third from 203.0.113.5
attempt sign_in by third for alice; prove recovery_key; prove password; commit; expect ok; expect result session+key
