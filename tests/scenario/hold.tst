# Where the policy asks for a hold, the change waits, is told, can be stopped, and stays held while nobody was reached.
hold change_password 1h
device laptop from 192.0.2.1; member alice on laptop
attempt change_password by laptop for alice; expect alert change_password opened of alice
prove password; prove recovery_key; expect state proved
commit "a wholly new passphrase"; expect held; expect state held
expect alert change_password held of alice; expect mail to alice@
wait 29m; expect state held; wait 30m; commit "a wholly new passphrase"; expect held
wait 2m; commit "a wholly new passphrase"; expect held           # no channel was reached
delivered change_password held of alice
commit "12345678"; expect weak
commit "a wholly new passphrase"; expect ok; expect state done; expect alert change_password done of alice
attempt change_password by laptop for alice; prove password; prove recovery_key; commit "another wholly new passphrase"; expect held
deny by laptop; expect ok; expect state denied
wait 2h; commit "another wholly new passphrase"; expect denied
