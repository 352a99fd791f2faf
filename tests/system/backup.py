"""What the backup tests share: a device with its token, raw requests to its repository, and restic itself."""

import base64
import hashlib
import os
import pathlib
import subprocess

import requests

TYPES = ("data", "index", "keys", "locks", "snapshots")
V1, V2 = "application/vnd.x.restic.rest.v1", "application/vnd.x.restic.rest.v2"


class Device:
    """A device of a person, with its backup token. What restic keeps is in `folder`; by `port` it goes through a wire of ours."""

    def __init__(self, server, client, folder=None):
        self.server, self.client, self.port = server, client, server.port
        self.id = client.api("GET", "/session")["device"]["id"]
        self.folder = folder or pathlib.Path(server.directory) / f"restic-{self.id}"
        self.make_token()

    def make_token(self):
        made = self.client.api("POST", f"/devices/{self.id}/backup-token", {}, status=201)
        self.token, self.repository = made["token"], made["repository"]

    def url(self, path="", of=None):
        return f"{self.server.origin}/backup/{(of or self).id}/{path}"

    def ask(self, method, path="", data=None, of=None, auth="own", stream=False, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        if auth == "own":
            auth = (self.id, self.token)
        return requests.request(method, self.url(path, of), data=data, headers=headers, auth=auth, timeout=60, stream=stream)

    def make(self):
        assert self.ask("POST", "?create=true").status_code == 200
        return self

    def put(self, kind, data, **headers):
        """Posts an object under its own name; returns the name."""
        name = hashlib.sha256(data).hexdigest()
        answer = self.ask("POST", f"{kind}/{name}", data, **headers)
        assert answer.status_code == 200, answer.text
        return name

    def list(self, kind, version=V2):
        answer = self.ask("GET", f"{kind}/", Accept=version)
        assert answer.status_code == 200 and answer.headers["Content-Type"] == version
        return answer.json()

    def restic(self, *arguments, of=None, check=True, **options):
        """Runs restic against its own repository, or with its own token against another's. Its cache is its own, so that nothing read before hides what is read now."""
        repository = self.repository if of is None else self.repository.replace(f"/backup/{self.id}/", f"/backup/{of.id}/")
        repository = repository.replace(f":{self.server.port}/", f":{self.port}/")
        env = dict(os.environ, RESTIC_REPOSITORY=repository, RESTIC_PASSWORD="of the repository", RESTIC_CACHE_DIR=str(self.folder / "cache"))
        done = subprocess.run(["restic", *arguments], env=env, capture_output=True, text=True, timeout=300, **options)
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done

    def says(self, *arguments, of=None, status=0):
        """The same: what it said. `status`: 0, or that it must fail."""
        done = self.restic(*arguments, of=of, check=False)
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == (status == 0), said
        return said


def first_device(person):
    return Device(person.server, person.client)


def second_device(person):
    return Device(person.server, person.sign_in())


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


def make_files(folder, count, seed, size):
    """Files of several sizes whose bytes a seed gives."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        block = hashlib.sha256(f"{seed} {i}".encode()).digest()
        repeats = 1 + (i * 7919) % (size // 16)
        (folder / f"{i:04}").write_bytes(b"".join(hashlib.sha256(block + bytes([k % 251, k // 251 % 251])).digest() for k in range(repeats)))
    return folder


def same(a, b):
    return subprocess.run(["diff", "-r", a, b], capture_output=True).returncode == 0
