# A person signs up: digits by mail, then a password; the answer has session, device and recovery key.
device laptop from 192.0.2.1
person alice
attempt sign_up by laptop for alice; expect ok; expect needs 1
expect mail to alice
prove email_code wrong; expect wrong_proof
commit; expect not_proved
prove email_code; expect ok; expect proved email_code
commit "password"; expect weak; expect state proved      # a refused body does not end the attempt
commit; expect ok; expect result session+key; expect state done
expect session laptop alive; expect device laptop trusted
expect history account.created of alice count 1; expect no alert of alice
prove email_code; expect conflict
commit; expect conflict
# The same device signs in again: one password, and nobody is told.
attempt sign_in by laptop for alice; expect ok; expect needs 1; expect known device
prove password; expect ok; commit; expect ok; expect result session
expect no alert of alice; expect no mail to alice
