# A device is familiar where the account has been before, and in no other country.
places; device laptop from 192.0.2.1 in DE; member alice on laptop
device phone from 192.0.2.9 in DE
attempt sign_in by phone for alice; prove password; prove recovery_key; commit; expect ok
attempt new_recovery_key by laptop for alice; prove password; code here; approve right by phone; commit; expect ok       # the first device, at home
# The same laptop, or a copy of what it keeps, somewhere else: it waits.
device abroad from 198.51.100.7 in JP; copy laptop to abroad
attempt new_recovery_key by abroad for alice as waits; prove password; code here; approve right by phone; commit; expect held; expect alert new_recovery_key held of alice
code here; approve right by phone; expect ok; commit; expect held           # as new as the sign-in of an hour ago
code here; approve right by laptop; expect forbidden                        # the same device
deny by laptop; expect ok
# She signs in there, and three days later it is a place where she has been.
attempt sign_in by abroad for alice; expect needs 1; prove password; commit; expect ok
attempt new_recovery_key by abroad for alice; prove password; code here; approve right by phone; commit; expect held; deny by abroad
wait 71h; attempt sign_in by abroad for alice; prove password; commit; expect ok; attempt sign_in by phone for alice; prove password; commit; expect ok
attempt new_recovery_key by abroad for alice; prove password; code here; approve right by phone; commit; expect held; deny by abroad
wait 2h
attempt new_recovery_key by abroad for alice; prove password; code here; approve right by phone; commit; expect ok
# The phone is familiar by now too, at home, and its digits end what waits elsewhere.
device far from 203.0.113.5 in BR; copy abroad to far
attempt export_data by far for alice; prove password; prove recovery_key; commit; expect held
code here; approve right by phone; expect ok; commit; expect ok
