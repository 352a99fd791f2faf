# Whether an address is somebody's is told to nobody but its owner.
device laptop from 192.0.2.1; member alice on laptop
device tablet from 192.0.2.2; member bob on tablet
read; attempt change_email by laptop for alice about bob@example.org; prove password; prove recovery_key; expect ok
expect state opened; expect mail to bob@
prove email_code 000000; expect wrong_proof; prove email_code 000001; expect wrong_proof; prove email_code 000002; expect wrong_proof; expect state failed
