"""Operations as the contract says them: health, well-known places, the check for proxies, and the command line, which weakens nothing."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import tocsin
from test_contract_wire import check_headers, check_problem


def cli(server, *arguments):
    return subprocess.run([tocsin.BUILD / "src/cli/tocsin", "-c", server.config, *arguments], capture_output=True, text=True)


def test_health_and_readiness(server):
    for path in ("/healthz", "/readyz"):
        answer = requests.get(server.origin + path, timeout=10)
        assert answer.status_code == 204 and not answer.content
        check_headers(answer)
    metrics = requests.get(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=10)
    assert metrics.status_code == 200 and metrics.headers["Content-Type"].startswith("text/plain")
    assert requests.get(server.origin + "/metrics", timeout=10).status_code == 404


@pytest.mark.parametrize("part", ["tocsin-keeper", "tocsin-courier"])
def test_readiness_says_which_part_is_down(part):
    server = tocsin.Server("sqlite")
    try:
        pid = server.children()[part]
        server.process.send_signal(signal.SIGSTOP)  # so that nobody starts it again
        os.kill(pid, signal.SIGKILL)
        for _ in range(200):
            answer = requests.get(server.origin + "/readyz", timeout=20)
            if answer.status_code == 503:
                break
            time.sleep(0.05)
        check_problem(answer, 503, "busy")
        assert part in answer.json()["detail"] and int(answer.headers["Retry-After"]) > 0
        assert requests.get(server.origin + "/healthz", timeout=10).status_code == 204  # this process can serve
        server.process.send_signal(signal.SIGCONT)
        server.wait_ready()
    finally:
        server.process.send_signal(signal.SIGCONT)
        server.stop()


def test_well_known_places():
    server = tocsin.Server("sqlite", "[mail]\nsecurity_team = security@example.org\n")
    try:
        answer = requests.get(server.origin + "/.well-known/change-password", timeout=10, allow_redirects=False)
        assert answer.status_code in (302, 303, 307) and urlsplit(answer.headers["Location"]).path == "/change-password"
        text = requests.get(server.origin + "/.well-known/security.txt", timeout=10)
        assert text.status_code == 200 and text.headers["Content-Type"] == "text/plain; charset=utf-8"
        fields = dict(line.split(": ", 1) for line in text.text.splitlines())
        assert fields["Contact"] == "mailto:security@example.org" and re.match(r"\d{4}-\d\d-\d\dT", fields["Expires"])
        assert fields["Canonical"] == server.origin + "/.well-known/security.txt"
        for path in ("jwks.json", "passkey-endpoints"):
            answer = requests.get(f"{server.origin}/.well-known/{path}", timeout=10)
            assert answer.status_code == 200 and isinstance(answer.json(), dict)
            assert answer.headers["Content-Type"].split(";")[0] in ("application/json", "application/jwk-set+json")
        assert isinstance(requests.get(f"{server.origin}/.well-known/jwks.json", timeout=10).json()["keys"], list)
    finally:
        server.stop()


def test_verify(server, person):
    answer = server.client().call("GET", "/api/v1/verify", token=person.client.session, status=204)
    assert answer.headers["Remote-User"] == person.account["id"]
    assert answer.headers["Remote-Email"] == person.email and answer.headers["Remote-Name"] == "Ada"
    check_headers(answer)
    check_problem(server.client().call("GET", "/api/v1/verify"), 401, "unauthorized")
    check_problem(server.client().call("GET", "/api/v1/verify", token="ts_" + "A" * 64, Accept="text/html"), 401, "unauthorized")


def test_verify_sends_browsers_to_sign_in_and_back_to_named_places_alone():
    server = tocsin.Server("sqlite", trusted_proxies="127.0.0.1\nreturn_origins = https://photos.example.org")
    try:

        def sent(host, uri="/album?x=1", proto="https"):
            headers = {"Accept": "text/html", "X-Forwarded-Proto": proto, "X-Forwarded-Host": host, "X-Forwarded-Uri": uri}
            answer = requests.get(server.origin + "/api/v1/verify", headers=headers, timeout=10, allow_redirects=False)
            assert answer.status_code == 302
            to = urlsplit(answer.headers["Location"])
            assert f"{to.scheme}://{to.netloc}" == server.origin and to.path == "/sign-in"
            return parse_qs(to.query).get("return")

        assert sent("photos.example.org") == ["https://photos.example.org/album?x=1"]
        for host, uri, proto in (
            ("evil.example", "/", "https"),
            ("photos.example.org.evil.example", "/", "https"),
            ("photos.example.org", "@evil.example/", "https"),
            ("photos.example.org", "/", "http"),
            ("photos.example.org", "", "https"),
        ):
            assert sent(host, uri, proto) is None
        for place, to in (
            ("https://photos.example.org/album", "https://photos.example.org/album"),
            ("/devices", "/devices"),
            ("https://evil.example/", "/home"),
            ("//evil.example/", "/home"),
            ("https://photos.example.org.evil.example/", "/home"),
            ("https://photos.example.org@evil.example/", "/home"),
            ("javascript:alert(1)", "/home"),
        ):
            answer = requests.get(server.origin + "/go", params={"return": place}, timeout=10, allow_redirects=False)
            assert answer.headers["Location"] == to, place
    finally:
        server.stop()


# ---- the command line ----


def test_the_words_of_the_command_line(server, person):
    made = cli(server, "service", "add", f"calendar {time.time_ns()}")
    assert made.returncode == 0 and made.stdout.startswith("tv_")
    shown = cli(server, "account", "show", person.email)
    assert shown.returncode == 0 and person.account["id"] in shown.stdout
    assert cli(server, "account", "show", "nobody@example.org").returncode == 1
    assert cli(server, "config", "show").returncode == 0
    for words in ((), ("fly",), ("account",), ("account", "show"), ("service", "add"), ("account", "show", "a", "b"), ("-x",)):
        assert cli(server, *words).returncode == 2, words
    assert cli(server, "account", "lock", person.email).returncode == 0
    person.client.call("GET", "/api/v1/session", token=person.client.session, status=401)
    assert cli(server, "account", "unlock", person.email).returncode == 1


def ask(server, text):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(server.directory / "data/control.sock"))
        s.sendall(text)
        s.settimeout(10)
        got = b""
        try:
            while chunk := s.recv(65536):
                got += chunk
        except ConnectionResetError:  # more than it reads: cut off
            return {"ok": False}
        return json.loads(got)


def test_no_word_of_the_control_socket_proves_anything(server, person):
    """Every command, on an account with attempts in every state that may go on: none moves, and none is let in."""
    sources = (pathlib.Path(__file__).parents[2] / "src/api").glob("control*.c")
    names = re.findall(r'\{ "([a-z -]+)", command_', "".join(s.read_text() for s in sources))
    assert {"service add", "account show", "account lock", "account unlock", "config show"} <= set(names)
    opened = server.client().open("sign_in", email=person.email)
    half = server.client().open("sign_in", email=person.email)
    half.prove("password", person.password)
    recovering = server.client().open("recover_password", email=person.email)
    recovering.prove("recovery_key", person.recovery_key)
    phone = person.sign_in()
    held = phone.open("change_password")
    held.prove("password", person.password)
    held.prove("code", person.code_for(held))
    held.commit(202, password="waiting for its hour 5")
    for name in names:
        for more in ({}, {"email": person.email}, {"email": person.email, "attempt": held.id, "force": True}, {"name": f"x {time.time_ns()}"}):
            answer = ask(server, json.dumps({"command": name, **more}).encode())
            text = json.dumps(answer)
            assert not re.search(r"\bt[sadbl]_[A-Za-z0-9_-]{20,}", text), (name, text)
            assert person.recovery_key not in text and person.password not in text
        assert opened.show()["proved"] == []
        assert half.commit(status=409 if half.show()["state"] == "opened" else 403)["code"] in ("not_proved", "denied")
        assert recovering.commit(status=409, password="no such luck at all 8")["code"] == "not_proved"
        assert held.client.call("POST", f"/api/v1/attempts/{held.id}/commit", {"password": "waiting for its hour 5"}, held.token).status_code != 200
    for text in (b"", b"{}", b"[]", b"{", b'{"command":7}', b'{"command":"account show","email":7}', b"\0" * 100, b'{"command":"x"}' * 400):
        if text:
            assert ask(server, text)["ok"] in (False, 0), text
