# Reading another device's backup: asked for by the backup server, adopted by the device's session, held, open for a day.
device laptop from 192.0.2.1; member alice on laptop
device phone from 203.0.113.5
attempt sign_in by phone for alice; prove password; prove recovery_key; commit; expect ok
expect alert sign_in opened of alice; expect alert sign_in done of alice
reads phone of laptop; expect forbidden; expect alert restore opened of alice
reads phone of laptop; expect forbidden; expect no alert of alice                    # once, not once a request
attempt restore by phone for alice about laptop; expect ok; expect no alert of alice; expect state opened
attempt restore by phone for alice about phone; expect conflict
attempt restore by phone for alice about laptop; prove password; prove recovery_key; commit; expect held
expect alert restore held of alice; delivered restore held of alice; wait 1h; commit; expect ok
expect alert restore done of alice; reads phone of laptop; expect ok
reads laptop of phone; expect forbidden                                               # each way for itself
wait 23h; reads phone of laptop; expect ok; wait 2h; reads phone of laptop; expect forbidden
