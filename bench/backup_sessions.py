#!/usr/bin/python3
"""
What a session check waits while four devices back up with restic, and what the first request of a restore that nobody allowed waits for its
refusal, with the alarm durable. Usage: bench/backup_sessions.py BUILD [MIB A DEVICE]
"""

import multiprocessing
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

os.environ["TOCSIN_BUILD"] = sys.argv[1]
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/system"))
import requests  # noqa: E402
import tocsin  # noqa: E402

MIB = int(sys.argv[2]) if len(sys.argv) > 2 else 256
PAUSE = 0.002  # between checks, so that they measure and don't load


def fill(folder, mib, seed):
    folder.mkdir()
    noise = random.Random(seed)
    for i in range(mib // 4):
        (folder / f"file{i}").write_bytes(noise.randbytes(4 << 20))


def environment(server, person, folder):
    device = person.device_id
    token = person.client.api("POST", f"/devices/{device}/backup-token", {}, status=201)["token"]
    repository = f"rest:http://{device}:{token}@localhost:{server.port}/backup/{device}/"
    return dict(os.environ, RESTIC_REPOSITORY=repository, RESTIC_PASSWORD="x", RESTIC_CACHE_DIR=str(folder / f"cache-{device}"), GOMAXPROCS="1")


def watch(port, token, stop, out):
    import http.client

    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)) if os.geteuid() == 0 else None  # what is measured is the server
    wire, waits = http.client.HTTPConnection("127.0.0.1", port), []
    while not stop.is_set():
        began = time.monotonic()
        wire.request("GET", "/api/v1/session", headers={"Authorization": f"Bearer {token}", "Host": "localhost"})
        answer = wire.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        waits.append(time.monotonic() - began)
        time.sleep(PAUSE)
    out.put(waits)


def tell(what, waits):
    waits = sorted(waits)
    at = {"p50": waits[len(waits) // 2], "p99": waits[int(len(waits) * 0.99)], "most": waits[-1]}
    print(f"{what}: {len(waits)} calls, " + ", ".join(f"{k} {v * 1e3:.2f} ms" for k, v in at.items()), flush=True)


def watched(server, person, run):
    stop, out = multiprocessing.Event(), multiprocessing.Queue()
    process = multiprocessing.Process(target=watch, args=(server.port, person.client.session, stop, out))
    process.start()
    began = time.monotonic()
    run()
    took = time.monotonic() - began
    stop.set()
    waits = out.get()
    process.join()
    return waits, took


def back_up(environments, folder):
    """Behind the server where the processor is short: as devices of their own they would not compete for it."""

    def run():
        running = [subprocess.Popen(["nice", "-n", "15", "restic", "-q", "backup", str(folder / str(i))], env=e) for i, e in enumerate(environments)]
        assert [r.wait() for r in running] == [0] * len(running)

    return run


def refusals(server, count):
    """Each is the first of its pair of devices: the attempt, its alert and its mail are written before the answer."""
    waits = []
    for _ in range(count):
        person = server.person()
        other = person.sign_in()
        device = other.api("GET", "/session")["device"]["id"]
        token = other.api("POST", f"/devices/{device}/backup-token", {}, status=201)["token"]
        with requests.Session() as wire:
            wire.auth = (device, token)
            wire.head(f"{server.url}/backup/{device}/config")  # the connection is there, as restic's would be
            began = time.monotonic()
            answer = wire.head(f"{server.url}/backup/{person.device_id}/config")
            waits.append(time.monotonic() - began)
            assert answer.status_code == 403
        server.sink.wait(person.email, subject="Someone wants to restore your data")
    return waits


server = tocsin.Server("sqlite")
folder = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-bench."))
try:
    people = [server.person() for _ in range(4)]
    environments = [environment(server, p, folder) for p in people]
    for i, e in enumerate(environments):
        fill(folder / str(i), MIB, i)
        subprocess.run(["restic", "-q", "init"], env=e, check=True)
    waits, _ = watched(server, people[0], lambda: time.sleep(3))
    tell("GET /session, nothing else", waits)
    waits, took = watched(server, people[0], back_up(environments, folder))
    print(f"four restic backups of {MIB} MiB each: {4 * MIB / took:.0f} MiB/s")
    tell("GET /session meanwhile (p99 under 5 ms)", waits)
    tell("the first request of a restore that nobody allowed (under 50 ms)", refusals(server, 20))
finally:
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)
