# While the keeper applies a change, nothing that is shown or approved meanwhile can make it look as if it had not happened.
device laptop from 192.0.2.1; member alice on laptop
device phone from 203.0.113.5
attempt sign_in by phone for alice; prove password; prove recovery_key; commit; expect ok
attempt change_password by laptop for alice; prove password; prove recovery_key
code here; commit "set without a word to anybody" front-crashes; expect state committing
prove password; expect conflict; expect state committing
approve right by phone; expect conflict; expect state committing
deny by phone; expect busy; expect state committing
read; wait 10s; expect state done; expect alert change_password done of alice; expect mail "Your password was changed" to alice@
