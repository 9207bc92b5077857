"""The API in a real ComfyUI: the contract of all servers, and what only a host can show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api_client import ApiServer
from tests.api_contract import *  # noqa: F403
from tests.hosts.comfyui import ComfyUI

pytestmark = [pytest.mark.host, pytest.mark.slow]


@pytest.fixture
def api(comfyui: ComfyUI) -> ApiServer:
    return ApiServer(f"{comfyui.url}/orchestrator/v1", database=f"sqlite:///{comfyui.store}", is_first=False)
