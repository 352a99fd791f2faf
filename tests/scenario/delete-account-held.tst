# From an unfamiliar device it waits a week.
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
attempt delete_account by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect held
delivered delete_account held of alice; wait 6d; commit; expect held; expect account alice normal
answer not_me by link delete_account held of alice; expect ok; wait 2d; commit; expect denied
