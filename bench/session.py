#!/usr/bin/python3
"""
The real server's session check with 1,000,000 live sessions, one worker pinned to core 0, against nginx returning a static body of the same size
there; the load is on core 1. Usage: bench/session.py BUILD [SESSIONS] [SECONDS]
"""

import base64
import hashlib
import os
import pathlib
import sqlite3
import subprocess
import sys
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
os.environ["TOCSIN_BUILD"] = str(BUILD)
HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests/system")]
import http_session  # noqa: E402
import tocsin  # noqa: E402

SESSIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 3.0


def fill(path):
    """Accounts with a device and a session each; returns some of the tokens."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous=OFF")
    now, tokens = int(time.time() * 1000), []
    accounts, devices, sessions = [], [], []

    def flush():
        db.executemany("INSERT INTO account VALUES (?, ?, 'A person', 1, 1, ?, 0)", accounts)
        db.executemany("INSERT INTO device VALUES (?, ?, 'Laptop', 'Firefox on Linux', '', ?, ?, ?, ?, 0, 1)", devices)
        db.executemany("INSERT INTO session (account_id, id, token_hash, device_id, epoch, created_ms, expires_ms, proofs, seen_ms) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, 1, ?5)", sessions)
        accounts.clear(), devices.clear(), sessions.clear()

    for i in range(SESSIONS):
        raw = os.urandom(112)
        account, device, session, secret = raw[:16], raw[16:32], raw[32:48], raw[48:80]
        token = "ts_" + base64.urlsafe_b64encode(account + secret).decode()
        digest = hashlib.blake2b(token.encode(), digest_size=32).digest()
        accounts.append((account, f"p{i}@example.org", now))
        devices.append((account, device, raw[80:112], now, now, now))
        sessions.append((account, session, digest, device, now, now + 86400000))
        if i % max(1, SESSIONS // 4096) == 0:
            tokens.append(token)
        if len(accounts) == 20000:
            flush()
    flush()
    db.commit()
    db.close()
    return tokens


def run(port, path, depth):
    command = [BUILD / "bench/load", "-k", "1", "-c", "32", "-p", str(depth), "-t", str(SECONDS), "127.0.0.1", str(port), path]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = dict(x.split("=") for x in out.split() if "=" in x)
    assert float(found["errors"]) == 0 and float(found["other"]) == 0, out
    return float(found["rate"])


def main():
    server = tocsin.Server("sqlite", "[policy]\nsession_hours = 24\n")
    nginx = None
    try:
        server.terminate()
        tokens = fill(server.directory / "data/front/main.db")
        server.start(wait=False)
        began = time.monotonic()
        server.wait_ready(60)
        print(f"{SESSIONS} sessions loaded in {time.monotonic() - began:.1f} s")
        subprocess.run(["taskset", "-apc", "0", str(server.children()["tocsin-front"])], check=True, stdout=subprocess.DEVNULL)
        folder = server.directory
        head = "Host: localhost\r\nAuthorization: Bearer "
        one = "".join(f"GET /api/v1/session HTTP/1.1\r\n{head}{t}\r\n\r\n" for t in tokens)
        (folder / "one").write_text(one)
        (folder / "static").write_bytes(http_session.REQUEST)
        http_session.REQUEST, static = one[: one.index("\r\n\r\n") + 4].encode(), http_session.REQUEST
        size = http_session.answer_bytes(server.port)
        http_session.REQUEST = static
        nginx, nginx_port, nginx_size = http_session.start_nginx(folder, size)
        print(f"answers: tocsin {size} bytes, nginx {nginx_size} bytes")
        ours, theirs, piped = [], [], []
        for _ in range(3):
            theirs.append(run(nginx_port, folder / "static", 1))
            ours.append(run(server.port, folder / "one", 1))
            piped.append(run(server.port, folder / "one", 8))
        ours, theirs, piped = sorted(ours)[1], sorted(theirs)[1], sorted(piped)[1]
        print(f"one by one: tocsin {ours:.0f}/s, nginx {theirs:.0f}/s, ratio {ours / theirs:.2f} (at least 1.0)")
        print(f"8 pipelined: {piped:.0f}/s, {piped / ours:.2f} of one by one (at least 3)")
        service = subprocess.run([BUILD / "src/cli/tocsin", "-c", server.config, "service", "add", "bench"], capture_output=True, text=True)
        many = []
        for i in range(0, len(tokens) - 64, 64):
            body = '{"tokens":["' + '","'.join(tokens[i : i + 64]) + '"]}'
            many.append(
                f"POST /api/v1/sessions/check HTTP/1.1\r\n{head}{service.stdout.strip()}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            )
        (folder / "many").write_text("".join(many))
        rate = sorted(run(server.port, folder / "many", 1) for _ in range(3))[1]
        print(f"64 tokens a check: {rate * 64:.0f} tokens/s, {rate * 64 / ours:.2f} of the single check (at least 5.83)")
    finally:
        if nginx:
            nginx.terminate()
        server.stop()


main()
