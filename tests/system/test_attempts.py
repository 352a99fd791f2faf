"""The contract's attempts, over HTTP, with real mail."""

import pytest


def test_sign_up_and_session(server, person):
    s = person.client.api("GET", "/session")
    assert s["account"] == {"id": person.account["id"], "email": person.email, "name": "Ada"}
    assert s["device"] == {"id": person.device_id, "name": "Ada's laptop", "trusted": True}
    assert s["session"]["proofs"] == ["email_code"]
    assert person.recovery_key.count("-") >= 6
    server.client().call("GET", "/api/v1/session", status=401)
    server.client().call("GET", "/api/v1/session", token="ts_" + "A" * 64, status=401)


def test_known_device_is_silent(server, person):
    before = len(server.sink.to(person.email))
    c = server.client()
    attempt = c.open("sign_in", email=person.email.upper(), device_token=person.client.device)
    assert attempt.first["needs"] == {"count": 1, "of": ["password"], "or": ["passkey"]}
    assert attempt.prove("password", person.password)["attempt"]["state"] == "proved"
    result = attempt.commit(device={"name": "x"})["result"]
    assert result["device"]["id"] == person.device_id
    assert result["device"]["token"] != person.client.device
    assert result["session"]["token"].startswith("ts_")
    assert len(server.sink.to(person.email)) == before
    assert person.alerts() == []


def test_unknown_device_rings_twice(server, person):
    c = server.client()
    attempt = c.open("sign_in", email=person.email)
    assert attempt.first["needs"] == {"count": 2, "of": ["password", "code", "recovery_key"], "or": ["passkey"]}
    assert attempt.first["state"] == "opened"
    assert "from" not in attempt.first
    attempt.commit(status=409)
    attempt.prove("password", person.password)
    server.sink.wait(person.email, subject="knows your password")
    attempt.commit(status=409)
    digits = person.code_for(attempt)
    assert len(digits) == 4
    state = attempt.prove("code", digits)["attempt"]
    assert state["state"] == "proved" and state["proved"] == ["password", "code"]
    c.session = attempt.commit(device={"name": "tablet"})["result"]["session"]["token"]
    server.sink.wait(person.email, subject="New sign-in")
    assert c.api("GET", "/session")["device"]["trusted"] is True
    kinds = [(a["action"], a["kind"]) for a in person.alerts()]
    assert kinds == [("sign_in", "done"), ("sign_in", "opened")]
    alert = person.alerts()[0]
    assert alert["from"]["device"] == "Firefox on Linux" and alert["from"]["known_device"] is False
    attempt.commit(status=409)


def test_recovery_key_is_spent_once(server, person):
    c = server.client()
    a = c.open("sign_in", email=person.email)
    a.prove("recovery_key", person.recovery_key.lower().replace("-", " "))
    a.prove("password", person.password)
    result = a.commit()["result"]
    assert result["recovery_key"] != person.recovery_key
    b = server.client().open("sign_in", email=person.email)
    b.prove("recovery_key", person.recovery_key, status=403)
    b.prove("recovery_key", result["recovery_key"])


def test_third_wrong_proof_ends_it(server, person):
    a = server.client().open("sign_in", email=person.email)
    for _ in range(3):
        assert a.prove("password", "not the password", status=403)["code"] == "wrong_proof"
    assert a.show()["state"] == "failed"
    assert a.prove("password", person.password, status=410)["code"] == "expired"
    a.commit(status=410)
    server.sink.wait(person.email, subject="Failed attempts")


def test_unknown_and_known_address_answer_alike(server, person):
    shapes = []
    for address in (person.email, "nobody-here@example.org"):
        a = server.client().open("sign_in", email=address)
        wrong = a.prove("password", "wrong wrong wrong", status=403)
        there = a.code("shown_there")
        shapes.append((sorted(a.first), a.first["needs"], wrong, sorted(there), len(a.token)))
    assert shapes[0] == shapes[1]


def test_sign_up_with_a_taken_address(server, person):
    a = server.client().open("sign_up", email=person.email)
    server.sink.wait(person.email, subject="already have an account")
    a.prove("email_code", "000000", status=403)
    a.commit(status=409, password="some long password here")


def test_weak_passwords_are_refused_with_a_reason(server):
    c = server.client()
    address = f"weak-{id(c)}@example.org"
    a = c.open("sign_up", email=address)
    a.prove("email_code", server.sink.code(address))
    for bad in ("short", "password", "12345678", "a" * 300):
        problem = a.commit(status=422, password=bad)
        assert problem["code"] == "weak_password" and len(problem["detail"]) > 10
    a.commit(password="gr\u00fcne Wiese am Morgen 77", device={"name": "d"})


def test_change_password(server, person):
    other = person.sign_in()
    a = person.client.open("change_password")
    server.sink.wait(person.email, subject="wants to change your password")
    a.prove("password", person.password)
    a.prove("recovery_key", person.recovery_key)
    result = a.commit(password="an entirely new one 42")["result"]
    assert set(result) == {"recovery_key"}
    server.sink.wait(person.email, subject="Your password was changed")
    person.client.api("GET", "/session")
    other.call("GET", "/api/v1/session", token=other.session, status=401)
    b = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    b.prove("password", person.password, status=403)
    b.prove("password", "an entirely new one 42")


def test_approval_by_digits(server, person):
    a = server.client().open("sign_in", email=person.email)
    digits = a.code("shown_here")["digits"]
    a.prove("password", person.password)
    wrong = "0000" if digits != "0000" else "1111"
    path = f"/attempts/{a.id}/approve"
    assert person.client.api("POST", path, {"digits": wrong}, status=403)["code"] == "wrong_proof"
    assert person.client.api("POST", path, {"digits": digits})["attempt"]["state"] == "proved"
    a.commit()


def test_third_wrong_approval_denies(server, person):
    a = server.client().open("sign_in", email=person.email)
    digits = a.code("shown_here")["digits"]
    wrong = "0000" if digits != "0000" else "1111"
    for _ in range(3):
        person.client.api("POST", f"/attempts/{a.id}/approve", {"digits": wrong}, status=403)
    assert a.show()["state"] == "denied"
    assert a.commit(status=403)["code"] == "denied"


def test_code_for_others_only(server, person):
    a = person.client.open("change_password")
    a.prove("password", person.password)
    a.code("shown_there")
    person.client.api("GET", f"/attempts/{a.id}/code", status=403)
    b = server.client().open("sign_in", email=person.email)
    b.code("shown_there")
    person.client.api("GET", f"/attempts/{b.id}/code", status=404)


def test_deny(server, person):
    a = server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    listed = person.client.api("GET", "/attempts")["attempts"][0]
    assert listed["id"] == a.id and listed["from"]["device"] == "Firefox on Linux"
    assert person.client.api("POST", f"/attempts/{a.id}/deny", {})["attempt"]["state"] == "denied"
    assert a.prove("recovery_key", person.recovery_key, status=403)["code"] == "denied"


def test_recover_password(server, person):
    a = server.client().open("recover_password", email=person.email)
    server.sink.wait(person.email, subject="your password")
    a.prove("recovery_key", person.recovery_key)
    a.prove("code", person.code_for(a))
    result = a.commit_after_hold(password="a recovered password 9")["result"]
    assert set(result) == {"recovery_key"}
    person.client.call("GET", "/api/v1/session", token=person.client.session, status=401)
    server.sink.wait(person.email, subject="Your account was recovered")
    b = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    b.prove("password", "a recovered password 9")
    b.commit()


def test_stolen_device_token(server, person):
    old = person.client.device
    for _ in range(2):
        a = server.client().open("sign_in", email=person.email, device_token=person.client.device)
        a.prove("password", person.password)
        person.client.device = a.commit()["result"]["device"]["token"]
    a = server.client().open("sign_in", email=person.email, device_token=old)
    assert a.first["needs"]["count"] == 2
    server.sink.wait(person.email, subject="A copy of one of your devices")
    b = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    assert b.first["needs"]["count"] == 2


def test_budget_of_unknown_devices(server, person):
    seen = set()
    for _ in range(5):
        a = server.client().open("sign_in", email=person.email)
        for _ in range(3):
            answer = server.client().call(
                "POST", f"/api/v1/attempts/{a.id}/proofs", {"kind": "password", "password": "wrong one"}, a.token
            )
            seen.add(answer.status_code)
            if answer.status_code == 429:
                assert answer.json()["code"] == "too_many_tries" and int(answer.headers["Retry-After"]) > 0
                break
    assert 429 in seen
    a = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    a.prove("password", person.password)  # the owner's own device is not shut out


@pytest.mark.parametrize(
    "body,code",
    [
        ({"action": "sign_in"}, "bad_request"),
        ({"action": "fly", "email": "a@example.org"}, "bad_request"),
        ({"action": "sign_in", "email": "no address"}, "bad_request"),
        ({"action": "sign_in", "email": "a@example.org", "extra": 1}, "unknown_member"),
        ({"action": "sign_in", "email": 5}, "bad_request"),
        ({"action": "sign_in", "email": "a" * 300 + "@example.org"}, "bad_request"),
    ],
)
def test_bad_bodies(server, body, code):
    assert server.client().call("POST", "/api/v1/attempts", body, status=400).json()["code"] == code


def test_tokens_and_ids(server, person):
    a = server.client().open("sign_in", email=person.email)
    c = server.client()
    c.call("POST", f"/api/v1/attempts/{a.id}/proofs", {"kind": "code", "code": "1234"}, status=401)
    c.call("POST", f"/api/v1/attempts/{a.id}/proofs", {"kind": "code", "code": "1234"}, "ta_" + "A" * 64, status=401)
    c.call("GET", f"/api/v1/attempts/{a.id}", status=401)
    other = server.person()
    other.client.api("GET", f"/attempts/{a.id}", status=404)
    person.client.api("GET", f"/attempts/{a.id}")
    c.call("POST", "/api/v1/attempts", {"action": "change_password"}, status=401)
