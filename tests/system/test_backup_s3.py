"""Backups in S3 as they should go: the real restic on both databases, a strict server, and Swift."""

import hashlib
import random
import threading
import time

import pytest
import s3
import tocsin
from backup import first_device, make_files, same, second_device


@pytest.fixture(scope="module")
def store():
    store = s3.StrictS3()
    yield store
    store.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request, store, tmp_path_factory):
    with s3.judged(store):
        server = s3.start(request.param, store.endpoint, tmp_path_factory)
        yield server
        store.heal()
        server.stop()


@pytest.fixture
def device(server, store):
    with s3.judged(store):
        yield first_device(server.person()).make()


def go_around(device, tmp_path, count=60):
    """Backs up twice, checks every byte, restores; forgets nothing."""
    files = make_files(tmp_path / "files", count, "s3", 40_000)
    assert "does not exist" in device.restic("snapshots", check=False).stderr
    device.restic("init")
    device.restic("backup", files)
    make_files(files / "more", 10, "more", 30_000)
    (files / "0000").unlink()
    device.restic("backup", files)
    device.restic("check", "--read-data")
    device.restic("restore", "latest", "--target", tmp_path / "out")
    assert same(files, str(tmp_path / "out") + str(files))
    assert device.restic("list", "locks").stdout == ""
    return files


def test_restic(server, store, tmp_path):
    person = server.person()
    first = first_device(person)
    files = go_around(first, tmp_path)
    one = person.client.api("GET", "/backups")["backups"][0]
    mine = {k: v for k, v in store.objects.items() if first.id in k}
    assert all(k.startswith("of/tocsin/") and k.split("/")[3] == first.id for k in mine)
    assert (one["files"], one["bytes"], one["snapshots"]) == (len(mine), sum(map(len, mine.values())), 2)
    assert [x for x in (server.directory / "data/backup").rglob("*")] == []
    second = second_device(person)
    refused = second.restic("restore", "latest", "--target", tmp_path / "stolen", of=first, check=False)
    assert refused.returncode != 0 and "Restore not approved" in refused.stderr
    store.fail(503, "PUT", times=5)  # once more often than the courier tries, and restic tries again
    (files / "0001").write_bytes(random.randbytes(100_000))
    first.restic("backup", files)
    first.restic("check", "--read-data")
    assert store.corrupt() == [] and store.wrong == []


def test_swift(tmp_path, tmp_path_factory):
    """A server that others wrote: signatures, lists in pages, ranges, parts."""
    if not s3.SwiftS3.is_there():
        pytest.skip("python3-swift is not installed, or files have no extended attributes here")
    swift = s3.SwiftS3()
    server = s3.start("sqlite", swift.endpoint, tmp_path_factory, access=swift.access, secret=swift.secret, prefix="")
    try:
        swift.wait()
        device = first_device(server.person())
        go_around(device, tmp_path)
        data, name = s3.some(65 << 20)
        assert device.ask("POST", f"data/{name}", data).status_code == 200
        assert hashlib.sha256(device.ask("GET", f"data/{name}").content).hexdigest() == name
        part = device.ask("GET", f"data/{name}", Range="bytes=33554430-33554437")
        assert part.status_code == 206 and part.content == data[33554430:33554438]
        assert device.ask("GET", f"data/{name}", Range=f"bytes={65 << 20}-").status_code == 416
        assert device.ask("POST", "config", b"another").status_code == 403
        assert device.ask("GET", f"data/{s3.some()[1]}").status_code == 404
        assert {x["name"] for x in device.list("data")} >= {name}
    finally:
        server.stop()
        swift.stop()


def test_objects(device, store):
    data, name = s3.some()
    device.put("data", data)
    device.put("data", data)  # counted once, as the last line here sees
    assert device.ask("HEAD", f"data/{name}").headers["Content-Length"] == "3000"
    assert device.ask("GET", f"data/{name}").content == data
    for text, want in (("0-9", data[:10]), ("10-", data[10:]), ("-5", data[-5:]), ("2990-9999", data[2990:])):
        answer = device.ask("GET", f"data/{name}", Range=f"bytes={text}")
        assert answer.status_code == 206 and answer.content == want, text
        assert answer.headers["Content-Range"].endswith("/3000") and answer.headers["Content-Length"] == str(len(want))
    beyond = device.ask("GET", f"data/{name}", Range="bytes=3000-")
    assert beyond.status_code == 416 and beyond.headers["Content-Range"] == "bytes */3000"
    empty = device.put("index", b"")
    assert device.ask("GET", f"index/{empty}").content == b"" and device.list("index") == [{"name": empty, "size": 0}]
    assert device.ask("POST", f"data/{s3.some()[1]}", data).status_code == 400
    names = sorted(device.put("locks", b"%d" % i) for i in range(20))  # three pages
    foreign = next(iter(store.keys(f"locks/{names[0]}")))
    for strange in (foreign + ".tmp", foreign.replace(names[0], "a&b"), foreign.replace("locks/", "locks/deep/")):
        store.objects[strange] = b"not ours"
    assert sorted(x["name"] for x in device.list("locks")) == names
    for strange in [k for k in store.objects if store.objects[k] == b"not ours"]:
        del store.objects[strange]
    assert device.ask("DELETE", f"locks/{names[0]}").status_code == 200 and device.ask("HEAD", f"locks/{names[0]}").status_code == 404
    assert device.client.api("GET", "/backups")["backups"][0]["files"] == 21


@pytest.mark.parametrize("conditions", [True, False])
def test_one_config(device, store, conditions):
    store.conditions = conditions
    assert device.ask("GET", "config").status_code == 404
    assert device.ask("POST", "config", b"mine").status_code == 200
    assert device.ask("POST", "config", b"mine").status_code == 200  # an answer may have been lost
    answer = device.ask("POST", "config", b"other")
    assert answer.status_code == 403 and "another config" in answer.reason
    assert device.ask("GET", "config").content == b"mine"
    store.conditions = True


def test_parts(device, store):
    data, name = s3.some(65 << 20)
    store.fail(500, "PUT", "partNumber=2")
    assert device.ask("POST", f"data/{name}", data).status_code == 500
    store.heal()
    assert store.uploads == {} and store.keys(name) == []  # nothing is left to pay for
    assert device.ask("HEAD", f"data/{name}").status_code == 404 and device.list("data") == []
    store.fail("error", "POST", "uploadId", times=1)  # done, but told to have failed
    assert device.ask("POST", f"data/{name}", data).status_code == 500
    store.objects.pop(next(iter(store.keys(name)), None), None)
    store.fail(500, "PUT", "partNumber=3", times=1)
    store.fail("lost", "POST", "uploadId", times=1)
    assert device.ask("POST", f"data/{name}", data).status_code == 200
    assert [len(v) for k, v in store.objects.items() if name in k] == [65 << 20]
    assert hashlib.sha256(device.ask("GET", f"data/{name}").content).hexdigest() == name


def test_damage_is_found(store, tmp_path_factory):
    server = s3.start("sqlite", store.endpoint, tmp_path_factory, prefix="", more="scrub_mib = 1000\ns3_timeout = 2s\n")
    try:
        person = server.person()
        device = first_device(person).make()
        name = device.put("data", b"to be damaged" * 1000)
        (key,) = store.keys(f"data/{name[:2]}/{name}")
        sound = store.objects[key]
        time.sleep(3)
        server.terminate()
        store.fail(500, "GET")  # S3 that fails is no damage
        server.advance(hours=2)
        server.start()
        tocsin.until(lambda: any(x["event"] == "backup_store_fail" for x in s3.log_of(server)), "a look that fails")
        server.terminate()
        assert not [x for x in s3.log_of(server) if x["event"] == "sys_backup_damaged"]
        store.heal()
        store.objects[key] = b"x" + sound[1:]
        server.advance(hours=2)
        server.start()
        server.sink.wait(person.email, subject="A backup is damaged", seconds=30)
        assert name in (server.directory / "log").read_text()
        store.objects[key] = sound
    finally:
        server.stop()


def test_a_stop_does_not_wait_for_s3(store, tmp_path_factory):
    server = s3.start("sqlite", store.endpoint, tmp_path_factory, more="s3_timeout = 60s\n")
    try:
        device = first_device(server.person()).make()
        store.fail("slow")
        data, name = s3.some()
        answers = []
        put = threading.Thread(target=lambda: answers.append(device.ask("POST", f"data/{name}", data).status_code))
        put.start()
        time.sleep(0.5)
        server.terminate()  # within 20 s
        put.join()
        assert answers == [503]
    finally:
        store.heal()
        server.stop()
