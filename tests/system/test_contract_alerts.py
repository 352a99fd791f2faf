"""Alerts, answers, links, lock-down, push and devices as the contract says them, over HTTP."""

import base64
import http.server
import json
import re
import subprocess
import threading
import time

import pytest
import requests
import tocsin
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from test_contract_wire import TIME, check_headers, check_problem

ALERT = {"id", "attempt", "action", "kind", "title", "body", "at", "from", "answer", "deliveries", "count"}


def b64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def unb64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class PushSink:
    """A push service on loopback, and the browser behind it: what it accepts is decrypted as RFC 8291 says."""

    def __init__(self):
        self.got, sink = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.got.append((dict(self.headers), body))
                self.send_response(201)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.key, self.auth = ec.generate_private_key(ec.SECP256R1()), b"sixteen bytes!!!"
        self.point = self.key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    def subscription(self, name):
        endpoint = f"http://127.0.0.1:{self.server.server_port}/{name}"
        return {"subscription": {"endpoint": endpoint, "keys": {"p256dh": unb64(self.point), "auth": unb64(self.auth)}}}

    def open(self, body):
        salt, keys_n = body[:16], body[20]
        peer, sealed = body[21 : 21 + keys_n], body[21 + keys_n :]
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), peer))
        ikm = HKDF(hashes.SHA256(), 32, self.auth, b"WebPush: info\0" + self.point + peer).derive(shared)
        key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(ikm)
        nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(ikm)
        return json.loads(AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")[:-1])

    def wait(self, test, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for headers, body in list(self.got):
                payload = self.open(body)
                if test(payload):
                    return headers, payload
            time.sleep(0.02)
        raise AssertionError([self.open(b) for _, b in self.got])

    def stop(self):
        self.server.shutdown()


@pytest.fixture
def push():
    sink = PushSink()
    yield sink
    sink.stop()


def ring(server, person):
    """Somebody with the right password, at an unknown device."""
    a = server.client(agent="curl/8").open("sign_in", email=person.email)
    a.prove("password", person.password)
    return a


def alert_of(person, action, kind):
    return next(a for a in person.alerts() if a["action"] == action and a["kind"] == kind)


def cli(server, *arguments):
    return subprocess.run([tocsin.BUILD / "src/cli/tocsin", "-c", server.config, *arguments], capture_output=True, text=True)


# ---- the shape, collapse, paging ----


def test_an_alert(server, person):
    a = ring(server, person)
    server.sink.wait(person.email, subject="knows your password")
    alert = alert_of(person, "sign_in", "opened")
    assert ALERT <= set(alert) and set(alert["from"]) == {"ip", "place", "device", "known_device"}
    assert alert["attempt"] == a.id and alert["answer"] is None and alert["count"] == 1 and TIME.match(alert["at"])
    for _ in range(100):
        (mail,) = [d for d in alert_of(person, "sign_in", "opened")["deliveries"] if d["channel"] == "email"]
        if mail["state"] == "sent":
            break
        time.sleep(0.02)
    assert set(mail) == {"channel", "to", "state", "at", "tries"}
    assert mail["to"] == person.email and mail["state"] == "sent" and mail["tries"] == 1 and TIME.match(mail["at"])


def test_repeats_are_one_alert_with_a_count(server):
    person = server.person()
    for _ in range(4):
        ring(server, person)
    (alert,) = person.alerts()
    assert alert["count"] == 4
    assert len(server.sink.wait(person.email, subject="knows your password")) == 1
    server.advance(minutes=3)
    server.sink.wait(person.email, count=2, subject="knows your password")
    ring(server, person)
    time.sleep(0.3)
    server.advance(minutes=3)
    time.sleep(1.2)
    assert len(server.sink.wait(person.email, count=2, subject="knows your password")) == 2  # at most once more
    person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "me"})
    ring(server, person)  # answered: the next one is a new one
    assert [x["count"] for x in person.alerts()] == [1, 5]
    server.advance(minutes=16)
    ring(server, person)
    assert [x["count"] for x in person.alerts()] == [1, 1, 5]


def test_paging(server):
    person = server.person()
    for _ in range(3):
        ring(server, person)
        server.advance(minutes=16)
    ids = [a["id"] for a in person.alerts()]
    first = person.client.api("GET", "/alerts?limit=2")
    assert set(first) == {"alerts", "next"} and [a["id"] for a in first["alerts"]] == ids[:2] and first["next"] == ids[1]
    rest = person.client.api("GET", f"/alerts?limit=2&before={first['next']}")
    assert [a["id"] for a in rest["alerts"]] == ids[2:] and rest["next"] is None
    for query in ("limit=0", "limit=101", "before=!"):
        check_problem(person.client.call("GET", f"/api/v1/alerts?{query}", token=person.client.session), 400, "bad_request")
    check_problem(server.client().call("GET", "/api/v1/alerts"), 401, "unauthorized")


def test_which_moments_ring(server, person):
    """The column `alert when`, by the alerts that the owner sees."""

    def kinds(action):
        return [a["kind"] for a in person.alerts() if a["action"] == action][::-1]

    second = person.sign_in()
    assert kinds("sign_in") == ["opened", "done"]
    for action in ("change_password", "new_recovery_key", "export_data", "delete_account"):
        person.client.open(action)
        assert kinds(action) == ["opened"]
    person.client.open("change_email", email="next-" + person.email)
    assert kinds("change_email") == ["opened"]
    server.client().open("recover_password", email=person.email)
    assert kinds("recover_password") == ["opened"]
    device = second.api("GET", "/session")["device"]["id"]
    person.client.open("restore", from_device=device)
    assert kinds("restore") == ["opened"]
    removal = person.client.open("remove_device", device=device)
    assert kinds("remove_device") == []
    removal.prove("password", person.password)
    removal.prove("recovery_key", person.recovery_key)
    removal.commit()
    assert kinds("remove_device") == ["done"]


def test_a_known_device_rings_after_three_wrong_proofs_alone(server, person):
    a = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    a.prove("password", "wrong one", 403)
    a.prove("password", "wrong two", 403)
    assert person.alerts() == []
    a.prove("password", "wrong three", 403)
    assert [(x["action"], x["kind"]) for x in person.alerts()] == [("sign_in", "wrong_proofs")]


# ---- the stream ----


def events(answer):
    name = ident = None
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("id: "):
            ident = line[4:]
        elif line.startswith("data: "):
            yield name, ident, json.loads(line[6:])


def test_the_stream_resumes(server):
    person = server.person()
    url, headers = server.origin + "/api/v1/alerts/stream", {"Authorization": "Bearer " + person.client.session}
    check_problem(requests.get(url, timeout=10), 401, "unauthorized")
    seen = []
    for _ in range(3):
        ring(server, person)
        seen.append(person.alerts()[0]["id"])
        server.advance(minutes=16)
    with requests.get(url, headers=headers | {"Last-Event-ID": seen[0]}, stream=True, timeout=15) as answer:
        check_headers(answer)
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        stream = events(answer)
        for want in seen[1:]:
            name, ident, alert = next(stream)
            assert name == "alert" and ident == alert["id"] == want and ALERT <= set(alert)
        ring(server, person)
        assert next(stream)[2]["kind"] == "opened"


def test_a_stream_ends_with_its_session(server, person):
    url, headers = server.origin + "/api/v1/alerts/stream", {"Authorization": "Bearer " + person.client.session}
    with requests.get(url, headers=headers, stream=True, timeout=15) as answer:
        person.client.api("DELETE", "/session", status=204)
        assert list(events(answer)) == []


# ---- links and answers ----


def test_answering(server, person):
    ring(server, person)
    alert = alert_of(person, "sign_in", "opened")
    path = f"/api/v1/alerts/{alert['id']}/answer"
    check_problem(server.client().call("POST", path, {"answer": "me"}), 401, "unauthorized")
    check_problem(server.client().call("POST", path, {"answer": "me"}, server.person().client.session), 404, "not_found")
    for body in ({}, {"answer": "maybe"}, {"answer": 1}, {"answer": "me", "note": "x" * 1001}, {"answer": "me", "tell_security_team": "yes"}):
        check_problem(server.client().call("POST", path, body, person.client.session), 400, "bad_request")
    answered = person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "me", "note": "it was I"})
    assert set(answered) == {"alert", "account"} and answered["account"] == {"state": "normal"} and answered["alert"]["answer"] == "me"
    case = person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "me", "tell_security_team": True})
    assert set(case["case"]) == {"id"}


def test_the_page_of_a_link_changes_nothing_until_its_button(server, person):
    a = ring(server, person)
    link = server.sink.link(person.email, "knows your password")
    page = requests.get(f"{server.origin}/a/{link}", timeout=10)
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    check_headers(page)
    requests.head(f"{server.origin}/a/{link}", timeout=10)
    assert a.show()["state"] == "opened" and person.alerts()[0]["answer"] is None
    assert page.text.count("<button") >= 2
    assert requests.get(f"{server.origin}/a/tl_{'A' * 86}", timeout=10).status_code == 404


def test_not_me_denies_what_is_not_done(server, person):
    """Without the right password nobody is locked down."""
    a = server.client(agent="curl/8").open("recover_password", email=person.email)
    link = server.sink.link(person.email, "lost your password")
    answered = server.client().api("POST", "/alerts/answer", {"link": link, "answer": "not_me"})
    assert answered["account"] == {"state": "normal"}
    assert a.show()["state"] == "denied"
    person.client.api("GET", "/session")


def test_not_me_closes_the_window_of_a_restore(server, person):
    second = person.sign_in()
    device = second.api("GET", "/session")["device"]["id"]
    a = person.client.open("restore", from_device=device)
    a.prove("recovery_key", person.recovery_key)
    a.prove("code", code_for_on(second, a))
    a.commit()
    alert = alert_of(person, "restore", "done")
    answered = person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "not_me"})
    assert answered["alert"]["answer"] == "not_me"  # the scenarios look at the window itself


def test_lock_down(server, person, push):
    """Who stays, who goes, and what opens nothing any more."""
    second = person.sign_in()
    person.client.api("POST", "/push/subscriptions", push.subscription("before"), status=201)
    thief = person.sign_in(server.client(agent="curl/8"))
    thief.api("POST", "/push/subscriptions", push.subscription("later"), status=201)
    a = ring(server, person)
    server.sink.wait(person.email, subject="knows your password")
    assert a.show()["proved"] == ["password"]
    # the sign-in of the thief's device is disowned, on a device that was trusted before
    thief_device = thief.api("GET", "/session")["device"]["id"]
    done = [x for x in person.alerts() if x["action"] == "sign_in" and x["kind"] == "done"][0]
    answered = person.client.api("POST", f"/alerts/{done['id']}/answer", {"answer": "not_me"})
    assert answered["account"] == {"state": "locked_down"}
    person.client.api("GET", "/session")  # the answering device stays
    for gone in (second, thief):
        gone.call("GET", "/api/v1/session", token=gone.session, status=401)
    assert thief_device not in [d["id"] for d in person.client.api("GET", "/devices")["devices"]]
    left = person.client.api("GET", "/push/subscriptions")["subscriptions"]
    assert len(left) == 1 and left[0]["device"] == person.device_id
    # the right password is a wrong proof now, on known and unknown devices alike; a right key is one on unknown devices
    known = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    right, wrong = known.prove("password", person.password, 403), known.prove("password", "a wrong one", 403)
    assert right == wrong
    unknown = server.client().open("sign_in", email=person.email)
    assert unknown.prove("password", person.password, 403) == wrong
    assert unknown.prove("recovery_key", person.recovery_key, 403) == wrong
    # the way back: recovery key and a code from the trusted device
    back = server.client().open("recover_password", email=person.email)
    back.prove("recovery_key", person.recovery_key)
    back.code("shown_there")
    push.wait(lambda p: "code" in p["tocsin"])
    back.prove("code", person.client.api("GET", f"/attempts/{back.id}/code")["digits"])
    back.commit_after_hold(password="mine again, and only mine")
    again = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    again.prove("password", "mine again, and only mine")
    again.commit()


def test_a_link_without_a_session_ends_them_all(server, person):
    second = person.sign_in()
    ring(server, person)
    link = server.sink.link(person.email, "knows your password")
    answered = server.client().api("POST", "/alerts/answer", {"link": link, "answer": "not_me"})
    assert answered["account"] == {"state": "locked_down"}
    for client in (person.client, second):
        client.call("GET", "/api/v1/session", token=client.session, status=401)


def test_a_link_is_good_for_its_own_alert_for_a_week(server):
    person = server.person()
    ring(server, person)
    link = server.sink.link(person.email, "knows your password")
    server.advance(days=6, hours=23)
    assert server.client().api("POST", "/alerts/answer", {"link": link, "answer": "me"})["alert"]["answer"] == "me"
    server.advance(hours=2)
    for path, body in (("answer", {"link": link, "answer": "not_me"}), ("seen", {"link": link})):
        check_problem(server.client().call("POST", f"/api/v1/alerts/{path}", body), 410, "expired")
    assert requests.get(f"{server.origin}/a/{link}", timeout=10).status_code in (404, 410)


# ---- undo ----


def test_not_me_on_a_done_change_puts_the_old_one_back(server):
    person = server.person()
    thief = person.sign_in(server.client(agent="curl/8"))
    a = thief.open("change_password")
    a.prove("password", person.password)
    a.prove("code", code_for(person, a))
    a.commit_after_hold(password="the thief's own choice 6")
    link = server.sink.link(person.email, "Your password was changed")
    server.advance(days=5)
    answered = server.client().api("POST", "/alerts/answer", {"link": link, "answer": "not_me"})
    assert answered["account"] == {"state": "locked_down"}
    b = server.client().open("sign_in", email=person.email)
    b.prove("password", "the thief's own choice 6", 403)
    back = server.client().open("recover_password", email=person.email)
    back.prove("recovery_key", person.recovery_key)


def code_for(person, attempt):
    attempt.code("shown_there")
    return person.client.api("GET", f"/attempts/{attempt.id}/code")["digits"]


def test_not_me_on_a_new_address_brings_the_old_one_back(server):
    person = server.person()
    second = person.sign_in()
    new = "taken-" + person.email
    a = person.client.open("change_email", email=new)
    a.prove("password", person.password)
    a.prove("code", code_for_on(second, a))
    a.prove("email_code", server.sink.code(new))
    a.commit()
    link = server.sink.link(person.email, "Your address was changed")  # at the old address
    server.client().api("POST", "/alerts/answer", {"link": link, "answer": "not_me"})
    assert person.email in cli(server, "account", "show", person.email).stdout
    assert cli(server, "account", "show", new).returncode == 1


def code_for_on(client, attempt):
    attempt.code("shown_there")
    return client.api("GET", f"/attempts/{attempt.id}/code")["digits"]


# ---- push ----


def test_push(server, person, push):
    key = server.client().call("GET", "/api/v1/push/key", status=200).json()
    assert set(key) == {"public_key"} and len(b64(key["public_key"])) == 65 and b64(key["public_key"])[0] == 4
    made = person.client.api("POST", "/push/subscriptions", push.subscription("one"), status=201)
    assert set(made) == {"id"}
    assert person.client.api("GET", "/devices")["devices"][0]["push"] is True
    (listed,) = person.client.api("GET", "/push/subscriptions")["subscriptions"]
    assert listed["id"] == made["id"] and "keys" not in listed and "endpoint" not in listed
    person.client.api("POST", f"/push/subscriptions/{made['id']}/test", {}, status=202)
    headers, payload = push.wait(lambda p: "test" in p["notification"]["body"])
    assert headers["Content-Encoding"] == "aes128gcm" and headers["TTL"] and headers["Authorization"].startswith("vapid ")
    a = ring(server, person)
    _, payload = push.wait(lambda p: p["tocsin"].get("kind") == "opened")
    assert payload["web_push"] == 8030
    assert {"title", "body", "navigate", "tag"} <= set(payload["notification"])
    assert re.fullmatch(re.escape(server.origin) + r"/a/tl_[A-Za-z0-9_-]+", payload["notification"]["navigate"])
    alert = alert_of(person, "sign_in", "opened")
    assert payload["tocsin"]["alert"] == alert["id"] and payload["tocsin"]["action"] == "sign_in"
    assert "code" not in payload["tocsin"]
    # the digits of a code are never in the visible text
    a.code("shown_there")
    _, payload = push.wait(lambda p: "code" in p["tocsin"])
    digits = person.client.api("GET", f"/attempts/{a.id}/code")["digits"]
    assert payload["tocsin"]["code"] == digits
    assert not re.search(rf"(?<![\w-]){digits}(?![\w-])", json.dumps(payload["notification"]))  # nor part of an id by chance
    # the service worker says that it was shown
    link = push.wait(lambda p: p["tocsin"].get("kind") == "opened")[1]["notification"]["navigate"].rsplit("/", 1)[1]
    for _ in range(100):
        assert server.client().call("POST", "/api/v1/alerts/seen", {"link": link}).status_code == 204
        states = [d["state"] for d in alert_of(person, "sign_in", "opened")["deliveries"] if d["channel"] == "push"]
        if states == ["seen"]:
            break
        time.sleep(0.02)
    assert states == ["seen"]
    person.client.api("DELETE", f"/push/subscriptions/{made['id']}", status=204)
    person.client.api("DELETE", f"/push/subscriptions/{made['id']}", status=404)
    person.client.api("POST", f"/push/subscriptions/{made['id']}/test", {}, status=404)
    assert person.client.api("GET", "/devices")["devices"][0]["push"] is False


def test_a_code_is_pushed_to_trusted_devices_other_than_the_opener(server, person, push):
    second = person.sign_in()
    person.client.api("POST", "/push/subscriptions", push.subscription("laptop"), status=201)
    second.api("POST", "/push/subscriptions", push.subscription("phone"), status=201)
    before = len(push.got)
    a = person.client.open("new_recovery_key")
    a.prove("password", person.password)
    a.code("shown_there")
    push.wait(lambda p: "code" in p["tocsin"])
    time.sleep(0.3)
    assert len([1 for _, body in push.got[before:] if "code" in push.open(body)["tocsin"]]) == 1


# ---- devices, sessions, checks ----


def test_devices(server, person):
    (device,) = person.client.api("GET", "/devices")["devices"]
    assert {"id", "name", "platform", "trusted", "first_seen", "last_seen", "place", "push"} <= set(device)
    path = f"/devices/{device['id']}"
    assert person.client.api("PATCH", path, {})["device"]["name"] == device["name"]
    assert person.client.api("PATCH", path, {"name": "Küche"})["device"]["name"] == "Küche"
    for bad in ("", " ", "x" * 65, "a\nb", 7):
        check_problem(person.client.call("PATCH", "/api/v1" + path, {"name": bad}, person.client.session), 400, "bad_request")
    stranger = server.person()
    check_problem(stranger.client.call("PATCH", "/api/v1" + path, {"name": "mine"}, stranger.client.session), 404, "not_found")
    check_problem(server.client().call("GET", "/api/v1/devices"), 401, "unauthorized")


def test_a_removed_device_is_out(server, person, push):
    second = person.sign_in()
    device = second.api("GET", "/session")["device"]["id"]
    second.api("POST", "/push/subscriptions", push.subscription("gone"), status=201)
    a = person.client.open("remove_device", device=device)
    a.prove("password", person.password)
    a.prove("recovery_key", person.recovery_key)
    a.commit()
    second.call("GET", "/api/v1/session", token=second.session, status=401)
    assert person.client.api("GET", "/push/subscriptions")["subscriptions"] == []
    assert device not in [d["id"] for d in person.client.api("GET", "/devices")["devices"]]
    assert server.client().open("sign_in", email=person.email, device_token=second.device).first["needs"]["count"] == 2


def test_sessions(server, person):
    shown = person.client.api("GET", "/session")
    assert set(shown) == {"account", "session", "device"}
    assert set(shown["account"]) == {"id", "email", "name"} and set(shown["device"]) == {"id", "name", "trusted"}
    assert set(shown["session"]) == {"id", "created_at", "expires_at", "proofs"}
    second = person.sign_in()
    listed = person.client.api("GET", "/sessions")["sessions"]
    assert len(listed) == 2
    other = next(s["id"] for s in listed if not s["current"])
    person.client.api("DELETE", f"/sessions/{other}", status=204)
    second.call("GET", "/api/v1/session", token=second.session, status=401)
    person.client.api("DELETE", f"/sessions/{other}", status=404)
    stranger = server.person()
    stranger.client.api("DELETE", f"/sessions/{shown['session']['id']}", status=404)
    third = person.sign_in()
    person.client.api("DELETE", "/sessions", status=204)
    third.call("GET", "/api/v1/session", token=third.session, status=401)
    person.client.api("GET", "/session")
    person.client.api("DELETE", "/session", status=204)
    check_problem(person.client.call("GET", "/api/v1/session", token=person.client.session), 401, "unauthorized")


def test_a_check_of_64(server, person):
    token = cli(server, "service", "add", f"files {time.time_ns()}").stdout.strip()
    assert re.fullmatch(r"tv_[A-Za-z0-9_-]{43,}", token)
    tokens = ["ts_" + "A" * 64, person.client.session] * 32
    results = server.client().call("POST", "/api/v1/sessions/check", {"tokens": tokens}, token, 200).json()["results"]
    assert len(results) == 64 and all(r is None for r in results[::2]) and all(r == person.client.api("GET", "/session") for r in results[1::2])
    for body in ({}, {"tokens": []}, {"tokens": tokens + ["x"]}, {"tokens": [1]}, {"tokens": "x"}, {"tokens": None}):
        check_problem(server.client().call("POST", "/api/v1/sessions/check", body, token), 400, "bad_request")
    check_problem(server.client().call("POST", "/api/v1/sessions/check", {"tokens": ["x"], "y": 1}, token), 400, "unknown_member")
    check_problem(server.client().call("POST", "/api/v1/sessions/check", {"tokens": ["x"]}), 401, "unauthorized")
    check_problem(server.client().call("POST", "/api/v1/sessions/check", {"tokens": ["x"]}, "tv_" + "A" * 43), 401, "unauthorized")
