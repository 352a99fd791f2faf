"""The judge of passwords says beforehand what a commit will say; and the checkup follows what the account has."""

import hashlib
import json
import os
import socket
import stat

import pytest
import tocsin

STOLEN = "violet harbour lantern nine"


def judge(client, password, **members):
    return client.api("POST", "/password/strength", {"password": password, **members})


def test_strength(server):
    client = server.client()
    good = judge(client, "copper kettle, nine gulls over the quay")
    assert good == {"score": 4, "guesses_log10": pytest.approx(good["guesses_log10"]), "breached": 0, "warning": "", "suggestions": [], "accepted": True}
    assert good["guesses_log10"] > 10
    for bad, word in (("password", "most used"), ("short", "8 characters"), ("abcdefgh", "sequence"), ("", "8 characters"), ("x" * 1500, "256")):
        said = judge(client, bad)
        assert not said["accepted"] and said["score"] < 3 and word in said["warning"] and said["suggestions"], bad
    assert judge(client, "stonebridge1984")["warning"] != judge(client, "stonebridge1984", hints=["Anna Stonebridge", ""])["warning"]
    assert not judge(client, "localhost-tocsin")["accepted"]  # everybody knows where it is typed


def test_strength_is_limited(server):
    client = server.client()
    for body in ({}, {"password": 7}, {"password": None}, {"password": "x", "hints": "x"}, {"password": "x", "hints": [7]},
                 {"password": "x", "hints": ["a"] * 17}, {"password": "x", "hints": ["a" * 257]}):
        assert client.call("POST", "/api/v1/password/strength", body).json()["code"] == "bad_request", body
    assert client.call("POST", "/api/v1/password/strength", {"password": "x", "more": 1}).json()["code"] == "unknown_member"
    assert client.call("POST", "/api/v1/password/strength", {"password": "x" * 5000}).status_code == 413
    assert judge(client, "copper kettle, nine gulls", hints=["a" * 256] * 12)["accepted"]
    assert client.call("GET", "/api/v1/password/strength").status_code == 405


def test_few_are_judged_at_a_time(server):
    """Nobody needs to be known to ask, so a flood of it must not keep others from the work lane."""
    body = json.dumps({"password": "abc" + "a" * 97, "hints": ["a" * 63] * 16})
    ask = f"POST /api/v1/password/strength HTTP/1.1\r\nHost: localhost:{server.port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"

    def flood():
        lines = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(64)]
        for line in lines:
            line.sendall(ask.encode())
        answers = [line.recv(65536).decode() for line in lines]
        for line in lines:
            line.close()
        told = [a for a in answers if " 503 " in a.splitlines()[0]]
        assert all(" 200 " in a.splitlines()[0] for a in answers if a not in told)
        assert all("retry-after:" in a.lower() and '"busy"' in a for a in told)
        return told

    tocsin.until(flood, "one that is told to wait", 60)
    assert judge(server.client(), "copper kettle, nine gulls")["accepted"]


def test_a_commit_judges_alike(server):
    """By what is known of the person, too; and before a hold, not after it."""
    person = tocsin.Person(server, "stonebridge", "Annabelle Winterbourne")
    for bad in ("winterbourne-7", "Stonebridge!9", person.email):
        said = person.client.api("POST", "/password/strength", {"password": bad}, person.client.session)
        assert not said["accepted"], said  # the session says whose it is
        attempt = person.client.open("change_password")
        attempt.prove("password", person.password)
        attempt.prove("recovery_key", person.recovery_key)
        assert attempt.commit(status=422, password=bad)["code"] == "weak_password"
        assert attempt.show()["state"] == "proved"
    fresh = server.client().open("sign_up", email="quartermaine@example.org")
    fresh.prove("email_code", server.sink.code("quartermaine@example.org"))
    assert "name or address" in fresh.commit(status=422, password="quartermaine1", device={"name": "d"})["detail"]
    assert fresh.commit(status=422, password="winterbottoms", name="Ann Winterbottoms", device={"name": "d"})["code"] == "weak_password"
    fresh.commit(password="copper kettle, nine gulls", device={"name": "d"})
    stranger = server.client()
    person.sign_in(stranger)
    attempt = stranger.open("change_password")
    attempt.prove("password", person.password)
    attempt.prove("recovery_key", person.recovery_key)
    assert attempt.commit(status=422, password="password")["code"] == "weak_password"
    assert attempt.show()["state"] == "proved"  # nobody waits an hour to hear it
    assert attempt.commit(status=202, password="copper kettle, nine gulls")["attempt"]["state"] == "held"


@pytest.fixture(scope="module")
def with_list(engine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stolen")
    folder.chmod(0o755)
    for above in folder.parents:
        if above.stat().st_uid == os.geteuid() and above != above.parent:
            above.chmod(above.stat().st_mode | stat.S_IXOTH)
    lines = sorted(f"{hashlib.sha1(w.encode()).hexdigest().upper()}:{n}" for w, n in ((STOLEN, 42), ("another one of them", 1), ("and one more", 3)))
    (folder / "list.txt").write_text("\r\n".join(lines) + "\r\n")
    (folder / "list.txt").chmod(0o644)
    s = tocsin.Server(engine, f"[policy]\nbreached_passwords = {folder}/list.txt\n")
    yield s
    s.stop()


def test_stolen_ones(with_list):
    said = judge(with_list.client(), STOLEN)
    assert (said["breached"], said["accepted"], said["score"]) == (42, False, 0)
    assert "42 times" in said["warning"] and "wherever you use it" in said["suggestions"][0]
    person = with_list.person()
    attempt = person.client.open("change_password")
    attempt.prove("password", person.password)
    attempt.prove("recovery_key", person.recovery_key)
    problem = attempt.commit(status=422, password=STOLEN)
    assert problem["code"] == "breached_password" and problem["type"] == "/problems/breached_password"
    attempt.commit(password=STOLEN + " ten")


# ---- the checkup ----


def checkup(person):
    got = person.client.api("GET", "/checkup")
    return got["score"], {i["id"]: i for i in got["items"]}


def test_checkup(server):
    server.client().call("GET", "/api/v1/checkup", status=401)
    person = server.person()
    score, items = checkup(person)
    assert {i: x["state"] for i, x in items.items()} == {
        "password": "good", "answers": "good", "devices": "risk", "backup": "todo", "passkey": "todo", "alarms": "todo", "address": "todo", "unused": "good"}
    assert 0 < score < 50
    for x in items.values():
        assert set(x) == {"id", "state", "title", "why", "do", "href"} and x["title"] and x["why"] and (x["do"] == "") == (x["state"] == "good")
    second = person.sign_in()
    assert checkup(person)[1]["devices"]["state"] == "good"
    assert checkup(person)[1]["answers"]["state"] == "risk"  # it rang
    for alert in person.alerts():
        person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "me"})
    better, items = checkup(person)
    assert items["answers"]["state"] == "good" and better > score
    sink = tocsin.PushSink()
    sink.subscribe(person.client, "laptop")
    attempt = person.client.open("add_contact", email="aunt-" + person.email)
    attempt.prove("password", person.password)
    attempt.prove("recovery_key", person.recovery_key)
    attempt.prove("email_code", server.sink.code("aunt-" + person.email))
    person.recovery_key = attempt.commit()["result"]["recovery_key"]
    best, items = checkup(person)
    assert items["alarms"]["state"] == items["address"]["state"] == "good" and best > better
    sink.stop()
    second.api("DELETE", "/session", status=None)


def test_checkup_of_a_password_that_is_known(server):
    person = server.person()
    attempt = server.client().open("sign_in", email=person.email)
    attempt.prove("password", person.password)
    alert = person.alerts()[0]
    person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "not_me"})
    score, items = checkup(person)
    assert items["password"]["state"] == "risk" and items["password"]["href"] == "/change-password" and score < 50


def test_checkup_of_what_lies_unused(server):
    person = server.person()
    person.sign_in()
    attempt = person.client.open("sign_in", email=person.email, device_token=person.client.device)
    assert checkup(person)[1]["unused"]["state"] == "good"
    server.advance(days=91)
    attempt = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    attempt.prove("password", person.password)
    result = attempt.commit(device={"name": "d"})["result"]
    person.client.session = result["session"]["token"]
    assert checkup(person)[1]["unused"]["state"] == "todo"
