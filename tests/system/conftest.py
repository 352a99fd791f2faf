"""Every system test runs on SQLite and on PostgreSQL (TOCSIN_TEST_POSTGRES is a connection URL without a database)."""

import os
import sys

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
