#!/usr/bin/env python3
"""Makes a C file of src/store/migrations/SET/NNNN_name.sql. Usage: embed_migrations.py OUT.c FILE…"""
import pathlib
import sys

out, files = pathlib.Path(sys.argv[1]), [pathlib.Path(f) for f in sys.argv[2:]]
rows, seen = [], set()
for f in sorted(files, key=lambda f: (f.parent.name, f.name)):
    number = int(f.name.split("_")[0])
    if (f.parent.name, number) in seen:
        sys.exit(f"{f}: there is a migration {number} of {f.parent.name} already")
    seen.add((f.parent.name, number))
    text = f.read_text(encoding="utf-8")
    lines = "\n".join('      "' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"' for line in text.splitlines())
    rows.append(f'    {{ "{f.parent.name}", {number}, "{f.stem}",\n{lines} }},')
out.write_text(
    '/* Made by scripts/embed_migrations.py. */\n#include "store/store_priv.h"\n\n'
    "const struct store_migration store_migrations[] = {\n" + "\n".join(rows) + "\n};\n"
    "const size_t store_migration_n = sizeof store_migrations / sizeof store_migrations[0];\n"
)
