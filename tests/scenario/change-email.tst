# A new address: two proofs and a code that was mailed there. The old one is told for a week, and the change can be taken back.
device laptop from 192.0.2.1; member alice on laptop; person bob
attempt change_email by laptop for alice about new@example.net; expect alert change_email opened of alice; expect mail to alice@
prove email_code 123456; expect wrong_proof                                  # none was mailed yet
prove password; expect state opened; expect no mail to new@
prove recovery_key; expect state opened; expect mail to new@; expect no mail to new@
commit; expect not_proved
prove email_code; expect ok; expect state proved; commit; expect ok; expect result key
expect contact alice new@example.net own; expect contact alice alice@example.org told
read; expect alert change_email done of alice
attempt sign_in by laptop for alice; prove password; expect wrong_proof     # the old address opens nothing
attempt change_email by laptop for alice about new@example.net; expect conflict
attempt change_email by laptop for alice about nonsense@; expect bad_request
# Nobody else may have the old address yet.
device other from 203.0.113.9; attempt sign_up by other for alice; expect mail to alice@; prove email_code 000000; expect wrong_proof
wait 6d
answer not_me by link change_email done of alice; expect ok; expect account alice locked
expect contact alice alice@example.org own; expect contact alice new@example.net none
expect history attempt.undone of alice count 1
# The key that was spent by the change counts again; with a code from the laptop it is the way back.
device phone from 203.0.113.5
attempt sign_in by laptop for alice; prove password; expect wrong_proof
