# A restore that is stopped takes the asking device's backup token with it, however it was stopped; nobody else's.
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
expect alert sign_in opened of alice; expect alert sign_in done of alice
token laptop; token thief; backs thief; expect ok
reads thief of laptop looking; expect forbidden; expect no alert of alice             # a lock's write opens nothing
reads thief of laptop; expect forbidden; expect alert restore opened of alice
answer not_me by link restore opened of alice; expect ok; expect alert restore denied of alice
backs thief; expect unauthorized; backs laptop; expect ok
token thief; backs thief; expect ok; reads thief of laptop; expect forbidden; expect no alert of alice   # quiet for a day

attempt restore by thief for alice about laptop; expect ok; expect alert restore opened of alice
deny by laptop; expect ok; expect alert restore denied of alice
backs thief; expect unauthorized; backs laptop; expect ok; token thief; expect ok

attempt restore by thief for alice about laptop; prove recovery_key; code here
approve wrong by laptop; expect wrong_proof; approve wrong by laptop; expect wrong_proof
backs thief; expect ok
approve wrong by laptop; expect wrong_proof; expect state denied; backs thief; expect unauthorized; backs laptop; expect ok
