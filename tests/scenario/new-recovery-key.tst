# Password and code, never the old key, make a new recovery key. A thief's is taken back.
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
attempt new_recovery_key by laptop for alice; expect alert new_recovery_key opened of alice
prove recovery_key; expect bad_request; prove password; expect state opened; code here; approve right by thief; expect ok
commit; expect ok; expect result key; expect alert new_recovery_key done of alice
# The thief's is held, and the laptop stops it.
attempt new_recovery_key by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect held
expect alert new_recovery_key held of alice
deny by laptop; expect ok; wait 2h; commit; expect denied
# Digits on the familiar laptop end a hold, and on no other device.
attempt new_recovery_key by thief for alice as again; prove password; code there; code show by laptop; prove code; commit; expect held
code here; approve right by laptop; expect ok; commit; expect ok; expect result key
read; answer not_me by laptop new_recovery_key done of alice; expect ok; expect account alice locked; expect session laptop alive
