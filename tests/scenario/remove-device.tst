# A removed device is signed out, unknown, and must prove everything anew.
device laptop from 192.0.2.1; member alice on laptop
device phone from 203.0.113.5
attempt sign_in by phone for alice; prove password; prove recovery_key; commit; expect ok
attempt remove_device by laptop for alice about phone; prove password; prove recovery_key; commit; expect ok
expect alert remove_device done of alice; expect session phone ended; expect device phone revoked; expect session laptop alive
attempt remove_device by laptop for alice about phone; expect missing
attempt sign_in by phone for alice; prove password; commit; expect not_proved
