"""Every system test runs on SQLite and on PostgreSQL (TOCSIN_TEST_POSTGRES is a connection URL without a database)."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import tocsin  # noqa: E402


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request):
    if request.param == "postgres" and "TOCSIN_TEST_POSTGRES" not in os.environ:
        pytest.skip("TOCSIN_TEST_POSTGRES is not set")
    s = tocsin.Server(request.param)
    yield s
    s.stop()


@pytest.fixture
def person(server):
    return server.person()
