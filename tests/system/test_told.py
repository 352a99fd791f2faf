"""What reaches the owner, on every channel at once: mail, push, open pages. When, with which words, and where its links lead."""

import base64
import json
import re
import threading

import pytest
import requests
import tocsin

# each word is too long to come up by chance in a port, a code or a token
EVIL = "Evil Twin<b>Bank Desk</b> +1 555 01 00 99 http://evil.example"


@pytest.fixture(scope="module")
def push():
    sink = tocsin.PushSink()
    yield sink
    sink.stop()


def alert_of(text):
    """The alert that the link in a text is about."""
    (link,) = set(re.findall(r"/a/tl_([A-Za-z0-9_-]+)", text))
    return tocsin.url64(base64.urlsafe_b64decode(link + "=" * (-len(link) % 4))[16:32])


class Ways:
    """A person's mailbox, device and open page; `next` is what they are told next, the same on all three."""

    def __init__(self, server, push, person):
        self.server, self.push, self.person, self.name, self.n = server, push, person, person.account["id"], 0
        push.subscribe(person.client, self.name)
        self.live = []
        headers = {"Authorization": "Bearer " + person.client.session}
        self.stream = requests.get(server.origin + "/api/v1/alerts/stream", headers=headers, stream=True, timeout=60)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        try:
            for line in self.stream.iter_lines(chunk_size=1, decode_unicode=True):
                if line.startswith("data:") and "deliveries" in line:
                    self.live.append(json.loads(line[5:]))
        except requests.RequestException:
            pass  # the session ended, or the test

    def mails(self):
        return [m[3] for m in self.server.sink.to(self.person.email) if "/a/tl_" in tocsin.text_of(m[3])]

    def pushes(self):
        return [m for _, m in self.push.to(self.name) if "/a/tl_" in m["notification"]["navigate"]]

    def next(self, action, kind):
        self.n += 1
        tocsin.until(lambda: len(self.mails()) >= self.n and len(self.pushes()) >= self.n, "mail and push")
        mail, message = self.mails()[self.n - 1], self.pushes()[self.n - 1]
        assert (message["tocsin"]["action"], message["tocsin"]["kind"]) == (action, kind)
        assert mail["Subject"] == message["notification"]["title"]
        alert = message["tocsin"]["alert"]
        assert alert_of(tocsin.text_of(mail)) == alert_of(message["notification"]["navigate"]) == alert
        tocsin.until(lambda: any(x["id"] == alert for x in self.live) or not self.reader.is_alive(), "the open page")
        return alert

    def close(self):
        """The page's stream ends with its session."""
        self.person.client.call("DELETE", "/api/v1/session", token=self.person.client.session)


def test_every_moment_on_every_channel(server, push, person):
    ways = Ways(server, push, person)
    stranger = server.client()
    a = stranger.open("sign_in", email=person.email)
    a.prove("password", person.password)
    ways.next("sign_in", "opened")
    a.prove("recovery_key", person.recovery_key)
    key = a.commit()["result"]["recovery_key"]
    ways.next("sign_in", "done")
    a = person.client.open("change_password")
    ways.next("change_password", "opened")
    a.prove("password", person.password)
    a.prove("recovery_key", key)
    key = a.commit(password="another password for 7")["result"]["recovery_key"]
    ways.next("change_password", "done")
    a = person.client.open("sign_in", email=person.email, device_token=person.client.device)
    a.prove("password", "another password for 7")
    a.commit()  # a known device: nobody is told, so the next one is the next
    a = stranger.open("sign_in", email=person.email)
    for _ in range(3):
        a.prove("password", "a wrong one", status=403)
    ways.next("sign_in", "wrong_proofs")
    a = stranger.open("recover_password", email=person.email)
    ways.next("recover_password", "opened")
    for _ in range(3):
        a.prove("recovery_key", "AAAA-AAAA", status=403)
    ways.next("recover_password", "refused")
    for alert in person.alerts():
        states = {d["channel"]: d["state"] for d in alert["deliveries"]}
        assert states["email"] in ("waiting", "sent") and states["push"] in ("waiting", "sent")
    assert len(person.alerts()) == 7
    ways.close()


def all_words(server, push, person):
    """All that anybody is shown of a person's alarms."""
    mails = [m[3] for m in server.sink.to(person.email)]
    words = [part.get_content() for m in mails for part in m.iter_parts()]
    words += [json.dumps(m) for _, m in push.to(person.account["id"])]
    links = {x for w in words for x in re.findall(r"/a/tl_[A-Za-z0-9_-]+", w)}
    assert len(links) >= 4
    words += [answer.text for answer in [requests.get(server.origin + x, timeout=10) for x in links] if answer.raise_for_status() is None]
    words += [json.dumps(person.alerts()), json.dumps(person.client.api("GET", "/attempts")["attempts"])]
    return words + [f"{name}: {value}" for m in mails for name, value in m.items()]


def test_no_words_of_a_caller_in_an_alert(server, push):
    """The thief names account, device and browser as he likes, and has his own device told too."""
    person = tocsin.Person(server, words=EVIL)
    ways = Ways(server, push, person)
    thief = server.client(agent=EVIL)
    a = thief.open("sign_in", email=person.email)
    a.prove("password", person.password)
    ways.next("sign_in", "opened")
    a.prove("recovery_key", person.recovery_key)
    result = a.commit(device={"name": EVIL})["result"]
    ways.next("sign_in", "done")
    thief.session = result["session"]["token"]
    thief.api("PATCH", f"/devices/{result['device']['id']}", {"name": EVIL})
    push.subscribe(thief, "thief" + person.account["id"])
    a = thief.open("change_password")
    ways.next("change_password", "opened")
    a.prove("password", person.password)
    a.prove("recovery_key", result["recovery_key"])
    a.commit_after_hold(password="the thief's new one 42")
    ways.next("change_password", "held")
    person.client.session = thief.session  # hers has ended with it
    ways.next("change_password", "done")
    for text in all_words(server, push, person) + [json.dumps(ways.live)]:
        for word in ("Evil Twin", "Bank Desk", "555 01 00", "5550100", "evil.example"):
            assert word not in text, text
    ways.close()


FORGED = [
    {"Host": "evil.example"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
    {"Host": "evil.example:80", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example;proto=https", "X-Original-Host": "evil.example"},
    {"Origin": "http://evil.example", "Referer": "http://evil.example/x", "X-Forwarded-Server": "evil.example", "X-Host": "evil.example"},
]


@pytest.mark.parametrize("proxies", ["", "127.0.0.1"])
def test_a_forged_host_never_reaches_a_link(push, proxies):
    server = tocsin.Server("sqlite", trusted_proxies=proxies)
    try:
        for forged in FORGED:
            person = server.person()
            ways = Ways(server, push, person)

            def post(path, body, token=None):
                headers = {**forged, **({"Authorization": "Bearer " + token} if token else {})}
                answer = requests.post(server.origin + "/api/v1" + path, json=body, headers=headers, timeout=10)
                assert answer.status_code < 300 and "evil.example" not in answer.text + str(answer.headers)
                return answer.json()

            post("/attempts", {"action": "sign_up", "email": person.email})
            post("/attempts", {"action": "recover_password", "email": person.email})
            ways.next("recover_password", "opened")
            a = post("/attempts", {"action": "sign_in", "email": person.email})
            path = f"/attempts/{a['attempt']['id']}"
            post(path + "/proofs", {"kind": "password", "password": person.password}, a["token"])
            ways.next("sign_in", "opened")
            post(path + "/proofs", {"kind": "recovery_key", "recovery_key": person.recovery_key}, a["token"])
            post(path + "/commit", {}, a["token"])
            ways.next("sign_in", "done")
            post("/attempts", {"action": "change_password"}, person.client.session)
            ways.next("change_password", "opened")
            server.sink.wait(person.email, subject="already have an account")
            for text in all_words(server, push, person):
                assert "evil.example" not in text
                for link in re.findall(r"https?://[^\s\"<>]*", text.replace("=\n", "")):
                    assert link.startswith(server.origin), link
            for page in ("/", "/home", "/sign-in", "/change-password", "/api/v1/verify", "/.well-known/change-password", "/nothing", "/a/x"):
                answer = requests.get(server.origin + page, headers=forged, timeout=10, allow_redirects=False)
                assert "evil.example" not in answer.text + str(answer.headers), page
            ways.close()
    finally:
        server.stop()
