#!/usr/bin/python3
"""
A repository of a million objects: what a list takes to its last byte, with and without what the server keeps of sizes (.sizes), what a HEAD takes, and
the front's memory. The objects are names and sizes in the tree without bytes; .sizes is written by the server itself, at the first list.
Usage: bench/backup_many.py BUILD [OBJECTS] [FOLDER]
"""

import hashlib
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
os.environ["TOCSIN_BUILD"] = str(BUILD)
sys.path[:0] = [str(pathlib.Path(__file__).parent.parent / "tests/system")]
import backup  # noqa: E402
import tocsin  # noqa: E402

OBJECTS = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
FOLDER = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else tempfile.gettempdir())


def memory(pid, what):
    return int(next(x for x in open(f"/proc/{pid}/status") if x.startswith(what)).split()[1]) / 1024


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(device, line, accept=backup.V2):
    s = socket.create_connection(("127.0.0.1", device.server.port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = f"Host: localhost\r\nAuthorization: {backup.basic(f'{device.id}:{device.token}')}\r\nAccept: {accept}\r\n"
    return s, f"{line} HTTP/1.1\r\n{head}"


def listing(device, front, what, version):
    """Whole: the last chunk is there, and as many names as there are objects."""
    pathlib.Path(f"/proc/{front}/clear_refs").write_text("5")  # the peak begins anew
    s, head = ask(device, f"GET /backup/{device.id}/data/", version)
    room = bytearray(1 << 20)
    began, cpu = time.monotonic(), cpu_seconds(front)
    s.sendall((head + "Connection: close\r\n\r\n").encode())
    parts = []
    while (n := s.recv_into(room)) > 0:
        parts.append(bytes(room[:n]))
    took, cpu = time.monotonic() - began, cpu_seconds(front) - cpu
    answer = b"".join(parts)
    names, tail = answer.count(b'"') // (6 if version == backup.V2 else 2), answer[-8:]  # chunks may end between any two entries
    assert answer.startswith(b"HTTP/1.1 200") and tail.endswith(b"\r\n0\r\n\r\n") and names == OBJECTS, (names, tail)
    print(f"list, {what}: {took:.2f} s ({cpu:.2f} s of CPU), {len(answer) >> 20} MiB; memory of the front at most {memory(front, 'VmHWM'):.0f} MiB", flush=True)


def heads(device):
    s, head = ask(device, "HEAD %s")
    waits = []
    for _ in range(20000):
        name = hashlib.sha256(random.randrange(OBJECTS).to_bytes(8, "little")).hexdigest()
        request = (head % f"/backup/{device.id}/data/{name}" + "\r\n").encode()
        began = time.monotonic()
        s.sendall(request)
        answer = s.recv(4096)
        waits.append(time.monotonic() - began)
        assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n"), answer
    waits.sort()
    print(f"HEAD: p50 {waits[len(waits) // 2] * 1e3:.3f} ms, p99 {waits[len(waits) * 99 // 100] * 1e3:.3f} ms, most {waits[-1] * 1e3:.2f} ms", flush=True)


def main():
    place = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-bench.", dir=FOLDER))
    tempfile.tempdir = str(place)  # the server's folder too
    server = tocsin.Server("sqlite")
    try:
        device = backup.first_device(server.person()).make()
        tree = next((server.directory / "data/backup").glob(f"*/{device.id}"))
        began = time.monotonic()
        subprocess.run([BUILD / "bench/objects", "fill", tree, "1", "0", str(OBJECTS)], check=True)
        subprocess.run(["chown", "-R", f"--reference={tree}", tree], check=True)
        subprocess.run(["sync"])
        print(f"{OBJECTS} objects made in {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        front = server.children()["tocsin-front"]
        print(f"memory of the front before: {memory(front, 'VmRSS'):.0f} MiB")
        listing(device, front, "the first, without .sizes", backup.V2)
        for version in (backup.V2, backup.V2, backup.V1):
            listing(device, front, f"then, version {version[-1]}", version)
        heads(device)
        print(f"load {os.getloadavg()[0]:.1f}")
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)


main()
