"""The contract of the API, held by the standalone server: alone, and mounted by Starlette."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api_client import ApiServer
from tests.api_contract import *  # noqa: F403
from tests.app.api_server import standalone

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with standalone(tmp_path_factory.mktemp("api")) as server:
        yield server
