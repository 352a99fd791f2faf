#!/usr/bin/python3
"""
From the answer of the call that raises an alert to its acceptance by mail server and push service, at 50 attempts a second: sign-ins from
unknown devices (first right proof, done) and changes of the password (opened, done). Usage: bench/latency.py BUILD [SECONDS]
"""

import os
import pathlib
import pickle
import re
import sys
import threading
import time

os.environ["TOCSIN_BUILD"] = sys.argv[1]
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/system"))
import tocsin  # noqa: E402

RATE, SECONDS = 50, int(sys.argv[2]) if len(sys.argv) > 2 else 8
answered = {}  # (person, moment) → when its call was answered


def note(person, action, kind):
    answered[person.account["id"], action, kind] = time.monotonic()


def sign_in(person):
    a = person.server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    note(person, "sign_in", "opened")
    a.prove("recovery_key", person.recovery_key)
    a.commit()
    note(person, "sign_in", "done")


def change_password(person):
    a = person.client.open("change_password")
    note(person, "change_password", "opened")
    a.prove("password", person.password)
    a.prove("recovery_key", person.recovery_key)
    a.commit(password="another password for 7")
    note(person, "change_password", "done")


def tell(what, waits):
    waits = sorted(max(0.0, w) for w in waits)
    at = {"p50": waits[len(waits) // 2], "p99": waits[int(len(waits) * 0.99)], "most": waits[-1]}
    print(f"{len(waits):4} {what}: " + ", ".join(f"{k} {v * 1e3:.1f} ms" for k, v in at.items()))


def at_rate(people, doing):
    """Begins what `doing` says for one person after the other; gives the rate that was kept, and when each was answered."""
    threads, start = [], time.monotonic()
    for i, person in enumerate(people):
        while time.monotonic() < start + i / RATE:
            time.sleep(0.0005)
        threads.append(threading.Thread(target=doing[i % len(doing)], args=(person,)))
        threads[-1].start()
    for t in threads:
        t.join()
    return len(people) / (time.monotonic() - start), answered


def apart(f, *args):
    """In a process of its own, so that it takes none of the sinks' time."""
    out, into = os.pipe()
    if os.fork() == 0:
        with os.fdopen(into, "wb") as pipe:
            pickle.dump(f(*args), pipe)
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        return pickle.load(pipe)


def arrived(server, push, people):
    """(person, action, kind) → when mail and push accepted it. A mail is known by its alert, which the push names."""
    pushes, alerts = {}, {}
    for person in people:
        for at, message in push.to(person.account["id"]):
            told = message["tocsin"]
            key = (person.account["id"], told["action"], told["kind"])
            pushes[key] = at
            alerts[message["notification"]["navigate"].split("/a/")[1]] = key
    mails = {}
    for at, _, _, message in server.sink.mails:
        for link in re.findall(r"/a/(tl_[A-Za-z0-9_-]+)", tocsin.text_of(message)):
            mails[alerts[link]] = at
    return mails, pushes


server, push = tocsin.Server("sqlite"), tocsin.PushSink()
try:
    people = [server.person() for _ in range(RATE * SECONDS)]
    for person in people:
        push.subscribe(person.client, person.account["id"])
    rate, answered = apart(at_rate, people, [sign_in, change_password])
    tocsin.until(lambda: len(push.pushes) >= len(answered), "the pushes")
    tocsin.until(lambda: len(server.sink.mails) >= len(answered) + len(people), "the mails")  # with those of signing up
    mails, pushes = arrived(server, push, people)
    print(f"{len(people)} attempts at {rate:.0f} a second; from the answer of the call to acceptance (p99 under 100 ms):")
    for moment in sorted({key[1:] for key in answered}):
        for name, times in ("mail", mails), ("push", pushes):
            tell(f"{name} {' '.join(moment)}", [times[k] - answered[k] for k in answered if k[1:] == moment])
    for name, times in ("mail", mails), ("push", pushes):
        tell(f"{name}, all moments", [times[k] - answered[k] for k in answered])
finally:
    server.stop()
    push.stop()
