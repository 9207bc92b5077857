"""The contract of the API, held by both servers of the command line: uvicorn, and the Flask app behind waitress."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.api_client import ApiServer
from tests.api_contract import *  # noqa: F403
from tests.api_schemathesis import check_all
from tests.app.api_server import standalone
from tests.app.flask_server import gallery_served

pytestmark = pytest.mark.network


@pytest.fixture(scope="module", params=[standalone, gallery_served], ids=["serve", "gallery"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with request.param(tmp_path_factory.mktemp("api")) as server:
        yield server


@pytest.mark.slow
def test_schemathesis_finds_nothing(api: ApiServer):
    check_all(api, 12 if os.environ.get("ORCHESTRATOR_LONG") else 2)
