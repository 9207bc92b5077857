"""``orchestrator mcp``, by the SDK's own client over the pipes of a process; what needs no process, in this one."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.mcp_calling import Caller
from orchestrator_app.mcp_tools import OWN, TOOLS
from orchestrator_core.api.access import Access
from orchestrator_core.api.place import ApiPlace
from orchestrator_core.api.routes import ROUTES
from orchestrator_core.api.routing import find
from orchestrator_core.api.service import Api
from orchestrator_core.api.wire import Head
from orchestrator_core.context import StageContext
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from orchestrator_core.weights.ledger import Ledger
from tests.app.conftest import ROOT
from tests.core.jobs.at_work import DRAW, RENDER, new_job
from tests.fakes import awaited

PAGE = (ROOT / "docs" / "mcp.md").read_text("utf-8")
JOB = {"pipeline": [DRAW, RENDER], "title": "animals", "key": "k"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite3") as opened:
        yield opened


@pytest.fixture
def caller(store: Store, tmp_path: Path) -> Caller:
    context = StageContext(Wildcards([]))
    ledger = Ledger(lambda: nullcontext(store))
    place = ApiPlace("test", lambda: nullcontext(store), lambda: context, ledger=ledger, pipelines=lambda: tmp_path)
    return Caller(Api(place, Access()))


def told(caller: Caller, name: str, **arguments: Any) -> Any:
    """The value of a call that was answered."""
    result = caller.call(name, arguments)
    assert result.data is not None, result.content
    assert json.loads(result.content[0]["text"]) == result.data
    return result.data


def refused(caller: Caller, name: str, **arguments: Any) -> str:
    result = caller.call(name, arguments)
    assert result.as_json["isError"]
    return str(result.content[0]["text"])


def with_image(store: Store, folder: Path, name: str = "a.png") -> str:
    """A rendered fox, in the store and on the disk; the image's id."""
    from PIL import Image

    path = folder / name
    Image.new("RGB", (900, 600), "red").save(path)
    draft = PromptDraft((Component("a fox"),), seed=7)
    store.save_run(Run("r1", draft, (GeneratedImage(path, GenerationRequest("a fox", seed=7), "r1"),)))
    return "r1.0"


# tools and routes


def test_each_tool_is_a_route_of_the_api_and_is_asked_with_what_that_takes() -> None:
    for tool in TOOLS.values():
        route = find(ROUTES, Head(tool.method, tool.path)).route
        assert route is not None
        takes = route.query if tool.method == "GET" else route.body
        known = set(takes.model_fields) if takes else set()
        assert set(tool.asked.model_fields) - OWN - known == {
            name for name in ("job", "image") if f"{{{name}}}" in tool.path
        }
        assert tool.reads_only == (
            tool.method == "GET" or tool.name in ("draw_prompts", "select_loras", "plan_pipeline")
        )
        assert tool.schema["type"] == "object"
        assert tool.schema["additionalProperties"] is False


def test_prompts_are_drawn_with_the_origin_of_words_where_that_is_asked_for(caller: Caller) -> None:
    plain = told(caller, "draw_prompts", template="a {fox|owl}", count=2)
    assert len(plain["prompts"]) == 2
    assert "components" not in plain["prompts"][0]
    whole = told(caller, "draw_prompts", template="a {fox|owl}", with_origins=True)
    assert whole["prompts"][0]["components"]


def test_a_job_is_added_once_under_its_key_looked_at_cancelled_and_retried(caller: Caller, store: Store) -> None:
    for new in (1, 0):
        assert told(caller, "add_jobs", jobs=[JOB])["new"] == new
    assert [job["title"] for job in told(caller, "list_jobs", state="waiting")["jobs"]] == ["animals"]
    assert told(caller, "get_job", job="1")["state"] == "waiting"
    assert told(caller, "cancel_job", job="1")["state"] == "cancelled"
    assert told(caller, "retry_job", job="1")["state"] == "waiting"
    assert told(caller, "pause_queue", reason="lunch")["is_paused"]
    assert told(caller, "get_queue")["reason"] == "lunch"
    assert not told(caller, "resume_queue")["is_paused"]


def test_a_job_is_waited_for_until_it_has_ended_or_the_time_is_over(caller: Caller, store: Store) -> None:
    queue = Queue(store)
    queue.add(new_job())
    assert told(caller, "wait_for_job", job="1", seconds=0)["state"] == "waiting"
    queue.cancel(1)
    assert told(caller, "wait_for_job", job="1", seconds=300)["state"] == "cancelled"
    queue.add(new_job())
    caller.closing.set()  # the server ends meanwhile
    assert told(caller, "wait_for_job", job="2", seconds=300)["state"] == "waiting"


def test_pipelines_are_listed_and_planned(caller: Caller) -> None:
    assert told(caller, "list_pipelines")["pipelines"]
    plan = told(caller, "plan_pipeline", pipeline=[DRAW])
    assert (plan["count"], len(plan["items"][0]["stages"])) == (1, 1)


def test_an_image_is_shown_small_and_only_where_that_is_asked_for(caller: Caller, store: Store, tmp_path: Path) -> None:
    from PIL import Image

    image = with_image(store, tmp_path)
    assert len(caller.call("search_images", {"text": "fox"}).content) == 1
    for name, arguments in (("search_images", {"thumbnails": 3}), ("view_image", {"image": image})):
        result = caller.call(name, arguments)
        picture = result.content[1]
        assert (len(result.content), picture["type"], picture["mimeType"]) == (2, "image", "image/jpeg")
        assert Image.open(io.BytesIO(base64.b64decode(picture["data"]))).size == (512, 341)
    assert len(caller.call("view_image", {"image": image, "thumbnail": False}).content) == 1


def test_an_image_whose_file_is_gone_is_told_without_a_picture(caller: Caller, store: Store, tmp_path: Path) -> None:
    image = with_image(store, tmp_path)
    (tmp_path / "a.png").unlink()
    result = caller.call("view_image", {"image": image})
    assert result.data is not None
    assert "not there any more" in result.content[1]["text"]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"broken")
    assert "cannot be shown" in caller.call("view_image", {"image": image}).content[1]["text"]


def test_a_mark_is_kept(caller: Caller, store: Store, tmp_path: Path) -> None:
    image = with_image(store, tmp_path)
    assert told(caller, "mark_image", image=image, stars=4)["marks"]["stars"] == 4


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("nothing", {}, "There is no tool 'nothing'. There are: draw_prompts, "),
        ("draw_prompts", {"count": "many"}, "count: "),
        ("draw_prompts", {"template": "a", "colour": 1}, "colour: "),
        ("draw_prompts", {"template": "a", "count": 21}, "less than or equal to 20"),
        ("get_job", {}, "job: Field required"),
        ("get_job", {"job": "99"}, "There is no job '99'"),
        ("get_job", {"job": "../queue"}, "job: String should match"),
        ("wait_for_job", {"job": "1", "seconds": 1e9}, "seconds: "),
        ("retry_job", {"job": "\0"}, "no path"),
        ("add_jobs", {"jobs": [{"pipeline": [{"id": "a", "type": "dream"}]}]}, "dream"),
        ("add_jobs", {"jobs": [{**JOB, "callback_url": "http://169.254.169.254/"}]}, "is not among the addresses"),
        ("plan_pipeline", {"pipeline": "no such one"}, "no such one"),
        ("list_jobs", {"state": "lost"}, "state: "),
        ("view_image", {"image": "/etc/passwd"}, "image: String should match"),
        ("mark_image", {"image": "r9.0", "stars": 3}, "There is no image 'r9.0'"),
        ("select_loras", {"prompt": "a fox"}, "no LoRA library"),
    ],
)
def test_what_cannot_be_is_an_error_that_says_why(caller: Caller, name: str, arguments: Any, why: str) -> None:
    assert why in refused(caller, name, **arguments)


def test_a_body_beyond_what_a_route_reads_is_refused(caller: Caller) -> None:
    large = {"pipeline": [{**DRAW, "options": {"template": "a" * 2**21}}]}
    assert "larger than 1 MiB" in refused(caller, "plan_pipeline", **large)


# over the pipes


def by_client(tmp_path: Path, ask: Callable[[Any], Awaitable[None]], *more: str) -> str:
    """What it wrote to standard error meanwhile."""
    pytest.importorskip("mcp")
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    arguments = ["-m", "orchestrator_app.cli", "mcp", "--database", str(tmp_path / "store.sqlite3"), *more]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = StdioServerParameters(command=sys.executable, args=arguments, env=environment, cwd=str(tmp_path))

    async def talk(log: Any) -> None:
        async with stdio_client(server, log) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            await ask(session)

    with (tmp_path / "stderr.txt").open("w") as log:
        awaited(talk(log))
    return (tmp_path / "stderr.txt").read_text()


@pytest.mark.slow
def test_a_client_lists_the_tools_and_calls_them(tmp_path: Path) -> None:
    async def ask(session: Any) -> None:
        import anyio

        listed = (await session.list_tools()).model_dump(by_alias=True)["tools"]
        assert [tool["name"] for tool in listed] == list(TOOLS)
        hints = {tool["name"]: tool["annotations"] for tool in listed}
        assert hints["list_jobs"]["readOnlyHint"]
        assert hints["cancel_job"]["destructiveHint"]
        assert not hints["add_jobs"]["idempotentHint"]
        drawn = (await session.call_tool("draw_prompts", {"template": "a {fox|owl}"})).model_dump(by_alias=True)
        assert drawn["structuredContent"]["prompts"][0]["positive"] in ("a fox", "a owl", "an owl")
        bad = (await session.call_tool("add_jobs", {"jobs": []})).model_dump(by_alias=True)
        assert bad["isError"]
        assert bad["content"][0]["text"].startswith("jobs: ")
        unknown = (await session.call_tool("nothing", {})).model_dump(by_alias=True)
        assert unknown["isError"]
        # It renders nothing, so the worker of this server runs it at once, and says so: not among the protocol.
        added = (await session.call_tool("add_jobs", {"jobs": [{"pipeline": [DRAW]}]})).model_dump(by_alias=True)
        assert added["structuredContent"]["new"] == 1
        waited = (await session.call_tool("wait_for_job", {"job": "1"})).model_dump(by_alias=True)
        assert waited["structuredContent"]["state"] == "done"
        with anyio.fail_after(30):  # the store knows it a little before it is told
            while "Job 1: done" not in (tmp_path / "stderr.txt").read_text():
                await anyio.sleep(0.05)

    said = by_client(tmp_path, ask, "--generator", "comfy=http://127.0.0.1:9")
    assert "Job 1: done" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_what_is_no_protocol_ends_nothing_and_nothing_else_is_on_standard_output(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    lines = [
        "this is no JSON",
        '{"jsonrpc": "2.0"}',
        "[" * 5000,
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json.dumps({"jsonrpc": "2.0", "id": 2, "method": "no/such", "params": {}}),
        json.dumps({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "get_queue"}}),
    ]
    started = subprocess.Popen(
        [sys.executable, "-m", "orchestrator_app.cli", "mcp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert started.stdin is not None
    assert started.stdout is not None
    started.stdin.write(("\n".join(lines) + "\n").encode() + b"\xff\xfe\n")
    started.stdin.flush()
    answers = {}
    while 3 not in answers:
        answer = json.loads(started.stdout.readline())
        answers[answer.get("id")] = answer
    assert answers[1]["result"]["serverInfo"]["name"] == "orchestrator"
    assert "error" in answers[2]
    assert answers[3]["result"]["structuredContent"]["is_paused"] is False
    started.terminate()  # while its standard input is open
    rest, _ = started.communicate(timeout=60)
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())
    assert started.returncode == 130


def test_without_the_sdk_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch, cli: Any) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    outcome = cli("mcp")
    assert (outcome.status, outcome.out) == (2, "")
    assert "pip install 'sd-orchestrator[mcp]'" in outcome.err


# the page


def test_the_page_names_every_tool_and_its_settings_are_json() -> None:
    import re

    assert all(f"`{name}`" in PAGE for name in TOOLS)
    for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL):
        assert json.loads(block)["mcpServers"]["orchestrator"]["args"][0] == "mcp"
