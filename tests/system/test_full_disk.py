"""A full disk: 503, nothing lost, and all goes on when there is room again. Needs root, to mount a small file system."""

import pytest
import requests
import tocsin


def test_full_disk(small_disk):
    server = tocsin.Server("sqlite")
    try:
        server.move(small_disk)
        person = server.person()
        filler = small_disk / "filler"
        with open(filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 65536)
            except OSError:
                pass
            try:
                while True:
                    f.write(b"x")
            except OSError:
                pass
        refused, opened = 0, []
        for i in range(60):
            answer = requests.post(server.origin + "/api/v1/attempts", json={"action": "recover_password", "email": person.email}, timeout=20)
            assert answer.status_code in (201, 503), answer.text
            if answer.status_code == 503:
                refused += 1
                assert int(answer.headers["Retry-After"]) >= 1 and answer.json()["code"] == "busy"
                if refused > 3:
                    break
            else:
                opened.append(answer.json())
        assert refused > 0
        person.client.api("GET", "/session")  # what needs no disk goes on
        filler.unlink()
        again = requests.post(server.origin + "/api/v1/attempts", json={"action": "recover_password", "email": person.email}, timeout=20)
        assert again.status_code == 201
        for a in opened:  # nothing that was answered is lost
            show = requests.get(f"{server.origin}/api/v1/attempts/{a['attempt']['id']}", headers={"Authorization": "Bearer " + a["token"]}, timeout=10)
            assert show.status_code == 200
        counts = sum(x["count"] for x in person.alerts() if x["action"] == "recover_password")
        assert counts == len(opened) + 1
        server.sink.wait(person.email, subject="your password", seconds=30)
    finally:
        server.stop()
