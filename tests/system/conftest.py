"""Every system test runs on SQLite and on PostgreSQL (TOCSIN_TEST_POSTGRES is a connection URL without a database)."""

import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import tocsin  # noqa: E402


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Where tests go side by side: those of one file on one database stay together, in order, on one server."""
    for item in items:
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        database = next((p for p in parameters if p in ("sqlite", "postgres")), "")
        item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{database}"))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def engine(request):
    if request.param == "postgres" and "TOCSIN_TEST_POSTGRES" not in os.environ:
        pytest.skip("TOCSIN_TEST_POSTGRES is not set")
    return request.param


@pytest.fixture(scope="module")
def server(engine):
    s = tocsin.Server(engine)
    yield s
    s.stop()


@pytest.fixture
def person(server):
    return server.person()


@pytest.fixture
def small_disk(request):
    """A file system of 24 MiB, or of what the test says."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-disk."))
    options = f"size={getattr(request, 'param', '24m')},mode=711"
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True).returncode:
        place.rmdir()
        pytest.skip("a file system can't be mounted here")
    yield place
    subprocess.run(["umount", "-l", place])
    place.rmdir()
