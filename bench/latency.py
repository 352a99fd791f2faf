#!/usr/bin/python3
"""From the answer of the HTTP call to the mail server's acceptance, at 50 attempts a second. Usage: bench/latency.py BUILD [SECONDS]"""

import os
import pathlib
import sys
import threading
import time

os.environ["TOCSIN_BUILD"] = sys.argv[1]
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/system"))
import tocsin  # noqa: E402

RATE, SECONDS = 50, int(sys.argv[2]) if len(sys.argv) > 2 else 20

server = tocsin.Server("sqlite")
try:
    people = [server.person() for _ in range(RATE * SECONDS // 4)]
    answered = {}
    began = len(server.sink.mails)

    def change(person):
        person.client.open("change_password")
        answered[person.email] = time.monotonic()

    start = time.monotonic()
    threads = []
    for i, person in enumerate(people[: RATE * SECONDS]):
        while time.monotonic() < start + i / RATE:
            time.sleep(0.0005)
        t = threading.Thread(target=change, args=(person,))
        t.start()
        threads.append(t)
    for t in threads:
        t.join()
    end = time.monotonic() + 10
    while len(server.sink.mails) - began < len(threads) and time.monotonic() < end:
        time.sleep(0.01)
    waits = sorted(max(0.0, m[0] - answered[m[2]]) for m in server.sink.mails[began:] if m[2] in answered)
    print(f"{len(threads)} attempts at {RATE} a second: {len(waits)} mails accepted")
    print(f"from answer to acceptance: p50 {waits[len(waits) // 2] * 1e3:.1f} ms, p99 {waits[int(len(waits) * 0.99)] * 1e3:.1f} ms, most {waits[-1] * 1e3:.1f} ms")
finally:
    server.stop()
