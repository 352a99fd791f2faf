# A week later nothing is left, and the address is free.
device laptop from 192.0.2.1; member alice on laptop
attempt delete_account by laptop for alice; prove password; prove recovery_key; commit; expect ok
wait 7d; wait 2h; expect gone alice
attempt sign_up by laptop for alice; prove email_code; commit; expect ok
