# More addresses for alerts. A removed one is told for a week; one that a thief added goes at once.
device laptop from 192.0.2.1; member alice on laptop
attempt add_contact by laptop for alice about mum@example.net; expect alert add_contact opened of alice
prove password; prove recovery_key; expect mail to mum@; prove email_code; commit; expect ok
expect contact alice mum@example.net live; expect alert add_contact done of alice; expect mail to mum@
attempt add_contact by laptop for alice about mum@example.net; expect conflict
attempt remove_contact by laptop for alice about alice@example.org; expect conflict      # the account's own
attempt remove_contact by laptop for alice about nobody@example.net; expect missing
attempt remove_contact by laptop for alice about mum@example.net; prove password; prove recovery_key; commit; expect ok
expect contact alice mum@example.net told; read; wait 1h
attempt change_password by laptop for alice; expect mail to mum@
answer not_me by link remove_contact done of alice; expect ok; expect contact alice mum@example.net live; expect account alice locked
