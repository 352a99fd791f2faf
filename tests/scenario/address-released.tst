# A week after it was given up an address is free, and who signs up with it is somebody else.
device laptop from 192.0.2.1; member alice on laptop
attempt change_email by laptop for alice about new@example.net; prove password; prove recovery_key; prove email_code; commit; expect ok
wait 8d; expect contact alice alice@example.org none
device other from 203.0.113.9; attempt sign_up by other for alice; prove email_code; commit; expect ok; expect result session+key
