# Deleted at once from a familiar device, and for a week it can be taken back.
device laptop from 192.0.2.1; member alice on laptop
attempt delete_account by laptop for alice; expect alert delete_account opened of alice
prove password; prove recovery_key; commit; expect ok; expect account alice leaving; expect session laptop ended
attempt sign_in by laptop for alice; prove password; expect wrong_proof
read; expect alert delete_account done of alice
wait 6d; answer not_me by link delete_account done of alice; expect ok; expect account alice locked
expect history account.returned of alice count 1; wait 2d; expect account alice locked
