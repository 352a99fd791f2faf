# What an unfamiliar device asks for waits an hour; what a familiar one asks for does not.
device laptop from 192.0.2.1; member alice on laptop
device phone from 203.0.113.5
attempt sign_in by phone for alice; prove password; prove recovery_key; commit; expect ok
attempt change_password by laptop for alice; prove password; prove recovery_key; commit "from the familiar laptop"; expect ok
attempt sign_in by phone for alice; prove password "from the familiar laptop"; commit; expect ok
attempt change_password by phone for alice; prove password "from the familiar laptop"; prove recovery_key; commit "from the new phone now"; expect held
expect alert change_password held of alice; wait 1h; commit "from the new phone now"; expect held    # nobody was reached
delivered change_password held of alice; commit "from the new phone now"; expect ok
wait 72h
attempt sign_in by phone for alice; prove password "from the new phone now"; commit; expect ok
attempt change_password by phone for alice; prove password "from the new phone now"; prove recovery_key; commit "a familiar phone by now"; expect ok
