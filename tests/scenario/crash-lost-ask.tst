# The ask never reached a keeper: the change is not done, and can be asked again.
device laptop from 192.0.2.1; member alice on laptop
attempt change_password by laptop for alice; expect alert change_password opened of alice; prove password; prove recovery_key
commit "first new passphrase of alice" ask-is-lost; expect broken; expect state committing
wait 6s; expect state proved; expect no alert of alice
commit "second new passphrase of alice"; expect ok; expect result key; expect alert change_password done of alice
attempt sign_in by laptop for alice; prove password "first new passphrase of alice"; expect wrong_proof
prove password "second new passphrase of alice"; expect ok
