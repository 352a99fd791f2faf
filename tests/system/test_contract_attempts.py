"""The attempts of the contract, action by action and call by call, over HTTP. `needs` and results are written by hand from the contract."""

import re
import subprocess
import time
import uuid

import pytest
import tocsin
from test_contract_wire import TIME, check_problem

ALL = ["password", "code", "recovery_key"]
TWO = {"count": 2, "of": ALL, "or": ["passkey"]}
AND_ADDRESS = TWO | {"and": ["email_code"]}


def elsewhere():
    return f"new-{uuid.uuid4().hex[:8]}@example.net"


def api(person, method, path, body=None, status=200):
    return person.client.api(method, path, body, status=status)


def prove_two(person, attempt, code_on=None):
    """Password and recovery key; or, where the key is not to be spent, password and a code read on another device."""
    attempt.prove("password", person.password)
    if code_on is None:
        return attempt.prove("recovery_key", person.recovery_key)
    attempt.code("shown_there")
    return attempt.prove("code", code_on.api("GET", f"/attempts/{attempt.id}/code")["digits"])


def about(person, action):
    if action in ("change_email", "add_contact"):
        return {"email": elsewhere()}
    return {}


@pytest.mark.parametrize(
    "action,needs",
    [
        ("sign_up", {"count": 1, "of": ["email_code"], "or": []}),
        ("sign_in", TWO),
        ("change_password", TWO),
        ("recover_password", {"count": 2, "of": ["code", "recovery_key"], "or": ["passkey"]}),
        ("change_email", AND_ADDRESS),
        ("add_contact", AND_ADDRESS),
        ("new_recovery_key", {"count": 2, "of": ["password", "code"], "or": ["passkey"]}),
        ("export_data", TWO),
        ("delete_account", TWO),
    ],
)
def test_what_an_action_needs(server, person, action, needs):
    anyone = action in ("sign_up", "sign_in", "recover_password")
    client = server.client() if anyone else person.client
    email = elsewhere() if action == "sign_up" else person.email
    opened = client.open(action, **({"email": email} if anyone else about(person, action)))
    got = opened.first
    assert {k: set(v) if isinstance(v, list) else v for k, v in got["needs"].items()} == {
        k: set(v) if isinstance(v, list) else v for k, v in needs.items()
    }
    assert got["action"] == action and got["state"] == "opened" and got["proved"] == [] and got["hold_until"] is None
    assert TIME.match(got["opened_at"]) and TIME.match(got["expires_at"]) and got["opened_at"] < got["expires_at"]
    if not anyone:
        check_problem(server.client().call("POST", "/api/v1/attempts", {"action": action} | about(person, action)), 401, "unauthorized")


def test_the_actions_about_something(server, person):
    second = person.sign_in()
    mine, other = person.device_id, second.api("GET", "/session")["device"]["id"]
    for action, member, right in (("restore", "from_device", other), ("remove_device", "device", other)):
        assert person.client.open(action, **{member: right}).first["needs"] == TWO
        assert person.client.open(action, status=404, **{member: "A" * 22})["code"] == "not_found"
        assert person.client.open(action, status=404, **{member: server.person().device_id})["code"] == "not_found"
        assert person.client.open(action, status=400)["code"] == "bad_request"
        assert person.client.open(action, status=400, **{member: 7})["code"] == "bad_request"
    assert person.client.open("restore", status=409, from_device=mine)["code"] == "conflict"
    for action in ("change_email", "add_contact", "remove_contact"):
        assert person.client.open(action, status=400)["code"] == "bad_request"
        assert person.client.open(action, status=400, email="no address")["code"] == "bad_request"
    assert person.client.open("change_email", status=409, email=person.email)["code"] == "conflict"
    assert person.client.open("remove_contact", status=409, email=person.email)["code"] == "conflict"
    assert person.client.open("remove_contact", status=404, email=elsewhere())["code"] == "not_found"


def result_of(person, action, code_on, body=None, **members):
    person.server.advance(hours=1, minutes=1)  # five codes an hour
    attempt = person.client.open(action, **members)
    prove_two(person, attempt, code_on)
    if "and" in attempt.first["needs"]:
        attempt.prove("email_code", person.server.sink.code(members["email"]))
    done = attempt.commit(**(body or {}))
    assert done["attempt"]["state"] == "done" and set(done) == {"attempt", "result"}
    return done["result"]


def test_results(server):
    """From a familiar device nothing waits, and each result has the members that the contract names."""
    person = server.person()
    second = person.sign_in()
    assert result_of(person, "change_password", second, {"password": "a better one for now 7"}) == {}
    person.password, new = "a better one for now 7", elsewhere()
    second = person.sign_in()
    device = second.api("GET", "/session")["device"]["id"]
    assert result_of(person, "add_contact", second, email=new) == {}
    assert result_of(person, "remove_contact", second, email=new) == {}
    window = result_of(person, "restore", second, from_device=device)
    assert set(window) == {"window_ends_at"} and TIME.match(window["window_ends_at"])
    export = result_of(person, "export_data", second)
    assert set(export) == {"download", "expires_at"} and export["download"].startswith(server.origin + "/api/v1/exports/")
    key = result_of(person, "new_recovery_key", second)
    assert set(key) == {"recovery_key"} and key["recovery_key"] != person.recovery_key
    assert result_of(person, "change_email", second, email=elsewhere()) == {}
    assert result_of(person, "remove_device", second, device=device) == {}
    person.email = api(person, "GET", "/session")["account"]["email"]
    assert result_of(person, "delete_account", person.sign_in()) == {}
    person.client.call("GET", "/api/v1/session", token=person.client.session, status=401)


def test_a_spent_recovery_key_comes_back_new(server, person):
    attempt = person.client.open("change_password")
    prove_two(person, attempt)
    new = attempt.commit(password="by the recovery key 55")["result"]["recovery_key"]
    assert new != person.recovery_key
    abandoned = server.client().open("sign_in", email=person.email)
    abandoned.prove("recovery_key", person.recovery_key, 403)
    abandoned.prove("recovery_key", new)  # an abandoned attempt burns nothing
    server.client().open("sign_in", email=person.email).prove("recovery_key", new)


# ---- the calls, and what has ended ----


def test_what_has_ended_says_so(server, person):
    """410 for expired and failed, 403 for denied, 409 for done; for proofs, codes, approvals and commits."""

    def failed():
        a = server.client().open("sign_in", email=person.email)
        for _ in range(3):
            a.prove("code", "0000", 403)
        return a

    def denied():
        a = server.client().open("sign_in", email=person.email)
        person.client.api("POST", f"/attempts/{a.id}/deny", {})
        return a

    def done():
        a = server.client().open("sign_in", email=person.email)
        a.prove("password", person.password)
        a.prove("code", person.code_for(a))
        a.commit()
        return a

    for make, state, status, code in ((failed, "failed", 410, "expired"), (denied, "denied", 403, "denied"), (done, "done", 409, "conflict")):
        a = make()
        assert a.show()["state"] == state
        for what, body in (
            ("proofs", {"kind": "password", "password": person.password}),
            ("proofs", {"kind": "code", "code": "1234"}),
            ("code", {}),
            ("code", {"way": "shown_here"}),
            ("commit", {}),
        ):
            check_problem(server.client().call("POST", f"/api/v1/attempts/{a.id}/{what}", body, a.token), status, code)
        check_problem(person.client.call("POST", f"/api/v1/attempts/{a.id}/approve", {"digits": "1234"}, person.client.session), status, code)
        answer = person.client.call("POST", f"/api/v1/attempts/{a.id}/deny", {}, person.client.session)
        assert answer.status_code == (200 if state == "denied" else status)
        assert a.show()["state"] == state


def test_an_expired_attempt(server):
    person = server.person()
    a = server.client().open("sign_in", email=person.email)
    server.advance(minutes=31)
    assert a.show()["state"] == "expired"
    for what, body in (("proofs", {"kind": "password", "password": person.password}), ("code", {}), ("commit", {})):
        check_problem(server.client().call("POST", f"/api/v1/attempts/{a.id}/{what}", body, a.token), 410, "expired")


def test_a_refused_password_does_not_end_it(server, person):
    a = person.client.open("change_password")
    check_problem(person.client.call("POST", f"/api/v1/attempts/{a.id}/commit", {"password": "x"}, a.token), 409, "not_proved")
    prove_two(person, a)
    for bad in ("short", "password1", "x" * 300):
        check_problem(person.client.call("POST", f"/api/v1/attempts/{a.id}/commit", {"password": bad}, a.token), 422, "weak_password")
    check_problem(person.client.call("POST", f"/api/v1/attempts/{a.id}/commit", {}, a.token), 400, "bad_request")
    a.commit(password="and then a good one 31")


def test_who_may_ask_what(server, person):
    a = server.client().open("sign_in", email=person.email)
    stranger = server.person()
    mine, theirs = person.client.session, stranger.client.session
    path = f"/api/v1/attempts/{a.id}"
    for method, what, body, allowed in (
        ("GET", "", None, {"token", "owner"}),
        ("POST", "/proofs", {"kind": "code", "code": "0000"}, {"token"}),
        ("POST", "/code", {}, {"token"}),
        ("GET", "/code", None, {"owner"}),
        ("POST", "/approve", {"digits": "0000"}, {"owner"}),
        ("POST", "/commit", {}, {"token"}),
        ("POST", "/deny", {}, {"owner"}),
    ):
        for who, token in (("token", a.token), ("owner", mine), ("stranger", theirs), ("nobody", None)):
            status = server.client().call(method, path + what, body, token).status_code
            if who == "nobody":
                assert status == 401, (what, who, status)
            elif who == "stranger":
                assert status in (401, 404), (what, who, status)
            elif who not in allowed:
                assert status == 401, (what, who, status)
            else:
                assert status != 401, (what, who, status)
    # another attempt's token opens nothing
    other = server.client().open("sign_in", email=person.email)
    for what in ("proofs", "code", "commit"):
        body = {"kind": "code", "code": "1"} if what == "proofs" else {}
        server.client().call("POST", f"{path}/{what}", body, other.token, 401)


def test_what_the_owner_sees_and_the_opener_does_not(server, person):
    a = server.client().open("sign_in", email=person.email)
    plain = {"id", "action", "state", "needs", "proved", "opened_at", "expires_at", "hold_until"}
    assert set(a.show()) == plain
    mine = person.client.api("GET", f"/attempts/{a.id}")["attempt"]
    assert plain < set(mine) and set(mine["from"]) == {"ip", "place", "device", "known_device"}
    assert mine["from"]["ip"] == "127.0.0.1" and mine["from"]["known_device"] is False


def test_codes(server, person):
    a = server.client().open("sign_in", email=person.email)
    early = a.code("shown_there")
    assert set(early) == {"expires_at"} and TIME.match(early["expires_at"])
    check_problem(person.client.call("GET", f"/api/v1/attempts/{a.id}/code", token=person.client.session), 404, "not_found")
    a.prove("password", person.password)
    check_problem(person.client.call("GET", f"/api/v1/attempts/{a.id}/code", token=person.client.session), 404, "not_found")
    later = a.code("shown_there")
    assert set(later) == {"expires_at"}  # always alike
    shown = person.client.api("GET", f"/attempts/{a.id}/code")
    assert set(shown) == {"digits", "expires_at"} and re.fullmatch(r"\d{4}", shown["digits"])
    a.code("shown_there")
    assert person.client.api("GET", f"/attempts/{a.id}/code")["digits"] == shown["digits"]
    assert not [m for m in server.sink.to(person.email) if shown["digits"] in tocsin.text_of(m[3]).split()]
    wrong = "0000" if shown["digits"] != "0000" else "1111"
    assert a.prove("code", wrong, 403)["code"] == "wrong_proof"
    assert a.prove("code", shown["digits"])["attempt"]["proved"] == ["password", "code"]
    check_problem(person.client.call("GET", f"/api/v1/attempts/{a.id}/code", token=person.client.session), 404, "not_found")


def test_a_code_is_not_shown_to_the_opener(server, person):
    a = person.client.open("change_password")
    a.prove("password", person.password)
    a.code("shown_there")
    check_problem(person.client.call("GET", f"/api/v1/attempts/{a.id}/code", token=person.client.session), 403, "forbidden")
    check_problem(person.client.call("POST", f"/api/v1/attempts/{a.id}/approve", {"digits": "1234"}, person.client.session), 403, "forbidden")
    here = a.code("shown_here")
    assert set(here) == {"digits", "expires_at"}
    check_problem(person.client.call("POST", f"/api/v1/attempts/{a.id}/approve", {"digits": here["digits"]}, person.client.session), 403, "forbidden")


def test_a_code_lives_five_minutes(server):
    person = server.person()
    a = server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    digits = person.code_for(a)
    server.advance(minutes=5, seconds=1)
    check_problem(person.client.call("GET", f"/api/v1/attempts/{a.id}/code", token=person.client.session), 404, "not_found")
    assert a.prove("code", digits, 403)["code"] == "wrong_proof"


def test_codes_made_have_a_budget(server, person):
    """Five an hour; from then on 429, at this attempt and at the next one."""
    for _ in range(5):
        a = server.client().open("sign_in", email=person.email)
        a.prove("password", person.password)
        a.code("shown_there")
    for _ in range(3):
        a = server.client().open("sign_in", email=person.email)
        a.code("shown_there")  # nothing is proved here: nothing is told either
        a.prove("password", person.password)
        for _ in range(2):
            answer = server.client().call("POST", f"/api/v1/attempts/{a.id}/code", {}, a.token)
            check_problem(answer, 429, "too_many_tries")
            assert int(answer.headers["Retry-After"]) > 0
    here = server.client().open("sign_in", email=person.email)
    assert here.code("shown_here")["digits"]  # there is nothing to guess here


def test_wrong_codes_close_shown_there(server, person):
    wrongs = 0
    while wrongs < 5:
        a = server.client().open("sign_in", email=person.email)
        a.prove("password", person.password)
        digits = person.code_for(a)
        wrong = "0000" if digits != "0000" else "1111"
        for _ in range(2):
            wrongs += 1
            if wrongs <= 5:
                a.prove("code", wrong, 403)
    b = server.client().open("sign_in", email=person.email)
    b.prove("password", person.password)
    check_problem(server.client().call("POST", f"/api/v1/attempts/{b.id}/code", {}, b.token), 429, "too_many_tries")
    digits = b.code("shown_here")["digits"]
    person.client.api("POST", f"/attempts/{b.id}/approve", {"digits": digits})
    b.commit()


def test_a_code_where_none_is_alive_spends_no_budget(server, person):
    for _ in range(3):
        a = server.client().open("sign_in", email=person.email)
        for _ in range(3):
            assert a.prove("code", "1234", 403)["code"] == "wrong_proof"
    b = server.client().open("sign_in", email=person.email)
    b.prove("password", person.password)
    b.prove("code", person.code_for(b))


def test_approving(server, person):
    a = server.client().open("sign_in", email=person.email)
    digits = a.code("shown_here")["digits"]
    path = f"/api/v1/attempts/{a.id}/approve"
    check_problem(person.client.call("POST", path, {}, person.client.session), 400, "bad_request")
    check_problem(person.client.call("POST", path, {"digits": ""}, person.client.session), 400, "bad_request")
    check_problem(server.client().call("POST", path, {"digits": digits}), 401, "unauthorized")
    right = person.client.call("POST", path, {"digits": digits}, person.client.session, 200).json()
    assert right["attempt"]["proved"] == ["code"]
    b = server.client().open("sign_in", email=person.email)
    wrong = "0000" if b.code("shown_here")["digits"] != "0000" else "1111"
    for _ in range(3):
        answer = person.client.call("POST", f"/api/v1/attempts/{b.id}/approve", {"digits": wrong}, person.client.session)
        check_problem(answer, 403, "wrong_proof")
    assert b.show()["state"] == "denied"
    answer = person.client.call("POST", f"/api/v1/attempts/{b.id}/approve", {"digits": wrong}, person.client.session)
    check_problem(answer, 403, "denied")


def test_email_codes_are_few(server):
    address = elsewhere()
    statuses = [server.client().call("POST", "/api/v1/attempts", {"action": "sign_up", "email": address}).status_code for _ in range(8)]
    assert statuses[0] == 201 and statuses[-1] == 429
    assert statuses == sorted(statuses)
    spelled = server.client().call("POST", "/api/v1/attempts", {"action": "sign_up", "email": address.upper()})
    check_problem(spelled, 429, "too_many_tries")


def test_a_new_address_gets_its_code_last(server, person):
    new = elsewhere()
    a = person.client.open("change_email", email=new)
    a.prove("password", person.password)
    assert a.prove("email_code", "123456", 403)["code"] == "wrong_proof"
    assert not server.sink.to(new)
    assert a.prove("recovery_key", person.recovery_key)["attempt"]["state"] == "opened"
    code = server.sink.code(new)
    a.commit(409)
    assert a.prove("email_code", code)["attempt"]["state"] == "proved"
    a.commit()
    for address in (person.email, new):
        server.sink.wait(address, subject="Your address was changed")
    assert {c["email"]: c["removed_at"] is None for c in api(person, "GET", "/contacts")["contacts"]} == {person.email: False, new: True}
    assert api(person, "GET", "/session")["account"]["email"] == new
    # the old address signs nobody in, and is nobody else's for a week
    b = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    b.prove("password", person.password, 403)
    server.client().open("sign_in", email=new, device_token=person.client.device).prove("password", person.password)


def test_an_address_of_somebody_else(server, person):
    """The answer is the same; its owner is told."""
    other = server.person()
    a = person.client.open("change_email", email=other.email)
    a.prove("password", person.password)
    a.prove("recovery_key", person.recovery_key)
    server.sink.wait(other.email, subject="already have an account")
    a.prove("email_code", "000000", 403)


def test_removed_contacts_hear_of_everything_for_a_week(server):
    person = server.person()
    second = person.sign_in()
    new = elsewhere()
    a = person.client.open("add_contact", email=new)
    prove_two(person, a, second)
    a.prove("email_code", server.sink.code(new))
    a.commit()
    b = person.client.open("remove_contact", email=new)
    prove_two(person, b, second)
    b.commit()
    server.sink.wait(new, subject="An address for alerts was removed")
    server.advance(days=6)
    server.client().open("recover_password", email=person.email)
    server.sink.wait(new, subject="Someone says they lost your password")
    server.advance(days=2)
    server.client().open("recover_password", email=person.email)
    server.sink.wait(person.email, count=2, subject="Someone says they lost your password")
    assert len(server.sink.wait(new, subject="Someone says they lost your password")) == 1


def test_paging(server, person):
    ids = [server.client().open("sign_in", email=person.email).id for _ in range(5)][::-1]
    first = api(person, "GET", "/attempts?limit=2")
    assert set(first) == {"attempts", "next"} and [a["id"] for a in first["attempts"]] == ids[:2]
    seen, page = [], first
    while page["next"]:
        seen += [a["id"] for a in page["attempts"]]
        page = api(person, "GET", f"/attempts?limit=2&before={page['next']}")
    seen += [a["id"] for a in page["attempts"]]
    assert seen[:5] == ids and len(seen) == len(set(seen))
    for query in ("limit=0", "limit=101", "limit=x", "before=!", "limit=-1"):
        check_problem(person.client.call("GET", f"/api/v1/attempts?{query}", token=person.client.session), 400, "bad_request")


# ---- devices ----


def sign_in_again(server, person, token):
    a = server.client().open("sign_in", email=person.email, device_token=token)
    if a.first["needs"]["count"] != 1:
        return None
    a.prove("password", person.password)
    return a.commit()["result"]["device"]["token"]


def test_a_device_token_is_replaced_at_each_sign_in(server, person):
    first = person.client.device
    second = sign_in_again(server, person, first)
    assert second != first
    lost = sign_in_again(server, person, first)  # its answer was lost: the old one counts until the new one was seen
    third = sign_in_again(server, person, lost)
    assert len({first, second, lost, third}) == 4
    assert sign_in_again(server, person, first) is None  # a copy
    server.sink.wait(person.email, subject="A copy of one of your devices")
    assert sign_in_again(server, person, third) is None


# ---- holds ----


@pytest.fixture
def unfamiliar(server):
    """Somebody, and a device of theirs that was let in just now."""
    person = server.person()
    return person, person.sign_in()


def test_what_an_unfamiliar_device_opens_waits(server, unfamiliar):
    person, phone = unfamiliar
    a = phone.open("change_password")
    prove_two(person, a, person.client)
    held = a.commit(202, password="from the new phone 13")
    assert set(held) == {"attempt"} and held["attempt"]["state"] == "held" and TIME.match(held["attempt"]["hold_until"])
    server.sink.wait(person.email, subject="A password change is waiting")
    assert a.commit(202, password="from the new phone 13")["attempt"]["hold_until"] == held["attempt"]["hold_until"]
    # the old ones keep counting meanwhile
    server.client().open("sign_in", email=person.email, device_token=person.client.device).prove("password", person.password)
    server.advance(minutes=61)
    assert a.commit(422, password="short")["code"] == "weak_password"
    assert a.commit(password="from the new phone 13")["attempt"]["state"] == "done"


def test_digits_on_a_familiar_device_end_a_hold(server, unfamiliar):
    person, phone = unfamiliar
    a = phone.open("new_recovery_key")
    prove_two(person, a, person.client)
    a.commit(202)
    digits = a.code("shown_here")["digits"]
    another = person.sign_in()  # trusted, but as new as the phone
    another.api("POST", f"/attempts/{a.id}/approve", {"digits": digits})
    a.commit(202)
    digits = a.code("shown_here")["digits"]
    person.client.api("POST", f"/attempts/{a.id}/approve", {"digits": digits})
    assert set(a.commit()["result"]) == {"recovery_key"}


def test_a_held_change_is_stopped_by_any_trusted_device(server, unfamiliar):
    person, phone = unfamiliar
    a = phone.open("export_data")
    prove_two(person, a, person.client)
    a.commit(202)
    assert person.client.api("POST", f"/attempts/{a.id}/deny", {})["attempt"]["state"] == "denied"
    server.advance(hours=2)
    assert a.commit(403)["code"] == "denied"


def test_wrong_proofs_end_a_held_attempt_too(server, unfamiliar):
    person, phone = unfamiliar
    a = phone.open("change_password")
    prove_two(person, a, person.client)
    a.commit(202, password="from the new phone 13")
    for _ in range(3):
        assert a.prove("recovery_key", "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG", 403)["code"] == "wrong_proof"
    assert a.show()["state"] == "failed"
    a.commit(410, password="from the new phone 13")


def test_a_device_is_familiar_after_72_hours():
    server = tocsin.Server("sqlite", "[policy]\nsession_hours = 400\n")
    try:
        person = server.person()
        phone = person.sign_in()
        server.advance(hours=73)
        a = phone.open("new_recovery_key")
        prove_two(person, a, person.client)
        a.commit(200)
    finally:
        server.stop()


def test_a_hold_that_nobody_heard_of_goes_on(server, unfamiliar):
    person, phone = unfamiliar
    a = phone.open("change_password")
    prove_two(person, a, person.client)
    server.sink.mode = "refuse_later"
    try:
        a.commit(202, password="from the new phone 13")
        server.advance(hours=2)
        time.sleep(0.5)
        assert a.commit(202, password="from the new phone 13")["attempt"]["state"] == "held"
    finally:
        server.sink.mode = "accept"
    server.advance(hours=1)
    server.sink.wait(person.email, subject="A password change is waiting", seconds=15)
    for _ in range(100):
        answer = phone.call("POST", f"/api/v1/attempts/{a.id}/commit", {"password": "from the new phone 13"}, a.token)
        if answer.status_code != 202:
            break
        time.sleep(0.05)
    assert answer.status_code == 200


# ---- policy ----


@pytest.fixture(scope="module")
def strict():
    s = tocsin.Server("sqlite", "[policy]\ncode_digits = 6\n[policy.export_data]\nproofs = 3\nhold_familiar = 2h\n[policy.change_password]\nhold = 0s\n")
    yield s
    s.stop()


def test_a_policy_can_ask_for_more(strict):
    person = strict.person()
    second = person.sign_in()
    a = person.client.open("export_data")
    assert a.first["needs"] == {"count": 3, "of": ALL, "or": ["passkey"]}
    a.prove("password", person.password)
    assert a.prove("recovery_key", person.recovery_key)["attempt"]["state"] == "opened"
    a.commit(409)
    a.code("shown_there")
    digits = second.api("GET", f"/attempts/{a.id}/code")["digits"]
    assert re.fullmatch(r"\d{6}", digits)
    assert a.prove("code", digits)["attempt"]["state"] == "proved"
    assert a.commit(202)["attempt"]["state"] == "held"  # though the device is familiar
    strict.sink.wait(person.email, subject="waiting")
    strict.advance(hours=2, minutes=1)
    assert "download" in a.commit()["result"]


def test_a_policy_can_hold_less(strict):
    person = strict.person()
    phone = person.sign_in()
    a = phone.open("change_password")
    prove_two(person, a, person.client)
    assert a.commit(password="at once, as they wish 4")["attempt"]["state"] == "done"


@pytest.mark.parametrize("text", ["[policy.export_data]\nproofs = 1\n", "[policy.export_data]\nproofs = 4\n", "[policy.fly]\nhold = 1h\n", "[policy.restore]\nhold = soon\n"])
def test_a_policy_is_never_less_than_two(tmp_path, text):
    (tmp_path / "tocsin.conf").write_text(text)
    done = subprocess.run([tocsin.BUILD / "src/tocsind/tocsind", "-c", tmp_path / "tocsin.conf", "--check"], capture_output=True, text=True)
    assert done.returncode == 1 and "[policy." in done.stderr
