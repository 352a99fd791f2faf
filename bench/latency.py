#!/usr/bin/python3
"""
From the answer of the HTTP call to the acceptance by mail server and push service, at 50 attempts a second. Usage: bench/latency.py BUILD [SECONDS]
"""

import base64
import http.server
import os
import pathlib
import subprocess
import sys
import threading
import time

os.environ["TOCSIN_BUILD"] = sys.argv[1]
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/system"))
import tocsin  # noqa: E402

pushed = {}


class PushSink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        pushed[self.path[1:]] = time.monotonic()
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def subscribe(person, port):
    key = subprocess.run("openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -outform DER", shell=True, capture_output=True).stdout[-65:]
    keys = {"p256dh": base64.urlsafe_b64encode(key).rstrip(b"=").decode(), "auth": base64.urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode()}
    person.client.api("POST", "/push/subscriptions", {"subscription": {"endpoint": f"http://127.0.0.1:{port}/{person.session_id}", "keys": keys}}, status=201)


def tell(what, waits):
    waits = sorted(waits)
    at = {"p50": waits[len(waits) // 2], "p99": waits[int(len(waits) * 0.99)], "most": waits[-1]}
    print(f"{len(waits)} accepted by {what}: " + ", ".join(f"{k} {v * 1e3:.1f} ms" for k, v in at.items()))


RATE, SECONDS = 50, int(sys.argv[2]) if len(sys.argv) > 2 else 20

server = tocsin.Server("sqlite")
try:
    people = [server.person() for _ in range(RATE * SECONDS // 4)]
    answered = {}
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), PushSink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    for person in people:
        subscribe(person, sink.server_port)
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
    while (len(server.sink.mails) - began < len(threads) or len(pushed) < len(threads)) and time.monotonic() < end:
        time.sleep(0.01)
    print(f"{len(threads)} attempts at {RATE} a second; from the answer of the call to acceptance (p99 under 100 ms):")
    tell("mail", [max(0.0, m[0] - answered[m[2]]) for m in server.sink.mails[began:] if m[2] in answered])
    tell("push", [max(0.0, pushed[p.session_id] - answered[p.email]) for p in people if p.session_id in pushed])
finally:
    server.stop()
