"""Passkeys over the API: add, sign in with and without an address, buy, remove, and what is refused."""

import hashlib
import json

import pytest
import requests
from authenticator import Authenticator, b64, unb64
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

PAYLOAD = {"merchant": "Fleurs & Fils", "amount": "129.90", "currency": "EUR", "description": "Roses, \u20ac", "reference": "A-17"}


def two_proofs(person, a):
    a.prove("password", person.password)
    a.prove("recovery_key", person.recovery_key)


def keep_key(person, answer):
    person.recovery_key = answer["result"].get("recovery_key", person.recovery_key)
    return answer["result"]


def options(a, status=200):
    return a._post("passkey", {}, status).get("publicKey")


def add(server, person, name="My phone", **changes):
    device = Authenticator(server.origin)
    a = person.client.open("add_passkey")
    two_proofs(person, a)
    made = device.create(options(a), **changes)
    result = keep_key(person, a.commit(credential=made, name=name))
    return device, result["passkey"]


def prove(a, credential, status=200):
    return a._post("proofs", {"kind": "passkey", "credential": credential}, status)


def test_options(server, person):
    a = person.client.open("add_passkey")
    o = options(a)  # not proved yet: to prove with a passkey that is there
    assert o["allowCredentials"] == [] and o["userVerification"] == "required" and o["rpId"] == "localhost"
    assert len(unb64(o["challenge"])) >= 32
    two_proofs(person, a)
    o = options(a)
    assert [p["alg"] for p in o["pubKeyCredParams"]] == [-8, -7, -257] and o["rp"]["id"] == "localhost"
    assert o["user"]["name"] == person.email and 0 < len(unb64(o["user"]["id"])) <= 64 and o["attestation"] == "none"
    assert o["authenticatorSelection"]["residentKey"] == "required" and o["excludeCredentials"] == []


def test_add_list_and_exclude(server, person):
    device, passkey = add(server, person)
    assert passkey["name"] == "My phone"
    assert person.client.api("GET", "/passkeys")["passkeys"] == [passkey]
    server.sink.wait(person.email, subject="A passkey was added")
    a = person.client.open("add_passkey")
    two_proofs(person, a)
    assert [x["id"] for x in options(a)["excludeCredentials"]] == [b64(k) for k in device.keys]


def test_sign_in_with_an_address(server, person):
    device, _ = add(server, person)
    other = server.client(agent="curl/8")
    a = other.open("sign_in", email=person.email)
    assert a.first["needs"]["or"] == ["passkey"]
    assert prove(a, device.get(options(a)))["attempt"]["state"] == "proved"
    result = a.commit(device={"name": "with a finger"})["result"]
    other.session = result["session"]["token"]
    shown = other.api("GET", "/session")
    assert shown["session"]["proofs"] == ["passkey"] and shown["device"]["trusted"]
    server.sink.wait(person.email, subject="New sign-in")


def test_sign_in_without_an_address(server, person):
    device, _ = add(server, person)
    other = server.client(agent="curl/8")
    a = other.open("sign_in", discoverable=True)
    answer = prove(a, device.get(options(a)))
    assert answer["attempt"]["state"] == "proved" and answer["token"].startswith("ta_") and answer["token"] != a.token
    a.token, a.id = answer["token"], answer["attempt"]["id"]
    other.session = a.commit(device={"name": "x"})["result"]["session"]["token"]
    assert other.api("GET", "/session")["account"]["email"] == person.email
    server.sink.wait(person.email, subject="New sign-in")
    # From a known device it rings no bell.
    b = person.client.open("sign_in", discoverable=True, device_token=person.client.device)
    answer = prove(b, device.get(options(b)))
    b.token, b.id = answer["token"], answer["attempt"]["id"]
    assert b.commit()["result"]["device"]["id"] == person.device_id


def test_without_an_address_nothing_else_counts(server, person):
    a = server.client().open("sign_in", discoverable=True)
    a.prove("password", person.password, status=403)
    a.commit(status=409)
    b = server.client().open("sign_in", discoverable=True)
    device = Authenticator(server.origin)
    device.create({"rp": {"id": "localhost"}, "user": {"id": b64(unb64(person.account["id"]))}, "challenge": "AAAA"})
    prove(b, device.get(options(b)), 403)  # nobody's key, in a person's name


def test_what_is_wrong_is_wrong(server, person):
    device, _ = add(server, person)
    key = next(iter(device.keys))
    for change in ({"origin": "http://evil.example"}, {"challenge": b64(b"x" * 48)}, {"type": "webauthn.create"}, {"crossOrigin": True}):
        a = server.client().open("sign_in", email=person.email)
        assert prove(a, device.get(options(a), **change), 403)["code"] == "wrong_proof"
    for flags in (device.UP | device.BE | device.BS, device.UV | device.BE | device.BS, device.UP | device.UV | device.BS, device.UP | device.UV):
        a = server.client().open("sign_in", email=person.email)
        prove(a, device.get(options(a), flags=flags), 403)
    a = server.client().open("sign_in", email=person.email)
    signed = device.get(options(a))
    signed["response"]["signature"] = signed["response"]["signature"][:-4] + "AAAA"
    prove(a, signed, 403)
    prove(a, device.get({"challenge": b64(b"y" * 48), "rpId": "localhost"}), 403)  # and no challenge is used twice
    other = server.person()
    b = server.client().open("sign_in", email=other.email)
    prove(b, device.get(options(b), key), 403)  # another account's passkey
    c = server.client().open("sign_in", email=person.email)
    for bad in ({}, [], "x", {"type": "public-key"}, {**signed, "rawId": "***"}, {**signed, "rawId": "A" * 9000}):
        prove(c, bad, 400)


def test_a_challenge_is_used_once(server, person):
    device, _ = add(server, person)
    a = server.client().open("sign_in", email=person.email)
    signed = device.get(options(a))
    assert prove(a, signed)["attempt"]["state"] == "proved"
    b = server.client().open("sign_in", email=person.email)
    options(b)
    prove(b, signed, 403)
    prove(a, signed, 403)


def test_a_registration_that_is_refused_ends_nothing(server, person):
    device = Authenticator(server.origin)
    a = person.client.open("add_passkey")
    two_proofs(person, a)
    a.commit(status=400, credential=device.create(options(a), origin="http://evil.example"), name="evil")
    a.commit(status=400, credential={"type": "public-key"}, name="odd")
    a.commit(status=400, name="none at all")
    assert a.commit(credential=device.create(options(a)), name="good")["result"]["passkey"]["name"] == "good"
    a.commit(status=409, credential=device.create({"rp": {"id": "localhost"}, "user": {"id": "AA"}, "challenge": "AAAA"}), name="again")


def test_one_passkey_changes_what_two_proofs_change(server, person):
    device, _ = add(server, person)
    a = person.client.open("change_password")
    prove(a, device.get(options(a)))
    a.commit(password="by a finger alone 77")
    b = person.client.open("new_recovery_key")
    prove(b, device.get(options(b)))
    assert b.commit()["result"]["recovery_key"] != person.recovery_key


def test_recover_with_a_passkey(server, person):
    device, _ = add(server, person)
    a = server.client(agent="curl/8").open("recover_password", email=person.email)
    prove(a, device.get(options(a)))
    assert a.commit_after_hold(password="recovered by a finger")["result"] == {}


def test_remove(server, person):
    device, passkey = add(server, person)
    person.client.open("remove_passkey", status=404, passkey="A" * 22)
    a = person.client.open("remove_passkey", passkey=passkey["id"])
    two_proofs(person, a)
    keep_key(person, a.commit())
    assert person.client.api("GET", "/passkeys")["passkeys"] == []
    server.sink.wait(person.email, subject="A passkey was removed")
    b = server.client().open("sign_in", email=person.email)
    prove(b, device.get(options(b)), 403)


def link_of(server, person, subject):
    return server.sink.link(person.email, subject)


def test_not_me_takes_a_thiefs_passkey_away(server, person):
    device, passkey = add(server, person, name="the thief's")
    alert = next(a for a in person.alerts() if a["action"] == "add_passkey" and a["kind"] == "done")
    answer = person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "not_me"})
    assert answer["account"]["state"] == "locked_down"
    assert person.client.api("GET", "/passkeys")["passkeys"] == []
    a = server.client().open("recover_password", email=person.email)
    prove(a, device.get(options(a)), 403)


def test_not_me_brings_a_removed_passkey_back(server, person):
    device, passkey = add(server, person)
    a = person.client.open("remove_passkey", passkey=passkey["id"])
    two_proofs(person, a)
    keep_key(person, a.commit())
    alert = next(x for x in person.alerts() if x["action"] == "remove_passkey" and x["kind"] == "done")
    person.client.api("POST", f"/alerts/{alert['id']}/answer", {"answer": "not_me"})
    assert person.client.api("GET", "/passkeys")["passkeys"] == [passkey]
    b = server.client().open("recover_password", email=person.email)  # the account is locked, and its passkey opens it
    prove(b, device.get(options(b)))


# ---- purchases ----


def verify_receipt(server, receipt):
    header, payload, signature = receipt.split(".")
    head = json.loads(unb64(header))
    jwk = next(k for k in requests.get(server.origin + "/.well-known/jwks.json").json()["keys"] if k["kid"] == head["kid"])
    assert head["alg"] == "ES256" and jwk["crv"] == "P-256" and "d" not in jwk
    point = ec.EllipticCurvePublicNumbers(int.from_bytes(unb64(jwk["x"]), "big"), int.from_bytes(unb64(jwk["y"]), "big"), ec.SECP256R1())
    raw = unb64(signature)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    point.public_key().verify(der, f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
    return head, unb64(payload)


def test_purchase(server, person):
    device, _ = add(server, person)
    a = person.client.open("purchase", payload=PAYLOAD)
    assert a.first["needs"] == {"count": 1, "of": ["passkey"], "or": []}
    prove(a, device.get(options(a)))
    result = a.commit()["result"]
    head, payload = verify_receipt(server, result["receipt"])
    canonical = json.dumps(PAYLOAD, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert payload == canonical and head["iss"] == server.origin and head["jti"] == a.id
    # Whoever did not hear the answer gets the same receipt by the attempt's token, and nobody else does.
    a.commit(409)
    again = person.client.call("GET", f"/api/v1/attempts/{a.id}", token=a.token, status=200).json()["result"]
    head_again, payload_again = verify_receipt(server, again["receipt"])
    assert payload_again == payload and head_again["jti"] == a.id and abs(head_again["iat"] - head["iat"]) <= 1
    assert "result" not in person.client.api("GET", f"/attempts/{a.id}")
    server.sink.wait(person.email, subject="A purchase was authorized")
    shown = person.client.api("GET", f"/attempts/{a.id}")["attempt"]
    assert shown["about"]["payload"] == PAYLOAD


def test_purchase_refusals(server, person):
    device, _ = add(server, person)
    a = person.client.open("purchase", payload=PAYLOAD)
    a.prove("password", person.password, status=400)
    a.commit(status=409)
    b = person.client.open("purchase", payload={**PAYLOAD, "amount": "0.01"})
    prove(a, device.get(options(b)), 403)  # a signature for another payload
    server.sink.wait(person.email, subject="A purchase was refused")
    thief, _ = add(server, server.person())
    prove(b, thief.get(options(b)), 403)
    for change in (
        {"amount": "1,5"}, {"amount": "-1"}, {"amount": "01"}, {"amount": ""}, {"amount": "1.23456"}, {"currency": "eur"}, {"currency": "EURO"},
        {"merchant": ""}, {"merchant": "x" * 201}, {"merchant": "a\u202eb"}, {"merchant": 5}, {"description": "a\nb"}, {"extra": "1"},
    ):
        person.client.open("purchase", status=400, payload={**PAYLOAD, **change})
    person.client.open("purchase", status=400)
    person.client.open("purchase", status=400, payload="x")


def test_lists_are_the_owners(server, person):
    person.client.call("GET", "/api/v1/passkeys", status=401)
    assert requests.get(server.origin + "/.well-known/passkey-endpoints").json() == {
        "enroll": server.origin + "/security", "manage": server.origin + "/security"
    }
