#!/usr/bin/env python3
"""The front's half of the keeper must need no password hashing and no database. usage: no_hashing.py LIBRARY"""
import subprocess
import sys

FORBIDDEN = ("crypto_pwhash", "argon2", "store_", "sqlite3", "PQ", "keys_", "password_", "zxcvbn", "Zxcvbn")
out = subprocess.run(["nm", "--no-sort", sys.argv[1]], check=True, capture_output=True, text=True).stdout
names = [line.split()[-1] for line in out.splitlines() if line.split()[-2:-1] in (["U"], ["T"], ["t"])]
bad = [n for n in names if n.startswith(FORBIDDEN)]
if bad or "keeper_ask" not in names:
    sys.exit(f"{sys.argv[1]} has {bad}" if bad else "this is not the client's library")
