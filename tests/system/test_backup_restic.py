"""The real restic against the real server: two devices, five at once, kill -9 in the middle, full and failing disks."""

import hashlib
import itertools
import os
import pathlib
import random
import re
import signal
import subprocess
import threading
import time

import pytest
import tocsin
from backup import first_device, make_files, same, second_device

MIB = int(os.environ.get("TOCSIN_BACKUP_MIB", "60"))


@pytest.fixture
def files(tmp_path):
    """Small files and large ones, MIB in all or a little more."""
    make_files(tmp_path / "files/small", 300, "small", 40_000)
    for i in range(max(1, MIB // 20)):
        (tmp_path / "files" / f"large{i}").write_bytes(random.Random(i).randbytes(20 << 20))
    (tmp_path / "files/empty").touch()
    return tmp_path / "files"


def restored(device, tmp_path, files, snapshot="latest", **options):
    target = tmp_path / f"out{time.monotonic_ns()}"
    device.restic("restore", snapshot, "--target", target, **options)
    return same(files, str(target) + str(files))


def test_backup_and_restore(person, tmp_path, files):
    device = first_device(person)
    assert not re.search(r"\b403\b", device.restic("snapshots", check=False).stderr)  # not yet made: 404, not refused
    device.restic("init")
    device.restic("backup", files)
    make_files(files / "more", 50, "more", 30_000)
    (files / "small/0000").unlink()
    device.restic("backup", files)
    assert restored(device, tmp_path, files)
    device.restic("check", "--read-data")
    assert device.restic("list", "snapshots").stdout.count("\n") == 2
    assert device.restic("list", "locks").stdout == ""
    one = person.client.api("GET", "/backups")["backups"][0]
    assert one["snapshots"] == 2 and one["bytes"] > 20 << 20
    refused = device.restic("forget", "latest", check=False)
    assert refused.returncode != 0 and "403" in refused.stderr + refused.stdout
    assert device.restic("prune", "--max-unused", "0", check=False).returncode in (0, 1)
    device.restic("check")
    assert restored(device, tmp_path, files)


def test_two_devices(person, tmp_path, files):
    first, second = first_device(person), second_device(person)
    for d in (first, second):
        d.restic("init")
        d.restic("backup", files / "small")
    refused = second.restic("restore", "latest", "--target", tmp_path / "stolen", of=first, check=False)
    assert refused.returncode != 0 and "Restore not approved" in refused.stderr and "approve it in tocsin" in refused.stderr
    assert not (tmp_path / "stolen" / str(files)[1:]).exists()
    refused = second.restic("init", of=first, check=False)
    assert refused.returncode != 0 and "403" in refused.stderr
    assert len(person.client.api("GET", "/backups")["backups"]) == 2
    assert restored(first, tmp_path, files / "small") and restored(second, tmp_path, files / "small")


def test_five_at_once(server, tmp_path):
    devices = [first_device(server.person()) for _ in range(5)]
    folders = [make_files(tmp_path / f"f{i}", 200, i, 60_000) for i in range(5)]
    failed = []

    def run(device, folder):
        try:
            device.restic("init")
            device.restic("backup", folder)
            device.restic("check", "--read-data")
            assert restored(device, tmp_path, folder)
        except BaseException as e:  # noqa: BLE001
            failed.append(e)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(devices, folders)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed, failed


def parts(server):
    """What is half written under a name of its own."""
    return [p for p in (server.directory / "data/backup").rglob("*") if p.is_file() and p.name.startswith(".") and p.name != ".sizes"]


def object_files(server):
    return [p for p in (server.directory / "data/backup").rglob("*") if p.is_file() and len(p.name) == 64]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_kill_9(database, tmp_path, files):
    if database == "postgres" and "TOCSIN_TEST_POSTGRES" not in os.environ:
        pytest.skip("TOCSIN_TEST_POSTGRES is not set")
    server = tocsin.Server(database)
    try:
        device = first_device(server.person())
        device.restic("init")
        for victim in ("tocsin-front", "tocsin-keeper", "tocsin-courier", "tocsind", "tocsin-front"):
            (files / f"new{random.random()}").write_bytes(random.randbytes(30 << 20))
            before = len(object_files(server))
            run = threading.Thread(target=device.restic, args=("backup", files), kwargs={"check": False})
            run.start()
            end = time.monotonic() + 30
            while len(object_files(server)) < before + 2 and run.is_alive() and time.monotonic() < end:
                time.sleep(0.005)
            os.kill(server.children()[victim], signal.SIGKILL)
            if victim == "tocsind":
                server.process.wait()
                server.start()
            run.join()
            server.wait_ready()
            for path in object_files(server):  # nothing stands under a name that is not its own
                assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
            assert parts(server) == []
            device.restic("unlock")
            device.restic("backup", files)
            device.restic("check", "--read-data")
        assert restored(device, tmp_path, files)
        if database == "postgres":
            time.sleep(5)  # quiet, so that the living front's own mark is gone; the dead one's stands
            server.advance(minutes=2)  # its lease is over
            time.sleep(11)  # and what was read ten seconds ago is read again
        stored = [p for p in (server.directory / "data/backup").rglob("*") if p.is_file() and p.name != ".sizes"]
        shown = device.client.api("GET", "/backups")["backups"][0]
        assert (shown["files"], shown["bytes"]) == (len(stored), sum(p.stat().st_size for p in stored))
    finally:
        server.stop()


@pytest.mark.parametrize("small_disk", ["100m"], indirect=True)
def test_full_disk(small_disk, tmp_path, files):
    server = tocsin.Server("sqlite")
    try:
        server.move(small_disk)
        device = first_device(server.person())
        device.restic("init")
        device.restic("backup", files / "small")
        filler = small_disk / "filler"
        with open(filler, "wb") as f:
            f.write(b"x" * (os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize - (4 << 20)))
        name = hashlib.sha256(b"z" * (8 << 20)).hexdigest()
        answer = device.ask("POST", f"data/{name}", b"z" * (8 << 20))
        assert answer.status_code == 507 and "room" in answer.reason
        names = [hashlib.sha256(bytes([i]) * 700_000).hexdigest() for i in range(12)]
        answers = {n: device.ask("POST", f"data/{n}", bytes([i]) * 700_000).status_code for i, n in enumerate(names)}
        assert set(answers.values()) == {200, 507}
        for n, code in answers.items():  # what was acknowledged is there, and nothing else
            assert device.ask("HEAD", f"data/{n}").status_code == (200 if code == 200 else 404)
        filler.unlink()
        device.restic("backup", files / "small")
        device.restic("check", "--read-data")
        assert device.ask("GET", f"data/{names[0]}").content == bytes([0]) * 700_000
    finally:
        server.stop()


def inject(server, rule):
    """strace makes system calls of the front fail; returns once it is at work."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + rule.split(":")[0], "-e", "inject=" + rule, "-p", str(server.children()["tocsin-front"])],
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 10
    while time.monotonic() < end:
        tasks = pathlib.Path(f"/proc/{server.children()['tocsin-front']}/status").read_text()
        if f"TracerPid:\t{tracer.pid}" in tasks:
            time.sleep(0.3)
            return tracer
        time.sleep(0.05)
    tracer.kill()
    pytest.skip("strace can't attach here")


def release(tracer):
    tracer.send_signal(signal.SIGINT)
    tracer.wait(10)


@pytest.mark.parametrize(
    "rule,want", [("fsync:error=EIO", 500), ("linkat:error=EIO", 500), ("linkat:error=EDQUOT", 507), ("fsync:error=ENOSPC", 507), ("openat:error=EMFILE", 503)]
)
def test_failing_disk(rule, want):
    server = tocsin.Server("sqlite")
    try:
        device = first_device(server.person()).make()
        data = b"to a disk that fails" * 100
        name = hashlib.sha256(data).hexdigest()
        device.put("data", b"before")
        tracer = inject(server, rule)
        answer = device.ask("POST", f"data/{name}", data)
        release(tracer)
        assert answer.status_code == want, answer.text
        assert device.ask("HEAD", f"data/{name}").status_code == 404 and len(device.list("data")) == 1
        assert device.ask("POST", f"data/{name}", data).status_code == 200
        assert device.ask("GET", f"data/{name}").content == data
        assert device.client.api("GET", "/backups")["backups"][0]["files"] == 2
    finally:
        server.stop()


@pytest.mark.parametrize("rule,want", [("fsync,fdatasync:delay_enter=1000000", 200), ("fsync:delay_enter=1000000:error=EIO", 500)])
def test_slow_disk(rule, want):
    """Uploads wait for it, more of them than there are threads, or are refused; session checks go on."""
    server = tocsin.Server("sqlite")
    try:
        device = first_device(server.person()).make()
        names = [device.put("data", bytes([i])) for i in range(40)]  # the folders are there
        tracer = inject(server, rule)
        answers, waits = {}, []
        uploads = [threading.Thread(target=lambda i=i: answers.update({i: upload(device, names[i][:2], i)})) for i in range(40)]
        for u in uploads:
            u.start()
        while any(u.is_alive() for u in uploads):
            began = time.monotonic()
            assert device.client.api("GET", "/session")["device"]["id"] == device.id
            waits.append(time.monotonic() - began)
        release(tracer)
        assert {status for status, _ in answers.values()} == {want}, answers
        assert max(took for _, took in answers.values()) > 1
        assert len(waits) > 10 and max(waits) < 0.9, max(waits)
        assert len(device.list("data")) == (80 if want == 200 else 40)
    finally:
        server.stop()


def upload(device, fan, seed):
    """An object of a folder that is there: its status, and how long it took."""
    data = next(d for n in itertools.count() if hashlib.sha256(d := b"%d %d" % (seed, n)).hexdigest().startswith(fan))
    began = time.monotonic()
    answer = device.ask("POST", f"data/{hashlib.sha256(data).hexdigest()}", data)
    return answer.status_code, time.monotonic() - began


def test_failing_reads(server):
    device = first_device(server.person()).make()
    data = random.randbytes(1000)
    name = device.put("data", data)
    tracer = inject(server, "preadv2:error=EIO")
    answer = device.ask("GET", f"data/{name}", Range="bytes=1-99")
    release(tracer)
    assert answer.status_code == 500
    assert device.ask("GET", f"data/{name}").content == data


def test_memory_stays(server):
    """Four at once, 200 MB each, and the front's memory does not follow them."""
    device = first_device(server.person()).make()
    front = server.children()["tocsin-front"]

    def peak():
        return int(next(x for x in pathlib.Path(f"/proc/{front}/status").read_text().splitlines() if x.startswith("VmHWM")).split()[1])

    before, answers = peak(), []
    block = random.randbytes(1 << 20)

    def push(i):
        for k in range(4):
            data = bytes([i, k]) + block * 50
            name = hashlib.sha256(data).hexdigest()
            answers.append(device.ask("POST", f"data/{name}", data).status_code)
            answers.append(hashlib.sha256(device.ask("GET", f"data/{name}").content).hexdigest() == name)

    threads = [threading.Thread(target=push, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(answers) == {200, True} and peak() - before < 32 << 10
