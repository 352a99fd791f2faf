"""
Kill -9 of any of the four processes at random moments, under load, with a mail server that refuses and drops. Afterwards: every attempt that
was answered 2xx has its alert, no change is without its alert, no password is half changed, and no mail went to anybody else.
TOCSIN_KILLS (40) says how often.
"""

import base64
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


class Load:
    """One person who changes their password again and again, and a stranger who knows it."""

    def __init__(self, person):
        self.person = person
        self.opened = self.first_proofs = self.changed = 0
        self.maybe = {person.password}
        self.stop = False
        self.errors = []

    def call(self, method, path, body, token):
        """A 2xx answer's body, None for a refusal, an exception for no answer."""
        answer = requests.request(
            method, self.person.server.origin + path, json=body, headers={"Authorization": "Bearer " + token} if token else {}, timeout=20
        )
        if 200 <= answer.status_code < 300:
            return answer.json()
        if answer.status_code in (503,):
            raise requests.ConnectionError("503")
        return None

    def patiently(self, method, path, body, token, tries=12):
        for _ in range(tries):
            if self.stop:
                return None
            try:
                return self.call(method, path, body, token)
            except requests.RequestException:
                time.sleep(0.25)
        return None

    def change(self, fresh):
        p = self.person
        a = self.patiently("POST", "/api/v1/attempts", {"action": "change_password"}, p.client.session)
        if not a:
            return
        self.opened += 1
        base, token = f"/api/v1/attempts/{a['attempt']['id']}", a["token"]
        if not self.patiently("POST", base + "/proofs", {"kind": "recovery_key", "recovery_key": p.recovery_key}, token):
            return
        if not self.patiently("POST", base + "/proofs", {"kind": "password", "password": p.password}, token):
            return
        self.maybe = {p.password, fresh}
        done = self.patiently("POST", base + "/commit", {"password": fresh}, token, tries=40)
        if done:
            self.changed += 1
            self.maybe = {fresh}
            p.password, p.recovery_key = fresh, done["result"]["recovery_key"]

    def knock(self):
        a = self.patiently("POST", "/api/v1/attempts", {"action": "sign_in", "email": self.person.email}, None)
        if a and self.patiently(
            "POST", f"/api/v1/attempts/{a['attempt']['id']}/proofs", {"kind": "password", "password": self.person.password}, a["token"]
        ):
            self.first_proofs += 1

    def run(self):
        n = 0
        while not self.stop:
            n += 1
            try:
                self.knock()
                if len(self.maybe) == 1:
                    self.change(f"brand new password {n} {random.random()}")
            except Exception as e:  # noqa: BLE001
                self.errors.append(e)
                return
            time.sleep(0.05)


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


def kill_around(server):
    for i in range(KILLS):
        time.sleep(random.uniform(0.05, 0.5))
        server.sink.mode = random.choice(["accept", "accept", "accept", "refuse_later", "drop"])
        children = server.children()
        name = random.choice(["tocsin-front", "tocsin-keeper", "tocsin-courier"] * 3 + ["tocsind"])
        if name not in children:
            continue
        os.kill(children[name], signal.SIGKILL)
        if name == "tocsind":
            restart(server)
    server.sink.mode = "accept"


def account_of_link(link):
    raw = base64.urlsafe_b64decode(link[3:] + "=" * (-len(link[3:]) % 4))
    return base64.urlsafe_b64encode(raw[:16]).decode().rstrip("=")


def check_person(server, load):
    p = load.person
    assert not load.errors, load.errors
    working = []
    for password in load.maybe:
        a = server.client().open("sign_in", email=p.email, device_token=p.client.device)
        answer = server.client().call("POST", f"/api/v1/attempts/{a.id}/proofs", {"kind": "password", "password": password}, a.token)
        if answer.status_code == 200:
            working.append((password, a))
    assert len(working) == 1, f"of {len(load.maybe)} passwords {len(working)} work"
    session = working[0][1].commit()["result"]["session"]["token"]
    alerts = p.client.api("GET", "/alerts?limit=100", token=session)["alerts"]
    total = {}
    for x in alerts:
        key = (x["action"], x["kind"])
        total[key] = total.get(key, 0) + x["count"]
    assert total.get(("change_password", "opened"), 0) >= load.opened
    assert total.get(("sign_in", "opened"), 0) >= load.first_proofs
    assert total.get(("change_password", "done"), 0) >= load.changed
    if working[0][0] != p.password:  # it was changed, though nobody was told: then there is one more done alert
        assert total.get(("change_password", "done"), 0) >= load.changed + 1


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_kill_9(database):
    if database == "postgres" and "TOCSIN_TEST_POSTGRES" not in os.environ:
        pytest.skip("TOCSIN_TEST_POSTGRES is not set")
    server = tocsin.Server(database)
    try:
        loads = [Load(server.person()) for _ in range(3)]
        threads = [threading.Thread(target=load.run) for load in loads]
        for t in threads:
            t.start()
        kill_around(server)
        server.wait_ready()
        for load in loads:
            load.stop = True
        for t in threads:
            t.join(60)
        time.sleep(7)  # what stood at committing is finished by the tick
        server.advance(minutes=16)  # and what waits for its next try is due
        server.wait_ready()
        for load in loads:
            check_person(server, load)
            server.sink.wait(load.person.email, subject="wants to change your password", seconds=60)
        by_account = {load.person.account["id"]: load.person.email for load in loads}
        with server.sink.lock:
            mails = list(server.sink.mails)
        for _, _, to, message in mails:
            for link in re.findall(r"/a/(tl_[A-Za-z0-9_-]+)", tocsin.text_of(message)):
                assert by_account[account_of_link(link)] == to
        print(f"{KILLS} kills: {sum(x.opened for x in loads)} opened, {sum(x.changed for x in loads)} changed, {len(mails)} mails")
        assert sum(x.opened for x in loads) > 0 and sum(x.changed for x in loads) > 0
    finally:
        server.stop()
