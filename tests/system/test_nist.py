"""The profile nist: six digits, 15 characters where a password stands alone, sessions that end by age and by disuse."""

import os
import subprocess

import pytest
import tocsin


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def nist(request):
    if request.param == "postgres" and "TOCSIN_TEST_POSTGRES" not in os.environ:
        pytest.skip("TOCSIN_TEST_POSTGRES is not set")
    s = tocsin.Server(request.param, "[policy]\nprofile = nist\n")
    yield s
    s.stop()


def alive(client):
    return client.call("GET", "/api/v1/session", token=client.session).status_code


def test_six_digits(nist):
    person = nist.person()
    attempt = nist.client().open("sign_in", email=person.email)
    attempt.prove("password", person.password)
    assert len(person.code_for(attempt)) == 6
    assert len(attempt.code("shown_here")["digits"]) == 6


def test_a_password_alone_needs_15_characters(nist):
    client = nist.client()
    attempt = client.open("sign_up", email="short@example.org")
    attempt.prove("email_code", nist.sink.code("short@example.org"))
    problem = attempt.commit(status=422, password="kite-Umbra9-zo")
    assert problem["code"] == "weak_password" and "15 characters" in problem["detail"]
    attempt.commit(password="kite-Umbra9-zodiac", device={"name": "d"})


def test_unused_sessions_end(nist):
    used, unused = nist.person().client, nist.person().client
    for _ in range(4):
        nist.advance(minutes=20)
        assert alive(used) == 200
    assert alive(unused) == 401
    nist.terminate()
    nist.start()
    assert alive(used) == 200 and alive(unused) == 401  # use is remembered over a restart
    assert len(used.api("GET", "/sessions")["sessions"]) == 1
    nist.advance(minutes=61)
    assert alive(used) == 401
    used.call("GET", "/api/v1/verify", token=used.session, status=401)


def test_sessions_end_after_a_day(nist):
    client = nist.person().client
    for _ in range(71):
        nist.advance(minutes=20)
        assert alive(client) == 200
    nist.advance(minutes=20)
    assert alive(client) == 401


def test_contradictions_are_refused(tmp_path):
    path = tmp_path / "tocsin.conf"
    path.write_text("[policy]\nprofile = nist\ncode_digits = 4\n")
    done = subprocess.run([tocsin.BUILD / "src/tocsind/tocsind", "-c", path, "--check"], capture_output=True, text=True)
    assert done.returncode == 1 and "tocsin.conf:3: [policy] code_digits" in done.stderr
