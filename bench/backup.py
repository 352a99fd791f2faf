#!/usr/bin/python3
"""
restic's backup and restore through tocsin against the same through `rclone serve restic` on the same disk, in one run, and the front's memory
meanwhile; then objects read and written a second by a raw client (several connections, kept open) against nginx that serves and takes (DAV) the same
files. Prints ratios: over 1 means that tocsin is the faster. Usage: bench/backup.py BUILD [MIB] [SECONDS] [FOLDER]
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
import threading
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
os.environ["TOCSIN_BUILD"] = str(BUILD)
sys.path[:0] = [str(pathlib.Path(__file__).parent.parent / "tests/system")]
import backup  # noqa: E402
import tocsin  # noqa: E402

MIB = int(sys.argv[2]) if len(sys.argv) > 2 else 4096
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 4.0
FOLDER = pathlib.Path(sys.argv[4] if len(sys.argv) > 4 else tempfile.gettempdir())
THREADS = 4


def make_files(folder):
    """A tenth of the bytes in small files, the rest in large ones; nothing that can be compressed away."""
    folder.mkdir()
    for i in range(MIB // 64):
        (folder / f"large{i}").write_bytes(random.Random(i).randbytes(58 << 20))
    for i in range(MIB // 64 * 96):
        (folder / f"small{i}").write_bytes(random.Random(-i).randbytes(65536))
    return sum(p.stat().st_size for p in folder.iterdir()) / (1 << 20)


def restic(repository, place, *arguments):
    cache = place / "cache"
    env = dict(os.environ, RESTIC_REPOSITORY=repository, RESTIC_PASSWORD="x", RESTIC_CACHE_DIR=str(cache))
    began = time.monotonic()
    done = subprocess.run(["restic", "-q", *arguments], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def round_trip(name, repository, place, files, amount):
    place.mkdir()
    restic(repository, place, "init")
    subprocess.run(["sync"])
    up = restic(repository, place, "backup", str(files))
    subprocess.run(["sync"])
    down = restic(repository, place, "restore", "latest", "--target", str(place / "out"))
    same = backup.same(files, f"{place}/out{files}")
    print(f"{name:8} backup {amount / up:7.0f} MiB/s   restore {amount / down:7.0f} MiB/s   {'same' if same else 'DIFFERENT'}")
    shutil.rmtree(place)
    assert same
    return up, down


class Rclone:
    def __init__(self, folder):
        self.port = tocsin.free_port()
        self.process = subprocess.Popen(
            ["rclone", "serve", "restic", "--addr", f"127.0.0.1:{self.port}", "--config", "/dev/null", str(folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        wait_for(self.port)


def wait_for(port):
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


def nginx(folder, root):
    port = tocsin.free_port()
    (folder / "nginx.conf").write_text(
        f"""daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 1; user root;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; keepalive_requests 100000000; client_max_body_size 1g; client_body_temp_path {root}/body;
  server {{ listen 127.0.0.1:{port}; root {root}; dav_methods PUT; }} }}"""
    )
    process = subprocess.Popen(["nginx", "-c", folder / "nginx.conf", "-p", folder])
    wait_for(port)
    return process, port


def peak_mib(pid):
    return int(next(x for x in open(f"/proc/{pid}/status") if x.startswith("VmHWM")).split()[1]) / 1024


def read_answer(s, pending):
    """One answer; returns its status and what follows it."""
    while b"\r\n\r\n" not in pending:
        part = s.recv(1 << 20)
        assert part, "closed"
        pending += part
    head, _, rest = pending.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        if line.lower().startswith(b"content-length:"):
            length = int(line[15:])
    left = length - len(rest)
    while left > 0:
        part = s.recv(min(left, 1 << 20))
        assert part, "closed"
        left -= len(part)
    return head[9:12], rest[length:] if len(rest) > length else b""


def hammer(port, requests, seconds):
    """Answers a second that THREADS connections get; `requests` is called with a thread's number for an endless iterator of bytes."""
    counts, wrong = [0] * THREADS, []

    def run(k):
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            rest, end = b"", time.monotonic() + seconds
            for request in requests(k):
                if time.monotonic() > end:
                    return
                s.sendall(request)
                status, rest = read_answer(s, rest)
                if not status.startswith(b"2"):
                    wrong.append(status)
                    return
                counts[k] += 1

    threads = [threading.Thread(target=run, args=(k,)) for k in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong, wrong
    return sum(counts) / seconds


def get(path, authorization):
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n{authorization}\r\n".encode()

    def forever(k):
        while True:
            yield request

    return forever


def put(method, prefix, authorization, size):
    def forever(k):
        i = 0
        body = bytearray(random.Random(k).randbytes(size))
        while True:
            body[:8] = (k << 32 | i).to_bytes(8, "little")
            i += 1
            name = hashlib.sha256(body).hexdigest()
            head = f"{method} {prefix}{name} HTTP/1.1\r\nHost: a\r\n{authorization}Content-Length: {size}\r\n\r\n"
            yield head.encode() + bytes(body)

    return forever


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def in_turns(what, size, ours, theirs):
    """Both twice, in turns, so that both meet the same neighbours; each is (port, requests, process)."""
    rate, cost = [0.0, 0.0], [0.0, 0.0]
    for _ in range(2):
        for i, (port, requests, pid) in enumerate((ours, theirs)):
            began = cpu_seconds(pid)
            rate[i] += hammer(port, requests, SECONDS / 4) / 2
            cost[i] += cpu_seconds(pid) - began
    each = [c / (r * SECONDS / 2) * 1e6 for c, r in zip(cost, rate)]
    print(f"{what:5} {size >> 10:6} KiB: tocsin {rate[0]:7.0f}/s {each[0]:7.0f} us of CPU   nginx {rate[1]:7.0f}/s {each[1]:7.0f} us   ratio {rate[0] / rate[1]:.2f}")


def objects(device, port_nginx, nginx_pid, root):
    print("objects by a raw client; nginx forces nothing to the disk, and hashes nothing")
    front = device.server.children()["tocsin-front"]
    authorization = f"Authorization: {backup.basic(f'{device.id}:{device.token}')}\r\n"
    tree = next((device.server.directory / "data/backup").glob(f"*/{device.id}"))
    (root / "written").mkdir()
    for size in (4096, 65536, 1 << 20, 16 << 20):
        data = random.randbytes(size)
        name = device.put("data", data)
        (root / name).write_bytes((tree / "data" / name[:2] / name).read_bytes())
        in_turns("read", size, (device.server.port, get(f"/backup/{device.id}/data/{name}", authorization), front), (port_nginx, get(f"/{name}", ""), nginx_pid))
        ours = put("POST", f"/backup/{device.id}/data/", authorization, size)
        in_turns("write", size, (device.server.port, ours, front), (port_nginx, put("PUT", "/written/", "", size), nginx_pid))
        for path in (root / "written").iterdir():
            path.unlink()


def main():
    place = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-bench.", dir=FOLDER))
    tempfile.tempdir = str(place)  # the server's folder too
    server = tocsin.Server("sqlite")
    processes = []
    try:
        files = place / "files"
        amount = make_files(files)
        print(f"{amount:.0f} MiB in {len(list(files.iterdir()))} files on {FOLDER}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        device = backup.first_device(server.person())
        rclone = Rclone(place / "rclone")
        processes.append(rclone.process)
        front = server.children()["tocsin-front"]
        before = peak_mib(front)
        times = {"tocsin": [], "rclone": []}
        for turn in range(2):
            times["rclone"].append(round_trip("rclone", f"rest:http://127.0.0.1:{rclone.port}/r{turn}/", place / "theirs", files, amount))
            if turn == 1:
                device = backup.first_device(server.person())
            times["tocsin"].append(round_trip("tocsin", device.repository, place / "ours", files, amount))
        for i, what in enumerate(("backup", "restore")):
            print(f"{what}: tocsin / rclone = {min(t[i] for t in times['rclone']) / min(t[i] for t in times['tocsin']):.2f} (the better of two each)")
        print(f"memory of the front: {before:.0f} MiB before, {peak_mib(front):.0f} MiB at most")
        shutil.rmtree(files)
        root = place / "nginx"
        root.mkdir()
        process, port = nginx(place, root)
        processes.append(process)
        worker = int(pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        objects(device, port, worker, root)
        print(f"memory of the front: {peak_mib(front):.0f} MiB at most")
    finally:
        for p in processes:
            p.terminate()
        server.stop()
        shutil.rmtree(place, ignore_errors=True)


main()
