"""Links, "It wasn't me", lock-down, and the way back."""

import requests


def link_of(server, person, subject):
    return server.sink.link(person.email, subject)


def test_scanner_changes_nothing(server, person):
    a = server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    link = link_of(server, person, "knows your password")
    for _ in range(100):
        page = requests.get(f"{server.origin}/a/{link}", timeout=10)
        assert page.status_code == 200
    assert a.show()["state"] == "opened"
    person.client.api("GET", "/session")
    assert person.alerts()[0]["answer"] is None


def test_not_me_by_link_without_a_session(server, person):
    thief = server.client(agent="curl/8")
    a = thief.open("sign_in", email=person.email)
    a.prove("password", person.password)
    link = link_of(server, person, "knows your password")
    done = server.client().api("POST", "/alerts/answer", {"link": link, "answer": "not_me"})
    assert done["account"]["state"] == "locked_down" and done["alert"]["answer"] == "not_me"
    assert a.prove("recovery_key", person.recovery_key, status=403)["code"] == "denied"
    # a link without a session ends all sessions, and the password counts no more
    person.client.call("GET", "/api/v1/session", token=person.client.session, status=401)
    b = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    b.prove("password", person.password, status=403)
    c = server.client().open("sign_in", email=person.email)
    c.prove("recovery_key", person.recovery_key, status=403)


def test_not_me_in_a_trusted_session_keeps_it(server, person):
    a = server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    server.sink.wait(person.email, subject="knows your password")
    alert = person.alerts()[0]
    body = {"answer": "not_me", "tell_security_team": True, "note": "help"}
    done = person.client.api("POST", f"/alerts/{alert['id']}/answer", body)
    assert done["account"]["state"] == "locked_down" and done["case"]["id"]
    person.client.api("GET", "/session")
    again = person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "me"})
    assert again["alert"]["answer"] == "not_me"


def test_after_the_thief_changed_the_password(server, person):
    """He had password and recovery key; the owner takes the account back with the link, a code and a new key."""
    thief = server.client(agent="curl/8")
    a = thief.open("sign_in", email=person.email)
    a.prove("password", person.password)
    a.prove("code", person.code_for(a))  # the owner was talked into it
    result = a.commit()["result"]
    thief.session = result["session"]["token"]
    b = thief.open("change_password")
    b.prove("password", person.password)
    b.prove("code", person.code_for(b))
    b.commit_after_hold(password="thief's own new password")
    person.client.call("GET", "/api/v1/session", token=person.client.session, status=401)
    link = link_of(server, person, "Your password was changed")
    done = server.client().api("POST", "/alerts/answer", {"link": link, "answer": "not_me"})
    assert done["account"]["state"] == "locked_down"
    thief.call("GET", "/api/v1/session", token=thief.session, status=401)


def test_not_me_on_a_done_sign_in_forgets_the_device(server, person):
    thief = person.sign_in(server.client(agent="curl/8"))
    link = link_of(server, person, "New sign-in")
    server.client().api("POST", "/alerts/answer", {"link": link, "answer": "not_me"})
    thief.call("GET", "/api/v1/session", token=thief.session, status=401)
    thief.session = None
    a = thief.open("sign_in", email=person.email, device_token=thief.device)
    assert a.first["needs"]["count"] == 2


def test_the_way_back(server, person):
    helper = person.sign_in()  # a second trusted device that stays signed in
    for mine in helper.api("GET", "/alerts")["alerts"]:
        helper.api("POST", f"/alerts/{mine['id']}/answer", {"answer": "me"})
    a = server.client(agent="curl/8").open("sign_in", email=person.email)
    a.prove("password", person.password)
    alerts = helper.api("GET", "/alerts")["alerts"]
    alert = next(x for x in alerts if x["kind"] == "opened" and x["attempt"] == a.id)
    helper.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "not_me"})
    assert helper.api("GET", "/session")["account"]["email"] == person.email
    back = server.client().open("recover_password", email=person.email)
    back.prove("recovery_key", person.recovery_key)
    back.commit(status=409, password="too early for this one")
    back.code("shown_there")
    back.prove("code", helper.api("GET", f"/attempts/{back.id}/code")["digits"])
    result = back.commit_after_hold(password="mine again, and only mine")["result"]
    assert result["recovery_key"] != person.recovery_key
    helper.call("GET", "/api/v1/session", token=helper.session, status=401)
    again = server.client().open("sign_in", email=person.email, device_token=helper.device)
    again.prove("password", person.password, status=403)
    again.prove("password", "mine again, and only mine")
    again.commit()


def test_bad_links(server, person):
    c = server.client()
    for link in ("tl_" + "A" * 86, "tl_short", "x"):
        c.api("POST", "/alerts/answer", {"link": link, "answer": "not_me"}, status=404)
    c.api("POST", "/alerts/answer", {"answer": "not_me"}, status=400)
    c.api("POST", "/alerts/answer", {"link": "tl_" + "A" * 86, "answer": "maybe"}, status=400)


def test_seen(server, person):
    a = server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    link = link_of(server, person, "knows your password")
    server.client().api("POST", "/alerts/seen", {"link": link}, status=204)


def test_link_ends_after_seven_days(server):
    person = server.person()
    a = server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    link = link_of(server, person, "knows your password")
    server.advance(days=8)
    server.client().api("POST", "/alerts/answer", {"link": link, "answer": "not_me"}, status=410)
