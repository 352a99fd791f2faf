"""
Kill -9 of any of the four processes at random moments, under load, with a mail server and a push service that refuse, stall and drop.
Afterwards, attempt by attempt: what was answered 2xx has its alert, no change and no first proof is without its alert, exactly the password
of the last change that is done works, and every alert reached its owner's mailbox and device, and nobody else's.
TOCSIN_KILLS (40) says how often, TOCSIN_KILL_SEED in which order.
"""

import base64
import itertools
import os
import random
import re
import signal
import threading
import time

import pytest
import requests
import tocsin

KILLS = int(os.environ.get("TOCSIN_KILLS", "40"))
SEED = int(os.environ.get("TOCSIN_KILL_SEED", str(time.time_ns() % 1000000)))
networks = itertools.count(1)


def network():
    """An address in a network of its own, so that no alert is counted into another."""
    n = next(networks)
    return f"20.{n >> 8 & 255}.{n & 255}.7"


class Loser:
    """A person, what was asked in their name, and what was answered 2xx."""

    def __init__(self, server, sink):
        self.person, self.server = server.person(), server
        self.name = self.person.account["id"]
        sink.subscribe(self.person.client, self.name)
        self.opened, self.proved, self.done = set(), set(), set()  # attempts whose opening, first proof, commit was answered
        self.passwords = {}  # attempt → the password that its commit would set
        self.first_password = self.person.password
        self.lost, self.is_used, self.is_over = 0, False, False  # over: what became of the last commit was not heard, nor the next key

    def once(self, path, body, token=None, timeout=20):
        """A 2xx answer's body, None for a refusal, an exception for no answer."""
        headers = {"X-Forwarded-For": network()}
        if token:
            headers["Authorization"] = "Bearer " + token
        answer = requests.post(self.server.origin + "/api/v1" + path, json=body, headers=headers, timeout=timeout)
        if answer.status_code == 503:
            raise requests.ConnectionError("503")
        return answer.json() if answer.ok else None

    def patiently(self, *args):
        for _ in range(120):
            try:
                return self.once(*args)
            except requests.RequestException:
                self.lost += 1
                time.sleep(0.25)
        raise AssertionError(f"{args[0]}: no answer")

    def open(self, body, proofs, token=None):
        """Opens an attempt and shows the proofs; its path and token, or None when it was refused on the way."""
        a = self.patiently("/attempts", body, token)
        if not a:
            return None
        attempt = a["attempt"]["id"]
        self.opened.add(attempt)
        for kind, secret in proofs:
            if not self.patiently(f"/attempts/{attempt}/proofs", {"kind": kind, kind: secret}, a["token"]):
                return None
            self.proved.add(attempt)
        return attempt, a["token"]

    def both(self):
        return [("recovery_key", self.person.recovery_key), ("password", self.person.password)]

    def open_change(self):
        return self.open({"action": "change_password"}, self.both(), self.person.client.session)

    def commit(self, attempt, token, body):
        done = self.patiently(f"/attempts/{attempt}/commit", body, token)
        self.is_over = not done
        if done:
            self.done.add(attempt)
            self.person.recovery_key = done["result"]["recovery_key"]

    def change(self):
        if ready := self.open_change():
            self.passwords[ready[0]] = fresh = f"brand new password {random.getrandbits(64)}"
            self.commit(*ready, {"password": fresh})
            self.person.password = fresh

    def knock(self):
        self.open({"action": "sign_in", "email": self.person.email}, [("password", self.person.password)])

    def enter(self):
        if ready := self.open({"action": "sign_in", "email": self.person.email}, self.both()):
            self.commit(*ready, {})

    def leave(self):
        """Asks for a change and does not wait for what becomes of it."""
        if ready := self.open_change():
            self.is_over = True
            self.passwords[ready[0]] = f"brand new password {random.getrandbits(64)}"
            try:
                if self.once(f"/attempts/{ready[0]}/commit", {"password": self.passwords[ready[0]]}, ready[1], random.uniform(0.002, 0.05)):
                    self.done.add(ready[0])
            except requests.RequestException:
                self.lost += 1


class Load:
    """Threads that ask until they are told to stop, each in the name of one after the other; `broken` is what went wrong in them."""

    def __init__(self, losers):
        self.is_over, self.broken, self.losers = False, [], iter(losers)
        self.threads = [threading.Thread(target=self.run) for _ in range(3)]
        for t in self.threads:
            t.start()

    def run(self):
        try:
            while not self.is_over and (loser := next(self.losers, None)):
                loser.is_used = True
                while not self.is_over and not loser.is_over:
                    random.choice([loser.knock, loser.change, loser.enter] * 6 + [loser.leave])()
                    time.sleep(0.05)
        except Exception as e:  # noqa: BLE001
            self.broken.append(e)

    def finish(self):
        self.is_over = True
        for t in self.threads:
            t.join(120)
        assert not self.broken, self.broken


def restart(server):
    server.process.wait()
    for _ in range(60):
        server.start(wait=False)
        try:
            time.sleep(0.3)
            server.wait_ready(8)  # perhaps the old front still answers: so look whether the new one lives
            time.sleep(0.2)
            if server.process.poll() is None:
                return
        except AssertionError:
            if server.process.poll() is None:
                server.process.kill()
            server.process.wait()
            time.sleep(0.3)
    raise AssertionError("it did not come back")


def kill_around(server, sink):
    killed = dict.fromkeys(["tocsin-front", "tocsin-keeper", "tocsin-courier", "tocsind"], 0)
    while sum(killed.values()) < KILLS:
        time.sleep(random.choice([0.02, 0.1, 0.3, 1.5]) * random.random())
        server.sink.mode = random.choice(["accept", "accept", "accept", "refuse_later", "stall", "drop"])
        sink.mode = random.choice(["accept", "accept", "accept", "refuse", "stall", "drop"])
        children = server.children()
        name = random.choice(["tocsin-front", "tocsin-keeper", "tocsin-courier"] * 3 + ["tocsind"])
        if name not in children:  # it is just being started again
            continue
        os.kill(children[name], signal.SIGKILL)
        killed[name] += 1
        if name == "tocsind":
            restart(server)
    server.sink.mode = sink.mode = "accept"
    return killed


def pages(client, path, member):
    """All of a list that comes in pages."""
    found, before = [], ""
    while True:
        page = client.api("GET", f"{path}?limit=100{before}")
        found += page[member]
        if not page["next"]:
            return found
        before = f"&before={page['next']}"


def is_right(loser, password):
    a = loser.server.client().open("sign_in", email=loser.person.email, device_token=loser.person.client.device)
    body = {"kind": "password", "password": password}
    return loser.server.client().call("POST", f"/api/v1/attempts/{a.id}/proofs", body, a.token).status_code == 200


def check_told(loser):
    """Every attempt that was answered, and every one that came to anything, has its alerts; gives the alerts."""
    attempts = {a["id"]: a for a in pages(loser.person.client, "/attempts", "attempts")}
    alerts = pages(loser.person.client, "/alerts", "alerts")
    told = {(x["attempt"], x["kind"]) for x in alerts}
    assert all(x["count"] == 1 for x in alerts)
    assert loser.opened <= set(attempts)
    assert {a["action"] for a in attempts.values()} <= {"sign_up", "sign_in", "change_password"}
    for a in attempts.values():
        if a["action"] == "sign_up":
            continue
        is_change = a["action"] == "change_password"
        assert (a["id"], "opened") in told or not (is_change or a["proved"] or a["id"] in loser.proved), a
        assert (a["id"], "done") in told if a["state"] == "done" else a["id"] not in loser.done, a
        assert ((a["id"], "done") in told) == (a["state"] == "done"), a
        assert a["state"] in ("opened", "proved", "done", "expired", "failed"), a
    return attempts, alerts


def check_password(loser, attempts):
    """Of all the passwords that were asked for, the one of the last change that is done works, and no other."""
    done = [a for a in attempts.values() if a["state"] == "done" and a["action"] == "change_password"]
    last = max(done, key=lambda a: a["opened_at"], default=None)
    want = loser.passwords[last["id"]] if last else loser.first_password
    others = [p for p in [loser.first_password, *loser.passwords.values()] if p != want]
    assert is_right(loser, want)
    for other in others[-3:]:
        assert not is_right(loser, other)


def undelivered(loser):
    ways = {"email": {"sent", "seen"}, "push": {"sent", "seen"}}
    return [
        (x["id"], d)
        for x in pages(loser.person.client, "/alerts", "alerts")
        for d in x["deliveries"]
        if d["channel"] in ways and d["state"] not in ways[d["channel"]]
    ]


def parts_of(link):
    raw = base64.urlsafe_b64decode(link + "=" * (-len(link) % 4))
    return tuple(tocsin.url64(x) for x in (raw[:16], raw[16:32]))


def links(text):
    return {parts_of(x) for x in re.findall(r"/a/tl_([A-Za-z0-9_-]+)", text)}


def check_deliveries(server, sink, losers, alerts):
    """Each alert is in its owner's mailbox and on its owner's device; what is anywhere is its owner's."""
    end = time.monotonic() + 120
    while left := [x for loser in losers for x in undelivered(loser)]:
        assert time.monotonic() < end, left[:5]
        server.advance(minutes=16)  # what waits for its next try is due
        time.sleep(2)
    owner = {loser.person.email: loser.name for loser in losers}
    mailed, pushed = [], []
    for _, _, to, message in server.sink.mails:
        found = links(tocsin.text_of(message))
        assert {account for account, _ in found} <= {owner.get(to)}, to
        mailed += found
    for loser in losers:
        for _, message in sink.to(loser.name):
            found = links(message["notification"]["navigate"])
            assert {account for account, _ in found} <= {loser.name}
            pushed += found
    for name, ids in alerts.items():
        assert {(name, x) for x in ids} <= set(mailed) and {(name, x) for x in ids} <= set(pushed)
    return len(mailed), len(set(mailed)), len(pushed), len(set(pushed))


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_kill_9(database):
    if database == "postgres" and "TOCSIN_TEST_POSTGRES" not in os.environ:
        pytest.skip("TOCSIN_TEST_POSTGRES is not set")
    random.seed(SEED)
    sink = tocsin.PushSink()
    server = tocsin.Server(database, trusted_proxies="127.0.0.1")
    try:
        losers = [Loser(server, sink) for _ in range(20 + KILLS)]
        load = Load(losers)
        killed = kill_around(server, sink)
        server.wait_ready()
        load.finish()
        time.sleep(7)  # what stood at committing is finished by the tick
        server.wait_ready()
        losers, alerts = [x for x in losers if x.is_used], {}
        for loser in losers:
            attempts, told = check_told(loser)
            alerts[loser.name] = [x["id"] for x in told]
            check_password(loser, attempts)
        counts = check_deliveries(server, sink, losers, alerts)
        opened, done, asked, lost = (sum(f(x) for x in losers) for f in (lambda x: len(x.opened), lambda x: len(x.done), lambda x: len(x.passwords), lambda x: x.lost))
        print(f"seed {SEED}, killed {killed}: {len(losers)} people, {opened} attempts, {done} done, {asked} changes asked for, {lost} calls unanswered;")
        print(f"  {sum(map(len, alerts.values()))} alerts; mails, alerts mailed, pushes, alerts pushed: {counts}", flush=True)
        assert done > 0 and lost > 0
    finally:
        server.stop()
        sink.stop()


def test_not_me_that_was_cut_off_is_finished(engine):
    """The front dies when it is written that it is meant, while the keeper locks: nobody presses again, and the account is locked."""
    server = tocsin.Server(engine)
    try:
        person, thief = server.person(), server.client("curl/8")
        a = thief.open("sign_in", email=person.email)
        a.prove("password", person.password)
        link = server.sink.link(person.email, "knows your password")
        alert = person.alerts()[0]
        children = server.children()
        os.kill(children["tocsin-keeper"], signal.SIGSTOP)

        def is_written():
            return any(re.match(r"INSERT INTO (public\.)?veto ", row) for row in server.dump())

        def press():
            url = f"{server.url}/api/v1/alerts/{alert['id']}/answer"
            try:
                requests.post(url, json={"answer": "not_me"}, headers={"Authorization": "Bearer " + person.client.session}, timeout=20)
            except requests.RequestException:
                pass

        pressing = threading.Thread(target=press)
        pressing.start()
        tocsin.until(is_written, "what is meant, to be written")
        assert person.alerts()[0]["answer"] is None
        os.kill(children["tocsin-front"], signal.SIGKILL)
        os.kill(children["tocsin-keeper"], signal.SIGCONT)
        pressing.join()
        server.wait_ready()
        tocsin.until(lambda: person.alerts()[0]["answer"] == "not_me", "the answer")
        assert "This account is locked down" in requests.get(f"{server.url}/a/{link}", timeout=10).text
        assert a.commit(403)["code"] == "denied"
        assert not is_written()
    finally:
        server.stop()
