# A change is applied once, and finished, whoever dies when.
device laptop from 192.0.2.1; member alice on laptop
device phone from 203.0.113.5
attempt sign_in by phone for alice; prove password; prove recovery_key; commit; expect alert sign_in opened of alice; expect alert sign_in done of alice
# The keeper dies before it reads: its successor finds the ask.
attempt change_password by laptop for alice; expect alert change_password opened of alice; prove password; prove recovery_key
commit "first new passphrase of alice" keeper-crashes; expect broken; expect state committing
wait 6s; expect state done; expect alert change_password done of alice; expect session phone ended
attempt sign_in by phone for alice; prove password "first new passphrase of alice"; expect ok; commit; expect ok
