"""A database that can't be served ends the start, with what to do; the other processes end with it, and nothing is changed."""

import json
import os
import subprocess

import pytest
import tocsin

DATABASES = ["main", "keeper"]


def file_of(server, which):
    (file,) = server.directory.glob(f"data/*/{which}.db")
    return file


def run_sql(server, which, text):
    if server.databases:
        url = os.environ["TOCSIN_TEST_POSTGRES"] + server.databases[DATABASES.index(which)]
        subprocess.run(["psql", "-q", url, "-c", text], check=True)
    else:
        subprocess.run(["sqlite3", file_of(server, which), text], check=True)


def reason_of_refusal(server):
    """Starts, and gives the reason that was logged when it ended by itself."""
    seen = (server.directory / "log").stat().st_size
    server.start(wait=False)
    assert server.process.wait(30) == 1
    lines = [json.loads(x) for x in (server.directory / "log").read_text()[seen:].splitlines()]
    (reason,) = [x["reason"] for x in lines if x["event"] == "sys_startup_fail"]
    assert sum(x["event"] == "sys_crash" for x in lines) == 1  # it was not tried again
    return reason


@pytest.mark.parametrize("which", DATABASES)
def test_a_newer_database_is_refused(server, which):
    person = server.person()
    server.terminate()
    run_sql(server, which, "INSERT INTO migration VALUES (9999, 'from the future', 'x', 1)")
    assert "install that version again, or restore a backup" in reason_of_refusal(server)
    run_sql(server, which, "DELETE FROM migration WHERE number = 9999")
    server.start()
    person.client.api("GET", "/session")


@pytest.mark.parametrize("which", DATABASES)
def test_a_schema_that_differs_is_refused(server, which):
    server.terminate()
    run_sql(server, which, "UPDATE migration SET checksum = 'x' || checksum WHERE number = 1")
    assert "restore a backup" in reason_of_refusal(server)
    run_sql(server, which, "UPDATE migration SET checksum = substr(checksum, 2) WHERE number = 1")
    server.start()


@pytest.mark.parametrize("which", DATABASES)
@pytest.mark.parametrize("damage", ["head", "pages", "cut"])
def test_a_damaged_database_is_refused(which, damage):
    server = tocsin.Server("sqlite")
    try:
        person = server.person()
        server.terminate()
        file = file_of(server, which)
        sound = file.read_bytes()
        file.write_bytes({"head": b"x" * 100 + sound[100:], "pages": sound[:4096] + b"\xa5" * (len(sound) - 4096), "cut": sound[: 3 * 4096 + 100]}[damage])
        assert "restore" in reason_of_refusal(server)
        file.write_bytes(sound)
        server.start()
        person.client.api("GET", "/session")
    finally:
        server.stop()
