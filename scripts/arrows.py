#!/usr/bin/env python3
"""Who may include whom (ARCHITECTURE.md, "Layers"). Reads every #include "folder/file.h" under src/ and says what breaks the arrows."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent / "src"

# Folder -> folders it may include; itself is always allowed. "folder/file.h" allows that one header only.
ALLOWED = {
    "base": set(),
    "core": {"base"},
    "config": {"base", "core"},
    "store": {"base"},
    "ipc": {"base"},
    "http": {"base"},
    "identity": {"base", "core", "store"},
    "ledger": {"base", "core", "store"},
    "alarm": {"base", "core", "store", "ipc"},
    "keeper": {"base", "core", "config", "store", "ipc"},
    "courier": {"base", "core", "config", "ipc", "alarm/outbox.h"},
    "guard": {"base", "core", "config", "store", "identity", "ledger", "alarm", "keeper/client.h", "keeper/ceremony.h"},
    "backup": {"base", "core", "config", "store", "ipc", "identity", "ledger", "alarm", "guard"},
    "awareness": {"base", "core"},
    "api": {"base", "core", "config", "store", "http", "identity", "alarm", "guard", "backup", "awareness", "keeper/client.h", "keeper/ceremony.h"},
    "web": {"base", "core", "config", "api", "http", "identity", "alarm", "guard", "backup", "keeper/client.h", "keeper/ceremony.h"},
    "tocsind": {"*"},
    "cli": {"*"},
}
SQL = {"identity", "ledger", "alarm", "keeper", "guard", "backup", "store"}
# keeper/client.* and keeper/ceremony.* are the front's half: they see neither the store nor the configuration.
CLIENT_ONLY = {"base", "core", "ipc", "keeper"}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z_]+)/([a-z_0-9./]+)"', re.M)
STATEMENT = re.compile(r'"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM)\s')


def problems():
    for path in sorted(ROOT.rglob("*.[ch]")):
        folder = path.relative_to(ROOT).parts[0]
        name = path.relative_to(ROOT)
        text = path.read_text(encoding="utf-8")
        allowed = ALLOWED.get(folder)
        if allowed is None:
            yield f"{name}: folder {folder} has no place in scripts/arrows.py"
            continue
        if name.as_posix().startswith(("keeper/client.", "keeper/ceremony.")):
            allowed = CLIENT_ONLY
        for target, header in INCLUDE.findall(text):
            if target == folder or "*" in allowed or target in allowed or f"{target}/{header}" in allowed:
                if header.endswith("_priv.h") and target != folder:
                    yield f"{name}: includes the private header {target}/{header}"
                continue
            yield f"{name}: {folder} may not include {target}/{header}"
        if folder not in SQL and STATEMENT.search(text):
            yield f"{name}: SQL outside the folders that own tables"


found = list(problems())
print("\n".join(found))
sys.exit(1 if found else 0)
