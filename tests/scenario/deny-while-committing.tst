# A sign-in is stopped while it is being committed: no session, no device.
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
attempt sign_in by thief for alice; prove password; prove recovery_key; commit front-crashes; expect state committing
deny by laptop; expect ok; expect state denied; commit; expect denied
