# The answer of a commit was lost, and the tick has finished it: its new recovery key is told to the attempt's token, once.
device laptop from 192.0.2.1; member alice on laptop
device phone from 203.0.113.5
attempt change_password by laptop for alice; prove password; prove recovery_key
commit "first new passphrase of alice" front-crashes; tick; expect state done; commit "first new passphrase of alice"; expect conflict
show by laptop; expect ok; expect result nothing
show; expect ok; expect result key; show; expect ok; expect result nothing
attempt sign_in by phone for alice; prove recovery_key; expect ok; prove password "first new passphrase of alice"; commit; expect ok; expect result session+key
# Where it was told, it is not told again; nor where it was put back, nor once there is a newer one.
attempt change_password by laptop for alice; prove password "first new passphrase of alice"; prove recovery_key; commit "second new passphrase of alice"; expect result key
show; expect ok; expect result nothing
attempt change_password by laptop for alice as third; prove password; prove recovery_key; commit "third new passphrase of alice" front-crashes; tick; expect state done
answer not_me by link change_password done of alice; expect ok; with third; show; expect ok; expect result nothing
device desk from 192.0.2.9; member bob on desk; device tablet from 203.0.113.9
attempt sign_in by tablet for bob; prove password; prove recovery_key; commit; expect ok
attempt new_recovery_key by desk for bob as one; prove password; code here; approve right by tablet; commit front-crashes; tick; expect state done
attempt new_recovery_key by desk for bob; prove password; code here; approve right by tablet; commit; expect ok; expect result key
with one; show; expect ok; expect result nothing
# A session is given to nobody but who asks for it.
attempt sign_in by tablet for bob; prove password; commit; expect ok; show; expect ok; expect result nothing
