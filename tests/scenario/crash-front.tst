# The front dies when the keeper has applied the change, before it has written so.
device laptop from 192.0.2.1; member alice on laptop
device phone from 203.0.113.5
attempt sign_in by phone for alice; prove password; prove recovery_key; commit; expect alert sign_in opened of alice; expect alert sign_in done of alice
attempt change_password by laptop for alice; expect alert change_password opened of alice; prove password; prove recovery_key
commit "first new passphrase of alice" front-crashes; expect none; expect state committing
deny by laptop; expect busy                                     # too late to stop, too early to say done
commit "first new passphrase of alice"; expect ok; expect result key; expect state done
expect alert change_password done of alice; expect no alert of alice; expect session phone ended
# Likewise, and nobody asks again: the first tick after the start finishes it.
attempt change_password by laptop for alice; expect alert change_password opened of alice; prove password; prove recovery_key
commit "second new passphrase of alice" front-crashes; tick; expect state done; expect alert change_password done of alice
# A sign-in's session belongs to whoever asks again.
attempt sign_in by phone for alice; prove password "second new passphrase of alice"; commit front-crashes; wait 6s; expect state proved
commit; expect ok; expect result session
attempt sign_in by phone for alice; prove password "second new passphrase of alice"; commit front-crashes; deny by phone; expect ok
expect state denied; commit; expect denied; expect no alert of alice
device visitor from 198.51.100.8
attempt sign_in by visitor for alice; prove password "second new passphrase of alice"; expect alert sign_in opened of alice; code there; code show by laptop; prove code
commit front-crashes; wait 6s; expect state committing
commit; expect ok; expect result session; expect alert sign_in done of alice
# A proof that was counted and never written is counted once it is shown again.
device other from 198.51.100.7
attempt sign_in by other for alice; prove password "second new passphrase of alice" front-crashes; expect state opened; expect no alert of alice
prove password "second new passphrase of alice"; expect ok; expect alert sign_in opened of alice
# The third wrong one, whose answer was lost, is told when the attempt is seen to have ended.
attempt sign_in by other for alice; prove password wrong; prove password wrong; prove password wrong front-crashes
expect state opened; prove password wrong; expect expired; expect state failed; expect alert sign_in wrong_proofs of alice
