"""Guess budgets over HTTP: fifty at once, a restart, new attempts, other spellings, another node. The numbers are API.md's."""

import collections
import concurrent.futures

import pytest
import tocsin


@pytest.fixture(scope="module")
def nodes(server):
    """All nodes: one on SQLite, two on PostgreSQL."""
    if not server.urls:
        yield [server]
        return
    other = tocsin.Server(node_of=server)
    yield [server, other]
    other.stop()


def guess(server, email, kind="password", secret="not this one", action="sign_in", **members):
    """One wrong proof in an attempt of its own; the answer's status and code."""
    client = server.client()
    opened = client.open(action, email=email, **members)
    answer = client.call("POST", f"/api/v1/attempts/{opened.id}/proofs", {"kind": kind, kind: secret}, opened.token)
    return answer.status_code, answer.json().get("code"), answer.headers.get("Retry-After")


def at_once(nodes, n, email, **members):
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        answers = pool.map(lambda i: guess(nodes[i % len(nodes)], email, **members), range(n))
        return collections.Counter(a[:2] for a in answers)


SPENT = (429, "too_many_tries")
WRONG = (403, "wrong_proof")


def test_fifty_passwords_at_once(nodes, person):
    assert at_once(nodes, 50, person.email) == {WRONG: 10, SPENT: 40}
    for node in nodes:
        status, code, retry = guess(node, person.email, secret=person.password)
        assert (status, code) == SPENT and 3500 <= int(retry) <= 3600
    local, _, domain = person.email.partition("@")
    for spelling in (person.email.upper(), f" {person.email} ", f"{local}@{domain.upper()}", f"{local.title()}@Example.ORG"):
        assert guess(nodes[0], spelling, secret=person.password)[:2] == SPENT, spelling
    assert guess(nodes[0], person.email, secret=person.password, device_token="td_" + "A" * 64)[:2] == SPENT
    for node in nodes:
        node.terminate()
        node.start()
        assert guess(node, person.email, secret=person.password)[:2] == SPENT
    for node in nodes:  # the owner's own device waits for nobody
        own = node.client().open("sign_in", email=person.email, device_token=person.client.device)
        own.prove("password", person.password)
        person.client.device = own.commit()["result"]["device"]["token"]
    assert [a["kind"] for a in person.alerts()] == ["wrong_proofs"]


def test_fifty_passwords_of_nobody_at_once(nodes):
    assert at_once(nodes, 50, "nobody-at-all@example.org") == {WRONG: 10, SPENT: 40}
    assert guess(nodes[-1], "Nobody-At-All@EXAMPLE.org")[:2] == SPENT


def test_fifty_recovery_keys_at_once(nodes, person):
    key = "0000-0000-0000-0000-0000-0000-0000"
    assert at_once(nodes, 50, person.email, kind="recovery_key", secret=key) == {WRONG: 10, SPENT: 40}
    assert at_once(nodes, 5, person.email, kind="recovery_key", secret=key, action="recover_password") == {SPENT: 5}
    assert guess(nodes[-1], person.email, kind="recovery_key", secret=person.recovery_key)[:2] == SPENT
    status, code, retry = guess(nodes[0], person.email, kind="recovery_key", secret=person.recovery_key, action="recover_password")
    assert (status, code) == SPENT and 86000 <= int(retry) <= 86400


def wrong(digits):
    return str((int(digits[0]) + 1) % 10) + digits[1:]


def test_five_wrong_codes_close_shown_there(nodes, person):
    for i in range(5):
        attempt = nodes[i % len(nodes)].client().open("sign_in", email=person.email)
        attempt.prove("password", person.password)
        digits = person.code_for(attempt)
        assert attempt.prove("code", wrong(digits), status=403)["code"] == "wrong_proof"
    assert attempt.prove("code", digits, status=429)["code"] == "too_many_tries"  # the one that is alive
    for node in nodes:
        attempt = node.client().open("sign_in", email=person.email)
        attempt.prove("password", person.password)
        assert attempt.code("shown_there", 429)["code"] == "too_many_tries"
    nodes[0].advance(hours=23, minutes=50)
    assert attempt_with_password(nodes[0], person).code("shown_there", 429)["code"] == "too_many_tries"
    attempt = attempt_with_password(nodes[-1], person)
    digits = attempt.code("shown_here")["digits"]  # stays
    owner = attempt_with_password(nodes[0], person, device_token=person.client.device)
    person.client.session = owner.commit()["result"]["session"]["token"]
    person.client.api("POST", f"/attempts/{attempt.id}/approve", {"digits": digits})
    attempt.commit(device={"name": "another"})
    nodes[0].advance(minutes=20)
    attempt = attempt_with_password(nodes[0], person)
    attempt.prove("code", person.code_for(attempt))


def attempt_with_password(node, person, **members):
    attempt = node.client().open("sign_in", email=person.email, **members)
    attempt.prove("password", person.password)
    return attempt


def test_five_codes_an_hour(nodes, person):
    for i in range(5):
        attempt_with_password(nodes[i % len(nodes)], person).code("shown_there")
    for node in nodes:
        assert attempt_with_password(node, person).code("shown_there", 429)["code"] == "too_many_tries"
    for i in range(5):
        nodes[i % len(nodes)].client().open("sign_in", email=person.email).code("shown_here")
    for node in nodes:
        assert node.client().open("sign_in", email=person.email).code("shown_here", 429)["code"] == "too_many_tries"
