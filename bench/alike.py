#!/usr/bin/python3
"""
Known and unknown addresses on every call that takes one or goes on from it: the same answer, and the same time? In pairs, in turn, each address
used once. For each call: the two medians, and how often the known one was the slower of its pair (0.50: nothing to learn; a mark
where that is further from 0.50 than chance explains). Usage: bench/alike.py BUILD [PAIRS]
"""

import http.client
import json
import os
import pathlib
import random
import re
import statistics
import sys
import time

os.environ["TOCSIN_BUILD"] = sys.argv[1]
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/system"))
import tocsin  # noqa: E402

PAIRS = int(sys.argv[2]) if len(sys.argv) > 2 else 300
UNSAID = re.compile(r'"(id|token|opened_at|expires_at)":"[^"]*"|"digits":"\d+"')

# action, then what is done with its attempt: (what, body)
WRONG = {"password": "not the password", "code": "0000", "recovery_key": "ABCD-EFGH", "email_code": "000000"}
STEPS = {
    "sign_in": ["password", "there", "here", "code", "recovery_key", "commit", "show"],
    "recover_password": ["there", "recovery_key", "code", "commit", "recovery_key", "show"],
    "sign_up": ["commit", "email_code", "show", "email_code"],
}


class Line:
    """One connection, kept; gives status, body and how long the answer took."""

    def __init__(self, server):
        self.http = http.client.HTTPConnection("127.0.0.1", server.port)
        self.http.connect()

    def call(self, method, path, body, token=None):
        headers = {"Content-Type": "application/json", "User-Agent": tocsin.FIREFOX, "Host": "localhost"}
        if token:
            headers["Authorization"] = "Bearer " + token
        text = json.dumps(body) if body is not None else None
        began = time.perf_counter()
        self.http.request(method, "/api/v1" + path, text, headers)
        answer = self.http.getresponse()
        data = answer.read().decode()
        return time.perf_counter() - began, answer.status, data


def walk(line, action, address):
    """All calls of one action for one address: [(name, seconds, status, what it says)]."""
    done = []

    def note(name, result):
        done.append((f"{len(done)} {name}", result[0], result[1], UNSAID.sub("", result[2])))
        return json.loads(result[2])

    def rest():
        time.sleep(0.015)  # what goes on after an answer, such as a mail, is not in the next one's time

    opened = note("open", line.call("POST", "/attempts", {"action": action, "email": address}))
    path, token = f"/attempts/{opened['attempt']['id']}", opened["token"]
    for step in STEPS[action]:
        rest()
        if step == "show":
            note(step, line.call("GET", path, None, token))
        elif step == "commit":
            note(step, line.call("POST", path + "/commit", {"password": "some long password 7"} if action != "sign_in" else {}, token))
        elif step in ("there", "here"):
            note("code " + step, line.call("POST", path + "/code", {"way": "shown_" + step}, token))
        else:
            member = "code" if step == "email_code" else step
            note(step, line.call("POST", path + "/proofs", {"kind": step, member: WRONG[step]}, token))
    rest()
    return done


def compare(line, action, people):
    times, differing = {}, set()
    for i, person in enumerate(people):
        pair = [(True, person.email), (False, person.email.replace("person", "nobody"))]
        results = {}
        for is_known, address in pair if random.getrandbits(1) else pair[::-1]:
            results[is_known] = walk(line, action, address)
        for (name, known_s, *known), (_, unknown_s, *unknown) in zip(results[True], results[False], strict=True):
            times.setdefault(name, []).append((known_s, unknown_s))
            if known != unknown:
                differing.add((name, str(known), str(unknown)))
    for name, pairs in times.items():
        slower = sum(a > b for a, b in pairs) / len(pairs)
        medians = [statistics.median(x) * 1e3 for x in zip(*pairs, strict=True)]
        mark = " *" if abs(slower - 0.5) > 3 * 0.5 / len(pairs) ** 0.5 else ""
        print(f"{action:17} {name:16} known {medians[0]:7.3f} ms, unknown {medians[1]:7.3f} ms, known slower {slower:.2f}{mark}")
    for difference in differing:
        print(f"{action} ANSWERS DIFFER {difference}")


server = tocsin.Server("sqlite")
try:
    people = [server.person() for _ in range(PAIRS)]
    time.sleep(2)
    if (child := os.fork()) == 0:  # apart from the mail server, so that it takes none of its time
        line = Line(server)
        for action in STEPS:
            compare(line, action, people)
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
finally:
    server.stop()
