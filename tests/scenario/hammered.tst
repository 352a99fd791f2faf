# A stranger hammers an account for a day and more, from the owner's own network. Her known device signs in all the same, every time.
device laptop from 192.0.2.1; member alice on laptop; device thief from 192.0.2.9; device spare from 203.0.113.7
repeat 100: attempt sign_in by thief for alice; prove password wrong; prove password wrong; prove password wrong; wait 15m; attempt sign_in by laptop for alice; expect needs 1; prove password; expect ok; commit; expect ok
expect account alice normal; expect session laptop alive
# Strangers have made so many in a row by now that they wait long, with the right one too.
attempt sign_in by spare for alice; prove password; expect too_many
# The recovery key and the codes shown here are hammered as well; hers are counted apart.
repeat 30: attempt recover_password by thief for alice; prove recovery_key wrong; code here; wait 6m
attempt recover_password by spare for alice; prove recovery_key; expect too_many
attempt recover_password by laptop for alice; prove recovery_key; expect ok; code here; expect ok
attempt sign_in by laptop for alice; prove password; expect ok; commit; expect ok
