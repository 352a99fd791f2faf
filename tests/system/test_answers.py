"""Links, "It wasn't me", lock-down, and the way back."""

import html
import re
import time

import requests
import tocsin


def link_of(server, person, subject):
    return server.sink.link(person.email, subject)


SCANNERS = [
    tocsin.FIREFOX,
    "",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 Edg/120.0 SafeLinks",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Barracuda Sentinel (EE)",
    "python-requests/2.31 not_me answer=not_me",
    "A" * 2000,
    "\u00ff\u00fe<script>",
]
WAYS = [("GET", ""), ("HEAD", ""), ("GET", "?answer=not_me"), ("GET", "?answer=not_me&tell_security_team=on"), ("HEAD", "?answer=me"), ("OPTIONS", "")]


def links_of(server, push, person):
    """Everything that a mail or a push invites to open, in text, HTML and message."""
    texts = [part.get_content() for m in server.sink.to(person.email) for part in m[3].iter_parts()]
    texts += [m["notification"]["navigate"] for _, m in push.to(person.account["id"])]
    return sorted({html.unescape(x) for t in texts for x in re.findall(r"https?://[^\s\"<>]+", t) if "/" in x.split("//")[1]})


def at_rest(server):
    """All rows, once the outcomes of what was sent are written."""
    rows = [server.dump()]

    def is_quiet():
        time.sleep(0.5)
        rows.append(server.dump())
        return rows[-1] == rows[-2]

    tocsin.until(is_quiet, "rest")
    return rows[-1]


def test_scanner_changes_nothing(server, person):
    """A mail scanner opens every link 100 times, in every way but the form's POST: not a row of either database changes."""
    push = tocsin.PushSink()
    push.subscribe(person.client, person.account["id"])
    a = server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    a.code()
    b = person.client.open("change_password")
    person.client.api("POST", f"/attempts/{b.id}/deny", {})
    a.prove("recovery_key", person.recovery_key)
    a.commit()
    server.client().open("recover_password", email=person.email)
    tocsin.until(lambda: sum("/a/tl_" in x for x in links_of(server, push, person)) == 5, "the five mails")
    before = at_rest(server)
    found = links_of(server, push, person)
    assert any("/code/" in x for x in found), found
    scanner = requests.Session()
    for link in found:
        for i in range(100):
            method, query = WAYS[i % len(WAYS)]
            answer = scanner.request(method, link + query, headers={"User-Agent": SCANNERS[i % len(SCANNERS)].encode()}, timeout=10)
            assert answer.status_code in ((405,) if method == "OPTIONS" else (200,)), (link, method, answer.status_code)
            assert "Set-Cookie" not in answer.headers
    assert server.dump() == before
    push.stop()


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
    """He had password and a code; the owner, signed out everywhere, takes the account back with the link, her key and a code on her phone."""
    push = tocsin.PushSink()
    name = person.account["id"]
    push.subscribe(person.client, name)
    thief = server.client(agent="curl/8")
    a = thief.open("sign_in", email=person.email)
    a.prove("password", person.password)
    a.prove("code", person.code_for(a))  # the owner was talked into it
    thief.session = a.commit()["result"]["session"]["token"]
    push.subscribe(thief, "thief" + name)
    b = thief.open("change_password")
    b.prove("password", person.password)
    b.prove("code", person.code_for(b))
    b.commit_after_hold(password="thief's own new password")
    person.client.call("GET", "/api/v1/session", token=person.client.session, status=401)
    link = link_of(server, person, "Your password was changed")
    done = server.client().api("POST", "/alerts/answer", {"link": link, "answer": "not_me"})
    assert done["account"]["state"] == "locked_down"
    thief.call("GET", "/api/v1/session", token=thief.session, status=401)
    c = server.client(agent="curl/8").open("sign_in", email=person.email)
    c.prove("password", "thief's own new password", status=403)
    server.client().api("POST", "/alerts/answer", {"link": link_of(server, person, "New sign-in"), "answer": "not_me"})
    back = server.client().open("recover_password", email=person.email)
    back.prove("recovery_key", person.recovery_key)
    back.code("shown_there")
    back.prove("code", push.code(name, back.id))
    back.commit_after_hold(password="mine again, and only mine")
    assert not any("code" in m["tocsin"] for _, m in push.to("thief" + name))
    again = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    again.prove("password", "mine again, and only mine")
    again.commit()
    push.stop()


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
