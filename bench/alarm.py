#!/usr/bin/python3
"""
The alarm against two limits. Attempts opened a second with their alerts durable, against the same rows by themselves; and alerts encrypted and
accepted by a local push sink (nginx) a second of the courier's core, against making and agreeing P-256 keys alone. Usage: bench/alarm.py BUILD [SECONDS] [PUSHES]
"""

import os
import pathlib
import sqlite3
import subprocess
import sys
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
os.environ["TOCSIN_BUILD"] = str(BUILD)
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/system"))
import tocsin  # noqa: E402

SECONDS = sys.argv[2] if len(sys.argv) > 2 else "5"
PUSHES = int(sys.argv[3]) if len(sys.argv) > 3 else 40_000

NGINX = """
daemon off; worker_processes 1; pid {0}/nginx.pid; error_log {0}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
    client_body_temp_path {0}/a; proxy_temp_path {0}/b; fastcgi_temp_path {0}/c; uwsgi_temp_path {0}/d; scgi_temp_path {0}/e;
    server {{ listen 127.0.0.1:{1}; location / {{ return 201; }} }}
}}
"""


def receiver():
    """A browser's public point."""
    made = subprocess.run("openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -outform DER", shell=True, check=True, capture_output=True)
    return made.stdout[-65:]


def fill(path, port):
    db = sqlite3.connect(path)
    now, point, auth = int(time.time() * 1000), receiver(), os.urandom(16)
    columns = [c[1] for c in db.execute("PRAGMA table_info(outbox)")]
    body = "Somebody opened a change of your password.\n\nWhen: 24 November 2026, 15:12 UTC\nWhere: near Lyon, France\nDevice: Firefox on Linux"
    for _ in range(PUSHES):
        row = dict.fromkeys(columns, 0) | {
            "account_id": os.urandom(16), "id": os.urandom(16), "alert_id": os.urandom(16), "channel": 2, "letter": 1, "action": 3, "kind": 1,
            "label": "a phone", "recipient": f"http://127.0.0.1:{port}/push/{os.urandom(24).hex()}", "p256dh": point, "auth": auth, "push_id": os.urandom(16),
            "title": "Somebody is changing your password", "body": body, "sealed": b"", "state": 1, "written_ms": now, "expires_ms": now + 86400000,
            "due_ms": now, "at_ms": now,
        }  # fmt: skip
        db.execute(f"INSERT INTO outbox ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", [row[c] for c in columns])
    db.commit()
    db.close()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pushed(server, path):
    """Pushes a second of the courier's processor time, once all are settled."""
    server.start()
    courier, began = server.children()["tocsin-courier"], time.monotonic()
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    while db.execute("SELECT count(*) FROM outbox WHERE state = 1").fetchone()[0] > 0:
        time.sleep(0.1)
    used, took = cpu_seconds(courier), time.monotonic() - began
    sent = db.execute("SELECT count(*) FROM outbox WHERE state = 2").fetchone()[0]
    db.close()
    assert sent == PUSHES, f"{sent} of {PUSHES} were accepted"
    print(f"{sent} pushes accepted in {took:.1f} s, {used:.1f} s of them the courier's: {sent / took:.0f}/s, {sent / used:.0f} a second of its core")
    return sent / used


def main():
    status = subprocess.run([BUILD / "bench/alarm", "rows", SECONDS]).returncode
    server = tocsin.Server("sqlite")
    nginx = None
    try:
        server.terminate()
        port, folder = tocsin.free_port(), server.directory
        (folder / "nginx.conf").write_text(NGINX.format(folder, port))
        nginx = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "nginx.conf"])
        path = folder / "data/front/main.db"
        fill(path, port)
        keys = float(subprocess.run([BUILD / "bench/alarm", "keys", SECONDS], check=True, capture_output=True, text=True).stdout)
        rate = pushed(server, path)
        print(f"alarm pushes: {rate:.0f} a second and core, {keys:.0f} key agreements; ratio {rate / keys:.2f} (at least 0.5)")
        return status or (0 if rate / keys >= 0.5 else 1)
    finally:
        if nginx:
            nginx.terminate()
        server.stop()


sys.exit(main())
