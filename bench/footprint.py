#!/usr/bin/python3
"""
With the default settings and 1,000 accounts: start to first answer; memory of all processes, idle and after a sign-in; what 10,000 idle
connections add to it. Usage: bench/footprint.py BUILD [ACCOUNTS]
"""

import os
import pathlib
import re
import resource
import socket
import sys
import time

os.environ["TOCSIN_BUILD"] = sys.argv[1]
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/system"))
import requests  # noqa: E402
import tocsin  # noqa: E402

ACCOUNTS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
CONNECTIONS, OF_ADDRESS = 10000, 1000


def memory(server, what):
    """Prints and gives what all processes hold, in KiB: each page once (PSS), and as each sees it (RSS)."""
    total, parts = {"Pss": 0, "Rss": 0}, []
    for name, pid in server.children().items():
        text = open(f"/proc/{pid}/smaps_rollup").read()
        sizes = {k: int(re.search(rf"^{k}:\s+(\d+)", text, re.M).group(1)) for k in total}
        for k in total:
            total[k] += sizes[k]
        parts.append(f"{name.removeprefix('tocsin-')} {sizes['Pss'] / 1024:.1f}")
    print(f"{what}: PSS {total['Pss'] / 1024:.1f} MiB ({', '.join(parts)}), RSS {total['Rss'] / 1024:.1f} MiB")
    return total


def start(server):
    began = time.monotonic()
    server.start(wait=False)
    while True:
        try:
            if requests.get(server.origin + "/healthz", timeout=1).status_code == 204:
                break
        except requests.RequestException:
            time.sleep(0.001)
    print(f"start to first answer: {(time.monotonic() - began) * 1e3:.0f} ms")


def connect(server, i):
    """A connection that has had an answer, from one of several addresses: each may have so many."""
    s = socket.create_connection(("127.0.0.1", server.port), source_address=(f"127.0.1.{1 + i // OF_ADDRESS}", 0))
    s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert s.recv(4096).startswith(b"HTTP/1.1 204")
    return s


resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
server = tocsin.Server("sqlite")
try:
    people = [server.person() for _ in range(ACCOUNTS)]
    server.terminate()
    server.config.write_text(re.sub(r"(workers|hash_memory_kib|hash_passes) = .*\n", "", server.config.read_text()))
    start(server)
    time.sleep(3)
    memory(server, f"idle with {ACCOUNTS} accounts")
    for person in people[:20]:
        person.sign_in()
    time.sleep(3)
    before = memory(server, "idle after 20 sign-ins")
    began = time.monotonic()
    open_ones = [connect(server, i) for i in range(CONNECTIONS)]
    after = memory(server, f"with {CONNECTIONS} idle connections")
    print(f"each connection: {(after['Pss'] - before['Pss']) * 1024 / CONNECTIONS:.0f} bytes (at most 8,192)")
    began = time.monotonic()
    people[0].sign_in()
    print(f"a sign-in meanwhile: {(time.monotonic() - began) * 1e3:.0f} ms")
finally:
    server.stop()
