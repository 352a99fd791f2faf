# An answer that got lost on the way does not make a thief of anyone: the old cookie counts until the new one was seen.
device laptop from 192.0.2.1; member alice on laptop
device copy from 192.0.2.1; copy laptop to copy
attempt sign_in by laptop for alice; prove password; commit; expect ok
attempt sign_in by copy for alice; expect known device; expect no alert of alice
prove password; commit; expect ok; expect no alert of alice
