# Repeats of one kind from one network are one alert; the first goes out at once, by mail at most once more.
device laptop from 192.0.2.1; member alice on laptop; expect mail to alice@
device stranger from 198.51.100.7
attempt sign_in by stranger for alice; prove password; expect alert sign_in opened of alice count 1; expect mail to alice@
attempt sign_in by stranger for alice; prove password; expect alert sign_in opened of alice count 2; expect mail to alice@
attempt sign_in by stranger for alice; prove password; expect alert sign_in opened of alice count 3; expect no mail to alice@
device other from 203.0.113.9
attempt sign_in by other for alice; prove password; expect alert sign_in opened of alice count 1; expect mail to alice@
wait 16m
attempt sign_in by stranger for alice; prove password; expect alert sign_in opened of alice count 1; expect mail to alice@
answer me by laptop sign_in opened of alice; expect ok; expect account alice normal
attempt sign_in by stranger for alice; prove password; expect alert sign_in opened of alice count 1
# One "not me" answers for all that it counted.
attempt sign_in by stranger for alice as last; prove password; expect alert sign_in opened of alice count 2
answer not_me by laptop sign_in opened of alice; with last; expect state denied; expect account alice locked
