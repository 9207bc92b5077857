"""The API of a Forge: hung into its application, over what its tab uses, and no more open than the host is."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from forge_extension.api_part import ApiPart, offered_by
from forge_extension.environment import ForgeEnvironment
from orchestrator_app.studio.api_mount import Message
from orchestrator_core.api.token import new_token
from tests.fakes import awaited
from tests.forge_extension.forge_fakes import FakeForge

starlette = pytest.importorskip("starlette.applications")


@dataclass
class Server:
    """A host that was started with these options."""

    known: frozenset[str] = frozenset()
    address: str = "127.0.0.1"
    shared: bool = False

    def logins(self) -> frozenset[str]:
        return self.known

    def listens_on(self) -> str:
        return self.address

    def is_tunnelled(self) -> bool:
        return self.shared


class Woken:
    """A queue's place, as far as the API needs it."""

    def __init__(self) -> None:
        self.times = 0

    def ensure_worker(self) -> None:
        self.times += 1


class Loaded:
    """One load of the extension; ``made`` counts the environments that were asked for."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.made, self.queue = 0, Woken()
        self.environment = ForgeEnvironment(FakeForge(folder / "outputs"))
        self.part = ApiPart(server, self._studio)

    def _studio(self) -> Any:
        self.made += 1
        return replace(self.environment.studio(), queue=self.queue)  # type: ignore[arg-type]

    def close(self) -> None:
        self.part.close()
        self.environment.close()


def asked(application: Any, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    sent: list[Message] = []
    data = b"" if body is None else json.dumps(body).encode()

    async def receive() -> Message:
        return {"type": "http.request", "body": data, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    named = {"host": "127.0.0.1:7860", **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": f"/orchestrator/v1{path}",
        "raw_path": f"/orchestrator/v1{path}".encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 7860),
    }
    awaited(application(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def basic(login: str) -> str:
    return "Basic " + b64encode(login.encode()).decode()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def loaded(tmp_path: Path, server: Server) -> Any:
    found = Loaded(tmp_path, server)
    yield found
    found.close()


def test_the_api_answers_from_what_the_tab_uses_and_makes_it_at_the_first_request(loaded: Loaded) -> None:
    application = starlette.Starlette()
    loaded.part.hang(application)
    assert loaded.made == 0
    status, told = asked(application, "GET", "/health")
    assert (status, told["place"], told["targets"]) == (200, "forge", ["forge", "http://127.0.0.1:8188"])
    status, drawn = asked(application, "POST", "/prompts:draw", {"template": "a {fox|fox}", "seed": 1})
    assert (status, drawn["prompts"][0]["positive"]) == (200, "a fox")
    assert asked(application, "GET", "/profiles")[1]["profiles"]
    assert loaded.made == 1


def test_a_job_that_a_program_adds_wakes_the_worker(loaded: Loaded) -> None:
    application = starlette.Starlette()
    loaded.part.hang(application)
    stage = {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox"}}
    status, told = asked(application, "POST", "/jobs", {"pipeline": [stage]})
    assert (status, told["new"], loaded.queue.times) == (201, 1, 1)
    asked(application, "GET", "/jobs")
    assert loaded.queue.times == 1


@pytest.mark.parametrize(
    ("server", "wanted"),
    [
        (Server(), 200),
        (Server(address="localhost"), 200),
        (Server(address="0.0.0.0"), 403),
        (Server(address="192.168.0.7"), 403),
        (Server(address="my-pc.local"), 403),
        (Server(shared=True), 403),
        (Server(frozenset({"anna:secret"})), 401),
        (Server(frozenset({"anna:secret"}), "0.0.0.0"), 401),
    ],
)
def test_it_is_no_more_open_than_the_host(loaded: Loaded, wanted: int) -> None:
    application = starlette.Starlette()
    loaded.part.hang(application)
    assert asked(application, "GET", "/health")[0] == wanted
    assert asked(application, "GET", "/health", authorization=basic("anna:secret"))[0] == wanted - (wanted == 401) * 201
    token = new_token()
    assert asked(application, "GET", "/health", authorization=f"Bearer {token}")[0] == 200
    assert asked(application, "GET", "/health")[0] == 401


def test_after_reload_ui_the_new_load_answers_and_nothing_is_left_of_the_old(tmp_path: Path, server: Server) -> None:
    first, second = Loaded(tmp_path, server), Loaded(tmp_path, server)
    old, new = starlette.Starlette(), starlette.Starlette()
    first.part.hang(old)
    assert asked(old, "GET", "/health")[0] == 200
    first.close()
    assert asked(old, "GET", "/health")[0] == 503
    second.part.hang(new)
    second.part.hang(new)  # the host may call twice
    assert len(new.router.routes) == 1
    assert asked(new, "GET", "/health")[0] == 200
    second.close()


@pytest.mark.parametrize(
    ("options", "offered"),
    [
        ({}, {}),
        (
            {"outdir_samples": "", "outdir_txt2img_samples": "/t", "outdir_extras_samples": "/e"},
            {"txt2img": "/t", "extras": "/e"},
        ),
        ({"outdir_samples": "/all", "outdir_txt2img_samples": "/t"}, {"output": "/all"}),
    ],
    ids=["none", "several", "one"],
)
def test_the_folders_that_forge_saves_in_are_offered_to_the_gallery(options: dict[str, str], offered: dict[str, str]):
    assert {one.name: str(one.path) for one in offered_by(options)} == offered
