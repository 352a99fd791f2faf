#!/usr/bin/env python3
"""Turns a word list into C: the common passwords in lower case, sorted, as one block of text and offsets.

One block, because an array of 3,500 pointers would have to be relocated at each start. The list's own comments are left
out. usage: common_passwords.py LIST OUT.c
"""
import sys

LEAST = 3000  # fewer is a broken or wrong list

source, target = sys.argv[1:]
words = set()
with open(source, encoding="utf-8") as lines:
    for line in lines:
        word = line.rstrip("\r\n")
        if word and not word.startswith("#!comment:"):
            words.add(word.lower())
if len(words) < LEAST:
    sys.exit(f"{source}: {len(words)} words, at least {LEAST} are needed")

ordered = sorted(words, key=lambda w: w.encode())
with open(target, "w", encoding="ascii") as out:
    out.write('#include "core/common_passwords.h"\n\n')
    out.write(f"const size_t common_count = {len(ordered)};\n")
    out.write("const char common_text[] =\n")
    offsets, at = [], 0
    for word in ordered:
        raw = word.encode()
        offsets.append(at)
        at += len(raw) + 1
        out.write('    "' + "".join(chr(b) if chr(b).isalnum() else f"\\{b:03o}" for b in raw) + '\\0"\n')
    out.write("    ;\n")
    out.write("const uint16_t common_at[] = {\n")
    assert at < 65536
    for i in range(0, len(offsets), 16):
        out.write("    " + ", ".join(str(o) for o in offsets[i : i + 16]) + ",\n")
    out.write("};\n")
