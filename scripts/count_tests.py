#!/usr/bin/env python3
"""Prints "passed failed skipped" as the summaries of meson test, pytest and our own runners in a log say."""
import re
import sys

text = open(sys.argv[1], encoding="utf-8", errors="replace").read()
passed = failed = skipped = 0
for word, number in re.findall(r"^(Ok|Expected Fail|Fail|Unexpected Pass|Timeout|Skipped):\s+(\d+)\s*$", text, re.M):
    n = int(number)
    if word in ("Ok", "Expected Fail"):
        passed += n
    elif word == "Skipped":
        skipped += n
    else:
        failed += n
tail = re.findall(r"^=*\s*((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s", text, re.M)
for line in tail:
    for number, word in re.findall(r"(\d+) ([a-z]+)", line):
        if word == "passed":
            passed += int(number)
        elif word in ("failed", "error", "errors"):
            failed += int(number)
        elif word == "skipped":
            skipped += int(number)
for p, f in re.findall(r"^(\d+) passed, (\d+) failed\s*$", text, re.M):
    passed += int(p)
    failed += int(f)
print(passed, failed, skipped)
