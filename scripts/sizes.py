#!/usr/bin/env python3
"""Sizes of STYLE: files <= 800 lines, functions <= 70 lines and <= 5 parameters, the wiring <= 600 lines a process."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE_MAX, FUNCTION_MAX, PARAMETERS_MAX = 800, 70, 5
GIVEN = {"src/keeper/huge_pages.c"}  # its parameters are mmap's, not ours
# A definition starts at the left margin and its line (or lines) ends with "{"; it ends with "}" at the left margin.
START = re.compile(r"^[A-Za-z_][^;={}]*\((?P<args>[^;{}]*)\)[^;{}=]*\{[^\n]*$", re.M)


def split_arguments(text):
    depth, count = 0, 1 if text.strip() not in ("", "void") else 0
    for c in text:
        depth += c in "([" 
        depth -= c in ")]"
        count += c == "," and depth == 0
    return count


def problems(path):
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    name = path.relative_to(ROOT)
    if lines > FILE_MAX:
        yield f"{name}: {lines} lines"
    if path.suffix != ".c":
        return
    for m in START.finditer(text):
        head = m.group(0)
        if head.startswith(("struct ", "enum ", "union ", "static const", "typedef")) and "(" not in head.split("{")[0]:
            continue
        end = text.find("\n}", m.end() - 1)
        if end < 0 or head.rstrip().endswith("}"):
            continue
        length = text.count("\n", m.start(), end) + 2
        where = f"{name}:{text.count(chr(10), 0, m.start()) + 1}"
        if length > FUNCTION_MAX:
            yield f"{where}: function of {length} lines"
        if split_arguments(m.group("args")) > PARAMETERS_MAX and str(name) not in GIVEN:
            yield f"{where}: {split_arguments(m.group('args'))} parameters"


found = []
for pattern in ("src/**/*.c", "src/**/*.h", "src/web/**/*.css", "src/web/**/*.js", "src/web/**/*.mjs"):
    for p in sorted(ROOT.glob(pattern)):
        found.extend(problems(p))
print("\n".join(found))
sys.exit(1 if found else 0)
