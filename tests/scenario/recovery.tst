# The way back from a lock-down: recovery key and a code. Nobody is signed in by it; the next key is in the answer.
hold recover_password 0s
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
wait 1m
attempt sign_in by thief for alice; prove password
expect alert sign_in opened of alice
answer not_me by laptop sign_in opened of alice; expect ok; expect account alice locked; expect state denied
expect session laptop alive                                  # trusted before the attempt, and it answered
attempt recover_password by thief for alice as his; expect alert recover_password opened of alice
prove password; expect bad_request
prove recovery_key wrong; prove recovery_key wrong; prove recovery_key wrong; expect state failed
expect alert recover_password refused of alice
attempt recover_password by laptop for alice as hers; expect alert recover_password opened of alice
prove recovery_key; expect ok; expect proved recovery_key
code here; expect ok
device phone from 203.0.113.5
approve right by laptop; expect forbidden                    # her own device opened it
commit "the way back to my account"; expect not_proved
attempt recover_password by phone for alice as hers; expect alert recover_password opened of alice; prove recovery_key; expect ok
code there; code show by laptop; expect ok; prove code; expect ok
commit "the way back to my account"; expect ok; expect result key
expect alert recover_password done of alice; expect account alice normal
expect session laptop ended; expect session phone ended; expect history account.recovered of alice count 1
attempt sign_in by laptop for alice; prove password; commit; expect ok; expect no alert of alice
# The new recovery key is good.
attempt sign_in by phone for alice; prove recovery_key; expect ok; prove password; commit; expect ok
