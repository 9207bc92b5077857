"""The API in a real Forge: the contract of all servers, and what only a host can show."""

from __future__ import annotations

import pytest

from orchestrator_core.config import DATABASE_NAME
from tests.api_client import ApiServer
from tests.api_contract import *  # noqa: F403
from tests.hosts.api_in_host import *  # noqa: F403
from tests.hosts.forge import Forge

pytestmark = [pytest.mark.host, pytest.mark.slow]


@pytest.fixture
def api(forge: Forge) -> ApiServer:
    database = f"sqlite:///{forge.home / DATABASE_NAME}"
    return ApiServer(f"{forge.url}/orchestrator/v1", database=database, is_first=False)


def test_the_routes_of_the_host_are_as_they_were(api: ApiServer, forge: Forge):
    assert forge.get("/sdapi/v1/options")["sd_model_checkpoint"]
    assert "/sdapi/v1/txt2img" in forge.get("/openapi.json")["paths"]
    reply = api.ask("GET", "x/health")  # …/v1x/health
    assert (reply.status, b'"error"' in reply.body) == (404, False)
    assert api.ask("GET", "/health", headers={"Accept-Encoding": "gzip"}).status == 200
