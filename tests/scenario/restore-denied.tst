# A thief's restore: stopped, and it does not ring for every request that follows.
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
expect alert sign_in opened of alice; expect alert sign_in done of alice
reads thief of laptop; expect forbidden
expect alert restore opened of alice
answer not_me by link restore opened of alice; expect ok
expect alert restore denied of alice
reads thief of laptop; expect forbidden; expect no alert of alice
