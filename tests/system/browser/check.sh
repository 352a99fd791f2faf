#!/bin/sh
# The pages' functions by themselves, and the pages in a real browser against a real server. `npm ci --prefix tests` was
# run before. TOCSIN_BUILD: the build folder. TOCSIN_RUNS: only these. TOCSIN_SCREENSHOTS: a folder for pictures.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
build=$(CDPATH='' cd -- "${TOCSIN_BUILD:-$here/../../../build}" && pwd)
work=$(mktemp -d)
server=
export NODE_OPTIONS=--dns-result-order=ipv4first # the server listens on 127.0.0.1; localhost may be ::1 first
stop() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 1' INT TERM
port=$(shuf -i 9300-9999 -n 1) # below those that the kernel gives to connections
mkdir "$work/data"
chmod 700 "$work/data"
cat > "$work/tocsin.ini" <<INI
[server]
origin = http://localhost:$port
listen = 127.0.0.1:$port
workers = 1
[data]
directory = $work/data
[keeper]
hash_memory_kib = 64
hash_passes = 1
[push]
allow_private_networks = true
[policy.add_contact]
hold = 8s
[policy.recover_password]
hold = 8s
[metrics]
listen =
INI
chmod 600 "$work/tocsin.ini"
"$build/src/tocsind/tocsind" -c "$work/tocsin.ini" > "$work/log" 2>&1 &
server=$!
status=0
node --test "$here/../../unit/web/" || status=$?
# Each has its own people and its own browser, and waits for half of its time: so they go side by side, the longest first.
export here work TOCSIN_ORIGIN="http://localhost:$port" TOCSIN_MAIL="$work/data/mail"
runs=${TOCSIN_RUNS:-pairs pairs_more security run lost passkeys backups aware}
echo "$runs" | xargs -n 1 -P $(($(nproc) + 1)) sh -c '
    mkdir "$work/$0"
    TOCSIN_PROFILE="$work/$0" node "$here/$0.mjs" > "$work/$0.txt" 2>&1 || { touch "$work/$0.failed"; exit 1; }' || status=$?
for run in $runs; do
    [ -e "$work/$run.failed" ] || cat "$work/$run.txt"
done
for run in $runs; do # last, where it is looked for
    [ ! -e "$work/$run.failed" ] || cat "$work/$run.txt"
done
[ "$status" -eq 0 ] || tail -n 20 "$work/log" >&2
exit "$status"
