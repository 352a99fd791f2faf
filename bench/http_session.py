#!/usr/bin/env python3
"""The HTTP core against nginx on one core: one worker each, pinned to core 0, the same answer in size, the load on core 1.

    bench/http_session.py BUILD-DIRECTORY [SECONDS]

Measures one request at a time over 32 keep-alive connections, and 8 pipelined, in alternating rounds of one run; prints
the medians and their ratios. Exit status 1 when we are under 1.0 of nginx, or 8 pipelined under 3.0 of one by one.
"""

import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 3
CONNECTIONS = 32
REQUEST = (
    b"GET /fast HTTP/1.1\r\nHost: localhost:8420\r\n"
    b"Authorization: Bearer ts_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG\r\n\r\n"
)
NGINX = """
worker_processes 1; worker_cpu_affinity 01; daemon off; pid {0}/pid; error_log {0}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
    client_body_temp_path {0}/a; proxy_temp_path {0}/b; fastcgi_temp_path {0}/c; uwsgi_temp_path {0}/d; scgi_temp_path {0}/e;
    server {{ listen 127.0.0.1:{1}; location /fast {{ default_type application/json; return 200 "{2}"; }} }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answer_bytes(port):
    """The size of one whole answer, once the server answers at all."""
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                s.sendall(REQUEST)
                return len(s.recv(65536))
        except ConnectionRefusedError:
            time.sleep(0.05)
    sys.exit("no server on port %d" % port)


def load(build, folder, port, depth, seconds):
    command = [build / "bench/load", "-k", "1", "-c", str(CONNECTIONS), "-p", str(depth), "-t", str(seconds)]
    out = subprocess.run([*command, "127.0.0.1", str(port), folder / "request"], check=True, capture_output=True, text=True)
    found = {k: float(v) for k, v in re.findall(r"(\w+)=([\d.]+)", out.stdout)}
    if found["errors"] or found["other"]:
        sys.exit("the run had errors: " + out.stdout)
    return found


def start_nginx(folder, ours_bytes):
    """With a body that makes its whole answer as long as ours."""
    port = free_port()
    for body in ("x" * 300, None):
        if body is None:
            body = "x" * max(1, 300 + ours_bytes - size)
        (folder / "nginx.conf").write_text(NGINX.format(folder, port, body))
        nginx = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf"])
        size = answer_bytes(port)
        if len(body) != 300 or size == ours_bytes:
            return nginx, port, size
        nginx.terminate()
        nginx.wait()
    return None


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    (folder / "request").write_bytes(REQUEST)
    ours = subprocess.Popen([build / "tests/unit/http/http_test_server", "0", "pin"], stdout=subprocess.PIPE, text=True)
    nginx = None
    try:
        port = int(ours.stdout.readline())
        size = answer_bytes(port)
        nginx, nginx_port, nginx_size = start_nginx(folder, size)
        rates = {(who, depth): [] for who in ("tocsin", "nginx") for depth in (1, 8)}
        p99 = {}
        for _ in range(ROUNDS):
            for who, where in (("nginx", nginx_port), ("tocsin", port)):
                for depth in (1, 8):
                    found = load(build, folder, where, depth, seconds)
                    rates[who, depth].append(found["rate"])
                    p99[who, depth] = found["p99_us"]
        median = {k: statistics.median(v) for k, v in rates.items()}
        print(f"answer: tocsin {size} bytes, nginx {nginx_size} bytes; {CONNECTIONS} connections, medians of {ROUNDS} rounds")
        for (who, depth), rate in median.items():
            print(f"{who:7} depth {depth}: {rate:10.0f} requests/s   p99 {p99[who, depth]:.0f} us")
        against = median["tocsin", 1] / median["nginx", 1]
        joined = median["tocsin", 8] / median["tocsin", 1]
        print(f"one by one, tocsin / nginx: {against:.2f} (at least 1.00)")
        print(f"tocsin, 8 pipelined / one by one: {joined:.2f} (at least 3.00)")
        return 0 if against >= 1.0 and joined >= 3.0 else 1
    finally:
        for process in (ours, nginx):
            if process:
                process.terminate()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
