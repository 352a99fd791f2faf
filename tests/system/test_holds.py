"""A hold, where the policy names one: it waits, is told, and can be stopped."""

import tocsin


def test_hold():
    server = tocsin.Server("sqlite", "[policy.change_password]\nhold = 1h\nhold_familiar = 1h\n")
    try:
        person = server.person()
        a = person.client.open("change_password")
        a.prove("password", person.password)
        a.prove("recovery_key", person.recovery_key)
        held = a.commit(status=202, password="a new one for later 5")["attempt"]
        assert held["state"] == "held" and held["hold_until"]
        server.sink.wait(person.email, subject="A password change is waiting")
        a.commit(status=202, password="a new one for later 5")
        b = server.client().open("sign_in", email=person.email, device_token=person.client.device)
        b.prove("password", person.password)  # the old one counts meanwhile
        person.client.api("POST", f"/attempts/{a.id}/deny", {})
        a.commit(status=403, password="never to be set 77")
        server.sink.wait(person.email, subject="A password change was stopped")
    finally:
        server.stop()
