# A device cookie was copied. Its second user is noticed, whichever of the two is the thief; the device is known no more.
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
copy laptop to thief; wait 1h
attempt sign_in by thief for alice; expect known device; prove password; commit; expect ok      # his copy was rotated
attempt sign_in by thief for alice; expect known device                                         # and seen again
attempt sign_in by laptop for alice as hers; expect ok; expect needs 2
expect alert sign_in refused of alice; expect mail to alice@
expect history device.token_reused of alice count 1; expect device thief revoked; expect session thief ended
# She signs in with two proofs, on the same browser.
prove password; expect ok; prove recovery_key; expect ok; commit; expect ok; expect device laptop trusted
# His copy is worth nothing now.
attempt sign_in by thief for alice; expect needs 2
