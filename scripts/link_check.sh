#!/usr/bin/env bash
# What each executable may hold: tocsin-front no password hashing and no mail or push, tocsin-courier no database,
# all of them hardened. Usage: link_check.sh BUILD
set -u
dir=$1/src/tocsind passed=0 failed=0
expect() { # WHAT COMMAND…: the command must succeed
    local what=$1
    shift
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "not so: $what"; fi
}
lacks() { ! { nm "$1"; nm -D "$1"; } 2>/dev/null | grep -qE "$2"; }
has() { { nm "$1"; nm -D "$1"; } 2>/dev/null | grep -qE "$2"; }
needs_not() { ! readelf -d "$1" | grep -E 'NEEDED' | grep -qE "$2"; }
hardened() {
    readelf -h "$1" | grep -q 'DYN' && readelf -d "$1" | grep -q 'BIND_NOW\|FLAGS_1.*NOW' && readelf -lW "$1" | grep -q GNU_RELRO &&
        ! readelf -lW "$1" | grep GNU_STACK | grep -q RWE
}
expect "tocsin-keeper hashes passwords" has "$dir/tocsin-keeper" 'crypto_pwhash'
expect "tocsin-front has no password hashing" lacks "$dir/tocsin-front" 'crypto_pwhash|argon2|EVP_PBE|scrypt'
expect "tocsin-front does not link libcurl" needs_not "$dir/tocsin-front" 'libcurl'
expect "tocsin-courier has no database" needs_not "$dir/tocsin-courier" 'libsqlite3|libpq'
expect "tocsin-courier has no password hashing" lacks "$dir/tocsin-courier" 'crypto_pwhash'
expect "tocsin-keeper does not link libcurl or jansson" needs_not "$dir/tocsin-keeper" 'libcurl|libjansson'
expect "tocsind links no parser of foreign bytes" needs_not "$dir/tocsind" 'libcurl|libjansson|libsqlite3|libpq'
expect "tocsind links no OpenSSL" needs_not "$dir/tocsind" 'libcrypto|libssl'
for exe in tocsind tocsin-keys tocsin-front tocsin-keeper tocsin-courier; do expect "$exe is PIE with full RELRO" hardened "$dir/$exe"; done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
