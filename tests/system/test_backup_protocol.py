"""The REST protocol of restic, request by request: every status, whoever asks."""

import datetime
import hashlib
import json
import socket
import threading
import time

import pytest
import requests
import tocsin
from backup import TYPES, V1, V2, basic, first_device, second_device


@pytest.fixture
def device(person):
    return first_device(person).make()


def status(answer, want, code=None):
    assert answer.status_code == want, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}"
    if code:
        assert answer.json()["code"] == code
    return answer


def test_token(person, server):
    client = person.client
    made = client.api("POST", f"/devices/{person.device_id}/backup-token", {}, status=201)
    assert set(made) == {"token", "repository"} and made["token"].startswith("tb_")
    host = server.origin.removeprefix("http://")
    assert made["repository"] == f"rest:http://{person.device_id}:{made['token']}@{host}/backup/{person.device_id}/"
    other = person.sign_in()
    refused = other.call("POST", f"/api/v1/devices/{person.device_id}/backup-token", {}, other.session, 403)
    assert refused.json()["code"] == "forbidden"
    client.call("POST", f"/api/v1/devices/{person.device_id}/backup-token", {}, None, 401)
    client.call("POST", "/api/v1/devices/nonsense/backup-token", {}, client.session, 404)
    again = client.api("POST", f"/devices/{person.device_id}/backup-token", {}, status=201)
    url = f"{server.origin}/backup/{person.device_id}/config"
    assert requests.get(url, auth=(person.device_id, made["token"])).status_code == 401  # the new one replaced it
    assert requests.get(url, auth=(person.device_id, again["token"])).status_code == 404


def test_who(device, server):
    for authorization in (None, "", "Bearer " + device.token, basic(device.id), basic(f"{device.id}:wrong"), basic(f":{device.token}"),
                          basic(f"{device.token}:{device.id}"), "Basic !!!", basic(f"{device.id}:{device.token}") + "="):
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = status(requests.get(device.url("config"), headers=headers), 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    someone = first_device(server.person())
    status(device.ask("HEAD", "config", of=someone), 404)
    status(device.ask("GET", "data/", of=someone), 404)
    status(device.ask("POST", "?create=true", of=someone), 404)
    answer = requests.get(device.url("config"), auth=(someone.id, device.token))
    status(answer, 401)
    status(requests.get(f"{server.origin}/backup/nonsense/config", auth=(device.id, device.token)), 404)


def test_another_device(person, device):
    device.ask("POST", "config", b"config")
    second = second_device(person)
    for method, path in (("HEAD", "config"), ("GET", "config"), ("GET", "data/"), ("GET", "keys/" + "0" * 64)):
        answer = status(second.ask(method, path, of=device), 403, "restore_not_approved" if method == "GET" else None)
        assert "approve" in answer.reason  # all that restic shows
    for method, path in (("POST", "?create=true"), ("POST", "config"), ("POST", "data/" + "0" * 64), ("DELETE", "config"),
                         ("DELETE", "locks/" + "0" * 64), ("POST", "locks/" + "0" * 64), ("DELETE", "")):
        status(second.ask(method, path, b"" if method == "POST" else None, of=device), 403, "forbidden")
    assert device.ask("GET", "config").content == b"config"


def test_repository(person):
    device = first_device(person)
    status(device.ask("HEAD", "config"), 404)
    status(device.ask("GET", "data/"), 200)
    status(device.ask("POST", "data/" + hashlib.sha256(b"x").hexdigest(), b"x"), 404)
    status(device.ask("POST"), 400)
    status(device.ask("POST", "?create=false"), 400)
    status(device.ask("POST", "?create=true"), 200)
    status(device.ask("POST", "?create=true"), 200)
    for method in ("GET", "HEAD"):
        assert status(device.ask(method), 405).headers["Allow"] == "POST, DELETE"
    status(device.ask("DELETE"), 403)
    for method in ("PUT", "PATCH", "OPTIONS"):
        assert status(device.ask(method, "config"), 405).headers["Allow"] == "GET, HEAD, POST, DELETE"


def test_paths(device):
    name = device.put("data", b"object")
    for path in ("nothing", "data", "data/x", f"data/{name}/", f"data/{name}0", f"data/{name.upper()}", f"data//{name}", f"data/{name[:2]}/{name}",
                 "config/", f"config/{name}", f"other/{name}", "data/.sizes", "data/%2e%2e/config", "data/..%2fconfig"):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            answer = device.ask(method, path)
            assert answer.status_code in ((404, 400) if "%" in path else (404,)), (method, path, answer.status_code)
    for kind in TYPES:
        assert status(device.ask("POST", f"{kind}/", b"x"), 405).headers["Allow"] == "GET, HEAD"
        assert status(device.ask("DELETE", f"{kind}/"), 405).headers["Allow"] == "GET, HEAD"


def test_config(device):
    status(device.ask("POST", "config", b"the config"), 200)
    status(device.ask("POST", "config", b"the config"), 200)  # its answer may have been lost
    assert "config" in status(device.ask("POST", "config", b"another"), 403).reason
    answer = status(device.ask("HEAD", "config"), 200)
    assert answer.headers["Content-Length"] == "10" and answer.content == b""
    assert status(device.ask("GET", "config"), 200).content == b"the config"
    status(device.ask("DELETE", "config"), 403)


def test_objects(device):
    for kind in TYPES:
        assert device.list(kind) == [] and device.list(kind, V1) == []
        objects = {hashlib.sha256(b).hexdigest(): b for b in (kind.encode(), b"y" * 70000, kind.encode() * 50000)}
        for name, data in objects.items():
            status(device.ask("HEAD", f"{kind}/{name}"), 404)
            status(device.ask("GET", f"{kind}/{name}"), 404)
            status(device.ask("POST", f"{kind}/{name}", data), 200)
            status(device.ask("POST", f"{kind}/{name}", data), 200)  # once more is no failure
            answer = status(device.ask("HEAD", f"{kind}/{name}"), 200)
            assert answer.headers["Content-Length"] == str(len(data)) and answer.content == b""
            answer = status(device.ask("GET", f"{kind}/{name}"), 200)
            assert answer.content == data and answer.headers["Content-Type"] == "application/octet-stream"
        assert sorted(device.list(kind, V1)) == sorted(objects)
        assert {e["name"]: e["size"] for e in device.list(kind)} == {n: len(b) for n, b in objects.items()}
        assert device.ask("GET", f"{kind}/", Accept="*/*").headers["Content-Type"] == V1
        status(device.ask("HEAD", f"{kind}/"), 200)


def test_wrong_bytes(device):
    name = hashlib.sha256(b"right").hexdigest()
    for data in (b"wrong", b"", b"right "):
        status(device.ask("POST", f"data/{name}", data), 400)
    status(device.ask("HEAD", f"data/{name}"), 404)
    with socket.create_connection(("127.0.0.1", device.server.port)) as s:  # one that ends before its length
        head = f"POST /backup/{device.id}/data/{name} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nAuthorization: {basic(f'{device.id}:{device.token}')}\r\n\r\n"
        s.sendall(head.encode() + b"right")
        s.shutdown(socket.SHUT_WR)
        s.recv(1000)
    status(device.ask("HEAD", f"data/{name}"), 404)
    assert device.list("data") == []

    def pieces():
        yield b"ri"
        yield b"ght"

    status(device.ask("POST", f"data/{name}", pieces()), 200)  # chunked, as long as no quota needs the length
    assert device.ask("GET", f"data/{name}").content == b"right"
    status(device.ask("POST", f"locks/{name}", b"x" * (2 << 20)), 413)


@pytest.mark.parametrize("size", [1000, 3_000_000])
def test_ranges(device, size):
    data = bytes(i * 7 % 251 for i in range(size))
    name = device.put("data", data)
    for text, part in (
        ("bytes=0-", data), ("bytes=5-", data[5:]), ("bytes=5-9", data[5:10]), (f"bytes={size - 1}-", data[-1:]), (f"bytes=7-{size * 2}", data[7:]),
        ("bytes=-3", data[-3:]), (f"bytes=-{size * 3}", data), ("bytes=900-999", data[900:1000]),
    ):
        answer = status(device.ask("GET", f"data/{name}", Range=text), 206)
        assert answer.content == part and answer.headers["Content-Length"] == str(len(part)), text
        first, last = answer.headers["Content-Range"].removeprefix("bytes ").split("/")[0].split("-")
        assert data[int(first) : int(last) + 1] == part and answer.headers["Content-Range"].endswith(f"/{size}")
    for text in (f"bytes={size}-", f"bytes={size * 2}-{size * 3}", "bytes=-0"):
        answer = status(device.ask("GET", f"data/{name}", Range=text), 416)
        assert answer.headers["Content-Range"] == f"bytes */{size}"
    for text in ("bytes=9-5", "bytes=x", "bytes=0-1,3-4", "items=0-1"):
        assert status(device.ask("GET", f"data/{name}", Range=text), 200).content == data


def test_append_only(device):
    for kind in TYPES:
        name = device.put(kind, kind.encode())
        answer = status(device.ask("DELETE", f"{kind}/{name}"), 200 if kind == "locks" else 403)
        status(device.ask("DELETE", f"{kind}/{'0' * 64}"), 200 if kind == "locks" else 403)
        status(device.ask("HEAD", f"{kind}/{name}"), 404 if kind == "locks" else 200)
        assert kind == "locks" or "append-only" in answer.reason


def test_backups(person, device):
    assert person.client.api("GET", "/backups") == {"backups": [{"device": device.id, "bytes": 0, "files": 0, "last_write": None, "snapshots": 0, "growth": []}]}
    device.ask("POST", "config", b"c" * 100)
    device.put("data", b"d" * 1000)
    device.put("snapshots", b"s" * 10)
    lock = device.put("locks", b"l")
    second = second_device(person).make()
    first, other = person.client.api("GET", "/backups")["backups"]
    assert (first["device"], first["bytes"], first["files"], first["snapshots"]) == (device.id, 1111, 4, 1) and first["last_write"].endswith("Z")
    assert other["device"] == second.id and other["files"] == 0
    device.ask("DELETE", f"locks/{lock}")
    assert person.client.api("GET", "/backups")["backups"][0]["bytes"] == 1110
    person.client.call("GET", "/api/v1/backups", None, None, 401)


def test_growth():
    """A number a day."""
    server = tocsin.Server("sqlite")
    try:
        device = first_device(server.person()).make()

        def growth():
            return device.client.api("GET", "/backups")["backups"][0]["growth"]

        def wait(want):
            end = time.monotonic() + 20
            while (shown := [g["bytes"] for g in growth()]) != want:
                assert time.monotonic() < end, shown
                time.sleep(0.1)

        device.put("data", b"1" * 1000)
        wait([1000])
        device.put("data", b"2" * 1000)
        wait([2000])
        server.advance(seconds=86400 - time.time() % 86400 + 1)
        device.put("data", b"3" * 1000)
        wait([2000, 3000])
        first, second = (datetime.datetime.fromisoformat(g["at"]) for g in growth())
        assert second - first == datetime.timedelta(days=1) and (first.hour, first.minute, first.second) == (0, 0, 0)
    finally:
        server.stop()


def test_early_refusal(device, person):
    """Nothing of a large body is awaited before a refusal."""
    second = second_device(person)
    wrong = basic(f"{device.id}:tb_{'A' * 64}")
    for who, authorization, want in ((device, wrong, 401), (second, basic(f"{second.id}:{second.token}"), 403)):
        with socket.create_connection(("127.0.0.1", device.server.port)) as s:
            head = f"POST /backup/{device.id}/data/{'0' * 64} HTTP/1.1\r\nHost: a\r\nContent-Length: 90000000\r\nAuthorization: {authorization}\r\n\r\n"
            s.sendall(head.encode())
            s.settimeout(10)
            answer = b""
            while part := s.recv(65536):
                answer += part
            assert answer.startswith(f"HTTP/1.1 {want} ".encode()) and b"\r\nConnection: close\r\n" in answer
    name = "1" * 64
    with socket.create_connection(("127.0.0.1", device.server.port)) as s:
        s.sendall(f"POST /backup/{device.id}/data/{name} HTTP/1.1\r\nHost: a\r\nContent-Length: 900000000\r\nAuthorization: {basic(f'{device.id}:{device.token}')}\r\n\r\n".encode())
        assert s.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_the_same_at_once(device):
    """Eight upload the same object at the same time: all are told that it is there, and it counts once."""
    data = b"the same" * 40000
    name, results = hashlib.sha256(data).hexdigest(), []
    threads = [threading.Thread(target=lambda: results.append(device.ask("POST", f"data/{name}", data).status_code)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [200] * 8
    assert device.client.api("GET", "/backups")["backups"][0]["files"] == 1


@pytest.fixture(scope="module")
def limited():
    s = tocsin.Server("sqlite", "[backup]\nquota_gib = 1\nappend_only = false\n")
    yield s
    s.stop()


def test_quota(limited):
    device = first_device(limited.person()).make()
    piece = b"q" * (1 << 20)

    def chunked():
        yield b"x"

    name = hashlib.sha256(b"x").hexdigest()
    status(device.ask("POST", f"data/{name}", chunked()), 411)
    for i in range(2):  # two objects of 500 MiB fit, a third does not
        data = bytes([i]) + piece * 500
        status(device.ask("POST", f"data/{hashlib.sha256(data).hexdigest()}", data), 200)
    assert "room" in status(device.ask("POST", f"data/{name}", piece * 500), 507).reason
    device.put("locks", b"lock")
    device.put("data", b"small ones still fit")


def test_deletes(limited):
    device = first_device(limited.person()).make()
    device.ask("POST", "config", b"config")
    for kind in TYPES:
        name = device.put(kind, kind.encode())
        for _ in range(2):
            status(device.ask("DELETE", f"{kind}/{name}"), 200)
        status(device.ask("HEAD", f"{kind}/{name}"), 404)
    for _ in range(2):
        status(device.ask("DELETE", "config"), 200)
    status(device.ask("DELETE"), 501)
    assert device.client.api("GET", "/backups")["backups"][0]["files"] == 0


def test_json_of_lists(device):
    """Lists are what a strict reader takes, also when they are long."""
    names = sorted(device.put("index", f"object {i}".encode()) for i in range(3000))
    text = device.ask("GET", "index/", Accept=V2).text
    assert sorted(e["name"] for e in json.loads(text)) == names and all(set(e) == {"name", "size"} for e in json.loads(text))
    assert sorted(device.list("index", V1)) == names


