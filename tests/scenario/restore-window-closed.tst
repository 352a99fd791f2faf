# "It wasn't me" closes the window at once.
hold restore 0s
device laptop from 192.0.2.1; member alice on laptop
device thief from 198.51.100.7
attempt sign_in by thief for alice; prove password; code there; code show by laptop; prove code; commit; expect ok
attempt restore by thief for alice about laptop; prove password; code there; code show by laptop; prove code; commit; expect ok
reads thief of laptop; expect ok; read
answer not_me by link restore done of alice; expect ok; expect account alice locked
reads thief of laptop; expect forbidden
