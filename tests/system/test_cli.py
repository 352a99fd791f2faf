"""The command line on a real terminal (a pseudo terminal), against the real server."""

import http.server
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
import time
import uuid

import pytest
import requests
import tocsin

CLI = tocsin.BUILD / "src/cli/tocsin"
SECRETS = re.compile(r"\b(ts|ta|td|tb)_[A-Za-z0-9_-]{20,}")


class Terminal:
    """One run of the program, its three streams on a terminal."""

    def __init__(self, machine, *arguments):
        self.seen, self.at = "", 0
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [CLI, *arguments], stdin=slave, stdout=slave, stderr=slave, env=machine.env, cwd=machine.folder, start_new_session=True
        )
        os.close(slave)

    def _read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            got = os.read(self.master, 65536)
        except OSError:
            got = b""
        self.seen += got.decode(errors="backslashreplace")
        return bool(got)

    def expect(self, pattern, seconds=40):
        """The match of what comes next."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen[self.at :])):
            left = end - time.monotonic()
            if left <= 0 or (not self._read(left) and self.process.poll() is not None):
                raise AssertionError(f"no {pattern!r} in: {self.seen[self.at:]!r}")
        self.at += found.end()
        return found

    def type(self, text):
        os.write(self.master, (text + "\n").encode())

    def end(self, status=0, seconds=40):
        end = time.monotonic() + seconds
        while self._read(max(0.0, end - time.monotonic())):
            pass
        assert self.process.wait(10) == status, self.seen
        os.close(self.master)
        assert not SECRETS.search(self.seen), self.seen
        return self.seen


class Machine:
    """A person's computer: its own folder of settings."""

    def __init__(self, folder, **env):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("RESTIC_")}
        self.env.update(HOME=str(self.folder), XDG_CONFIG_HOME=str(self.folder / "config"), LC_ALL="C.UTF-8", TZ="UTC", **env)

    def terminal(self, *arguments):
        return Terminal(self, *arguments)

    def run(self, *arguments, status=0, typed=""):
        done = subprocess.run([CLI, *arguments], capture_output=True, text=True, input=typed, env=self.env, cwd=self.folder, timeout=120)
        assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
        assert not SECRETS.search(done.stdout + done.stderr)
        return done.stdout + done.stderr

    def kept(self, name="login.json"):
        return self.folder / "config/tocsin" / name

    def login(self, person, *more):
        """With the password and a code that the first device shows."""
        t = self.terminal("login", "--server", person.server.origin, *more, person.email)
        t.expect("Password: ")
        t.type(person.password)
        t.expect("Which\\? ")
        t.type("1")
        attempt = t.expect(r"tocsin code (\S+)`").group(1)
        t.expect("Code: ")
        t.type(person.client.api("GET", f"/attempts/{attempt}/code")["digits"])
        t.expect("Signed in at")
        assert person.password not in t.end()
        return self


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path / "laptop")


@pytest.fixture
def other(tmp_path):
    return Machine(tmp_path / "desktop")


def cli(server, *arguments):
    return subprocess.run([CLI, "-c", server.config, *arguments], capture_output=True, text=True, timeout=60)


# ---- signing in ----


def test_the_first_login_needs_two_proofs_and_the_next_one(server, person, machine):
    machine.login(person, "--name", "Ada's terminal")
    folder = machine.kept().parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(machine.kept().stat().st_mode) == 0o600
    assert [p.name for p in folder.iterdir()] == ["login.json"]
    first = json.loads(machine.kept().read_text())
    assert any(d["name"] == "Ada's terminal" and d["trusted"] for d in person.client.api("GET", "/devices")["devices"])
    t = machine.terminal("login", person.email)
    t.expect("Password: ")
    t.type(person.password)
    t.expect("Signed in at")
    t.end()
    second = json.loads(machine.kept().read_text())
    assert second["device"] == first["device"] and second["device_token"] != first["device_token"]
    assert len(person.client.api("GET", "/devices")["devices"]) == 2
    assert "this one" in machine.run("devices")


def test_a_code_that_is_shown_here(server, person, machine, other):
    """Typed on the other machine with `tocsin approve`, after a wrong one."""
    machine.login(person)
    t = other.terminal("login", "--server", server.origin, person.email)
    t.expect("Password: ")
    t.type(person.password)
    t.expect("Which\\? ")
    t.type("2")
    shown = t.expect(r"Type  (\d{4})  on a device you trust.*?`tocsin approve (\S+)`")
    wrong = machine.terminal("approve", shown.group(2))
    wrong.expect("sign_in, opened")
    wrong.expect("shows: ")
    wrong.type(str((int(shown.group(1)) + 1) % 10000).zfill(4))
    wrong.end(1)
    right = machine.terminal("approve", shown.group(2))
    right.expect("shows: ")
    right.type(shown.group(1))
    right.expect("goes on")
    right.end()
    t.expect("The code was typed there")
    t.expect("Signed in at")
    t.end()


def test_a_code_that_this_machine_shows(server, person, machine, other):
    machine.login(person)
    t = other.terminal("login", "--server", server.origin, person.email)
    t.expect("Password: ")
    t.type(person.password)
    t.expect("Which\\? ")
    t.type("1")
    attempt = t.expect(r"tocsin code (\S+)`").group(1)
    digits = re.match(r"\d{4}", machine.run("code", attempt)).group(0)
    t.expect("Code: ")
    t.type(digits)
    t.expect("Signed in at")
    t.end()


def test_a_recovery_key_is_used_up_and_the_new_one_shown_once(server, person, machine):
    t = machine.terminal("login", "--server", server.origin, person.email)
    t.expect("Password: ")
    t.type(person.password)
    t.expect("Which\\? ")
    t.type("3")
    t.expect("Recovery key: ")
    t.type(person.recovery_key.lower())
    key = t.expect(r"shown this once:\s+(([0-9A-Z]{4}-)+[0-9A-Z]+)").group(1)
    t.expect("Write it down")
    t.expect("Signed in at")
    text = t.end()
    assert key != person.recovery_key and text.count(key) == 1 and person.recovery_key.lower() not in text
    assert key not in machine.kept().read_text()
    a = server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    assert a.prove("recovery_key", key)["attempt"]["state"] == "proved"


def test_wrong_proofs_end_it(server, person, machine):
    t = machine.terminal("login", "--server", server.origin, person.email)
    t.expect("Password: ")
    for _ in range(2):
        t.type("not the right one")
        t.expect("Which\\? ")
        t.type("1")
        t.expect("Password: ")
    t.type("not the right one")
    t.end(1)
    assert not machine.kept().exists()


def test_nothing_tells_whether_an_account_exists(server, machine):
    t = machine.terminal("login", "--server", server.origin, "nobody@example.org")
    t.expect("Password: ")
    t.type("whatever it may be")
    t.expect("Which\\? ")
    os.write(t.master, b"\x04")
    t.end(1)


def test_a_signal_puts_the_echo_back(server, person, machine):
    import termios

    t = machine.terminal("login", "--server", server.origin, person.email)
    t.expect("Password: ")
    assert not termios.tcgetattr(t.master)[3] & termios.ECHO
    os.kill(t.process.pid, signal.SIGTERM)
    assert t.process.wait(20) == -signal.SIGTERM
    assert termios.tcgetattr(t.master)[3] & termios.ECHO
    os.close(t.master)


def test_a_held_sign_in_waits(tmp_path):
    server = tocsin.Server("sqlite", settings="[policy.sign_in]\nhold = 2h\nhold_familiar = 2h\n")
    try:
        person = server.client()
        email = f"held-{uuid.uuid4().hex[:6]}@example.org"
        a = person.open("sign_up", email=email)
        a.prove("email_code", server.sink.code(email))
        result = a.commit(password="correct horse of the hold", device={"name": "first"})["result"]
        t = Machine(tmp_path / "laptop").terminal("login", "--server", server.origin, email)
        t.expect("Password: ")
        t.type("correct horse of the hold")
        t.expect("Which\\? ")
        t.type("3")
        t.expect("Recovery key: ")
        t.type(result["recovery_key"])
        t.expect("Held until")
        t.expect("Waiting")
        server.advance(hours=3)
        t.expect("Signed in at")
        t.end()
    finally:
        server.stop()


def test_what_is_kept_must_be_private(server, person, machine):
    machine.login(person)
    machine.kept().chmod(0o644)
    assert "read by others" in machine.run("devices", status=1)
    machine.kept().chmod(0o600)
    machine.kept().parent.chmod(0o750)
    assert "read by others" in machine.run("devices", status=1)
    machine.kept().parent.chmod(0o700)
    machine.run("devices")
    machine.kept().write_text("{")
    assert "damaged" in machine.run("devices", status=1)


def test_signing_out(server, person, machine):
    assert "tocsin login" in machine.run("devices", status=1)
    assert "Nobody" in machine.run("logout")
    machine.login(person)
    session = json.loads(machine.kept().read_text())["session"]
    assert "stays known" in machine.run("logout")
    assert requests.get(server.origin + "/api/v1/session", headers={"Authorization": "Bearer " + session}, timeout=5).status_code == 401
    assert "tocsin login" in machine.run("alerts", status=1)
    machine.run("login", person.email, typed=person.password + "\n")  # a known device: the password alone, also from a pipe
    assert "--forget" in machine.run("login", "another@example.org", status=1)
    assert "no longer known" in machine.run("logout", "--forget")
    assert not machine.kept().exists()


def test_a_session_that_is_over(server, person, machine):
    machine.login(person)
    person.client.api("DELETE", "/sessions", status=204)
    assert "over" in machine.run("devices", status=1)
    assert "stays known" in machine.run("logout")


def test_usage(machine):
    for arguments in (
        [], ["fly"], ["login"], ["login", "a@b", "c@d"], ["login", "--colour", "a@b"], ["devices", "x"], ["alerts", "-n"], ["alerts", "-n", "0"],
        ["alerts", "-n", "101"], ["watch", "x"], ["deny"], ["deny", "../x"], ["deny", "x" * 65], ["approve", "a/b"], ["code"],
        ["answer", "x"], ["answer", "x", "maybe"], ["answer", "a b", "me"], ["answer", "x", "me", "y"], ["logout", "x"], ["backup"],
        ["backup", "run", "x"], ["backup", "status", "x"], ["restore"], ["restore", "--from", "x", "y"], ["account"], ["account", "show"],
        ["account", "list", "x"], ["role", "add", "a@b"], ["backup-database"], ["config", "show", "x"],
    ):
        assert "usage: tocsin" in machine.run(*arguments, status=2), arguments
    text = machine.run("-h")
    for command in ("login", "watch", "approve ATTEMPT", "backup-database FILE", "role add"):
        assert command in text


def test_only_safe_origins(machine):
    for origin in (
        "http://id.example.org", "ftp://localhost", "localhost", "https://u@id.example.org", "https://id.example.org/x", "https://id.example.org?x",
        "http://localhost.example.org", "http://127.0.0.1.example.org", "https://" + "a" * 400, "",
    ):
        assert "not an origin" in machine.run("login", "--server", origin, "a@example.org", status=1), origin
    port = tocsin.free_port()
    assert "does not answer" in machine.run("login", "--server", f"http://localhost:{port}", "a@example.org", status=1)


# ---- alerts ----


def knock(server, person):
    """A stranger with the right password."""
    a = server.client().open("sign_in", email=person.email)
    a.prove("password", person.password)
    return a


def test_watch_rings_and_ends(server, person, machine):
    machine.login(person)
    server.advance(minutes=20)  # so that the login's own alert is not counted on
    t = machine.terminal("watch")
    t.expect("Watching the alarms of")
    a = knock(server, person)
    t.expect("knows your password|Someone")
    alert = t.expect(r"tocsin answer (\S+) not-me").group(1)
    t.expect("tocsin deny " + re.escape(a.id))
    a.code("shown_there")
    t.expect("tocsin code " + re.escape(a.id))
    assert "Stopped" in machine.run("deny", a.id)
    assert a.show()["state"] == "denied"
    assert alert in machine.run("alerts")
    t.process.send_signal(signal.SIGINT)
    t.end(0)


def test_watch_ends_with_its_session(server, person, machine):
    machine.login(person)
    t = machine.terminal("watch")
    t.expect("Watching")
    knock(server, person)
    t.expect("not-me")
    person.client.api("DELETE", "/sessions", status=204)
    t.expect("this session is over")
    t.end(1)


def test_watch_goes_on_after_the_server_was_away(tmp_path):
    server = tocsin.Server("sqlite")
    try:
        person = server.person()
        machine = Machine(tmp_path / "laptop").login(person)
        server.advance(minutes=20)
        t = machine.terminal("watch")
        t.expect("Watching")
        knock(server, person)
        seen = t.expect(r"tocsin answer (\S+) not-me").group(1)
        server.terminate()
        t.expect("server is away")
        t.process.send_signal(signal.SIGSTOP)  # while it sleeps, more happens than one connection shows
        server.start()
        server.advance(minutes=20)
        missed = []
        for _ in range(3):
            knock(server, person)
            server.advance(minutes=20)
            missed.append(person.alerts()[0]["id"])
        assert len(set(missed)) == 3 and seen not in missed
        t.process.send_signal(signal.SIGCONT)
        shown = [t.expect(r"tocsin answer (\S+) not-me").group(1) for _ in range(3)]
        assert shown == missed
        os.kill(server.children()["tocsin-front"], signal.SIGKILL)
        knock(server, person)
        assert t.expect(r"tocsin answer (\S+) not-me").group(1) not in missed + [seen]
        t.process.send_signal(signal.SIGTERM)
        t.end(0)
    finally:
        server.stop()


def test_answers(server, person, machine):
    machine.login(person)
    knock(server, person)
    alert = person.alerts()[0]["id"]
    assert "it was you" in machine.run("answer", alert, "me")
    assert "answered: it was you" in machine.run("alerts", "-n", "1")
    server.advance(minutes=20)
    a = knock(server, person)
    text = machine.run("answer", "--tell-security-team", person.alerts()[0]["id"], "not-me")
    assert "locked down" in text and "as case" in text
    assert a.show()["state"] == "denied"
    machine.run("answer", "A" * 22, "me", status=1)
    machine.run("deny", "A" * 22, status=1)
    machine.run("approve", "A" * 22, status=1)
    machine.run("code", a.id, status=1)


class Hostile(http.server.BaseHTTPRequestHandler):
    """A server that sends whatever steers a terminal. No real one does, which is why this one stands in."""

    nasty = "\x1b]0;owned\x07\x1b[2J\u009b31m\u202egnp.exe\r\nfake: line"

    def do_GET(self):
        alert = {
            "id": "A" * 22, "attempt": "x`\x1b[1m", "action": "sign_in", "kind": "opened", "title": self.nasty, "body": self.nasty + " \udc80" * 3,
            "at": self.nasty, "from": {"ip": self.nasty, "place": self.nasty, "device": self.nasty, "known_device": True}, "count": 3, "answer": None,
        }
        if self.path.endswith("limit=1"):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"alerts": [{"id": "x\r\nEvil: yes"}], "next": None}).encode())
            return
        if self.path.endswith("/stream"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            data = json.dumps(dict(alert, body=self.nasty), ensure_ascii=False).encode()
            self.wfile.write(b": hello\r\n\r\nevent: alert\rid: ../../etc\ndata: " + data + b"\n\n")
            self.wfile.write(b"event: alert\ndata: not json \x1b[31m\n\nevent: code\ndata: {\"attempt\":\"\\u001b[31m\"}\n\n")
            self.wfile.flush()
            self.server.asked.append(self.headers.get("Last-Event-ID"))
            return
        self.send_response(403)
        self.send_header("Content-Type", "application/problem+json")
        self.end_headers()
        self.wfile.write(json.dumps({"title": self.nasty, "detail": self.nasty}).encode())

    do_POST = do_GET

    def log_message(self, *arguments):
        pass


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_a_hostile_server_does_not_reach_the_terminal(tmp_path, locale):
    hostile = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    hostile.asked = []
    threading.Thread(target=hostile.serve_forever, daemon=True).start()
    machine = Machine(tmp_path / "laptop")
    machine.env["LC_ALL"] = locale
    origin = f"http://localhost:{hostile.server_port}"
    machine.kept().parent.mkdir(parents=True, mode=0o700)
    machine.kept().write_text(json.dumps({"server": origin, "email": "a@example.org", "device": "D", "session": "ts_x", "device_token": ""}))
    machine.kept().chmod(0o600)
    try:
        for arguments in (["alerts"], ["devices"], ["approve", "x"]):
            text = machine.run(*arguments, status=1)
            assert "\\x1b]0;owned\\x07" in text and "\\u{9b}" in text and "\\u{202e}" in text and "\\x0d\\x0a" in text
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
        t = machine.terminal("watch")
        t.expect("3 times")
        t.expect("owned.*owned")
        t.expect("Watching again|away|Watching|3 times")
        t.process.send_signal(signal.SIGINT)
        text = t.end(0).replace("\x1b[1m", "").replace("\x1b[0m", "")  # our own bold title
        assert not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", text)
        assert set(hostile.asked) == {None}
    finally:
        hostile.shutdown()


# ---- operators ----


def fill_accounts(server, like, count):
    """Rows like one that is there, put in by hand: so many sign-ups would take a while."""
    emails = [f"many{i}-{uuid.uuid4().hex[:8]}@example.org" for i in range(count)]
    sql = f"CREATE TEMP TABLE one AS SELECT * FROM account WHERE email = '{like}';\n"
    for e in emails:
        raw = uuid.uuid4().hex
        value = f"'\\x{raw}'" if server.databases else f"x'{raw}'"
        sql += f"UPDATE one SET account_id = {value}, email = '{e}'; INSERT INTO account SELECT * FROM one;\n"
    if server.databases:
        url = os.environ["TOCSIN_TEST_POSTGRES"] + server.databases[0]
        subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", url], input="BEGIN;" + sql + "COMMIT;", check=True, text=True)
    else:
        db = sqlite3.connect(server.directory / "data/front/main.db", timeout=20)
        db.executescript("BEGIN;" + sql + "COMMIT;")
        db.close()
    return emails


def test_accounts_are_listed_to_the_last(server, person):
    emails = fill_accounts(server, person.email, 401)
    assert cli(server, "role", "add", person.email, "security").returncode == 0
    lines = cli(server, "account", "list").stdout.splitlines()
    listed = [line.split("\t")[1] for line in lines]
    assert len(set(listed)) == len(listed) and set(emails + [person.email]) <= set(listed)
    (own,) = [line for line in lines if person.email in line]
    assert own.split("\t")[2:] == ["normal", own.split("\t")[3], "security"]


def test_roles(server, person):
    assert "security" not in cli(server, "account", "show", person.email).stdout
    assert "now has" in cli(server, "role", "add", person.email.upper(), "security").stdout
    again = cli(server, "role", "add", person.email, "security")
    assert again.returncode == 1 and "already" in again.stderr
    assert cli(server, "account", "show", person.email).stdout.strip().endswith("\tsecurity")
    assert "no longer" in cli(server, "role", "remove", person.email, "security").stdout
    assert cli(server, "role", "remove", person.email, "security").returncode == 1
    assert cli(server, "role", "add", "nobody@example.org", "security").returncode == 1
    unknown = cli(server, "role", "add", person.email, "root")
    assert unknown.returncode == 1 and "one role" in unknown.stderr
    assert "privilege_permissions_changed" in (server.directory / "log").read_text()


def test_a_role_ends_with_its_account(server, person):
    """A new account of the same address is nobody's successor."""
    assert cli(server, "role", "add", person.email, "security").returncode == 0
    a = person.client.open("delete_account")
    a.prove("password", person.password)
    a.prove("recovery_key", person.recovery_key)
    a.commit()
    (own,) = [line for line in cli(server, "account", "list").stdout.splitlines() if person.email in line]
    assert "\tleaving\t" in own and own.endswith("\tsecurity")
    server.advance(days=8)
    server.terminate()
    server.start()  # what is over is put away at the start, and every hour
    end = time.monotonic() + 40
    while person.email in cli(server, "account", "list").stdout:
        assert time.monotonic() < end
        time.sleep(0.1)
    table = "SELECT count(*) FROM account_role WHERE account_id NOT IN (SELECT account_id FROM account)"
    if server.databases:
        url = os.environ["TOCSIN_TEST_POSTGRES"] + server.databases[0]
        left = subprocess.run(["psql", "-qAt", url, "-c", table], capture_output=True, text=True, check=True).stdout.strip()
    else:
        with sqlite3.connect(server.directory / "data/front/main.db", timeout=20) as db:
            left = db.execute(table).fetchone()[0]
        db.close()
    assert int(left) == 0


def test_no_one_is_unlocked_without_proofs(server, person):
    assert cli(server, "account", "lock", person.email).returncode == 0
    refused = cli(server, "account", "unlock", person.email)
    assert refused.returncode == 1 and "recovery key" in refused.stderr and server.origin + "/recover" in refused.stderr
    assert "locked_down" in cli(server, "account", "show", person.email).stdout
    assert server.origin in cli(server, "config", "show").stdout


def test_a_copy_of_the_databases_is_a_server_again(tmp_path):
    server = tocsin.Server("sqlite")
    try:
        person = server.person()
        copy = tmp_path / "copy.db"
        stop = threading.Event()

        def write():
            while not stop.is_set():
                knock(server, person)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            done = cli(server, "backup-database", copy)
        finally:
            stop.set()
            writer.join()
        assert done.returncode == 0 and "keys" in done.stdout, done.stderr
        assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.db", "copy.db.keeper"]
        for path, table in ((copy, "account"), (tmp_path / "copy.db.keeper", "migration")):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
                assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0
            db.close()
        again = cli(server, "backup-database", copy)
        assert again.returncode == 1 and "already" in again.stderr
        assert cli(server, "backup-database", tmp_path / "no/such/folder").returncode == 1
        late = server.person()  # after the copy: gone with the restore
        server.terminate()
        for name, source in (("front/main.db", copy), ("keeper/keeper.db", tmp_path / "copy.db.keeper")):
            path = server.directory / "data" / name
            for tail in ("-wal", "-shm"):
                path.with_name(path.name + tail).unlink(missing_ok=True)
            owner = path.stat()
            shutil.copyfile(source, path)
            os.chown(path, owner.st_uid, owner.st_gid)
        server.start()
        person.client.api("GET", "/session")
        person.sign_in()
        late.client.call("GET", "/api/v1/session", token=late.client.session, status=401)
    finally:
        server.stop()


def test_a_postgres_server_is_copied_by_its_own_tool(server, tmp_path):
    if not server.databases:
        pytest.skip("SQLite is copied by us")
    refused = cli(server, "backup-database", tmp_path / "copy")
    assert refused.returncode == 1 and "pg_dump" in refused.stderr and "postgresql://" not in refused.stderr
    assert not list(tmp_path.iterdir())


def test_no_server_answers(tmp_path):
    config = tmp_path / "tocsin.conf"
    config.write_text(f"[data]\ndirectory = {tmp_path}/data\n")
    for arguments in (["account", "list"], ["config", "show"], ["backup-database", str(tmp_path / "copy")]):
        done = subprocess.run([CLI, "-c", config, *arguments], capture_output=True, text=True, timeout=20)
        assert done.returncode == 1 and done.stderr.startswith("tocsin: ")


# ---- backups ----


def has_backups(server, person):
    return person.client.call("POST", f"/api/v1/devices/{person.device_id}/backup-token", {}, person.client.session).status_code != 404


@pytest.fixture
def backups(server, person):
    if not has_backups(server, person):
        pytest.skip("this server has no backups yet")
    if not shutil.which("restic"):
        pytest.skip("restic is not installed")


def test_backup_without_restic(server, person, machine):
    machine.login(person)
    machine.env["PATH"] = str(machine.folder)
    assert "tocsin backup init" in machine.run("backup", "run", status=1)
    folder = machine.kept().parent
    for name, text in (("backup-repository", "rest:http://localhost/"), ("backup-password", "x"), ("backup-paths", "/etc\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    assert "apt install restic" in machine.run("backup", "run", status=1)


def test_backup_and_restore_to_the_same_device(backups, server, person, machine):
    machine.login(person)
    data = machine.folder / "data"
    data.mkdir()
    for i in range(20):
        (data / f"file{i}").write_bytes(os.urandom(20000 + i))
    text = machine.run("backup", "init", "data")
    password = machine.kept("backup-password").read_text()
    assert "Keep a copy" in text and password not in text
    for name in ("backup-password", "backup-repository", "backup-paths"):
        assert stat.S_IMODE(machine.kept(name).stat().st_mode) == 0o600
    machine.run("backup", "run")
    assert "already" in machine.run("backup", "init", "data") and machine.kept("backup-password").read_text() == password
    machine.run("backup", "run", "--", "--tag", "again")
    assert "again" in machine.run("backup", "status")
    device = json.loads(machine.kept().read_text())["device"]
    machine.run("restore", "--from", device, "--target", "back")
    back = machine.folder / "back" / str(data).lstrip("/")
    assert sorted(p.name for p in back.iterdir()) == sorted(p.name for p in data.iterdir())
    for p in data.iterdir():
        assert (back / p.name).read_bytes() == p.read_bytes()


def test_restore_to_another_device_rings_and_needs_digits(backups, server, person, machine, other):
    machine.login(person, "--name", "laptop")
    (machine.folder / "letter").write_text("dear diary")
    machine.run("backup", "init", "letter")
    machine.run("backup", "run")
    other.login(person, "--name", "desktop")
    server.advance(hours=73)  # the laptop is familiar now: its digits end a hold
    for m in (machine, other):
        m.run("login", person.email, typed=person.password + "\n")
    t = other.terminal("restore", "--from", "laptop", "--target", "back")
    t.expect("Password: ")
    t.type(person.password)
    t.expect("Which\\? ")
    t.type("2")
    shown = t.expect(r"Type  (\d{4})  on a device you trust.*?`tocsin approve (\S+)`")
    assert "restore" in machine.run("alerts")
    machine.run("approve", shown.group(2), typed=shown.group(1) + "\n")
    t.expect("may read that backup until")
    t.expect("Password of that backup")
    t.type(machine.kept("backup-password").read_text())
    t.end()
    assert (other.folder / "back" / str(machine.folder / "letter").lstrip("/")).read_text() == "dear diary"


def test_old_snapshots_go_only_after_two_proofs(backups, server, person, machine):
    machine.login(person)
    (machine.folder / "letter").write_text("dear diary")
    assert "tocsin backup init" in machine.run("backup", "forget", status=1)
    machine.run("backup", "init", "letter")
    for _ in range(3):
        machine.run("backup", "run", "--", "--force")
    machine.run("backup", "forget", "keep", status=2)
    server.advance(hours=73)  # familiar: it is not held
    machine.run("login", person.email, typed=person.password + "\n")
    t = machine.terminal("backup", "forget", "--", "--keep-last", "2")
    t.expect("Password: ")
    t.type(person.password)
    t.expect("Which\\? ")
    t.type("3")
    t.expect("Recovery key: ")
    t.type(person.recovery_key)
    person.recovery_key = t.expect("shown this once:\\s+(\\S+)").group(1)
    t.expect("may delete from its backup until")
    t.end()
    assert "Backups can be deleted for an hour" in machine.run("alerts")
    assert "2 snapshots" in machine.run("backup", "status")


def test_a_denied_restore_gives_nothing(server, person, machine, other):
    machine.login(person, "--name", "laptop")
    other.login(person, "--name", "desktop")
    t = other.terminal("restore", "--from", "laptop", "--target", "back")
    t.expect("Password: ")
    t.type(person.password)
    t.expect("Which\\? ")
    t.type("2")
    attempt = t.expect(r"`tocsin approve (\S+)`").group(1)
    assert "restore" in machine.run("alerts")
    machine.run("deny", attempt)
    t.end(1)
    assert not (other.folder / "back").exists()


def test_a_restore_to_a_new_device_waits(server, person, machine, other):
    """With the recovery key nobody on a familiar device has said yes: it is held, and said, and goes on when the time is over."""
    machine.login(person, "--name", "laptop")
    other.login(person, "--name", "desktop")
    assert "no device" in other.run("restore", "--from", "the moon", status=1)
    other.env["TOCSIN_TEST_CLOCK"] = str(server.clock)
    t = other.terminal("restore", "--from", "laptop", "--target", "back")
    t.expect("Password: ")
    t.type(person.password)
    t.expect("Which\\? ")
    t.type("3")
    t.expect("Recovery key: ")
    t.type(person.recovery_key)
    t.expect("Held until")
    attempt = t.expect(r"`tocsin approve (\S+)`").group(1)
    t.expect(r"Waiting: 0 h 59 min \d+ s left")
    assert f"tocsin deny {attempt}" in machine.run("alerts")
    server.advance(hours=2)
    t.expect("shown this once")
    t.expect("may read that backup until")
    t.process.send_signal(signal.SIGTERM)
    t.process.wait(20)
    os.close(t.master)
