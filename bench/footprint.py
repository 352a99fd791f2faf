#!/usr/bin/python3
"""Start to first answer, and memory of all processes, idle with 1,000 accounts. Usage: bench/footprint.py BUILD [ACCOUNTS]"""

import os
import pathlib
import re
import sys
import time

os.environ["TOCSIN_BUILD"] = sys.argv[1]
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/system"))
import requests  # noqa: E402
import tocsin  # noqa: E402

ACCOUNTS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000

server = tocsin.Server("sqlite")
try:
    for _ in range(ACCOUNTS):
        server.person()
    server.terminate()
    began = time.monotonic()
    server.start(wait=False)
    while True:
        try:
            if requests.get(server.origin + "/healthz", timeout=1).status_code == 204:
                break
        except requests.RequestException:
            time.sleep(0.001)
    print(f"start to first answer: {(time.monotonic() - began) * 1e3:.0f} ms")
    time.sleep(3)
    total = {"Pss": 0, "Rss": 0}
    for name, pid in server.children().items():
        text = open(f"/proc/{pid}/smaps_rollup").read()
        sizes = {k: int(re.search(rf"^{k}:\s+(\d+)", text, re.M).group(1)) for k in total}
        for k in total:
            total[k] += sizes[k]
        print(f"{name:16} PSS {sizes['Pss'] / 1024:6.1f} MiB   RSS {sizes['Rss'] / 1024:6.1f} MiB")
    print(f"all, {ACCOUNTS} accounts: PSS {total['Pss'] / 1024:.1f} MiB, RSS {total['Rss'] / 1024:.1f} MiB")
finally:
    server.stop()
