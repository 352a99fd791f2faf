"""Whatever nginx refuses, we refuse: the malformed requests and thousands of mutations, sent to both.

nginx stands in front of our own small test server, so that it parses heads and bodies to their end. A request that it
answers by itself with an error (no Request-Id of ours), or closes without an answer, must not be served by us either. Where both serve one, both saw the same
body.
"""

import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
import tocsin

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TOCSIN_BUILD", ROOT / "build"))
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
MUTATIONS = int(os.environ.get("TOCSIN_HTTP_MUTATIONS", "3000"))
SEED = int(os.environ.get("TOCSIN_HTTP_SEED", "20261124"))

CONF = """
worker_processes 1; daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; client_max_body_size 100m; server_tokens off;
    client_body_temp_path {0}/a; proxy_temp_path {0}/b; fastcgi_temp_path {0}/c; uwsgi_temp_path {0}/d; scgi_temp_path {0}/e;
    server {{ listen 127.0.0.1:{1}; location / {{ proxy_pass http://127.0.0.1:{2}; proxy_ignore_client_abort on; proxy_set_header Host $host; }} }}
}}
"""

SOUND = [
    b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /query?x=%41+b&y=1 HTTP/1.1\r\nHost: a.example:8420\r\nAccept: */*\r\nCookie: a=1; b=2\r\n\r\n",
    b"GET /fast HTTP/1.0\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"HEAD /items/x HTTP/1.1\r\nHost: [::1]:80\r\nUser-Agent: t\r\n\r\n",
    b"POST /fast/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /pool/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nb\r\n, all world\r\n0\r\n\r\n",
    b"POST /json HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
    b"DELETE /items/a%20b HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: keep-alive\r\n\r\n",
]
SPLICES = [
    b"\r", b"\n", b"\r\n", b"\0", b"\x01", b"\x7f", b"\xff", b" ", b"\t", b":", b";", b",", b"0", b"1", b"-", b"+", b"0x", b"%", b"%00",
    b"%2e", b"%zz", b"/", b"//", b"/../", b"#", b"?", b"\r\n ", b"\r\n\t", b"Host: b\r\n", b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Transfer-Encoding : chunked\r\n",
    b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"HTTP/1.1", b"HTTP/0.9", b"HTTP/2.0", b"5\r\nhello\r\n", b"0\r\n\r\n", b"\r\n\r\n",
]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    program = BUILD / "tests/unit/http/http_test_server"
    if not program.exists() or not os.path.exists(NGINX):
        pytest.skip("needs the test server and nginx")
    folder = tmp_path_factory.mktemp("nginx")
    ours = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    port = int(ours.stdout.readline())
    nginx_port = tocsin.free_port()
    (folder / "nginx.conf").write_text(CONF.format(folder, nginx_port, port))
    nginx = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf"])
    try:
        wait_for(nginx_port)
        yield port, nginx_port
    finally:
        for process in (nginx, ours):
            process.send_signal(signal.SIGTERM)
        nginx.wait(15)
        assert ours.wait(15) == 0, "our test server did not end well"


def exchange(port, request):
    """All that comes back; the request is followed by the end of our half, so that neither waits for more."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        try:
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
            while more := s.recv(65536):
                got += more
        except (ConnectionResetError, BrokenPipeError, OSError) as e:
            assert not isinstance(e, TimeoutError), request
    return got.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")


def status(answer):
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def is_refused_by_nginx(answer):
    head = answer.partition(b"\r\n\r\n")[0].lower()
    return status(answer) == 0 or (status(answer) >= 400 and b"\r\nrequest-id:" not in head)


def is_refused_by_us(answer):
    return status(answer) == 0 or status(answer) >= 400


def mutated(rng):
    request = bytearray(rng.choice(SOUND))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(request) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            del request[at : at + rng.randrange(1, 5)]
        elif kind == 1 and at < len(request):
            request[at] = rng.randrange(256)
        elif kind == 2:
            lines = bytes(request).split(b"\r\n")
            lines.insert(rng.randrange(len(lines)), rng.choice(lines))
            request = bytearray(b"\r\n".join(lines))
        else:
            request[at:at] = rng.choice(SPLICES)
    return bytes(request)


def first_body(answer):
    head, _, rest = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head.lower())
    return rest[: int(length.group(1))] if length else b""


def compare(ports, request):
    """1: nginx refused, 0: it did not."""
    theirs = exchange(ports[1], request)
    ours = exchange(ports[0], request)
    if not is_refused_by_nginx(theirs):
        if request.startswith(b"POST /") and status(theirs) == status(ours) == 200:
            assert first_body(theirs) == first_body(ours), f"another body is seen: {request!r}"
        return 0
    assert is_refused_by_us(ours), f"nginx refuses ({status(theirs)}), we answer {status(ours)}: {request!r}"
    return 1


def test_sound_requests_are_served_by_both(ports):
    for request in SOUND:
        for port in ports:
            assert 200 <= status(exchange(port, request)) < 300, (port == ports[1], request)


def test_malformed_requests(ports):
    corpus = sorted((ROOT / "tests/fuzz/corpus/http").iterdir())
    refused = 0
    for file in corpus:
        request = file.read_bytes()[2:]
        refused += compare(ports, request)
        if not file.name.startswith("sound-"):
            answer = exchange(ports[0], request)
            assert is_refused_by_us(answer), file.name
    print(f"nginx refused {refused} of {len(corpus)}, we all that are malformed")
    assert refused > len(corpus) // 3


def test_mutations(ports):
    rng = random.Random(SEED)
    refused = sum(compare(ports, mutated(rng)) for _ in range(MUTATIONS))
    print(f"nginx refused {refused} of {MUTATIONS} (seed {SEED})")
    assert refused > MUTATIONS // 10
