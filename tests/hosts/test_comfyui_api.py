"""The API in a real ComfyUI: the contract of all servers, and what only a host can show."""

from __future__ import annotations

import json
import signal
import stat
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator_core.api.token import new_token
from tests.api_client import DRAW, ApiServer
from tests.api_contract import *  # noqa: F403
from tests.hosts.api_in_host import *  # noqa: F403
from tests.hosts.comfyui import ComfyUI, NoComfyUI, install_pack, running_comfyui

pytestmark = [pytest.mark.host, pytest.mark.slow]

# A pack that looks at every request, and at what is answered, as those for logins do.
_WATCHER = """
from aiohttp import web
from server import PromptServer
@web.middleware
async def watcher(request, handler):
    response = await handler(request)
    if not response.prepared:
        response.headers["X-Watched"] = type(response).__name__
    return response
PromptServer.instance.app.middlewares.append(watcher)
NODE_CLASS_MAPPINGS = {}
"""


def api_of(comfyui: ComfyUI, token: str = "", prefix: str = "") -> ApiServer:
    url = f"{comfyui.url}{prefix}/orchestrator/v1"
    return ApiServer(url, token, f"sqlite:///{comfyui.store}", is_first=False)


def log_of(comfyui: ComfyUI) -> str:
    return (comfyui.folder / "server.log").read_text("utf-8", "replace")


@pytest.fixture
def api(comfyui: ComfyUI) -> ApiServer:
    return api_of(comfyui)


def test_comfyui_serves_it_below_api_as_well(comfyui: ComfyUI):
    api = api_of(comfyui, prefix="/api")
    assert api.get("/health")["place"] == "comfyui"
    job = api.add(title="below api")
    events = api.events(f"/jobs/{job['id']}/events")
    assert next(events)[1]["kind"] == "added"
    events.close()
    assert api.post(f"/jobs/{job['id']}/cancel", {})["state"] == "cancelled"


def test_the_routes_of_the_host_and_the_packs_others_are_as_they_were(api: ApiServer, comfyui: ComfyUI):
    for path in ("/system_stats", "/api/queue", "/orchestrator/wildcards", "/object_info/KSampler"):
        with urllib.request.urlopen(comfyui.url + path, timeout=60) as answer:
            assert json.load(answer)
    reply = api.ask("GET", "x/health")  # …/v1x/health
    assert (reply.status, b"error" in reply.body) == (404, False)


# A server that other machines reach, that foreign pages may ask, that packs what it sends, with another's middleware.


@contextmanager
def open_comfyui(folder: Path) -> Iterator[ComfyUI]:
    def install(host: Path, folder: Path) -> None:
        install_pack(host, folder)
        watcher = folder / "custom_nodes" / "watcher"
        watcher.mkdir()
        (watcher / "__init__.py").write_text(_WATCHER)

    arguments = ("--listen", "0.0.0.0", "--enable-cors-header", "*", "--enable-compress-response-body")
    try:
        with running_comfyui(folder / "base", install, arguments) as server:
            yield server
    except NoComfyUI as reason:
        pytest.skip(f"no ComfyUI: {reason}")


def test_a_server_that_others_reach_is_guarded_and_ends_at_ctrl_c(tmp_path: Path, socket_enabled: None):
    """One start for all of it."""
    with open_comfyui(tmp_path) as comfyui:
        wants_a_token_that_holds_at_once(comfyui)
        token = new_token(comfyui.store.parent / "api_token")
        opens_to_no_foreign_page(api_of(comfyui, token))
        ends_quickly_though_somebody_listens(comfyui, api_of(comfyui, token))


def wants_a_token_that_holds_at_once(comfyui: ComfyUI) -> None:
    api = api_of(comfyui)
    for _ in range(2):
        refused = api.ask("GET", "/health")
        assert (refused.status, refused.code) == (403, "token_needed")
        refused = api.ask("POST", "/jobs", {"pipeline": [DRAW]})
        assert (refused.status, refused.code) == (403, "token_needed")
    path = comfyui.store.parent / "api_token"
    token = new_token(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    try:
        assert api.ask("GET", "/health").code == "unauthorized"
        assert api_of(comfyui, "x" * 40).ask("GET", "/health").code == "unauthorized"
        guarded = api_of(comfyui, token)
        packed = guarded.ask("GET", "/openapi.json", headers={"Accept-Encoding": "gzip"})
        assert (packed.headers["content-encoding"], packed.headers["x-watched"]) == ("gzip", "Response")
        job = guarded.add()
        events = guarded.events(f"/jobs/{job['id']}/events", **{"Accept-Encoding": "gzip"})
        assert next(events)[1]["kind"] == "added"
        events.close()
        assert guarded.ask("GET", "/health", headers={"Host": "my-pc.local"}).status == 200
        assert token not in log_of(comfyui)
    finally:
        path.unlink()


def opens_to_no_foreign_page(api: ApiServer) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        reply = api.ask("POST", "/queue/pause", {}, headers)
        assert (reply.status, reply.code) == (403, "origin_refused"), headers
    assert not api.get("/queue")["is_paused"]


def ends_quickly_though_somebody_listens(comfyui: ComfyUI, api: ApiServer) -> None:
    events = api.events(f"/jobs/{api.add()['id']}/events")
    next(events)
    assert comfyui.process is not None
    before = len(log_of(comfyui))
    began = time.monotonic()
    comfyui.process.send_signal(signal.SIGINT)
    comfyui.process.wait(30)
    assert time.monotonic() - began < 20  # a second or two; a busy machine needs more
    events.close()
    said = log_of(comfyui)[before:]
    assert "Stopped server" in said
    assert "Traceback" not in said
    comfyui.process = None
