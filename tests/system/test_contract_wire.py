"""The conventions of the contract: headers, problems, members, cookies, tokens, ids, times."""

import re
import socket

import pytest
import requests
import tocsin
import yaml
from test_openapi import DESCRIPTION

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
ID = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
CODES = (
    "bad_request unknown_member unauthorized forbidden cross_site not_found method_not_allowed too_large wrong_proof too_many_tries busy "
    "expired denied not_proved weak_password breached_password conflict locked_down restore_not_approved"
).split()
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def check_headers(answer, is_static=False):
    for name, value in SECURITY.items():
        assert answer.headers[name] == value, name
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert re.fullmatch(r"[A-Za-z0-9_-]{8,64}", answer.headers["Request-Id"])
    assert answer.headers["Cache-Control"] == ("no-cache" if is_static else "no-store")
    assert "Server" not in answer.headers


def check_problem(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "code", "detail"}
    assert body["type"] == f"/problems/{code}" and body["code"] == code and body["status"] == status
    assert body["title"] and body["detail"]
    check_headers(answer)


def raw(server, text):
    """Bytes past any client library; the answer as (status, headers, body)."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as s:
        s.sendall(text)
        got = b""
        while chunk := s.recv(65536):
            got += chunk
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:]), body


def paths():
    """All but restic's own protocol, which has its tests, and one route for all that it has."""
    return {path: item for path, item in DESCRIPTION["paths"].items() if not path.startswith("/backup/")}


def calls():
    for path, item in paths().items():
        for method in item:
            yield path, method


def test_headers_of_every_answer(server):
    seen = set()
    for path, method in calls():
        url = server.origin + path.replace("{id}", "A" * 22)
        for body in (None, {}, {"no such member": 1}):
            with requests.request(method, url, json=body, timeout=10, allow_redirects=False, stream=True) as answer:
                check_headers(answer, is_static=path.endswith("openapi.yaml") and answer.status_code == 200)
                seen.add(answer.status_code)
    assert seen >= {200, 204, 302, 400, 401, 413, 415}
    for path in ("/sign-in", "/sign-up", "/recover", "/js/page.js", "/css/tocsin.css"):
        check_headers(requests.get(server.origin + path, timeout=10), is_static=True)
    check_headers(requests.get(server.origin + "/home", timeout=10, allow_redirects=False))


def test_every_refusal_of_the_parser_has_its_headers(server):
    host = f"Host: localhost:{server.port}\r\n".encode()
    for text, status in [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n" + host + b"\r\n", 505),
        (b"POST /api/v1/attempts HTTP/1.1\r\n" + host + b"Content-Length: 99999\r\n\r\n", 413),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + host + b"\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + host + b"X: " + b"y" * 9000 + b"\r\n\r\n", 431),
        (b"BREW / HTTP/1.1\r\n" + host + b"\r\n", 501),
    ]:
        got, headers, body = raw(server, text)
        assert got == status, (text[:40], got)
        assert headers["Cache-Control"] == "no-store" and headers["Request-Id"] and headers["Content-Security-Policy"]
        assert headers["Content-Type"] == "application/problem+json" and b'"code":' in body


def test_other_methods_are_refused_with_allow(server):
    methods = {"get", "post", "put", "patch", "delete"}
    for path, item in paths().items():
        url = server.origin + path.replace("{id}", "A" * 22)
        for method in methods - set(item):
            answer = requests.request(method, url, timeout=10, allow_redirects=False)
            check_problem(answer, 405, "method_not_allowed")
            allowed = {m.strip().lower() for m in answer.headers["Allow"].split(",")}
            assert allowed - {"head", "options"} == set(item), path


def test_what_is_not_there(server):
    for path in ("/api/v1/nothing", "/api/v2/session", "/api/v1/attempts/x/y", "/nothing"):
        check_problem(requests.get(server.origin + path, timeout=10), 404, "not_found")
        check_problem(requests.post(server.origin + path, json={}, timeout=10), 404, "not_found")


@pytest.mark.parametrize("code", CODES)
def test_the_page_of_a_problem_explains_it(server, code):
    answer = requests.get(f"{server.origin}/problems/{code}", timeout=10)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
    assert f'id="{code}"' in answer.text


def test_bodies(server, person):
    url = server.origin + "/api/v1/attempts"
    bearer = {"Authorization": "Bearer " + person.client.session}

    def post(data, content_type="application/json"):
        headers = {"Content-Type": content_type} if content_type else {}
        return requests.post(url, data=data, headers=headers | bearer, timeout=10)

    for data in (b"", b"[]", b"null", b"{", b'{"action":"sign_in","action":"sign_up"}', b'{"action":"\xff"}', b"[" * 40 + b"]" * 40):
        check_problem(post(data), 400, "bad_request")
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", None):
        answer = post(b"{}", content_type)
        assert answer.status_code == 415, content_type
        check_headers(answer)
    check_problem(post(b'{"action":"' + b"a" * 5000 + b'"}'), 413, "too_large")
    assert post(b'{"action":"change_password"}', "application/json; charset=utf-8").status_code == 201


UNKNOWN = [
    ("POST", "/attempts", {"action": "sign_up", "email": "a@example.org", "password": "x"}),
    ("POST", "/attempts", {"action": "sign_in", "email": "a@example.org", "from_device": "x"}),
    ("POST", "/attempts", {"action": "recover_password", "email": "a@example.org", "x": None}),
    ("POST", "/attempts", {"action": "change_password", "email": "a@example.org"}),
    ("POST", "/attempts", {"action": "restore", "from_device": "A" * 22, "device": "A" * 22}),
    ("POST", "/attempts", {"action": "change_email", "email": "a@example.org", "device_token": "td_x"}),
    ("POST", "/attempts", {"action": "add_contact", "email": "a@example.org", "name": "x"}),
    ("POST", "/attempts", {"action": "remove_contact", "email": "a@example.org", "id": "x"}),
    ("POST", "/attempts", {"action": "remove_device", "device": "A" * 22, "from_device": "x"}),
    ("POST", "/attempts", {"action": "new_recovery_key", "x": 1}),
    ("POST", "/attempts", {"action": "export_data", "x": 1}),
    ("POST", "/attempts", {"action": "delete_account", "x": 1}),
    ("POST", "/attempts/{attempt}/proofs", {"kind": "password", "password": "x", "code": "1"}),
    ("POST", "/attempts/{attempt}/proofs", {"kind": "code", "code": "1", "password": "x"}),
    ("POST", "/attempts/{attempt}/proofs", {"kind": "email_code", "code": "1", "email": "x"}),
    ("POST", "/attempts/{attempt}/proofs", {"kind": "recovery_key", "recovery_key": "1", "x": 1}),
    ("POST", "/attempts/{attempt}/code", {"way": "shown_there", "x": 1}),
    ("POST", "/attempts/{attempt}/approve", {"digits": "1234", "x": 1}),
    ("POST", "/attempts/{attempt}/commit", {"x": 1}),
    ("POST", "/attempts/{attempt}/commit", {"device": {"name": "x", "id": "y"}}),
    ("POST", "/attempts/{attempt}/deny", {"x": 1}),
    ("POST", "/alerts/{id}/answer", {"answer": "me", "x": 1}),
    ("POST", "/alerts/{id}/answer", {"answer": "me", "link": "tl_x"}),
    ("POST", "/alerts/answer", {"link": "tl_x", "answer": "me", "x": 1}),
    ("POST", "/alerts/seen", {"link": "tl_x", "x": 1}),
    ("POST", "/push/subscriptions", {"x": 1}),
    ("POST", "/push/subscriptions", {"subscription": {"endpoint": "https://push.example.org/x", "x": 1}}),
    ("POST", "/push/subscriptions", {"subscription": {"endpoint": "https://push.example.org/x", "keys": {"x": 1}}}),
    ("POST", "/push/subscriptions/{id}/test", {"x": 1}),
    ("PATCH", "/devices/{id}", {"name": "x", "platform": "y"}),
]


@pytest.mark.parametrize("method,path,body", UNKNOWN)
def test_unknown_members_are_refused_at_every_level(server, person, method, path, body):
    attempt = server.client().open("sign_in", email=person.email)
    by_session = "/approve" in path or "/deny" in path or "{attempt}" not in path
    token = person.client.session if by_session else attempt.token
    url = "/api/v1" + path.replace("{attempt}", attempt.id).replace("{id}", "A" * 22)
    check_problem(server.client().call(method, url, body, token), 400, "unknown_member")


def walk(value, path=""):
    if isinstance(value, dict):
        for k, v in value.items():
            yield from walk(v, f"{path}/{k}")
    elif isinstance(value, list):
        for v in value:
            yield from walk(v, path)
    else:
        yield path, value


def check_shapes(body):
    for path, value in walk(body):
        name = path.rsplit("/", 1)[-1]
        if value is None:
            continue
        if name.endswith("_at") or name in ("at", "first_seen", "last_seen", "hold_until"):
            assert TIME.match(value), (path, value)
        if name == "id" or path.endswith("/attempt") or name == "next":
            assert ID.match(value), (path, value)


def test_ids_and_times(server, person):
    stranger = server.client().open("sign_in", email=person.email)
    stranger.prove("password", person.password)
    server.sink.wait(person.email, subject="knows your password")
    check_shapes(stranger.show())
    held = person.sign_in().open("change_password")
    held.prove("password", person.password)
    held.prove("recovery_key", person.recovery_key)
    body = held.commit(202, password="another one for later 9")
    assert TIME.match(body["attempt"]["hold_until"])
    for path in ("session", "sessions", "attempts", "alerts", "devices", "contacts", "push/subscriptions", "attempts?limit=1", "alerts?limit=1"):
        check_shapes(person.client.api("GET", "/" + path))


def test_tokens_have_256_bits_and_say_what_they_are(server, person):
    attempt = server.client().open("sign_in", email=person.email)
    for token, prefix in ((person.client.session, "ts_"), (person.client.device, "td_"), (attempt.token, "ta_")):
        assert token.startswith(prefix) and len(re.sub(r"[^A-Za-z0-9_-]", "", token[3:])) >= 43
    attempt.prove("password", person.password)
    assert server.sink.link(person.email, "knows your password").startswith("tl_")
    # each is good for its own kind alone
    for token in (person.client.device, attempt.token):
        server.client().call("GET", "/api/v1/session", token=token, status=401)
    server.client().call("POST", f"/api/v1/attempts/{attempt.id}/proofs", {"kind": "code", "code": "1"}, person.client.session, 401)
    server.client().call("POST", "/api/v1/sessions/check", {"tokens": ["x"]}, person.client.session, 401)


def test_a_recovery_key_is_read_as_people_write_it(server, person):
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){6,}", person.recovery_key)
    spelled = person.recovery_key.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    attempt = server.client().open("sign_in", email=person.email)
    attempt.prove("recovery_key", "  " + spelled + " ")
    other = server.client().open("sign_in", email=person.email)
    last = person.recovery_key[-1]
    assert other.prove("recovery_key", person.recovery_key[:-1] + ("A" if last != "A" else "B"), 403)["code"] == "wrong_proof"


# ---- cookies ----


def cookies_of(answer):
    return dict(c.split("=", 1) for c in answer.raw.headers.getlist("Set-Cookie"))


def signed_in(server, person, origin):
    attempt = server.client().open("sign_in", email=person.email, device_token=person.client.device)
    attempt.prove("password", person.password)
    url = f"{server.url}/api/v1/attempts/{attempt.id}/commit"
    answer = requests.post(url, json={}, headers={"Origin": origin, "Authorization": "Bearer " + attempt.token}, timeout=10)
    assert answer.status_code == 200
    return answer


def test_cookies_on_loopback(server):
    found = cookies_of(signed_in(server, server.person(), server.origin))
    assert set(found) == {"tocsin_session", "tocsin_device"}
    for text in found.values():
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(text.split("; ")[1:]) and "Secure" not in text and "Domain" not in text
    assert found["tocsin_session"].startswith("ts_") and found["tocsin_device"].startswith("td_")


@pytest.fixture(scope="module")
def https_server():
    s = tocsin.Server("sqlite", origin="https://id.example.org")
    yield s
    s.stop()


def test_cookies_on_https(https_server):
    person = https_server.person()
    answer = signed_in(https_server, person, "https://id.example.org")
    found = cookies_of(answer)
    assert set(found) == {"__Host-tocsin_session", "__Host-tocsin_device"}
    for text in found.values():
        assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(text.split("; ")[1:]) and "Domain" not in text
    assert answer.headers["Strict-Transport-Security"]
    token = found["__Host-tocsin_session"].split(";")[0]
    url = https_server.url + "/api/v1/session"
    assert requests.get(url, headers={"Cookie": f"__Host-tocsin_session={token}"}, timeout=10).status_code == 200
    assert requests.get(url, headers={"Cookie": f"tocsin_session={token}"}, timeout=10).status_code == 401
    mail = https_server.sink.to(person.email)
    assert mail and all(https_server.url not in m[3].as_string() for m in mail)


CROSS = [
    ({}, 403),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": "none"}, 403),
    ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
    ({"Origin": "OWN", "Content-Type": "text/plain"}, 403),
    ({"Origin": "OWN", "Content-Type": "application/x-www-form-urlencoded"}, 403),
    ({"Origin": "OWN"}, 201),
    ({"Sec-Fetch-Site": "same-origin"}, 201),
]


@pytest.mark.parametrize("headers,status", CROSS)
def test_cookies_count_for_our_own_pages_alone(server, person, headers, status):
    cookie = {"Cookie": f"tocsin_session={person.client.session}", "Content-Type": "application/json"}
    headers = {k: server.origin if v == "OWN" else v for k, v in headers.items()}
    answer = requests.post(server.origin + "/api/v1/attempts", data=b'{"action":"change_password"}', headers=cookie | headers, timeout=10)
    assert answer.status_code == status, answer.text
    if status == 403:
        check_problem(answer, 403, "cross_site")
    # a token that is shown needs no origin: no browser adds it by itself
    bearer = {"Authorization": "Bearer " + person.client.session, "Content-Type": "application/json", "Origin": "https://evil.example"}
    answer = requests.post(server.origin + "/api/v1/attempts", data=b'{"action":"change_password"}', headers=bearer, timeout=10)
    assert answer.status_code == 201


def test_each_call_that_changes_something_refuses_other_sites(server, person):
    cookie = {"Cookie": f"tocsin_session={person.client.session}"}
    for path, method in calls():
        item = DESCRIPTION["paths"][path][method]
        if method == "get" or not any("sessionCookie" in s for s in item.get("security", [])):
            continue
        url = server.origin + path.replace("{id}", "A" * 22)
        for origin in ({}, {"Origin": "https://evil.example"}):
            answer = requests.request(method, url, json={}, headers=cookie | origin, timeout=10)
            check_problem(answer, 403, "cross_site")
    person.client.api("GET", "/session")


def test_the_description_is_served_as_it_is(server):
    answer = requests.get(server.origin + "/api/v1/openapi.yaml", timeout=10)
    assert answer.status_code == 200 and yaml.safe_load(answer.text)["openapi"].startswith("3.1")
