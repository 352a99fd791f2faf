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
    for path in ("session", "sessions", "attempts", "alerts", "devices", "contacts", "push/subscriptions"):
        check(requests.get(f"{server.origin}/api/v1/{path}", headers=headers, timeout=10), f"/api/v1/{path}", "get")
    alert = person.alerts()[0]["id"]
    url = f"{server.origin}/api/v1/alerts/{alert}/answer"
    check(requests.post(url, json={"answer": "me"}, headers=headers, timeout=10), "/api/v1/alerts/{id}/answer", "post")
    assert requests.get(server.origin + "/api/v1/openapi.yaml", timeout=10).text == yaml_text()


def yaml_text():
    return (pathlib.Path(__file__).parents[2] / "docs/openapi.yaml").read_text()
