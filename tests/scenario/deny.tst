# The owner stops it; three times in a day opens a case, and prompts from that network stop.
team security@example.org
device laptop from 192.0.2.1; member alice on laptop; push laptop
device stranger from 198.51.100.7
attempt sign_in by stranger for alice; prove password; expect alert sign_in opened of alice
deny by laptop; expect ok; expect state denied; expect cases 0 of alice
attempt sign_in by stranger for alice; prove password; deny by laptop; expect ok
attempt sign_in by stranger for alice; prove password
code there; expect ok; expect push to laptop; expect history code.made of alice count 1
deny by laptop; expect ok; expect cases 1 of alice; expect mail "three attempts" to security@
attempt sign_in by stranger for alice; prove password; code there; expect ok        # the same answer, and none made
expect history code.made of alice count 1
deny by laptop; expect cases 1 of alice                                             # one case, not one each
# Another network is another path.
device other from 203.0.113.9
attempt sign_in by other for alice; prove password; code there; expect history code.made of alice count 2
# A change of the password that is stopped says so.
attempt change_password by laptop for alice; expect alert change_password opened of alice
deny by laptop; expect ok; expect alert change_password denied of alice
wait 25h
attempt sign_in by stranger for alice; prove password; code there; expect history code.made of alice count 3
