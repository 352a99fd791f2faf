#!/usr/bin/python3
"""
restic's backup and restore through tocsin against the same through `rclone serve restic` on the same disk, in one run, and the front's memory
meanwhile: with all cores for both, and with half of them for restic and half for the server, as if each had a machine of its own. A backup ends when
restic does, and when its bytes are on the disk, which with rclone is later. Then all objects of that repository, and objects of one size after the
other, read (by their own device, and by another that may restore) and written by a raw client with several connections, against nginx that serves and
takes (DAV) the same files. Prints ratios: over 1 means that tocsin is the faster.
Usage: bench/backup.py BUILD [MIB (4096; 0: objects alone)] [SECONDS A SIDE AND SIZE] [FOLDER] [KIB,KIB,...] [CONNECTIONS]
"""

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

MIB = int(sys.argv[2]) if len(sys.argv) > 2 else 4096
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 4.0
FOLDER = pathlib.Path(sys.argv[4] if len(sys.argv) > 4 else tempfile.gettempdir())
SIZES = [int(x) << 10 for x in sys.argv[5].split(",")] if len(sys.argv) > 5 else [4096, 65536, 1 << 20, 16 << 20]
CONNECTIONS = int(sys.argv[6]) if len(sys.argv) > 6 else 32


def make_files(folder):
    """A tenth of the bytes in small files, the rest in large ones; nothing that can be compressed away."""
    folder.mkdir()
    for i in range(MIB // 64):
        (folder / f"large{i}").write_bytes(random.Random(i).randbytes(58 << 20))
    for i in range(MIB // 64 * 96):
        (folder / f"small{i}").write_bytes(random.Random(-i).randbytes(65536))
    return sum(p.stat().st_size for p in folder.iterdir()) / (1 << 20)


def pin(pid, cores):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)


def restic(repository, place, *arguments):
    cache = place / "cache"
    env = dict(os.environ, RESTIC_REPOSITORY=repository, RESTIC_PASSWORD="x", RESTIC_CACHE_DIR=str(cache))
    began = time.monotonic()
    done = subprocess.run(["restic", "-q", *arguments], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def round_trip(name, repository, place, files, amount):
    """Seconds of a backup, of a backup until the disk has it, of a restore."""
    place.mkdir()
    restic(repository, place, "init")
    subprocess.run(["sync"])
    began = time.monotonic()
    up = restic(repository, place, "backup", str(files))
    subprocess.run(["sync"])
    on_disk = time.monotonic() - began
    down = restic(repository, place, "restore", "latest", "--target", str(place / "out"))
    same = backup.same(files, f"{place}/out{files}")
    for _ in range(2):  # what a neighbour does weighs more than what the server does
        shutil.rmtree(place / "out")
        down = min(down, restic(repository, place, "restore", "latest", "--target", str(place / "out")))
    seen = "   ".join(f"{w} {amount / t:4.0f} MiB/s" for w, t in (("backup", up), ("on the disk", on_disk), ("restore", down)))
    print(f"  {name:8} {seen}   {'same' if same else 'DIFFERENT'}", flush=True)
    shutil.rmtree(place)
    assert same
    return up, on_disk, down


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


def client(*arguments):
    """What bench/objects.c measured, as numbers."""
    done = subprocess.run([BUILD / "bench/objects", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {k: float(v) for k, _, v in (x.partition("=") for x in done.stdout.split())}


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Side:
    """One server: what a read and a write say, and which process pays for them."""

    seed = 0

    def __init__(self, name, pid, port, folder, device=None, method="PUT"):
        self.name, self.pid, self.port, self.folder, self.method = name, pid, port, folder, method
        self.authorization = f"Authorization: {backup.basic(f'{device.id}:{device.token}')}\r\n" if device else ""

    def head(self, method, name, more="", last="\r\n"):
        return f"{method} {self.folder}{name} HTTP/1.1\r\nHost: localhost\r\n{self.authorization}{more}{last}"

    def run(self, what, size, name):
        if what == "read":
            return client("read", self.port, CONNECTIONS, SECONDS / 4, self.head("GET", name, "Range: bytes=0-\r\n"))
        Side.seed += 1
        head = self.head(self.method, "%s", f"Content-Length: {size}\r\n")
        return client("write", self.port, CONNECTIONS, SECONDS / 4, head, size, Side.seed)


def in_turns(what, size, name, ours, theirs):
    """Both twice, in turns, so that both meet the same neighbours."""
    rate, cost, p99 = [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]
    for _ in range(2):
        for i, side in enumerate((ours, theirs)):
            began = cpu_seconds(side.pid)
            seen = side.run(what, size, name)
            rate[i] += seen["rate"] / 2
            p99[i] = max(p99[i], seen["p99_us"] / 1000)
            cost[i] += (cpu_seconds(side.pid) - began) / seen["bytes"] * size / 2 * 1e6
    sides = "   ".join(f"{s.name} {r:8.1f}/s {c:7.0f} us p99 {p:6.1f} ms" for s, r, c, p in zip((ours, theirs), rate, cost, p99))
    print(f"{what:5} {size >> 10:6} KiB: {sides}   ratio {rate[0] / rate[1]:.2f}", flush=True)
    return rate


def second_device(server, person, first):
    """Another device of the same account, which may read what the first has for the next day."""
    client = person.sign_in()
    device = backup.Device(server, client, client.api("GET", "/session")["device"]["id"])
    attempt = client.open("restore", from_device=first.id)
    attempt.prove("password", person.password)
    for _ in range(2):  # the second: a device that is known ends the waiting
        person.client.api("POST", f"/attempts/{attempt.id}/approve", {"digits": attempt.code("shown_here")["digits"]})
        if attempt.commit(None)["attempt"]["state"] == "done":
            return device
    raise SystemExit("the restore was not allowed")


def objects(server, person, device, nginx_pid, port_nginx, root):
    print(f"objects by {CONNECTIONS} connections; us: of the server's CPU an object; nginx forces nothing to the disk, and hashes nothing")
    print("disk: written by as many threads and forced like ours, without a server")
    front = server.children()["tocsin-front"]
    other = second_device(server, person, device)
    own = Side("tocsin", front, server.port, f"/backup/{device.id}/data/", device, "POST")
    guarded = Side("guarded", front, server.port, own.folder, other)
    theirs, written = Side("nginx", nginx_pid, port_nginx, "/"), Side("nginx", nginx_pid, port_nginx, "/written/")
    tree = next((server.directory / "data/backup").glob(f"*/{device.id}"))
    (root / "written").mkdir()
    own.run("write", 4096, "")  # the folders of a repository are made once
    for size in SIZES:
        data = random.randbytes(size)
        name = device.put("data", data)
        (root / name).write_bytes((tree / "data" / name[:2] / name).read_bytes())
        in_turns("read", size, name, own, theirs)
        in_turns("read", size, name, guarded, theirs)
        rate = in_turns("write", size, name, own, written)
        disk = root / "disk"
        disk.mkdir()
        alone = client("disk", disk, CONNECTIONS, SECONDS / 4, size)["rate"]
        print(f"      {size >> 10:6} KiB: disk {alone:.1f}/s: tocsin / disk = {rate[0] / alone:.2f}, disk / nginx = {alone / rate[1]:.2f}", flush=True)
        shutil.rmtree(disk)
        shutil.rmtree(root / "written")
        (root / "written").mkdir()


def repository(server, person, device, nginx_pid, port_nginx, root):
    """Each object of what restic has written, read and written once; twice in turns."""
    front = server.children()["tocsin-front"]
    trees = server.directory / "data/backup"
    same = root / "same"
    for kind in ("data", "index", "keys", "snapshots"):
        (same / kind).mkdir(parents=True)
        for file in (next(trees.glob(f"*/{device.id}")) / kind).rglob("*"):
            if file.is_file() and len(file.name) == 64:
                os.link(file, same / kind / file.name)
    sizes = [p.stat().st_size for p in same.rglob("*") if p.is_file()]
    mib = sum(sizes) / (1 << 20)
    print(f"its repository: {len(sizes)} objects, {mib:.0f} MiB, by {CONNECTIONS} connections")
    other = second_device(server, person, device)
    written = root / "all"
    rates = {}
    for _ in range(2):
        fresh = backup.first_device(server.person()).make()
        for kind in same.iterdir():
            (written / kind.name).mkdir(parents=True)
        for what, side in (
            ("fetch", Side("tocsin", front, server.port, f"/backup/{device.id}/", device)),
            ("fetch", Side("guarded", front, server.port, f"/backup/{device.id}/", other)),
            ("fetch", Side("nginx", nginx_pid, port_nginx, "/same/")),
            ("send", Side("tocsin", front, server.port, f"/backup/{fresh.id}/", fresh, "POST")),
            ("send", Side("nginx", nginx_pid, port_nginx, "/all/")),
        ):
            subprocess.run(["sync"])
            seen = client(what, side.port, CONNECTIONS, 0, side.head("GET" if what == "fetch" else side.method, "%s", last=""), same)
            rates[what, side.name] = max(seen["rate"], rates.get((what, side.name), 0))
        shutil.rmtree(written)
        shutil.rmtree(next(trees.glob(f"*/{fresh.id}")))
    disk = root / "disk"
    disk.mkdir()
    subprocess.run(["sync"])
    alone = client("disk", disk, CONNECTIONS, SECONDS, sum(sizes) // len(sizes))["rate"]
    shutil.rmtree(disk)
    for (what, name), rate in rates.items():
        ratio = "" if name == "nginx" else f"   ratio {rate / rates[what, 'nginx']:.2f}"
        print(f"{what:5} {name:8} {rate:8.1f}/s {rate * mib / len(sizes):8.0f} MiB/s{ratio}")
    print(f"disk alone, forced like ours: {alone:.1f}/s of the mean size: tocsin / disk = {rates['send', 'tocsin'] / alone:.2f}", flush=True)


def programs(server, place, files, amount):
    """restic through both, twice in turns; returns the device whose repository is left."""
    rclone = Rclone(place / "rclone")
    everything = os.sched_getaffinity(0)
    half = set(list(everything)[: len(everything) // 2])
    try:
        front = server.children()["tocsin-front"]
        before = peak_mib(front)
        for name, ours, theirs in (("all cores for both", everything, everything), ("half of the cores each", half, everything - half)):
            if not theirs:
                continue
            print(f"restic, {name}:")
            for pid in (rclone.process.pid, *server.children().values()):
                pin(pid, theirs)
            times = {"tocsin": [], "rclone": []}
            for turn in range(2):
                person = server.person()
                device = backup.first_device(person)
                repository = f"rest:http://127.0.0.1:{rclone.port}/r{len(ours)}{turn}/"
                os.sched_setaffinity(0, ours)
                times["rclone"].append(round_trip("rclone", repository, place / "theirs", files, amount))
                times["tocsin"].append(round_trip("tocsin", device.repository, place / "ours", files, amount))
                shutil.rmtree(place / "rclone" / f"r{len(ours)}{turn}")
                os.sched_setaffinity(0, everything)
            for i, what in enumerate(("backup", "backup on the disk", "restore")):
                best = {side: min(t[i] for t in seen) for side, seen in times.items()}
                print(f"  {what}: tocsin / rclone = {best['rclone'] / best['tocsin']:.2f} (the best of {(2, 2, 6)[i]} each)")
        print(f"memory of the front: {before:.0f} MiB before, {peak_mib(front):.0f} MiB at most", flush=True)
        return person, device
    finally:
        for pid in server.children().values():
            pin(pid, everything)
        rclone.process.terminate()


def main():
    place = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-bench.", dir=FOLDER))
    tempfile.tempdir = str(place)  # the server's folder too
    server = tocsin.Server("sqlite")
    process = None
    try:
        print(f"on {FOLDER}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        root = place / "nginx"
        root.mkdir()
        process, port = nginx(place, root)
        worker = int(pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        if MIB > 0:
            files = place / "files"
            amount = make_files(files)
            print(f"{amount:.0f} MiB in {len(list(files.iterdir()))} files")
            person, device = programs(server, place, files, amount)
            shutil.rmtree(files)
            repository(server, person, device, worker, port, root)
        person = server.person()
        objects(server, person, backup.first_device(person).make(), worker, port, root)
        print(f"memory of the front: {peak_mib(server.children()['tocsin-front']):.0f} MiB at most; load {os.getloadavg()[0]:.1f}")
    finally:
        if process:
            process.terminate()
        server.stop()
        shutil.rmtree(place, ignore_errors=True)


main()
