# A sign-up whose end was lost: asked again it goes on; never asked again, the address is free for the next one.
device laptop from 192.0.2.1; person alice
attempt sign_up by laptop for alice; prove email_code; commit front-crashes; expect state committing
wait 10m; expect state committing; commit; expect ok; expect result session+key
person bob
attempt sign_up by laptop for bob; prove email_code; commit front-crashes; expect state committing
wait 61m; expect state failed; commit; expect expired
device phone from 203.0.113.5
attempt sign_up by phone for bob; prove email_code; commit "a passphrase for another day"; expect ok; expect result session+key
attempt sign_in by phone for bob; prove password; commit; expect ok
# A sign-in that was never finished makes no device known.
device other from 198.51.100.7
attempt sign_in by other for bob; prove password; prove recovery_key; commit front-crashes; wait 31m; expect state failed
