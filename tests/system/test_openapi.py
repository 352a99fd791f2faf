"""The description against the running server: every call is there, and what it answers has the shape that is written."""

import pathlib

import jsonschema
import pytest
import requests
import yaml

DESCRIPTION = yaml.safe_load((pathlib.Path(__file__).parents[2] / "docs/openapi.yaml").read_text())
CALLS = [(path, method) for path, item in DESCRIPTION["paths"].items() for method in item]


def check(answer, path, method):
    responses = DESCRIPTION["paths"][path][method]["responses"]
    assert str(answer.status_code) in responses, f"{method} {path}: {answer.status_code} is not described: {answer.text}"
    described = responses[str(answer.status_code)]
    if "$ref" in described:
        described = DESCRIPTION["components"]["responses"][described["$ref"].split("/")[-1]]
    content = described.get("content", {})
    kind = answer.headers.get("Content-Type", "").split(";")[0]
    if not content:
        return
    assert kind in content, f"{method} {path}: {kind}"
    if "json" in kind:
        schema = {**content[kind]["schema"], "components": DESCRIPTION["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer.json())


@pytest.mark.parametrize("path,method", CALLS)
def test_every_call_is_served(server, path, method):
    url = server.origin + path.replace("{id}", "A" * 22)
    body = {} if method in ("post", "patch") else None
    with requests.request(method, url, json=body, timeout=10, allow_redirects=False, stream=True) as answer:
        assert answer.status_code != 405
        check(answer, path, method)


def test_shapes_with_a_session(server, person):
    stranger = server.client().open("sign_in", email=person.email)
    stranger.prove("password", person.password)
    server.sink.wait(person.email, subject="knows your password")
    headers = {"Authorization": "Bearer " + person.client.session}
    for path in ("session", "sessions", "attempts", "alerts", "devices", "contacts", "checkup", "push/subscriptions"):
        check(requests.get(f"{server.origin}/api/v1/{path}", headers=headers, timeout=10), f"/api/v1/{path}", "get")
    for password in ("password", "copper kettle, nine gulls"):
        answer = requests.post(f"{server.origin}/api/v1/password/strength", json={"password": password}, headers=headers, timeout=10)
        assert answer.status_code == 200
        check(answer, "/api/v1/password/strength", "post")
    alert = person.alerts()[0]["id"]
    url = f"{server.origin}/api/v1/alerts/{alert}/answer"
    check(requests.post(url, json={"answer": "me"}, headers=headers, timeout=10), "/api/v1/alerts/{id}/answer", "post")
    assert requests.get(server.origin + "/api/v1/openapi.yaml", timeout=10).text == yaml_text()


def body_of(path, method):
    return DESCRIPTION["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]


def validate(value, schema):
    jsonschema.Draft202012Validator({**schema, "components": DESCRIPTION["components"]}).validate(value)


def test_every_action(server, person):
    """Each is opened, proved and committed with bodies of the described shapes, and answers in them."""
    second = person.sign_in()
    device = second.api("GET", "/session")["device"]["id"]
    about = {
        "restore": {"from_device": device},
        "change_email": {"email": "new-" + person.email},
        "add_contact": {"email": "more-" + person.email},
        "remove_contact": {"email": "none-" + person.email},
        "remove_device": {"device": device},
        "allow_deletion": {"device": device},
        "remove_passkey": {"passkey": "A" * 22},
        "purchase": {"payload": {"merchant": "Shop", "amount": "129.90", "currency": "EUR", "description": "A chair", "reference": "7"}},
        "sign_up": {"email": "fresh-" + person.email},
        "sign_in": {"email": person.email, "device_token": person.client.device},
        "recover_password": {"email": person.email},
    }
    schema = body_of("/api/v1/attempts", "post")
    for action in schema["properties"]["action"]["enum"]:
        body = {"action": action, **about.get(action, {})}
        validate(body, schema)
        answer = person.client.call("POST", "/api/v1/attempts", body, person.client.session)
        assert answer.status_code == (404 if action in ("remove_contact", "remove_passkey") else 201), (action, answer.text)
        check(answer, "/api/v1/attempts", "post")
        if answer.status_code == 201 and action not in ("sign_up", "sign_in"):
            mine = person.client.call("GET", f"/api/v1/attempts/{answer.json()['attempt']['id']}", token=person.client.session)
            check(mine, "/api/v1/attempts/{id}", "get")
            if action != "recover_password":
                assert mine.json()["attempt"]["about"] == about.get(action, {})
        if answer.status_code == 201 and action not in ("sign_up",):
            token = answer.json()["token"]
            asked = person.client.call("POST", f"/api/v1/attempts/{answer.json()['attempt']['id']}/passkey", {}, token)
            check(asked, "/api/v1/attempts/{id}/passkey", "post")


def test_results(server, person):
    for action in ("export_data", "change_password"):
        attempt = person.client.open(action)
        attempt.prove("password", person.password)
        attempt.prove("recovery_key", person.recovery_key)
        body = {"password": "a password for the results 3"} if action == "change_password" else {}
        validate(body, body_of("/api/v1/attempts/{id}/commit", "post"))
        answer = person.client.call("POST", f"/api/v1/attempts/{attempt.id}/commit", body, attempt.token, 200)
        check(answer, "/api/v1/attempts/{id}/commit", "post")
        known = DESCRIPTION["components"]["schemas"]["Result"]["properties"]
        assert set(answer.json()["result"]) <= set(known)
        person.recovery_key = answer.json()["result"]["recovery_key"]
        if action == "export_data":
            path = answer.json()["result"]["download"].removeprefix(server.origin)
            check(person.client.call("GET", path, token=person.client.session, status=200), "/api/v1/exports/{id}", "get")
    check(person.client.call("GET", "/api/v1/passkeys", token=person.client.session), "/api/v1/passkeys", "get")


def yaml_text():
    return (pathlib.Path(__file__).parents[2] / "docs/openapi.yaml").read_text()
