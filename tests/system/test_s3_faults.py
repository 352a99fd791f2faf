"""Backups in S3 when S3 fails: what is told, that nothing of it is seen, and that nothing is acknowledged that it does not hold."""

import os
import signal
import subprocess
import threading
import time

import pytest
import s3
import tocsin
from backup import first_device

FAILED, BUSY = 500, 503


@pytest.fixture(scope="module")
def store():
    store = s3.StrictS3()
    yield store
    store.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request, store, tmp_path_factory):
    with s3.judged(store):
        server = s3.start(request.param, store.endpoint, tmp_path_factory, more="s3_timeout = 2s\n")
        yield server
        store.heal()
        server.stop()


@pytest.fixture
def device(server, store):
    with s3.judged(store):
        yield first_device(server.person()).make()


def is_absent(device, store, name):
    assert store.keys(f"data/{name[:2]}/{name}") == []
    store.heal()
    return device.ask("HEAD", f"data/{name}").status_code == 404 and name not in {x["name"] for x in device.list("data")}


@pytest.mark.parametrize("how,want", [(500, FAILED), (503, BUSY), (403, FAILED), (404, FAILED), ("drop", FAILED), ("slow", BUSY)])
def test_a_put_that_fails(device, store, how, want):
    data, name = s3.some()
    store.fail(how, "PUT")
    answer = device.ask("POST", f"data/{name}", data)
    assert answer.status_code == want and (want != BUSY or "Retry-After" in answer.headers)
    assert is_absent(device, store, name)
    device.put("data", data)
    assert device.ask("GET", f"data/{name}").content == data


def test_a_put_that_is_tried_again(device, store):
    data, name = s3.some()
    store.fail(500, "HEAD", times=1)
    store.fail(503, "PUT", times=1)
    store.fail("lost", "PUT", times=1)
    device.put("data", data)
    assert len(store.seen("PUT", name)) == 3 and len(store.keys(name)) == 1
    assert device.client.api("GET", "/backups")["backups"][0]["files"] == 1


@pytest.mark.parametrize("how,want", [(500, FAILED), (503, BUSY), ("truncated", FAILED), ("wrong", FAILED), ("slow", BUSY), ("drop", FAILED)])
def test_a_get_that_fails(device, store, how, want):
    data, name = s3.some()
    device.put("data", data)
    store.fail(how, "GET")
    answer = device.ask("GET", f"data/{name}")
    assert answer.status_code == want and data[:100] not in answer.content
    if how == "wrong":  # a part has no hash of its own; restic judges it
        assert device.ask("GET", f"data/{name}", Range="bytes=5-9").status_code == 206
    elif how == "truncated":
        assert device.ask("GET", f"data/{name}", Range="bytes=5-9").status_code == want
    store.heal()
    assert device.ask("GET", f"data/{name}").content == data


def test_an_object_that_s3_lost_bytes_of(device, store):
    """Put again, it is whole again."""
    data, name = s3.some()
    device.put("data", data)
    (key,) = store.keys(f"data/{name[:2]}/{name}")
    for damaged in (data[:-1], b"x" + data[1:], b""):
        store.objects[key] = damaged
        assert device.ask("GET", f"data/{name}").status_code == FAILED
        device.put("data", data)
        assert device.ask("GET", f"data/{name}").content == data


@pytest.mark.parametrize("how", [500, "truncated", "slow"])
def test_a_list_that_fails(device, store, how):
    names = {device.put("data", b"%d" % i) for i in range(15)}
    store.fail(how, "GET", "list-type", after=1)
    answer = device.ask("GET", "data/", Accept="application/vnd.x.restic.rest.v2")
    assert answer.status_code in (FAILED, BUSY) and not any(n in answer.text for n in names)
    store.heal()
    assert {x["name"] for x in device.list("data")} == names


def test_a_refused_key_is_told_once(device, server, store):
    data, name = s3.some()
    store.fail(403)
    seen = len(s3.log_of(server))
    assert [device.ask("GET", f"data/{name}").status_code for _ in range(3)] == [FAILED] * 3
    told = [x for x in s3.log_of(server)[seen:] if x["event"] == "backup_store_fail"]
    assert len(told) == 1 and told[0]["reason"] == "S3 refused the key" and told[0]["status"] == 403 and told[0]["code"] == "AccessDenied"


def test_the_courier_dies_meanwhile(device, server, store):
    data, name = s3.some()
    store.fail("slow", "PUT", times=1)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(device.ask("POST", f"data/{name}", data).status_code))
    asking.start()
    tocsin.until(lambda: not store.faults or store.faults[0]["times"] == 0, "the put")
    os.kill(server.children()["tocsin-courier"], signal.SIGKILL)
    asking.join()
    assert answers == [200] and len(store.keys(name)) == 1
    assert device.ask("GET", f"data/{name}").content == data


def test_an_s3_that_hangs_takes_no_sign_in(store, tmp_path_factory):
    """Half of the threads may wait for it, here for longer than anybody signs in; who comes then hears so at once."""
    server = s3.start("sqlite", store.endpoint, tmp_path_factory, more="s3_timeout = 60s\n")
    device = first_device(server.person()).make()
    store.fail("slow")
    answers = []

    def put():
        data, name = s3.some()
        answers.append(device.ask("POST", f"data/{name}", data).status_code)

    threads = [threading.Thread(target=put) for _ in range(40)]
    for t in threads:
        t.start()
    tocsin.until(lambda: BUSY in answers, "the first that is turned away")
    server.person()
    assert set(answers) == {BUSY} and len(answers) < len(threads)
    store.heal()
    for t in threads:
        t.join()
    device.put("data", b"and then")
    server.stop()


def test_the_key_is_the_couriers(server):
    """What stands in memory that can be written, of each process."""
    holders = []
    for name, pid in server.children().items():
        found = False
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in maps:
                span, mode = line.split()[:2]
                begin, end = (int(x, 16) for x in span.split("-"))
                if not mode.startswith("rw") or end - begin > 64 << 20:
                    continue
                try:
                    memory.seek(begin)
                    found |= s3.SECRET.encode() in memory.read(end - begin)
                except OSError:
                    continue
        holders += [name] if found else []
    assert "tocsin-courier" in holders and set(holders) <= {"tocsin-courier", "tocsind"}
    assert s3.SECRET not in (server.directory / "log").read_text()


@pytest.mark.parametrize("mode,text,reason", [(0o644, "secret", "others may read it; chmod 600 it"), (0o600, "", "empty"), (None, "", "No such file")])
def test_a_bad_secret_stops_the_start(tmp_path, mode, text, reason):
    file, config = tmp_path / "secret", tmp_path / "tocsin.conf"
    if mode is not None:
        file.write_text(text)
        file.chmod(mode)
    config.write_text(f"[data]\ndirectory = {tmp_path}/data\n[backup]\nstore = s3://bucket\ns3_access_key = a\ns3_secret_key_file = {file}\n")
    done = subprocess.run([tocsin.BUILD / "src/tocsind/tocsind", "-c", config], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and f"[backup] s3_secret_key_file {file}: {reason}" in done.stderr


def await_spooled(server):
    """Until nothing is spooled: its room is given back a moment after the answer."""
    folder = f"/proc/{server.children()['tocsin-front']}/fd"
    end = time.monotonic() + 10
    while "/data/backup/" in subprocess.run(["ls", "-l", folder], capture_output=True, text=True).stdout:
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("small_disk", ["60m"], indirect=True)
def test_a_full_disk(store, small_disk, tmp_path_factory):
    """What goes to S3 and what comes from it lies on the disk meanwhile."""
    with s3.judged(store):
        server = s3.start("sqlite", store.endpoint, tmp_path_factory)
        try:
            server.move(small_disk)
            device = first_device(server.person()).make()
            (old, old_name), (new, new_name) = s3.some(8 << 20), s3.some(8 << 20)
            device.put("data", old)
            await_spooled(server)
            filler = small_disk / "filler"
            filler.write_bytes(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize - (4 << 20)))
            answer = device.ask("POST", f"data/{new_name}", new)
            assert answer.status_code == 507 and "room" in answer.reason
            assert is_absent(device, store, new_name)
            answer = device.ask("GET", f"data/{old_name}")
            assert answer.status_code == 507 and old[:100] not in answer.content
            await_spooled(server)
            small = device.put("data", b"small")
            assert device.ask("GET", f"data/{small}").content == b"small"
            filler.unlink()
            device.put("data", new)
            for data, name in ((old, old_name), (new, new_name)):
                assert device.ask("GET", f"data/{name}").content == data
        finally:
            server.stop()
