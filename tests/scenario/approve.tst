# Digits shown here and typed on a trusted device: nothing is left to guess here.
device laptop from 192.0.2.1; member alice on laptop
device stranger from 198.51.100.7
attempt sign_in by stranger for alice; code here; expect ok
approve wrong by laptop; expect wrong_proof; approve right by laptop; expect ok; expect proved code
expect alert sign_in opened of alice
prove password; expect ok; commit; expect ok; expect alert sign_in done of alice
# The third wrong one denies.
attempt change_password by stranger for alice; code here; expect ok; expect alert change_password opened of alice
approve wrong by laptop; approve wrong by laptop; expect wrong_proof; expect state opened
approve wrong by laptop; expect wrong_proof; expect state denied; expect alert change_password denied of alice
approve right by laptop; expect denied
