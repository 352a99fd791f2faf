"""Where an account has been: countries by a real mmdb file, addresses by a proxy that the configuration names."""

import mmdb
import pytest
import tocsin

GERMANY, FRANCE, NOWHERE = "192.0.2.10", "198.51.100.7", "203.0.113.5"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request):
    import os

    if request.param == "postgres" and "TOCSIN_TEST_POSTGRES" not in os.environ:
        pytest.skip("TOCSIN_TEST_POSTGRES is not set")
    s = tocsin.Server(request.param, "[policy]\nsession_hours = 400\n", trusted_proxies="127.0.0.1")
    s.terminate()
    mmdb.write(s.directory / "places.mmdb", {"192.0.2.0/24": ("DE", "Germany", "Berlin"), "198.51.100.0/24": ("FR", "France", "Lyon")})
    (s.directory / "places.mmdb").chmod(0o644)
    s.config.write_text(s.config.read_text() + f"[place]\ndatabase = {s.directory}/places.mmdb\n")
    s.start()
    yield s
    s.stop()


class Traveller(tocsin.Client):
    """A client whose requests come from an address, as the proxy says."""

    ip = GERMANY

    def call(self, method, path, body=None, token=None, status=None, **headers):
        return super().call(method, path, body, token, status, X_Forwarded_For=self.ip, **headers)


@pytest.fixture
def person(server, monkeypatch):
    monkeypatch.setattr(server, "client", lambda agent=tocsin.FIREFOX: Traveller(server, agent))
    return server.person()


def state_after_commit(person, client):
    attempt = client.open("export_data")
    attempt.prove("password", person.password)
    attempt.prove("recovery_key", person.recovery_key)
    answer = client.call("POST", f"/api/v1/attempts/{attempt.id}/commit", {}, attempt.token).json()
    person.recovery_key = answer.get("result", {}).get("recovery_key", person.recovery_key)
    return answer["attempt"]["state"]


def test_the_first_device_is_familiar_where_it_was_made_and_not_elsewhere(server, person):
    assert state_after_commit(person, person.client) == "done"
    person.client.ip = FRANCE
    assert state_after_commit(person, person.client) == "held"
    person.client.ip = NOWHERE
    assert state_after_commit(person, person.client) == "held"
    person.client.ip = GERMANY
    assert state_after_commit(person, person.client) == "done"


def test_a_place_is_familiar_72_hours_after_a_sign_in_there(server, person):
    person.client.ip = FRANCE
    attempt = person.client.open("sign_in", email=person.email, device_token=person.client.device)
    attempt.prove("password", person.password)
    person.client.session = attempt.commit()["result"]["session"]["token"]
    assert state_after_commit(person, person.client) == "held"
    server.advance(hours=73)
    assert state_after_commit(person, person.client) == "done"


def test_alerts_say_where(server, person):
    stranger = server.client()
    stranger.ip = FRANCE
    stranger.open("sign_in", email=person.email).prove("password", person.password)
    (alert,) = person.alerts()
    assert alert["from"]["ip"] == FRANCE and alert["from"]["place"] == "Lyon, France"
    mail = server.sink.wait(person.email, subject="knows your password")[-1][3]
    assert "Lyon, France" in tocsin.text_of(mail)


def test_an_address_that_nobody_vouches_for_does_not_count():
    """Without a named proxy the header is anybody's word."""
    alone = tocsin.Server("sqlite")
    try:
        person = alone.person()
        client = Traveller(alone)
        client.open("sign_in", email=person.email).prove("password", person.password)
        assert person.alerts()[0]["from"]["ip"] == "127.0.0.1"
    finally:
        alone.stop()
