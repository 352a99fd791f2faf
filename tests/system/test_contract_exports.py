"""What an owner takes along: the ZIP, what stands in it, what does not, and that nobody's text breaks out of its page."""

import html.parser
import io
import json
import re
import subprocess
import threading
import time
import zipfile

import requests
import tocsin
from test_contract_alerts import PushSink
from test_contract_wire import TIME, check_headers, check_problem

FILES = {"index.html", "account.json", "alerts.json", "attempts.json", "history.json"}


def fetch(server, client, path):
    return requests.get(server.origin + path, headers={"Authorization": "Bearer " + client.session}, timeout=30)


def exported(person):
    attempt = person.client.open("export_data")
    attempt.prove("password", person.password)
    attempt.prove("recovery_key", person.recovery_key)
    result = attempt.commit()["result"]
    person.recovery_key = result.pop("recovery_key")
    assert set(result) == {"download", "expires_at"} and TIME.match(result["expires_at"])
    assert result["download"] == f"{person.server.origin}/api/v1/exports/{attempt.id}"
    return f"/api/v1/exports/{attempt.id}"


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def test_the_zip(server):
    person = server.person()
    push = PushSink()
    person.client.api("POST", "/push/subscriptions", push.subscription("secret-place"), status=201)
    evil = '<script>alert(1)</script>"\'><img src=x onerror=alert(2)>&lt;'
    thief = server.client(agent="<b>evil</b>")
    other = thief.open("sign_in", email=person.email)
    other.prove("password", person.password)
    other.prove("code", person.code_for(other))
    result = other.commit(device={"name": evil})["result"]
    person.client.api("PATCH", f"/devices/{person.device_id}", {"name": "</td></table><h1>Pwned</h1>"})
    alert = person.alerts()[0]
    person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "me", "note": "</table><script>note()</script>"})
    path = exported(person)
    answer = fetch(server, person.client, path)
    push.stop()
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    check_headers(answer)
    file = server.directory / "export.zip"
    file.write_bytes(answer.content)
    assert subprocess.run(["python3", "-m", "zipfile", "-t", file], capture_output=True, text=True).stdout.strip() == "Done testing"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert set(archive.namelist()) == FILES and archive.testzip() is None
    for info in archive.infolist():
        assert not info.filename.startswith("/") and ".." not in info.filename
    text = {name: archive.read(name).decode() for name in FILES}
    account = json.loads(text["account.json"])
    assert account["account"]["email"] == person.email and account["account"]["name"] == "Ada" and account["contacts_complete"] is True
    assert [c["email"] for c in account["contacts"]] == [person.email]
    assert {d["name"] for d in account["devices"]} == {"</td></table><h1>Pwned</h1>", evil}
    assert len(account["sessions"]) == 2 and len(account["push_subscriptions"]) == 1 and account["passkeys"] == []
    alerts = json.loads(text["alerts.json"])
    assert [a["id"] for a in alerts["alerts"]] == [a["id"] for a in person.alerts()] and alerts["alerts_complete"] is True
    assert "</table><script>note()</script>" in [a["note"] for a in alerts["alerts"]]
    attempts = json.loads(text["attempts.json"])["attempts"]
    assert attempts[0]["action"] == "export_data" and attempts[0]["state"] == "done" and "from" in attempts[0]
    history = json.loads(text["history.json"])["history"]
    assert history[-1]["at"] <= history[0]["at"] and {"account.created", "session.started", "attempt.done"} <= {e["event"] for e in history}
    # nothing in it opens anything
    whole = "".join(text.values())
    for secret in (
        person.password, person.recovery_key, person.client.session, person.client.device, result["session"]["token"], result["device"]["token"],
        "p256dh", "secret-place", "pepper", "_hash",
    ):
        assert secret not in whole, secret
    assert not re.search(r"\bt[sdalbv]_[A-Za-z0-9_-]{20,}", whole)
    # and nobody's text is anything but text
    page = Page()
    page.feed(text["index.html"])
    assert page.tags <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert {name for name, _ in page.attributes} <= {"lang", "charset", "http-equiv", "content"}
    assert evil in "".join(page.text) and "</td></table><h1>Pwned</h1>" in "".join(page.text)
    assert text["index.html"].count("<h1>") == 1 and "http" not in text["index.html"].replace("http-equiv", "")
    for value in (person.email, "Ada", "Someone knows your password", "attempt.done"):
        assert value in "".join(page.text)


def test_who_may_fetch_it_and_how_long(server):
    person, stranger = server.person(), server.person()
    open_one = person.client.open("export_data")
    path = exported(person)
    check_problem(server.client().call("GET", path), 401, "unauthorized")
    check_problem(fetch(server, stranger.client, path), 404, "not_found")
    check_problem(fetch(server, person.client, f"/api/v1/exports/{open_one.id}"), 404, "not_found")
    check_problem(fetch(server, person.client, "/api/v1/exports/" + "A" * 22), 404, "not_found")
    check_problem(fetch(server, person.client, "/api/v1/exports/x"), 404, "not_found")
    for _ in range(2):
        assert fetch(server, person.client, path).status_code == 200
    second = person.sign_in()
    server.advance(hours=23)
    assert fetch(server, second, path).status_code == 200  # it is the account's, not the session's


def test_it_ends_after_a_day_and_at_not_me():
    server = tocsin.Server("sqlite", "[policy]\nsession_hours = 100\n")
    try:
        person = server.person()
        path = exported(person)
        server.advance(hours=23, minutes=59)
        assert fetch(server, person.client, path).status_code == 200
        server.advance(minutes=2)
        check_problem(fetch(server, person.client, path), 404, "not_found")
        path = exported(person)
        assert fetch(server, person.client, path).status_code == 200
        alert = next(a for a in person.alerts() if a["action"] == "export_data" and a["kind"] == "done")
        person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "not_me"})
        check_problem(fetch(server, person.client, path), 404, "not_found")
    finally:
        server.stop()


def test_many_pages(server):
    """More than one page of each list, all of it there once, newest first."""
    person = server.person()
    for _ in range(130):
        person.client.open("change_password")
    path = exported(person)
    archive = zipfile.ZipFile(io.BytesIO(fetch(server, person.client, path).content))
    attempts = json.loads(archive.read("attempts.json"))
    history = json.loads(archive.read("history.json"))
    ids = [a["id"] for a in attempts["attempts"]]
    assert len(ids) == len(set(ids)) >= 131 and attempts["attempts_complete"] is True
    assert [a["opened_at"] for a in attempts["attempts"]] == sorted((a["opened_at"] for a in attempts["attempts"]), reverse=True)
    assert len(history["history"]) > 260 and history["history_complete"] is True
    assert history["history"][-1]["event"] in ("attempt.opened", "account.created")
    assert archive.read("index.html").decode().count("<tr>") > 300


def test_two_at_once(server):
    """One is made at a time; the other is told to wait, or comes after it."""
    person = server.person()
    path = exported(person)
    statuses = []

    def one():
        answer = fetch(server, person.client, path)
        statuses.append(answer.status_code)
        if answer.status_code == 503:
            assert answer.json()["code"] == "busy" and int(answer.headers["Retry-After"]) > 0

    threads = [threading.Thread(target=one) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(statuses) <= {200, 503} and 200 in statuses
    for _ in range(100):
        if fetch(server, person.client, path).status_code == 200:
            return
        time.sleep(0.02)
    raise AssertionError("it stays busy")
