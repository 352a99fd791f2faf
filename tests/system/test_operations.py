"""Sessions, services, cookies, devices, push, operations, and what a bad start says."""

import json
import os
import re
import subprocess
import time

import pytest
import requests
import tocsin


def cli(server, *arguments):
    return subprocess.run([tocsin.BUILD / "src/cli/tocsin", "-c", server.config, *arguments], capture_output=True, text=True)


def test_services_check_sessions(server, person):
    made = cli(server, "service", "add", f"photos {time.time_ns()}")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert token.startswith("tv_")
    body = {"tokens": [person.client.session, "ts_" + "A" * 64, "nonsense"]}
    results = server.client().call("POST", "/api/v1/sessions/check", body, token, 200).json()["results"]
    assert results[0]["account"]["email"] == person.email and results[1] is None and results[2] is None
    server.client().call("POST", "/api/v1/sessions/check", body, status=401)
    server.client().call("POST", "/api/v1/sessions/check", {"tokens": []}, token, 400)
    server.client().call("POST", "/api/v1/sessions/check", {"tokens": ["x"] * 65}, token, 400)


def test_a_check_reads_any_spelling(server, person):
    """The short way and the library read the same: however it is written, the answer is by what it says."""
    service = cli(server, "service", "add", f"spelling {time.time_ns()}").stdout.strip()
    good = person.client.session
    escaped = "".join(f"\\u{ord(c):04x}" for c in good)
    headers = {"Authorization": f"Bearer {service}", "Content-Type": "application/json"}

    def ask(text, **more):
        return requests.post(server.origin + "/api/v1/sessions/check", data=text.encode(), headers=headers | more, timeout=30)

    for text in (
        f'{{"tokens":["{good}","x"]}}',
        f' {{ "tokens" :\t[\n"{good}" , "x" ]\r\n}} ',
        f'{{"tokens":["{escaped}","x"]}}',
        f'{{"\\u0074okens":["{good}","\u00e9"]}}',
    ):
        results = ask(text).json()["results"]
        assert results[0]["account"]["email"] == person.email and results[1] is None and len(results) == 2, text
    for text in (
        "", "[]", "{}", '{"tokens"', '{"tokens":', '{"tokens":[', '{"tokens":[]}', '{"tokens":["x"', '{"tokens":["x",]}', '{"tokens":["x"]',
        '{"tokens":["x"]}}', '{"tokens":["x"] "y"}', '{"tokens":["x"],"tokens":["y"]}', '{"tokens":["x"],"more":1}', '{"tokens":["x",1]}',
        '{"tokens":["x\ty"]}', '{"tokens":["x\\"]}', '{"tokens":"x"}', '{"Tokens":["x"]}', '{"tokens":["x" "y"]}',
        '{"tokens":[' + ",".join(['"x"'] * 65) + "]}",
    ):
        assert ask(text).status_code == 400, text
    assert ask('{"tokens":["x"]}', **{"Content-Type": "text/plain"}).status_code == 415


def test_command_line(server, person):
    assert person.email in cli(server, "account", "show", person.email).stdout
    assert cli(server, "account", "show", "nobody@example.org").returncode == 1
    assert cli(server, "fly").returncode == 2
    assert cli(server, "account", "lock", person.email).returncode == 0
    person.client.call("GET", "/api/v1/session", token=person.client.session, status=401)
    assert "recovery key" in cli(server, "account", "unlock", person.email).stderr
    assert "[server]" in cli(server, "config", "show").stdout


def test_verify(server, person):
    answer = server.client().call("GET", "/api/v1/verify", token=person.client.session, status=204)
    assert answer.headers["Remote-User"] == person.account["id"] and answer.headers["Remote-Email"] == person.email
    server.client().call("GET", "/api/v1/verify", status=401)
    answer = server.client().call("GET", "/api/v1/verify", status=302, Accept="text/html", X_Forwarded_Proto="https", X_Forwarded_Host="evil.example", X_Forwarded_Uri="/x")
    assert answer.headers["Location"] == server.origin + "/sign-in"


def test_cookies_need_our_own_pages(server, person):
    cookie = {"Cookie": f"tocsin_session={person.client.session}"}
    url = server.origin + "/api/v1/attempts"
    body = {"action": "change_password"}
    assert requests.get(server.origin + "/api/v1/session", headers=cookie, timeout=5).status_code == 200
    refused = requests.post(url, json=body, headers=cookie, timeout=5)
    assert refused.status_code == 403 and refused.json()["code"] == "cross_site"
    refused = requests.post(url, json=body, headers={**cookie, "Origin": "https://evil.example"}, timeout=5)
    assert refused.status_code == 403
    refused = requests.post(url, data="{}", headers={**cookie, "Origin": server.origin, "Content-Type": "text/plain"}, timeout=5)
    assert refused.status_code == 403
    assert requests.post(url, json=body, headers={**cookie, "Origin": server.origin}, timeout=5).status_code == 201


def test_browsers_get_cookies(server, person):
    own = {"Origin": server.origin}
    a = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    a.prove("password", person.password)
    answer = requests.post(
        f"{server.origin}/api/v1/attempts/{a.id}/commit", json={}, headers={**own, "Authorization": "Bearer " + a.token}, timeout=10
    )
    assert answer.status_code == 200
    cookies = answer.raw.headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    for c in cookies:
        assert "HttpOnly" in c and "SameSite=Lax" in c and "Path=/" in c
    session = {"Cookie": f"tocsin_session={answer.cookies['tocsin_session']}"}
    out = requests.delete(server.origin + "/api/v1/session", headers={**session, **own}, timeout=5)
    assert out.status_code == 204 and "Max-Age=0" in out.headers["Set-Cookie"]
    assert requests.get(server.origin + "/api/v1/session", headers=session, timeout=5).status_code == 401


def test_cookies_and_headers_over_https():
    """As behind a proxy that ends TLS: the origin is https, the listener plain."""
    s = tocsin.Server("sqlite", origin="https://id.example.org")
    try:
        person = s.person()
        a = s.client().open("sign_in", email=person.email, device_token=person.client.device)
        a.prove("password", person.password)
        headers = {"Origin": s.origin, "Authorization": "Bearer " + a.token}
        answer = requests.post(f"{s.url}/api/v1/attempts/{a.id}/commit", json={}, headers=headers, timeout=10)
        cookies = answer.raw.headers.getlist("Set-Cookie")
        assert sorted(c.split("=")[0] for c in cookies) == ["__Host-tocsin_device", "__Host-tocsin_session"]
        for c in cookies:
            attributes = c.split("; ")[1:]
            assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(attributes) and "Domain" not in c
            assert len(c.split(";")[0]) < 200
        session = {"Cookie": next(c for c in cookies if "session" in c).split(";")[0]}
        assert requests.get(s.url + "/api/v1/session", headers=session, timeout=5).status_code == 200
        assert requests.get(s.url + "/api/v1/session", headers={"Cookie": session["Cookie"].replace("__Host-", "")}, timeout=5).status_code == 401
        for h in (answer.headers, requests.get(s.url + "/sign-in", timeout=5).headers, requests.get(s.url + "/nothing", timeout=5).headers):
            assert int(re.search(r"max-age=(\d+)", h["Strict-Transport-Security"]).group(1)) >= 31536000
            assert "frame-ancestors 'none'" in h["Content-Security-Policy"] and "base-uri 'none'" in h["Content-Security-Policy"]
            assert h["Cross-Origin-Opener-Policy"] == "same-origin" and h["Cross-Origin-Resource-Policy"] == "same-origin"
            assert not [name for name in h if name.lower().startswith("access-control-")]
    finally:
        s.stop()


def test_the_log_says_which_proof_was_wrong(server, person):
    a = server.client().open("sign_in", email=person.email)
    a.prove("recovery_key", "no key", status=403)
    lines = [json.loads(x) for x in (server.directory / "log").read_text().splitlines() if a.id in x]
    assert [(x["event"], x["proof"], x["account"]) for x in lines] == [("authn_login_fail", "recovery_key", person.account["id"])]
    assert "no key" not in (server.directory / "log").read_text()


def test_the_log_says_whose_alert_was_answered(server, person):
    a = server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    alert = next(x for x in person.alerts() if x["action"] == "sign_in")
    person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "me"})
    lines = [json.loads(x) for x in (server.directory / "log").read_text().splitlines() if '"alert_answered_me"' in x]
    assert (person.account["id"], a.id, "sign_in") in [(x["account"], x["attempt"], x["action"]) for x in lines]


def test_sessions_end(server, person):
    other = person.sign_in()
    assert len(person.client.api("GET", "/sessions")["sessions"]) == 2
    person.client.api("DELETE", "/sessions", status=204)
    other.call("GET", "/api/v1/session", token=other.session, status=401)
    person.client.api("GET", "/session")
    person.client.api("DELETE", "/sessions/" + "A" * 22, status=404)
    person.client.api("DELETE", "/session", status=204)
    person.client.call("GET", "/api/v1/session", token=person.client.session, status=401)


def test_devices_and_contacts(server, person):
    devices = person.client.api("GET", "/devices")["devices"]
    assert [d["name"] for d in devices] == ["Ada's laptop"] and devices[0]["trusted"] and not devices[0]["push"]
    path = f"/devices/{devices[0]['id']}"
    assert person.client.api("PATCH", path, {"name": "Kitchen"})["device"]["name"] == "Kitchen"
    person.client.api("PATCH", path, {"name": "a\u202eb"}, status=400)
    person.client.api("PATCH", "/devices/" + "A" * 22, {"name": "x"}, status=404)
    assert person.client.api("GET", "/session")["device"]["name"] == "Kitchen"
    assert [c["email"] for c in person.client.api("GET", "/contacts")["contacts"]] == [person.email]


@pytest.mark.parametrize(
    "subscription",
    [
        {"endpoint": "ftp://x/y", "keys": {}},
        {"endpoint": "https://push.example/x", "keys": {"p256dh": "AAAA", "auth": "A" * 22}},
        {"endpoint": "https://push.example/x", "keys": {"p256dh": "B" + "A" * 86, "auth": "A" * 22}},
        {"endpoint": "https://u@push.example/x", "keys": {"p256dh": "A", "auth": "A"}},
        {"endpoint": "https://push.example/x"},
        {},
    ],
)
def test_bad_subscriptions(server, person, subscription):
    person.client.api("POST", "/push/subscriptions", {"subscription": subscription}, status=400)


def test_stream(server, person):
    headers = {"Authorization": "Bearer " + person.client.session}
    with requests.get(server.origin + "/api/v1/alerts/stream", headers=headers, stream=True, timeout=15) as r:
        assert r.headers["Content-Type"].startswith("text/event-stream")
        lines = r.iter_lines(chunk_size=1, decode_unicode=True)
        next(lines)
        a = server.client().open("sign_in", email=person.email)
        a.prove("password", person.password)
        text = ""
        for line in lines:
            text += line + "\n"
            if line.startswith("data:"):
                break
        assert "event: alert" in text and '"kind":"opened"' in text
        first = re.search(r"^id: (\S+)", text, re.M).group(1)
    a.prove("recovery_key", person.recovery_key)
    a.commit()
    headers["Last-Event-ID"] = first
    with requests.get(server.origin + "/api/v1/alerts/stream", headers=headers, stream=True, timeout=15) as r:
        for line in r.iter_lines(chunk_size=1, decode_unicode=True):
            if line.startswith("data:"):
                assert '"kind":"done"' in line
                break


def test_health_and_metrics(server):
    assert requests.get(server.origin + "/healthz", timeout=5).status_code == 204
    metrics = requests.get(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=5)
    assert metrics.status_code == 200 and "tocsin_sessions" in metrics.text
    check = subprocess.run(["promtool", "check", "metrics"], input=metrics.text, capture_output=True, text=True)
    assert check.returncode == 0, check.stderr + check.stdout
    assert requests.get(server.origin + "/.well-known/change-password", allow_redirects=False, timeout=5).status_code == 302
    odd = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
    assert requests.get(server.origin + odd, timeout=5).status_code == 404


def gauges(server):
    text = requests.get(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=5).text
    return {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in text.splitlines() if re.match(r"\S+ \d+$", line)}


def test_a_spray_over_many_accounts_is_seen():
    s = tocsin.Server("sqlite", settings="spray_accounts = 20\n")
    try:
        person = s.person()
        for i in range(3):
            s.client().open("sign_in", email=person.email).prove("password", "wrong wrong", status=403)
        before = gauges(s)
        assert before["tocsin_guessed_accounts_hour"] == 1 and before["tocsin_wrong_proofs_hour"] == 3
        attempt = s.client().open("sign_in", email=person.email)
        for _ in range(3):
            attempt.prove("recovery_key", "no key", status=403)
        for i in range(30):  # known or not, one wrong password each
            s.client().open("sign_in", email=f"spray{i}@example.org").prove("password", "wrong wrong", status=403)
        after = gauges(s)
        assert 28 <= after["tocsin_guessed_accounts_hour"] <= 34 and after["tocsin_wrong_proofs_hour"] == 36
        assert after['tocsin_wrong_proofs_total{kind="password"}'] == 33
        assert after['tocsin_wrong_proofs_total{kind="recovery_key"}'] == 3
        assert after["tocsin_failed_sign_ins_total"] == 1 and after["tocsin_budgets_spent_total"] == 0
        lines = [json.loads(x) for x in (s.directory / "log").read_text().splitlines() if '"all accounts"' in x]
        assert len(lines) == 1, lines
        assert lines[0]["event"] == "excess_rate_limit_exceeded" and lines[0]["level"] == "warn" and 21 <= lines[0]["guessed_accounts"] <= 23
        for _ in range(4):
            attempt = s.client().open("sign_in", email=person.email)
            for _ in range(3):
                if attempt.prove("password", "wrong wrong", status=None).get("code") == "too_many_tries":
                    break
        spent = gauges(s)
        assert spent["tocsin_budgets_spent_total"] == 1 and spent["tocsin_too_many_tries_total"] == 2
        s.advance(minutes=65)
        assert gauges(s)["tocsin_guessed_accounts_hour"] == 0
    finally:
        s.stop()


def test_every_answer_has_its_headers(server):
    for path in ("/healthz", "/api/v1/session", "/nothing-here", "/api/v1/push/key"):
        h = requests.get(server.origin + path, timeout=5).headers
        assert h["Cache-Control"] == "no-store" and h["Request-Id"] and "default-src 'none'" in h["Content-Security-Policy"]
        assert h["X-Content-Type-Options"] == "nosniff" and h["Referrer-Policy"] == "no-referrer"


def test_walls(server):
    """Each process: seccomp, no new privileges, no core dumps, its own user when started as root."""
    users = set()
    for name, pid in server.children().items():
        status = open(f"/proc/{pid}/status").read()
        assert re.search(r"^Seccomp:\t2$", status, re.M), name
        assert re.search(r"^NoNewPrivs:\t1$", status, re.M), name
        assert re.search(r"Max core file size +0 +0", open(f"/proc/{pid}/limits").read()), name
        users.add(re.search(r"^Uid:\t(\d+)", status, re.M).group(1))
    assert len(server.children()) == 4
    if os.geteuid() == 0:
        assert len(users) == 4


def test_children_end_with_the_supervisor(server):
    alone = tocsin.Server("sqlite")
    children = alone.children()
    os.kill(children["tocsind"], 9)
    alone.process.wait()
    end = time.monotonic() + 3
    while time.monotonic() < end and any(os.path.exists(f"/proc/{p}/fd") and "Z" not in open(f"/proc/{p}/stat").read().split(")")[1][:3] for p in children.values() if os.path.exists(f"/proc/{p}/stat")):
        time.sleep(0.05)
    assert time.monotonic() < end
    alone.start()
    alone.terminate()
    alone.stop()


@pytest.mark.parametrize(
    "line,reason",
    [
        ("[server]\norigins = x\n", r"tocsin.conf:2: \[server\] origins: unknown key"),
        ("[mail]\nsmtp = nowhere\n", r"\[mail\] smtp"),
        ("[server]\norigin = http://id.example.org\n", r"\[server\] origin"),
    ],
)
def test_bad_configuration_stops_the_start(tmp_path, line, reason):
    path = tmp_path / "tocsin.conf"
    path.write_text(line)
    done = subprocess.run([tocsin.BUILD / "src/tocsind/tocsind", "-c", path], capture_output=True, text=True, timeout=10)
    assert done.returncode == 1 and re.search(reason, done.stderr)
    assert subprocess.run([tocsin.BUILD / "src/tocsind/tocsind", "-c", path, "--check"], capture_output=True).returncode == 1


def test_a_missing_pepper_is_not_made_anew():
    s = tocsin.Server("sqlite")
    person = s.person()
    s.terminate()
    pepper = s.directory / "data/keys/pepper.key"
    kept = pepper.read_bytes()
    pepper.unlink()
    s.start(wait=False)
    assert s.process.wait(10) == 1
    pepper.write_bytes(kept)
    pepper.chmod(0o600)
    s.start()
    person.client.api("GET", "/session")
    s.stop()


def test_a_dead_mail_server_delays_and_never_loses(server, person):
    a = server.client().open("sign_in", email=person.email)
    server.sink.mode = "refuse_later"
    try:
        a.prove("password", person.password)
        time.sleep(1.5)
        assert not [m for m in server.sink.to(person.email) if "knows" in m[3]["Subject"]]
    finally:
        server.sink.mode = "accept"
    server.advance(seconds=30)
    server.sink.wait(person.email, subject="knows your password", seconds=15)
    states = [d["state"] for d in person.alerts()[0]["deliveries"] if d["channel"] == "email"]
    assert states == ["sent"] or states == ["waiting"]


def test_clock_set_back(server, person):
    server.advance(hours=-5)
    time.sleep(2)  # a tick that has begun with the later time would call what is opened now overdue
    a = server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    server.sink.wait(person.email, subject="knows your password", seconds=10)
    server.advance(hours=5)
    person.client.api("GET", "/session")
