"""A database that can't be served ends the start, with what to do; the other processes end with it, and nothing is changed."""

import json
import os
import shutil
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


@pytest.mark.parametrize("instead,why", [(None, "No such file"), ("/bin/true", "ended without an answer")])
def test_the_keys_can_not_be_read(tmp_path, instead, why):
    """An installation that is not whole."""
    shutil.copy(tocsin.BUILD / "src/tocsind/tocsind", tmp_path)
    if instead:
        shutil.copy(instead, tmp_path / "tocsin-keys")
    (tmp_path / "conf").write_text(f"[data]\ndirectory = {tmp_path}/data\n")
    done = subprocess.run([tmp_path / "tocsind", "-c", tmp_path / "conf"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "tocsin-keys" in done.stderr and why in done.stderr, done.stderr


def set_aside(server, which, how):
    """Takes a database away, as an accident does; the returned function puts it back."""
    if server.databases:
        name = server.databases[DATABASES.index(which)]
        url = os.environ["TOCSIN_TEST_POSTGRES"] + "postgres"

        def sql(text):
            subprocess.run(["psql", "-q", url, "-c", text], check=True)

        sql(f"ALTER DATABASE {name} RENAME TO {name}_aside")
        sql(f"CREATE DATABASE {name}")

        def put_back():
            sql(f"DROP DATABASE {name} WITH (FORCE)")
            sql(f"ALTER DATABASE {name}_aside RENAME TO {name}")

        return put_back
    file = file_of(server, which)
    sound, owner = file.read_bytes(), file.stat()
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes(b"")

    def put_back():
        file.write_bytes(sound)
        os.chown(file, owner.st_uid, owner.st_gid)

    return put_back


@pytest.mark.parametrize("which", DATABASES)
@pytest.mark.parametrize("how", ["empty", "missing"])
def test_a_new_database_beside_a_full_one_is_refused(server, which, how):
    person = server.person()
    server.terminate()
    put_back = set_aside(server, which, how)
    for _ in range(2):  # what the first start has made does not count as there
        reason = reason_of_refusal(server)
        assert "put both back from the same backup" in reason
        assert ("the keeper's is new" if which == "keeper" else "the main one is new") in reason
    put_back()
    server.start()
    person.client.api("GET", "/session")


def test_databases_of_two_installations_are_refused(server):
    server.person()
    server.terminate()
    run_sql(server, "keeper", "UPDATE setting SET name = 'pair before' WHERE name = 'pair'")
    assert "of two different installations" in reason_of_refusal(server)
    run_sql(server, "keeper", "DELETE FROM setting WHERE name = 'pair'; UPDATE setting SET name = 'pair' WHERE name = 'pair before'")
    server.start()


@pytest.mark.parametrize("which", DATABASES)
def test_a_first_start_that_was_cut_off_is_gone_on_with(engine, which):
    """One database is there and knows the other, the other is not yet: nobody is in either."""
    server = tocsin.Server(engine)
    try:
        server.terminate()
        set_aside(server, which, "missing")
        server.start()
        person = server.person()
        server.terminate()
        server.start()
        person.client.api("GET", "/session")
    finally:
        server.stop()
        for name in server.databases:
            subprocess.run(["psql", "-q", os.environ["TOCSIN_TEST_POSTGRES"] + "postgres", "-c", f"DROP DATABASE IF EXISTS {name}_aside"], check=True)


@pytest.mark.parametrize("which", [*DATABASES, "both"])
def test_databases_from_before_they_knew_each_other(server, which):
    person = server.person()
    server.terminate()
    for database in DATABASES if which == "both" else [which]:
        run_sql(server, database, "DELETE FROM setting WHERE name = 'pair'")
    if which == "keeper":  # its id was made once, and is kept for good: without it, it is another one
        assert "of two different installations" in reason_of_refusal(server)
        run_sql(server, "main", "DELETE FROM setting WHERE name = 'pair'")
    server.start()
    person.client.api("GET", "/session")


@pytest.mark.parametrize(
    "setting,text",
    [
        ("[policy]\nbreached_passwords", None),
        ("[policy]\nbreached_passwords", "password\n"),
        ("[policy]\nbreached_passwords", "F" * 40 + ":1\n" + "0" * 40 + ":1\n"),
        ("[place]\ndatabase", None),
        ("[place]\ndatabase", "no mmdb"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(setting, text):
    server = tocsin.Server()
    person = server.person()
    server.terminate()
    before = server.config.read_text()
    if text is not None:
        (server.directory / "file").write_text(text)
        (server.directory / "file").chmod(0o644)
    server.config.write_text(before + f"{setting} = {server.directory}/file\n")
    assert "can't be read" in reason_of_refusal(server)
    server.config.write_text(before)
    server.start()
    person.client.api("GET", "/session")
    server.stop()
