"""A real Firefox as the owner's device: what we push is decrypted (its ack says 100), shown by the service worker, and `seen` comes back."""

import json
import os
import pathlib
import shutil
import subprocess
import threading
import time

import pytest

HERE = pathlib.Path(__file__).parent
pytestmark = pytest.mark.skipif(
    not shutil.which("firefox-esr") or not (HERE.parent / "node_modules/puppeteer-core").exists(),
    reason="firefox-esr and the packages of tests/package.json are needed",
)


class Firefox:
    def __init__(self, server, session, seconds=60):
        self.events = []
        self.process = subprocess.Popen(
            ["node", HERE / "push/firefox.mjs", server.origin, session, str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "HOME": str(server.directory), "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
        )
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def wait(self, name, seconds=45, test=lambda e: True):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for e in list(self.events):
                if e["event"] == name and test(e):
                    return e
                if e["event"] == "broken":
                    raise AssertionError(e)
            time.sleep(0.05)
        raise AssertionError(f"no {name}: {self.events[-5:]}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def test_push_reaches_a_real_firefox(server, person):
    firefox = Firefox(server, person.client.session)
    try:
        assert firefox.wait("subscribed")["status"] == 201
        listed = person.client.api("GET", "/push/subscriptions")["subscriptions"]
        assert len(listed) == 1 and person.client.api("GET", "/devices")["devices"][0]["push"] is True
        a = server.client().open("sign_in", email=person.email)
        a.prove("password", person.password)
        assert firefox.wait("ack")["code"] == 100
        # a headless Firefox keeps no list of what it showed; the worker says `seen` only after showing
        end = time.monotonic() + 15
        while time.monotonic() < end:
            states = {(d["channel"], d["state"]) for d in person.alerts()[-1]["deliveries"]}
            if ("push", "seen") in states:
                break
            time.sleep(0.2)
        assert ("push", "seen") in states and ("email", "sent") in states
        # a code arrives by push as well, with its digits out of sight
        a.code("shown_there")
        firefox.wait("ack", test=lambda e: sum(x["event"] == "ack" for x in firefox.events) >= 2)
        assert len(person.client.api("GET", f"/attempts/{a.id}/code")["digits"]) == 4
        posted = [e for e in firefox.events if e["event"] == "posted"]
        for e in posted:
            h = e["headers"]
            assert h["urgency"] == "high" and int(h["ttl"]) > 0 and len(h["topic"]) <= 32 and h["content-encoding"] == "aes128gcm"
            assert h["authorization"].startswith("vapid t=") and e["bytes"] <= 4096
        assert all(e["code"] == 100 for e in firefox.events if e["event"] == "ack")
    finally:
        firefox.stop()


def test_every_moment_reaches_mail_and_firefox(server, person):
    """An unknown device with the right password, once it is in, and when it was wrong three times; a password change, and once it is done."""
    firefox = Firefox(server, person.client.session)

    def reached(subject, n):
        """The n-th alert: its mail, its push (decrypted: ack 100), shown by the worker, which says `seen`."""
        server.sink.wait(person.email, n, subject="")
        assert any(subject in m[3]["Subject"] for m in server.sink.to(person.email)), [m[3]["Subject"] for m in server.sink.to(person.email)]
        end = time.monotonic() + 30
        while time.monotonic() < end:
            newest = person.alerts()[0]
            states = {d["channel"]: d["state"] for d in newest["deliveries"]}
            if states.get("push") == "seen" and states.get("email") in ("sent", "seen"):
                return newest
            time.sleep(0.1)
        raise AssertionError((newest, firefox.events[-12:]))

    try:
        assert firefox.wait("subscribed")["status"] == 201
        before = len(server.sink.to(person.email))
        a = server.client().open("sign_in", email=person.email)
        assert len(server.sink.to(person.email)) == before, "nothing is sent before a proof"
        a.prove("password", person.password)
        opened = reached("password", before + 1)
        a.prove("recovery_key", person.recovery_key)
        done = a.commit(device={"name": "another"})["result"]
        person.recovery_key = done["recovery_key"]
        assert reached("New sign-in", before + 2)["id"] != opened["id"]
        a = person.client.open("change_password")
        reached("password", before + 3)
        a.prove("password", person.password)
        a.prove("recovery_key", person.recovery_key)
        a.commit(password=person.password + " changed")
        reached("changed", before + 4)
        a = server.client().open("sign_in", email=person.email)
        for _ in range(3):
            a.prove("password", "not the password", status=403)
        reached("Failed attempts", before + 5)
        acks = [e["code"] for e in firefox.events if e["event"] == "ack"]
        assert len(acks) >= 5 and set(acks) == {100}, acks
        # a sign-in from a known device sends nothing
        a = person.client.open("sign_in", email=person.email, device_token=person.client.device)
        a.prove("password", person.password + " changed")
        a.commit()
        time.sleep(1)
        assert len(server.sink.to(person.email)) == before + 5 and len(person.alerts()) == 5
    finally:
        firefox.stop()
