#!/usr/bin/env bash
# Replays each fuzzer's corpus, then fuzzes for a few seconds (TOCSIN_FUZZ_SECONDS, 5). Usage: fuzz_short.sh BUILD
set -u
build=$1 seconds=${TOCSIN_FUZZ_SECONDS:-5} passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for fuzzer in "$build"/tests/fuzz/fuzz_*; do
    [ -f "$fuzzer" ] && [ -x "$fuzzer" ] || continue
    name=$(basename "$fuzzer")
    corpus=tests/fuzz/corpus/${name#fuzz_}
    options=(-max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -artifact_prefix="$work/")
    [ ! -f "tests/fuzz/${name#fuzz_}.dict" ] || options+=(-dict="tests/fuzz/${name#fuzz_}.dict")
    mkdir -p "$work/$name"
    [ ! -d "$corpus" ] || cp "$corpus"/* "$work/$name/" 2>/dev/null
    if "$fuzzer" -runs=0 "$work/$name" >"$work/log" 2>&1 && "$fuzzer" "${options[@]}" "$work/$name" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$name:"
        tail -30 "$work/log"
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
