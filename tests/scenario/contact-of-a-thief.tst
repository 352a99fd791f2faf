# "It wasn't me" takes a thief's address away at once and locks the account.
hold add_contact 0s
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
wait 1h
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
attempt add_contact by thief for alice about thief@example.net; prove password; code there; code show by laptop; prove code; prove email_code; commit; expect ok
expect contact alice thief@example.net live; read
answer not_me by link add_contact done of alice; expect ok
expect contact alice thief@example.net none; expect account alice locked; expect session thief ended
