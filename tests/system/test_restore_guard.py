"""Two devices with real restic: one reads the other's backup only by a restore that its owner allowed, and what else an owner is told."""

import contextlib
import filecmp
import hashlib
import os
import random
import select
import shutil
import socket
import threading
import time

import pytest
import requests
import tocsin
import urllib3
from backup import Device
from test_contract_alerts import PushSink

pytestmark = pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed")


def fill(folder, count=30, seed=1):
    folder.mkdir(parents=True)
    noise = random.Random(seed)
    for i in range(count):
        (folder / f"file{i}").write_bytes(noise.randbytes(noise.randrange(1, 300_000)))
    return folder


@pytest.fixture
def laptop(server, person, tmp_path):
    """Ada's first device, with a backup."""
    device = Device(server, person.client, tmp_path / "laptop")
    device.data = fill(device.folder / "data")
    device.says("init")
    device.says("backup", str(device.data))
    return device


@pytest.fixture
def other(server, person, laptop, tmp_path):
    (tmp_path / "other").mkdir()
    device = Device(server, person.sign_in(device="a new one"), tmp_path / "other")
    server.sink.wait(person.email, subject="New sign-in")
    return device


def same(back, data):
    names = sorted(p.name for p in data.iterdir())
    assert sorted(p.name for p in back.iterdir()) == names
    assert filecmp.cmpfiles(back, data, names, shallow=False) == (names, [], [])


def adopt(device, laptop, person):
    attempt = device.client.open("restore", from_device=laptop.id)
    attempt.prove("password", person.password)
    return attempt


def restores(person):
    return [a for a in person.client.api("GET", "/attempts?limit=100")["attempts"] if a["action"] == "restore"]


def wait_for(test, seconds=15):
    end = time.monotonic() + seconds
    while not (found := test()):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def test_a_restore_to_another_device(server, person, laptop, other):
    push = PushSink()
    try:
        person.client.api("POST", "/push/subscriptions", push.subscription("laptop"), status=201)
        assert "Restore not approved: approve it in tocsin" in other.says("snapshots", of=laptop, status=1)
        server.sink.wait(person.email, subject="Someone wants to restore your data")
        _, payload = push.wait(lambda p: p.get("tocsin", {}).get("action") == "restore")
        assert payload["tocsin"]["kind"] == "opened"
    finally:
        push.stop()
    refused = other.ask("HEAD", "config", of=laptop)
    assert refused.status_code == 403 and "approve it in tocsin" in refused.reason
    assert other.ask("GET", "config", of=laptop).json()["code"] == "restore_not_approved"
    (asked,) = restores(person)
    assert asked["state"] == "opened" and asked["about"] == {"from_device": laptop.id}
    assert asked["read"] == {"bytes": 0, "requests": 0, "last": None}
    assert len([a for a in person.alerts() if a["action"] == "restore"]) == 1
    attempt = adopt(other, laptop, person)
    assert attempt.id == asked["id"] and "read" not in attempt.first
    digits = attempt.code("shown_here")["digits"]
    attempt.client.call("POST", f"/api/v1/attempts/{attempt.id}/approve", {"digits": digits}, other.client.session, 403)
    person.client.api("POST", f"/attempts/{attempt.id}/approve", {"digits": digits})
    assert attempt.commit(202)["attempt"]["state"] == "held"  # it is new here, and nobody has seen that it is waiting
    other.says("snapshots", of=laptop, status=1)
    person.client.api("POST", f"/attempts/{attempt.id}/approve", {"digits": attempt.code("shown_here")["digits"]})  # a familiar one ends it
    window = attempt.commit()["result"]["window_ends_at"]
    assert window and server.sink.wait(person.email, subject="Your data can be restored")
    other.says("restore", "latest", "--target", str(other.folder / "back"), of=laptop)
    same(other.folder / "back" / str(laptop.data).lstrip("/"), laptop.data)
    other.says("check", "--read-data", of=laptop)
    size = sum(p.stat().st_size for p in laptop.data.iterdir())
    read = wait_for(lambda: (r := restores(person)[0]["read"])["bytes"] > size and r)
    assert read["requests"] > 5 and read["last"]
    # It reads, and locks while it reads. It writes and deletes nothing.
    lock = os.urandom(100)
    name = "locks/" + hashlib.sha256(lock).hexdigest()
    assert other.ask("POST", name, of=laptop, data=lock).status_code == 200
    assert other.ask("DELETE", name, of=laptop).status_code == 200
    pack = other.ask("GET", "data/", of=laptop).json()[0]
    for method, path in (("DELETE", f"data/{pack}"), ("POST", f"data/{pack}"), ("DELETE", "config"), ("POST", "?create=true")):
        assert other.ask(method, path, of=laptop, data=b"x").status_code == 403
    assert laptop.ask("HEAD", "config", of=other).status_code == 403  # each way for itself
    server.advance(hours=23)
    assert other.ask("HEAD", f"data/{pack}", of=laptop).status_code == 200
    server.advance(hours=2)
    assert other.ask("GET", f"data/{pack}", of=laptop).status_code == 403
    assert "approve it" in other.says("snapshots", of=laptop, status=1)
    laptop.says("check", "--read-data")


def test_another_account_learns_nothing(server, laptop, tmp_path):
    stranger = Device(server, server.person().client, tmp_path / "stranger")
    for method in ("HEAD", "GET", "DELETE"):
        assert stranger.ask(method, "config", of=laptop).status_code == 404
    assert stranger.ask("GET", "data/", of=laptop).status_code == 404


class Wire:
    """A forwarder that keeps every byte that came from the server."""

    def __init__(self, port):
        self.to, self.came = port, bytearray()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(near, socket.create_connection(("127.0.0.1", self.to))), daemon=True).start()

    def carry(self, near, far):
        with near, far:
            while True:
                for side in select.select([near, far], [], [])[0]:
                    try:
                        got = side.recv(65536)
                    except OSError:
                        got = b""
                    if not got:
                        return
                    if side is far:
                        self.came += got
                    (far if side is near else near).sendall(got)


@pytest.mark.parametrize("how", ["deny", "not_me", "digits"])
def test_a_thief_gets_no_byte_of_a_pack(server, person, laptop, other, how):
    packs = [p for p in (server.directory / "data/backup").rglob(f"*{laptop.id}*/data/*/*") if p.is_file()]
    assert packs
    wire = Wire(server.port)
    other.port = wire.port
    other.says("snapshots", of=laptop, status=1)
    attempt = adopt(other, laptop, person)
    other.says("restore", "latest", "--target", str(other.folder / "back"), of=laptop, status=1)
    if how == "deny":
        person.client.api("POST", f"/attempts/{attempt.id}/deny", {})
    elif how == "not_me":
        link = server.sink.link(person.email, "Someone wants to restore your data")
        person.client.api("POST", "/alerts/answer", {"link": link, "answer": "not_me"})  # the password was known: locked but for this session
    else:
        wrong = "".join(str((int(d) + 1) % 10) for d in attempt.code("shown_here")["digits"])
        for _ in range(3):
            person.client.call("POST", f"/api/v1/attempts/{attempt.id}/approve", {"digits": wrong}, person.client.session, 403)
    assert restores(person)[0]["state"] == "denied"
    assert other.ask("HEAD", "config", of=laptop).status_code == 401
    assert other.ask("HEAD", "config").status_code == 401  # its own, too
    other.says("restore", "latest", "--target", str(other.folder / "back"), of=laptop, status=1)
    for path in [p.relative_to(p.parents[2]) for p in packs]:
        requests.get(f"http://localhost:{wire.port}/backup/{laptop.id}/{path.parts[0]}/{path.name}", auth=(other.id, other.token), timeout=10)
    if how != "not_me":  # the session lives, and gets a new token: that opens nothing, and rings no more today
        other.make_token()
        alerts = len(person.alerts())
        assert other.ask("HEAD", "config", of=laptop).status_code == 403
        assert len(person.alerts()) == alerts
        other.says("restore", "latest", "--target", str(other.folder / "back"), of=laptop, status=1)
    wire.listener.close()
    assert wire.came.count(b"HTTP/1.1 40") >= 3 and b"HTTP/1.1 20" not in wire.came
    stored = [p.read_bytes() for p in packs]
    for data in stored:
        assert all(data[at : at + 32] not in wire.came for at in (0, len(data) // 2, len(data) - 32))
    assert len(wire.came) < 64 * 1024 and not (other.folder / "back").exists()
    assert restores(person)[0]["read"]["bytes"] == 0
    laptop.says("check", "--read-data")


def test_not_me_stops_a_restore_at_once(server, person, laptop, other):
    attempt = adopt(other, laptop, person)
    attempt.prove("recovery_key", person.recovery_key)
    attempt.commit_after_hold()
    pack = other.ask("GET", "data/", of=laptop).json()[0]
    assert other.ask("GET", f"data/{pack}", of=laptop).status_code == 200
    alert = next(a for a in person.alerts() if a["action"] == "restore" and a["kind"] == "done")
    person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "not_me"})
    assert other.ask("GET", f"data/{pack}", of=laptop).status_code == 401
    assert laptop.ask("HEAD", f"data/{pack}").status_code == 200


def test_not_me_cuts_what_is_under_way(server, person, laptop, other):
    """However slowly it is read: a large object stops short."""
    data = os.urandom(60 << 20)
    name = hashlib.sha256(data).hexdigest()
    assert laptop.ask("POST", f"data/{name}", data=data).status_code == 200
    attempt = adopt(other, laptop, person)
    attempt.prove("recovery_key", person.recovery_key)
    attempt.commit_after_hold()
    assert hashlib.sha256(other.ask("GET", f"data/{name}", of=laptop).content).hexdigest() == name
    part = requests.get(f"{server.url}/backup/{laptop.id}/data/{name}", headers={"Range": "bytes=100-299"}, auth=(other.id, other.token), timeout=10)
    assert part.status_code == 206 and part.content == data[100:300]
    with requests.get(f"{server.url}/backup/{laptop.id}/data/{name}", auth=(other.id, other.token), timeout=30, stream=True) as slow:
        got = len(slow.raw.read(100_000))
        alert = next(a for a in person.alerts() if a["action"] == "restore" and a["kind"] == "done")
        person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "not_me"})
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            while piece := slow.raw.read(1 << 16):
                got += len(piece)
    assert got < len(data)
    read = wait_for(lambda: (r := restores(person)[0]["read"])["bytes"] > len(data) + 200 and r)
    assert read["bytes"] < 2 * len(data)


def test_another_node_hears_of_it(server, person, laptop, other):
    if not server.urls:
        pytest.skip("SQLite serves one node")
    node = tocsin.Server("postgres", node_of=server)
    try:
        attempt = adopt(other, laptop, person)
        attempt.prove("recovery_key", person.recovery_key)
        attempt.commit_after_hold()
        path = f"{node.url}/backup/{laptop.id}/config"  # the folder is not shared here: 404 is what is let in
        assert requests.head(path, auth=(other.id, other.token), timeout=10).status_code == 404
        alert = next(a for a in person.alerts() if a["action"] == "restore" and a["kind"] == "done")
        person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "not_me"})
        wait_for(lambda: requests.head(path, auth=(other.id, other.token), timeout=10).status_code == 401, 2)
    finally:
        node.stop()


def test_a_removed_device_reads_no_more(server, person, laptop, other):
    attempt = adopt(other, laptop, person)
    attempt.prove("code", person.code_for(attempt))
    attempt.commit_after_hold()
    assert other.ask("HEAD", "config", of=laptop).status_code == 200
    removal = person.client.open("remove_device", device=other.id)
    removal.prove("password", person.password)
    removal.prove("recovery_key", person.recovery_key)
    removal.commit()
    assert other.ask("HEAD", "config", of=laptop).status_code == 401


# ---- deleting ----


def allow_deletion(person, device):
    attempt = person.client.open("allow_deletion", device=device.id)
    attempt.prove("password", person.password)
    attempt.prove("recovery_key", person.recovery_key)
    result = attempt.commit()["result"]
    person.recovery_key = result["recovery_key"]
    assert result["window_ends_at"]
    return attempt


def test_deleting_takes_a_window(server, person, laptop, other):
    for i in range(4):
        (laptop.data / f"more{i}").write_bytes(os.urandom(200_000))
        laptop.says("backup", str(laptop.data))
    before = laptop.ask("GET", "snapshots/").json()
    assert "allow deletion for this device in tocsin" in laptop.says("forget", "--keep-last", "4", "--prune", status=1)
    assert sorted(laptop.ask("GET", "snapshots/").json()) == sorted(before)
    attempt = allow_deletion(person, laptop)
    server.sink.wait(person.email, subject="Backups can be deleted for an hour")
    assert laptop.ask("DELETE", "config", of=other).status_code == 403
    other.says("init")
    assert other.ask("DELETE", "config").status_code == 403  # a window is one device's
    laptop.says("forget", "--keep-last", "4", "--prune")
    assert len(laptop.ask("GET", "snapshots/").json()) == 4
    assert not [a for a in person.alerts() if a["action"] == "backup_deleted"]  # one of five is not much
    server.advance(minutes=61)
    laptop.says("forget", "--keep-last", "1", status=1)
    laptop.says("check", "--read-data")
    assert person.client.api("GET", f"/attempts/{attempt.id}")["attempt"]["about"] == {"device": laptop.id}
    again = allow_deletion(person, laptop)
    alert = next(a for a in person.alerts() if a["attempt"] == again.id and a["kind"] == "done")
    person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "not_me"})
    assert laptop.ask("DELETE", "snapshots/" + before[0]).status_code == 403


# ---- what nobody asked for ----


def told(person, action):
    return [a for a in person.alerts() if a["action"] == action]


def test_mass_deletion_rings(server, person, laptop):
    for i in range(3):
        (laptop.data / f"more{i}").write_bytes(os.urandom(1000))
        laptop.says("backup", str(laptop.data))
    allow_deletion(person, laptop)
    names = laptop.ask("GET", "snapshots/").json()
    assert laptop.ask("DELETE", f"snapshots/{names[0]}").status_code == 200 and not told(person, "backup_deleted")
    assert laptop.ask("DELETE", f"snapshots/{names[1]}").status_code == 200
    (alert,) = told(person, "backup_deleted")
    assert alert["kind"] == "done" and alert["from"]["ip"] and server.sink.wait(person.email, subject="Much of a backup is being deleted")
    for name in names[2:] + laptop.ask("GET", "data/").json():
        laptop.ask("DELETE", f"{'snapshots' if name in names else 'data'}/{name}")
    assert len(told(person, "backup_deleted")) == 1  # once a day
    attempt = person.client.api("GET", f"/attempts/{alert['attempt']}")["attempt"]
    assert attempt["state"] == "done" and attempt["about"] == {"device": laptop.id} and attempt["needs"]["of"] == []
    person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "not_me"})
    assert laptop.ask("DELETE", f"snapshots/{names[0]}").status_code == 401
    laptop.make_token()
    assert laptop.ask("DELETE", f"snapshots/{names[0]}").status_code == 403  # the window is closed with it


def test_the_last_removal_that_makes_it_much_rings_too(server, person, laptop):
    """Bytes are known once they are gone: what the last one makes is told a moment later."""
    allow_deletion(person, laptop)
    for name in laptop.ask("GET", "data/").json():
        assert laptop.ask("DELETE", f"data/{name}").status_code == 200
    (alert,) = wait_for(lambda: told(person, "backup_deleted"))
    assert alert["from"]["device"]


def test_a_new_password_of_a_backup_rings(server, person, laptop):
    assert not told(person, "backup_keys_changed")  # the first one is no change
    (name,) = laptop.ask("GET", "keys/").json()
    key = laptop.ask("GET", f"keys/{name}").content
    assert laptop.ask("POST", f"keys/{name}", data=key).status_code == 200 and not told(person, "backup_keys_changed")
    password = laptop.folder / "second"
    password.write_text("another password\n")
    laptop.says("key", "add", "--new-password-file", str(password))
    (alert,) = told(person, "backup_keys_changed")
    assert "restic key list" in alert["body"] and server.sink.wait(person.email, subject="passwords of a backup")
    assert laptop.ask("DELETE", f"keys/{name}").status_code == 403
    allow_deletion(person, laptop)
    server.advance(minutes=30)
    assert laptop.ask("DELETE", f"keys/{name}").status_code == 200
    assert len(told(person, "backup_keys_changed")) == 1


def test_a_backup_that_stays_away_rings(server, person, laptop, other):
    assert {d["id"]: d["backup_expected_days"] for d in person.client.api("GET", "/devices")["devices"]} == {laptop.id: 14, other.id: 14}
    path = f"/devices/{laptop.id}"
    for bad in (-1, 3651, "3", 1.5, True, None):
        assert person.client.call("PATCH", "/api/v1" + path, {"backup_expected_days": bad}, person.client.session).status_code == 400, bad
    assert person.client.api("PATCH", path, {"backup_expected_days": 3})["device"]["backup_expected_days"] == 3
    assert person.client.api("PATCH", path, {"name": "my laptop"})["device"]["backup_expected_days"] == 3
    wait_for(lambda: person.client.api("GET", "/backups")["backups"][0]["last_write"])
    time.sleep(4)  # until what was counted is written

    def mails():
        return [m for m in server.sink.to(person.email) if "has not backed up" in m[3]["Subject"]]

    server.advance(days=2)
    time.sleep(2.5)
    assert not mails()
    server.advance(hours=25)
    wait_for(mails)
    server.advance(days=1)
    time.sleep(2.5)
    assert len(mails()) == 1
    server.advance(days=2, hours=1)
    wait_for(lambda: len(mails()) == 2)  # again, when as much time has gone by once more


def test_a_disk_that_forgets_is_found(request, server, tmp_path):
    """On a server of its own: all that a server holds is read again, at 4 MiB a second."""
    own = tocsin.Server("postgres" if server.databases else "sqlite")
    request.addfinalizer(own.stop)
    person = own.person()
    laptop = Device(own, person.client, tmp_path / "laptop")
    laptop.says("init")
    laptop.says("backup", str(fill(laptop.folder / "data")))
    key = next(p for p in (own.directory / "data/backup").rglob(f"*{laptop.id}*/data/*/*") if len(p.name) == 64)
    time.sleep(4)
    own.advance(hours=2)
    own.terminate()
    data = bytearray(key.read_bytes())
    data[len(data) // 2] ^= 1
    key.chmod(0o600)
    key.write_bytes(data)
    own.start()
    mail = own.sink.wait(person.email, subject="A backup is damaged", seconds=60)
    (alert,) = told(person, "backup_damaged")
    assert alert["from"]["ip"] == "" and "Where:" not in alert["body"] and len(mail) == 1
    log = (own.directory / "log").read_text()
    assert "sys_backup_damaged" in log and key.name in log
    laptop.says("check", "--read-data", status=1)
    data[len(data) // 2] ^= 1
    assert laptop.ask("POST", f"data/{key.name}", data=bytes(data)).status_code == 200  # sent again, it is whole again
    laptop.says("check", "--read-data")


def test_nobody_opens_what_the_server_tells(server, person):
    for action in ("backup_deleted", "backup_keys_changed", "backup_overdue", "backup_damaged"):
        answer = person.client.call("POST", "/api/v1/attempts", {"action": action, "device": person.device_id}, person.client.session)
        assert answer.status_code == 400


def test_append_only_can_be_left(tmp_path):
    """By the operator: then nobody is asked, and much of it still rings."""
    server = tocsin.Server("sqlite", "[backup]\nappend_only = false\n")
    try:
        person = server.person()
        laptop = Device(server, person.client, tmp_path / "laptop")
        data = fill(laptop.folder / "data", 3)
        laptop.says("init")
        for i in range(2):
            (data / f"more{i}").write_bytes(os.urandom(1000))
            laptop.says("backup", str(data))
        laptop.says("forget", "--keep-last", "1", "--prune")
        assert not told(person, "backup_deleted")
        laptop.says("forget", "--prune", laptop.ask("GET", "snapshots/").json()[0])
        assert len(told(person, "backup_deleted")) == 1
    finally:
        server.stop()
