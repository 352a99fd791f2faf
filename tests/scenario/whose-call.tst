# What is the owner's goes by the owner's session alone, what is the opener's by the attempt's token alone.
device laptop from 192.0.2.1; member alice on laptop
device pc from 198.51.100.7; member mallory on pc
attempt sign_in by pc for alice as theft          # mallory knows the password, and is signed in to an account of her own
prove password; code there; expect ok
code show by pc with token; expect missing        # not with both tokens at once
code show by pc; expect missing
approve right by pc with token; expect missing
deny by pc with token; expect missing
show by pc; expect missing; show by laptop; expect ok
code show by laptop; expect ok
deny by laptop; expect ok; deny by laptop; expect ok
prove code; expect denied; commit; expect denied; code there; expect denied; code here; expect denied
# The opener's own device may not confirm itself.
attempt change_password by laptop for alice; prove password; code there
code show by laptop; expect forbidden; approve right by laptop; expect forbidden
