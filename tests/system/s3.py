"""Two S3 servers for the tests: a strict one in memory, that checks each request to the letter and fails as it is told, and
OpenStack Swift with its S3 interface, from Debian."""

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.server
import importlib.util
import json
import os
import pathlib
import random
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse
import xml.sax.saxutils

import pytest
import tocsin

BUCKET, REGION, ACCESS, SECRET = "backups-of-tests", "eu-test-1", "AKIDOFTHETESTS", "the secret/of+the tests="
PART_LEAST = 5 << 20


def encode(text):
    return urllib.parse.quote(text, safe="-_.~")


def sign(key, *parts):
    for part in parts:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def escape(text):
    return xml.sax.saxutils.escape(text, {'"': "&quot;"})


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


class StrictS3:
    """What it refuses of a client that should know better is in `wrong`. `requests`: method, key, status of all."""

    def __init__(self, page=7, conditions=True):
        self.objects, self.uploads, self.requests, self.wrong = {}, {}, [], []
        self.page, self.conditions, self.faults = page, conditions, []
        self.lock = threading.RLock()
        strict = self

        class Handler(S3Handler):
            s3 = strict

        class Quiet(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, *_):
                pass  # the other end was killed, or gave up, as the tests mean it to

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fail(self, how, method=None, part="", times=1 << 30, after=0):
        """From now on requests of that method, with `part` in their target, fail: a status to answer with, or truncated, wrong
        (other bytes), slow, drop (no answer), lost (done, no answer), lie (200, not done), error (done, and 200 with an error)."""
        self.faults.append({"how": how, "method": method, "part": part, "times": times, "after": after})

    def heal(self):
        self.faults.clear()

    def fault(self, method, target):
        with self.lock:
            for f in self.faults:
                if f["method"] not in (None, method) or f["part"] not in target or f["times"] == 0:
                    continue
                if f["after"] > 0:
                    f["after"] -= 1
                    continue
                f["times"] -= 1
                return f["how"]
        return None

    def keys(self, kind=""):
        with self.lock:
            return [k for k in self.objects if f"/{kind}" in k]

    def seen(self, method, part=""):
        with self.lock:
            return [r for r in self.requests if r[0] == method and part in r[1]]

    def corrupt(self):
        """Objects that are not what their name says: there must never be any."""
        with self.lock:
            return [k for k, v in self.objects.items() if not k.endswith("/config") and hashlib.sha256(v).hexdigest() != k.rsplit("/", 1)[1]]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class S3Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    s3 = None

    def handle_one(self):
        self.body, target = b"", urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(target.query, keep_blank_values=True, strict_parsing=bool(target.query)))
        self.key, how, self.is_seen = None, self.s3.fault(self.command, self.path), False
        try:
            self.read_body()
            if how == "drop":
                self.close_connection = True
                return
            while how == "slow":
                time.sleep(0.1)
                if not self.s3.faults:
                    self.close_connection = True
                    return
            if isinstance(how, int):
                raise Refused(how, {403: "AccessDenied", 503: "SlowDown", 404: "NoSuchBucket"}.get(how, "InternalError"))
            self.check(target)
            status, body, headers = (200, b"", {"ETag": '"0"'}) if how == "lie" else self.act()
            if how == "lost":
                self.close_connection = True
                return
            if how == "error":
                body, headers = b"<Error><Code>InternalError</Code></Error>", {}
            self.answer(status, body, headers, how)
        except Refused as e:
            body = f'<?xml version="1.0"?><Error><Code>{e.code}</Code><Message>No.</Message></Error>'.encode()
            self.answer(e.status, body, {"Content-Type": "application/xml"}, None)
        finally:
            self.see(0)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = handle_one

    def log_message(self, *_):
        pass

    def refuse(self, status, code, why):
        with self.s3.lock:
            self.s3.wrong.append(f"{self.command} {self.path}: {why}")
        raise Refused(status, code)

    def read_body(self):
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self.refuse(501, "NotImplemented", "chunked")
        length = self.headers.get("Content-Length")
        if self.command in ("PUT", "POST") and length is None:
            self.close_connection = True
            self.refuse(411, "MissingContentLength", "no length")
        self.body = self.rfile.read(int(length or 0))
        if len(self.body) != int(length or 0):
            self.close_connection = True
            raise Refused(400, "IncompleteBody")

    def check(self, target):
        """AWS Signature Version 4, of the Amazon S3 API Reference, by a reading of our own."""
        authorization = self.headers.get("Authorization", "")
        scheme, _, fields = authorization.partition(" ")
        if scheme != "AWS4-HMAC-SHA256":
            self.refuse(403, "AccessDenied", "not signed")
        given = dict(f.strip().split("=", 1) for f in fields.split(","))
        access, day, region, service, end = given["Credential"].split("/")
        if access != ACCESS:
            self.refuse(403, "InvalidAccessKeyId", f"key {access}")
        if (region, service, end) != (REGION, "s3", "aws4_request"):
            self.refuse(400, "AuthorizationHeaderMalformed", given["Credential"])
        names, at, payload = given["SignedHeaders"].split(";"), self.headers.get("x-amz-date", ""), self.headers.get("x-amz-content-sha256", "")
        must = {"host"} | {n.lower() for n in self.headers if n.lower().startswith("x-amz-") or n.lower() == "content-md5"}
        if names != sorted(names) or not must <= set(names) or "x-amz-date" not in names:
            self.refuse(403, "AccessDenied", f"signed headers {names}")
        now, then = datetime.datetime.now(datetime.timezone.utc), datetime.datetime.strptime(at, "%Y%m%dT%H%M%SZ")
        if abs((now - then.replace(tzinfo=datetime.timezone.utc)).total_seconds()) > 900 or not at.startswith(day):
            self.refuse(403, "RequestTimeTooSkewed", at)
        if payload != hashlib.sha256(self.body).hexdigest():
            self.refuse(400, "XAmzContentSHA256Mismatch", f"payload {payload}")
        pairs = sorted((encode(k), encode(v)) for k, v in urllib.parse.parse_qsl(target.query, keep_blank_values=True))
        headers = "".join(f"{n}:{' '.join((self.headers.get(n) or '').split())}\n" for n in names)
        request = "\n".join([self.command, urllib.parse.quote(urllib.parse.unquote(target.path), safe="/-_.~"), "&".join(f"{k}={v}" for k, v in pairs),
                             headers, ";".join(names), payload])
        text = "\n".join(["AWS4-HMAC-SHA256", at, f"{day}/{REGION}/s3/aws4_request", hashlib.sha256(request.encode()).hexdigest()])
        want = sign(("AWS4" + SECRET).encode(), day, REGION, "s3", "aws4_request", text).hex()
        if not hmac.compare_digest(want, given["Signature"]):
            self.refuse(403, "SignatureDoesNotMatch", f"signature of {request!r}")
        bucket, _, key = target.path[1:].partition("/")
        if bucket != BUCKET:
            raise Refused(404, "NoSuchBucket")
        self.key = urllib.parse.unquote(key)

    def see(self, status):
        """Before it is answered, so that whoever has the answer finds it there."""
        if not self.is_seen:
            with self.s3.lock:
                self.s3.requests.append((self.command, self.path, status))
        self.is_seen = True

    def answer(self, status, body, headers, how):
        self.see(status)
        if how == "wrong" and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        self.send_response(status)
        for name, value in {"x-amz-request-id": secrets.token_hex(8), "Content-Length": str(len(body)), **headers}.items():
            if status != 204 or name != "Content-Length":
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if how == "truncated":
            body, self.close_connection = body[: len(body) // 2], True
        self.wfile.write(body)

    def act(self):
        with self.s3.lock:
            if self.command == "POST":
                return self.complete() if "uploadId" in self.query else self.begin()
            if self.command == "PUT":
                return self.put_part() if "uploadId" in self.query else self.put()
            if self.command == "DELETE" and "uploadId" in self.query:
                self.s3.uploads.pop(self.query["uploadId"], None)
                return 204, b"", {}
            if self.command == "DELETE":
                self.s3.objects.pop(self.key, None)
                return 204, b"", {}
            if self.command == "GET" and not self.key:
                return self.list()
            return self.get()

    def put(self):
        if self.query or not self.key:
            self.refuse(400, "InvalidArgument", "an object has no query")
        condition = self.headers.get("If-None-Match")
        if condition and not self.s3.conditions:
            raise Refused(501, "NotImplemented")
        if condition == "*" and self.key in self.s3.objects:
            raise Refused(412, "PreconditionFailed")
        self.s3.objects[self.key] = self.body
        return 200, b"", {"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'}

    def get(self):
        body = self.s3.objects.get(self.key)
        if body is None:
            raise Refused(404, "NoSuchKey")
        headers = {"ETag": f'"{hashlib.md5(body).hexdigest()}"', "Content-Type": "binary/octet-stream"}
        asked = self.headers.get("Range")
        if not asked:
            return 200, body, headers
        first, _, last = asked.removeprefix("bytes=").partition("-")
        begin = int(first) if first else max(0, len(body) - int(last))
        end = min(len(body) - 1, int(last)) if first and last else len(body) - 1
        if begin > end:
            raise Refused(416, "InvalidRange")
        return 206, body[begin : end + 1], {**headers, "Content-Range": f"bytes {begin}-{end}/{len(body)}"}

    def list(self):
        if self.query.get("list-type") != "2" or set(self.query) - {"list-type", "prefix", "max-keys", "continuation-token"}:
            self.refuse(400, "InvalidArgument", "not a list")
        keys = sorted(k for k in self.s3.objects if k.startswith(self.query.get("prefix", "")))
        if token := self.query.get("continuation-token"):
            if not token.startswith("a+/=&<>\"' "):
                self.refuse(400, "InvalidArgument", f"token {token!r}")
            keys = [k for k in keys if k > base64.b64decode(token[10:]).decode()]
        page = keys[: min(self.s3.page, int(self.query["max-keys"]))]
        more = len(page) < len(keys)
        parts = [f"<IsTruncated>{str(more).lower()}</IsTruncated>", f"<KeyCount>{len(page)}</KeyCount>"]
        parts += [f"<Contents><Key>{escape(k)}</Key><ETag>&quot;x&quot;</ETag><Size>{len(self.s3.objects[k])}</Size>"
                  "<StorageClass>STANDARD</StorageClass></Contents>" for k in page]
        if more:
            parts.append(f"<NextContinuationToken>{escape(chr(97) + '+/=&<>' + chr(34) + chr(39) + ' ' + base64.b64encode(page[-1].encode()).decode())}</NextContinuationToken>")
        text = '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' + "".join(parts) + "</ListBucketResult>\n"
        return 200, text.encode(), {"Content-Type": "application/xml"}

    def begin(self):
        if self.query != {"uploads": ""}:
            self.refuse(400, "InvalidArgument", "neither begins nor ends an upload")
        upload = "id+/=&" + secrets.token_hex(8)
        self.s3.uploads[upload] = (self.key, {})
        return 200, f"<InitiateMultipartUploadResult><UploadId>{escape(upload)}</UploadId></InitiateMultipartUploadResult>".encode(), {}

    def upload(self):
        key, parts = self.s3.uploads.get(self.query["uploadId"], (None, None))
        if key != self.key:
            raise Refused(404, "NoSuchUpload")
        return parts

    def put_part(self):
        tag = f'"{hashlib.md5(self.body).hexdigest()}"'
        self.upload()[int(self.query["partNumber"])] = (tag, self.body)
        return 200, b"", {"ETag": tag}

    def complete(self):
        parts = self.upload()
        named = [(int(p.split("</PartNumber>")[0]), xml.sax.saxutils.unescape(p.split("<ETag>")[1].split("</ETag>")[0], {"&quot;": '"'}))
                 for p in self.body.decode().split("<PartNumber>")[1:]]
        if [n for n, _ in named] != sorted(parts) or any(parts[n][0] != tag for n, tag in named):
            self.refuse(400, "InvalidPart", f"parts {named}")
        if any(len(parts[n][1]) < PART_LEAST for n, _ in named[:-1]):
            self.refuse(400, "EntityTooSmall", "small parts")
        self.s3.objects[self.key] = b"".join(parts[n][1] for n, _ in named)
        del self.s3.uploads[self.query["uploadId"]]
        return 200, b"<CompleteMultipartUploadResult><ETag>&quot;x-2&quot;</ETag></CompleteMultipartUploadResult>", {}


def settings(endpoint, folder, prefix="/of/tocsin", region=REGION, access=ACCESS, secret=SECRET, more=""):
    """The section of the configuration; its secret lies in `folder`."""
    file = pathlib.Path(folder) / f"s3-{secrets.token_hex(4)}.secret"
    file.touch(mode=0o600)
    file.write_text(secret + "\n")
    return (f"[backup]\nstore = s3://{BUCKET}{prefix}\ns3_endpoint = {endpoint}\ns3_region = {region}\ns3_access_key = {access}\n"
            f"s3_secret_key_file = {file}\n{more}")


class SwiftS3:
    """OpenStack Swift, which checks signatures and hashes as Amazon's does. None where it is not installed (python3-swift)."""

    access, secret = "test:tester", "testing"

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-swift."))
        self.port = tocsin.free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        log = open(self.folder / "log", "w")
        script = pathlib.Path(__file__).parent / "swift_s3.py"
        self.process = subprocess.Popen(
            ["/usr/bin/python3", script, self.folder, str(self.port), self.access, self.secret, REGION, BUCKET],
            stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=lambda: signal.alarm(600),
        )

    def wait(self):
        assert self.process.stdout.readline() == "ready\n", (self.folder / "log").read_text()[-2000:]

    @staticmethod
    def is_there():
        """Installed, and the file system here has extended attributes."""
        with tempfile.NamedTemporaryFile(prefix="tocsin-swift.") as f, contextlib.suppress(OSError):
            os.setxattr(f.name, "user.swift", b"1")
            return importlib.util.find_spec("swift") is not None
        return False

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start(database, endpoint, tmp_path_factory, **options):
    """tocsind with its backups there; skips where there is no such database."""
    if database == "postgres" and "TOCSIN_TEST_POSTGRES" not in os.environ:
        pytest.skip("TOCSIN_TEST_POSTGRES is not set")
    return tocsin.Server(database, settings(endpoint, tmp_path_factory.mktemp("keys"), **options))


@contextlib.contextmanager
def judged(store):
    """What is done within leaves nothing damaged in S3, and asks it for nothing wrongly."""
    store.heal()
    yield
    store.heal()
    assert store.corrupt() == [] and store.wrong == []


def some(n=3000):
    data = random.randbytes(n)
    return data, hashlib.sha256(data).hexdigest()


def log_of(server):
    return [json.loads(x) for x in (server.directory / "log").read_text().splitlines()]
