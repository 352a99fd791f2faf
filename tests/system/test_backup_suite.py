"""restic's own suite for REST servers, built from Debian's source package, on an empty repository where deletes are allowed."""

import os
import subprocess

import pytest
import tocsin
from backup import first_device

SUITE = tocsin.BUILD / "restic-suite"


@pytest.fixture(scope="module")
def program():
    script = os.path.join(os.path.dirname(__file__), "restic_suite.sh")
    built = subprocess.run(["bash", script, SUITE], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return SUITE.resolve() / "rest.test"


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_suite(program, database):
    if database == "postgres" and "TOCSIN_TEST_POSTGRES" not in os.environ:
        pytest.skip("TOCSIN_TEST_POSTGRES is not set")
    server = tocsin.Server(database, "[backup]\nappend_only = false\n")
    try:
        device = first_device(server.person())
        env = dict(os.environ, RESTIC_TEST_REST_REPOSITORY=device.repository)
        done = subprocess.run([program, "-test.run", "ExternalServer", "-test.v"], env=env, capture_output=True, text=True, timeout=300, cwd=server.directory)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        assert "--- PASS: TestBackendRESTExternalServer" in done.stdout and "--- SKIP" not in done.stdout
        assert done.stdout.count("--- PASS") > 5
    finally:
        server.stop()
