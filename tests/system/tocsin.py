"""The real server, a real mail sink, and a small client of the contract, for the system tests."""

import asyncio
import base64
import contextlib
import email
import email.policy
import http.server
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import uuid

import requests
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

BUILD = pathlib.Path(os.environ.get("TOCSIN_BUILD", "build"))
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


PORTS_GIVEN = set()


def free_port():
    """A port that nobody takes before the caller's server does: below those that the kernel gives to connections, from a
    part that is this worker's own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 22
    while True:
        port = 10240 + worker * 1024 + secrets.randbelow(1024)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            if port not in PORTS_GIVEN:
                PORTS_GIVEN.add(port)
                return port


class MailSink:
    """An SMTP server that keeps what it accepts, with the time; `mode` makes it refuse, stall or drop."""

    def __init__(self):
        self.mails, self.mode = [], "accept"
        self.lock = threading.Lock()
        self.port = free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.mode == "refuse_later":
            return "451 try again later"
        if self.mode == "refuse":
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        at = time.monotonic()
        while self.mode == "stall" and time.monotonic() < at + 60:
            await asyncio.sleep(0.1)
        if self.mode == "drop":
            server.transport.close()
            return "421 gone"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        with self.lock:
            self.mails.append((at, envelope.mail_from, envelope.rcpt_tos[0], message))
        return "250 OK"

    def to(self, address):
        with self.lock:
            return [m for m in self.mails if m[2] == address]

    def wait(self, address, count=1, subject=None, seconds=10):
        end = time.monotonic() + seconds
        while True:
            found = [m for m in self.to(address) if subject is None or subject in m[3]["Subject"]]
            if len(found) >= count:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"no mail {subject!r} to {address}: {[m[3]['Subject'] for m in self.to(address)]}")
            time.sleep(0.01)

    def code(self, address, count=1):
        mail = self.wait(address, count, "Your code")[-1][3]
        return re.search(r"\b(\d{6})\b", text_of(mail)).group(1)

    def link(self, address, subject, count=1):
        mail = self.wait(address, count, subject)[-1][3]
        return re.search(r"/a/(tl_[A-Za-z0-9_-]+)", text_of(mail)).group(1)

    def stop(self):
        self.controller.stop()


def until(is_so, what, seconds=20):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


def text_of(message):
    return message.get_body(("plain",)).get_content()


def url64(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


class PushSink:
    """A push service that reads what it is sent (RFC 8291), with the time; `mode` makes it refuse, stall or drop."""

    def __init__(self):
        sink = self
        self.pushes, self.mode, self.keys = [], "accept", {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body, at = self.rfile.read(int(self.headers["Content-Length"])), time.monotonic()
                while sink.mode == "stall" and time.monotonic() < at + 60:
                    time.sleep(0.1)
                if sink.mode == "drop":
                    self.close_connection = True
                    return
                if sink.mode == "accept":
                    sink.pushes.append((at, self.path[1:], body, dict(self.headers)))
                self.send_response(201 if sink.mode == "accept" else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # the other end was killed, as the tests mean it to be

        self.server = Quiet(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def subscribe(self, client, name):
        key, auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        self.keys[name] = (key, auth)
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        subscription = {"endpoint": f"http://127.0.0.1:{self.server.server_port}/{name}", "keys": {"p256dh": url64(public), "auth": url64(auth)}}
        return client.api("POST", "/push/subscriptions", {"subscription": subscription}, status=201)["id"]

    def read(self, name, body):
        """The message in one push to `name`."""
        key, auth = self.keys[name]
        salt, sender, sealed = body[:16], body[21 : 21 + body[20]], body[21 + body[20] :]
        ours = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))

        def derive(secret, salt, info, n):
            return HKDF(hashes.SHA256(), n, salt, info).derive(secret)

        secret = derive(shared, auth, b"WebPush: info\0" + ours + sender, 32)
        opened = AESGCM(derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16))
        plain = opened.decrypt(derive(secret, salt, b"Content-Encoding: nonce\0", 12), sealed, None)
        return json.loads(plain[: plain.rindex(2)])

    def to(self, name):
        """What was pushed to `name`, read."""
        return [(at, self.read(name, body)) for at, to, body, _ in list(self.pushes) if to == name]

    def code(self, name, attempt):
        """The digits that were pushed to `name` for an attempt."""

        def found():
            return [m["tocsin"]["code"] for _, m in self.to(name) if m["notification"]["navigate"].endswith(f"/code/{attempt}")]

        until(found, "a code")
        return found()[-1]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Server:
    """tocsind with its own data, ports and mail sink. `database` is "sqlite" or "postgres".

    `node_of` makes it another node of a server on PostgreSQL: the same databases, keys, origin, clock and mail sink.
    """

    def __init__(self, database="sqlite", settings="", node_of=None, origin=None, trusted_proxies=""):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-test."))
        self.directory.chmod(0o711)
        self.node_of = node_of
        self.sink = node_of.sink if node_of else MailSink()
        self.port, self.metrics_port = free_port(), free_port()
        self.url = f"http://localhost:{self.port}"
        self.origin = node_of.origin if node_of else origin or self.url
        self.clock = node_of.clock if node_of else self.directory / "clock"
        if not node_of:
            self.clock.write_bytes(struct.pack("<q", 0))
        self.databases, self.urls = [], node_of.urls if node_of else []
        if database == "postgres" and not node_of:
            self.urls = [self.make_database(), self.make_database()]
        if node_of:
            shutil.copytree(node_of.directory / "data/keys", self.directory / "data/keys")
        data = f"directory = {self.directory}/data\n"
        if self.urls:
            data += f"database = {self.urls[0]}\nkeeper_database = {self.urls[1]}\n"
        self.config = self.directory / "tocsin.conf"
        self.config.write_text(
            f"[server]\norigin = {self.origin}\nlisten = 127.0.0.1:{self.port}\nworkers = 1\ntrusted_proxies = {trusted_proxies}\n[data]\n{data}"
            f"[mail]\nsmtp = smtp://127.0.0.1:{self.sink.port}\nfrom = tocsin <alarm@id.example.org>\n"
            f"[push]\nallow_private_networks = true\ncontact = mailto:ops@example.org\n"
            f"[keeper]\nhash_memory_kib = 64\nhash_passes = 1\n[metrics]\nlisten = 127.0.0.1:{self.metrics_port}\n" + settings
        )
        self.process = None
        self.start()

    def make_database(self):
        name, url = "tocsin_" + uuid.uuid4().hex[:12], os.environ["TOCSIN_TEST_POSTGRES"]
        subprocess.run(["psql", "-q", url + "postgres", "-c", f"CREATE DATABASE {name}"], check=True)
        self.databases.append(name)
        return url + name

    def start(self, wait=True):
        env = dict(os.environ, TOCSIN_TEST_CLOCK=str(self.clock))
        self.log = open(self.directory / "log", "ab")
        self.process = subprocess.Popen(
            [BUILD / "src/tocsind/tocsind", "-c", self.config], stdout=subprocess.DEVNULL, stderr=self.log, env=env
        )
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=20):
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(requests.RequestException):
                if requests.get(self.url + "/readyz", timeout=2).status_code == 204:
                    return
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError("the server is not ready:\n" + (self.directory / "log").read_text()[-3000:])
            time.sleep(0.02)

    def children(self):
        """Name → process id of the four."""
        found = {"tocsind": self.process.pid}
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in tasks:
            with contextlib.suppress(OSError):
                found.setdefault(pathlib.Path(f"/proc/{pid}/comm").read_text().strip(), int(pid))  # one may be forked and not yet itself
        return found

    def awaits_outcomes(self):
        """Whether mail or push is under way, or waits for its next try."""
        sql = "SELECT count(*) FROM outbox WHERE state = 1"
        if self.urls:
            command = ["psql", "-Atqc", sql, self.urls[0]]
        else:
            command = ["sqlite3", "-readonly", self.directory / "data/front/main.db", sql]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() not in ("", "0")

    def advance(self, **span):
        """Moves the server's clocks: advance(hours=71). What is under way when they leap is sent twice, as it should be, and a sink has it
        before the server knows that it has; so that is waited for, though not for long: some sinks never take anything."""
        end = time.monotonic() + 2
        while time.monotonic() < end and self.awaits_outcomes():
            time.sleep(0.02)
        ms = int(sum(v * {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}[k] for k, v in span.items()) * 1000)
        (now,) = struct.unpack("<q", self.clock.read_bytes())
        with open(self.clock, "r+b") as f:
            f.write(struct.pack("<q", now + ms))

    def dump(self):
        """Every row of both databases, as SQL."""
        if self.databases:
            url = os.environ["TOCSIN_TEST_POSTGRES"]
            commands = [["pg_dump", "--data-only", "--inserts", url + name] for name in self.databases]
        else:
            commands = [["sqlite3", "-readonly", file, ".dump"] for file in sorted(self.directory.glob("data/*/*.db"))]
        assert len(commands) == 2
        lines = [x for c in commands for x in subprocess.run(c, check=True, capture_output=True, text=True).stdout.splitlines()]
        return sorted(x for x in lines if x.startswith("INSERT"))

    def move(self, place):
        """What it keeps lies on another file system from here on, and begins anew there."""
        self.terminate()
        text = self.config.read_text()
        here, there = f"directory = {self.directory}/data", f"directory = {place}/data"
        assert here in text
        self.config.write_text(text.replace(here, there))
        self.start()

    def terminate(self):
        self.process.terminate()
        assert self.process.wait(20) == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.log.close()
        if not self.node_of:
            self.sink.stop()
        for name in self.databases:
            subprocess.run(["psql", "-q", os.environ["TOCSIN_TEST_POSTGRES"] + "postgres", "-c", f"DROP DATABASE {name} WITH (FORCE)"])
        text = (self.directory / "log").read_text(errors="replace")
        shutil.rmtree(self.directory, ignore_errors=True)
        for word in ("ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer", "ThreadSanitizer"):
            assert word not in text, text[-6000:]

    def client(self, agent=FIREFOX):
        return Client(self, agent)

    def person(self, name=None):
        return Person(self, name)


class Client:
    """One program or browser: it has an agent, perhaps a session and a device token."""

    def __init__(self, server, agent=FIREFOX):
        self.server, self.agent, self.session, self.device = server, agent, None, None

    def call(self, method, path, body=None, token=None, status=None, **headers):
        all_headers = {"User-Agent": self.agent}
        if token:
            all_headers["Authorization"] = f"Bearer {token}"
        all_headers.update({k.replace("_", "-"): v for k, v in headers.items()})
        url = self.server.url + (path if path.startswith("/") and not path.startswith("/v1") else "/api" + path)
        for _ in range(3):
            answer = requests.request(method, url, json=body, headers=all_headers, timeout=30, allow_redirects=False)
            if answer.status_code != 503:
                break
            time.sleep(0.3)
        if status is not None:
            assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def api(self, method, path, body=None, token=None, status=200, **headers):
        answer = self.call(method, "/api/v1" + path, body, token or self.session, status, **headers)
        return answer.json() if answer.content and "json" in answer.headers.get("Content-Type", "") else answer

    def open(self, action, status=201, **members):
        answer = self.call("POST", "/api/v1/attempts", {"action": action, **members}, self.session, status)
        return Attempt(self, answer.json()) if status == 201 else answer.json()


class Attempt:
    def __init__(self, client, opened):
        self.client, self.token, self.first = client, opened["token"], opened["attempt"]
        self.id = self.first["id"]

    def _post(self, what, body, status):
        answer = self.client.call("POST", f"/api/v1/attempts/{self.id}/{what}", body, self.token, status)
        return answer.json()

    def prove(self, kind, secret, status=200):
        member = {"email_code": "code"}.get(kind, kind)
        return self._post("proofs", {"kind": kind, member: secret}, status)

    def code(self, way="shown_there", status=None):
        return self._post("code", {"way": way}, status or (202 if way == "shown_there" else 200))

    def commit(self, status=200, **body):
        return self._post("commit", body, status)

    def commit_after_hold(self, **body):
        """From an unfamiliar device: it waits for an hour, and until the alert has reached somebody."""
        assert self.commit(202, **body)["attempt"]["state"] == "held"
        self.client.server.advance(minutes=61)
        for _ in range(200):
            answer = self.client.call("POST", f"/api/v1/attempts/{self.id}/commit", body, self.token)
            if answer.status_code != 202:
                break
            time.sleep(0.02)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def show(self):
        return self.client.call("GET", f"/api/v1/attempts/{self.id}", None, self.token, 200).json()["attempt"]


class Person:
    """Somebody with an account: signs up on a first client."""

    counter = 0

    def __init__(self, server, name=None, words=None):
        Person.counter += 1
        self.server = server
        self.email = f"{name or 'person'}{Person.counter}-{uuid.uuid4().hex[:6]}@example.org"
        self.password = "correct horse " + uuid.uuid4().hex[:10]
        self.client = server.client()
        attempt = self.client.open("sign_up", email=self.email)
        attempt.prove("email_code", server.sink.code(self.email))
        result = attempt.commit(password=self.password, name=words or "Ada", device={"name": words or "Ada's laptop"})["result"]
        self.recovery_key = result["recovery_key"]
        self.account = result["account"]
        self.client.session, self.client.device = result["session"]["token"], result["device"]["token"]
        self.session_id, self.device_id = result["session"]["id"], result["device"]["id"]

    def code_for(self, attempt):
        """Asks for a code there and reads it on the first, trusted device."""
        attempt.code("shown_there")
        return self.client.api("GET", f"/attempts/{attempt.id}/code")["digits"]

    def sign_in(self, client=None, device=None):
        """From an unknown device, with password and code."""
        client = client or self.server.client()
        attempt = client.open("sign_in", email=self.email)
        attempt.prove("password", self.password)
        attempt.prove("code", self.code_for(attempt))
        result = attempt.commit(device={"name": device or "another"})["result"]
        client.session, client.device = result["session"]["token"], result["device"]["token"]
        return client

    def alerts(self):
        return self.client.api("GET", "/alerts")["alerts"]
