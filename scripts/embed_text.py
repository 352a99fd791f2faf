#!/usr/bin/env python3
"""Makes a C file that holds a file's bytes. Usage: embed_text.py NAME IN OUT.c → NAME_text, NAME_bytes"""
import pathlib
import sys

name, source, out = sys.argv[1], pathlib.Path(sys.argv[2]).read_bytes(), pathlib.Path(sys.argv[3])
rows = ",\n    ".join(", ".join(f"(char)0x{b:02x}" for b in source[i : i + 24]) for i in range(0, len(source), 24))
out.write_text(
    f"/* Made by scripts/embed_text.py. */\n#include <stddef.h>\n\nextern const char {name}_text[];\nextern const size_t {name}_bytes;\n"
    f"const char {name}_text[] = {{\n    {rows},\n    0,\n}};\nconst size_t {name}_bytes = {len(source)};\n"
)
