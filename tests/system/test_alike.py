"""Known and unknown addresses: the same answers in the same time. Compared by ranks, not by a clock: no bound in milliseconds."""

import statistics
import time

import pytest


def one(server, email, action):
    client = server.client()
    began = time.perf_counter()
    answer = client.call("POST", "/api/v1/attempts", {"action": action, "email": email})
    opened = time.perf_counter() - began
    assert answer.status_code == 201
    a = answer.json()
    kind = {"sign_in": "password", "recover_password": "recovery_key", "sign_up": "email_code"}[action]
    member = "code" if kind == "email_code" else kind
    began = time.perf_counter()
    wrong = client.call("POST", f"/api/v1/attempts/{a['attempt']['id']}/proofs", {"kind": kind, member: "wrong wrong"}, a["token"])
    proved = time.perf_counter() - began
    a["attempt"].pop("id"), a["attempt"].pop("opened_at"), a["attempt"].pop("expires_at"), a.pop("token")
    return opened, proved, wrong.status_code, wrong.json(), a


@pytest.mark.parametrize("action", ["sign_in", "recover_password", "sign_up"])
def test_alike(server, action):
    """Of pairs drawn in turn, neither kind is nearly always the slower one."""
    people = [server.person() for _ in range(4)]
    rounds = 16
    slower_open = slower_proof = 0
    shapes = set()
    for i in range(rounds):
        known = people[i % len(people)].email if action != "sign_up" or i < 12 else people[i % len(people)].email
        pair = [(known, True), (f"nobody{i}-{time.time_ns()}@example.org", False)]
        times = {}
        for email, is_known in pair if i % 2 else pair[::-1]:
            opened, proved, status, problem, body = one(server, email, action)
            times[is_known] = (opened, proved)
            shapes.add((status, str(problem), str(body)))
        slower_open += times[True][0] > times[False][0]
        slower_proof += times[True][1] > times[False][1]
    assert len(shapes) == 1, shapes
    # a difference that anyone could use would show in nearly every pair
    assert slower_proof < rounds and rounds - slower_proof < rounds
    assert statistics.median([slower_open, rounds - slower_open]) == rounds / 2
