"""The API of a ComfyUI: over what the nodes use, made at the first request, and open to this machine alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.api_part import ApiPart
from comfy_nodes.profile_shelf import ProfileShelf
from comfy_nodes.story_part import StoryPart
from orchestrator_core.api.token import new_token
from orchestrator_core.api.wire import Answer, Head, Service
from orchestrator_core.config import DATABASE_NAME, data_folder
from orchestrator_core.loras.ranking import LoraSource
from tests.core.template.engine import wildcards_in

ROOT = Path(__file__).parents[2]


class Asked(Exception):
    """For LoRAs, of which there are none here."""


def part(folder: Path, *addresses: str, wake: Callable[[], object] = int) -> ApiPart:
    def loras() -> LoraSource:
        raise Asked

    shelf = ProfileShelf(lambda: [ROOT / "profiles"])
    wildcards = wildcards_in(folder, {"colors/warm.txt": "crimson"})
    return ApiPart(wildcards, shelf, loras, StoryPart(shelf).services, lambda: addresses, wake)


def asked(
    service: Service, method: str, path: str, body: Any = None, client: str = "127.0.0.1", **headers: str
) -> tuple[int, Any]:
    data = b"" if body is None else json.dumps(body).encode()
    named = {"host": "127.0.0.1:8188", "content-length": str(len(data)), **headers}
    head = Head(method, path, headers=named, client=client)
    found = service.before(head)
    if not isinstance(found, Answer):
        found = service.answer(head, data)
    return found.status, json.loads(found.body)


@pytest.mark.parametrize(
    ("addresses", "is_open"),
    [(("127.0.0.1",), False), (("::1", "127.0.0.1"), False), (("0.0.0.0",), True), (("127.0.0.1", "::"), True)],
)
def test_a_server_that_other_machines_reach_answers_with_a_token_alone(
    tmp_path: Path, addresses: tuple[str, ...], is_open: bool
) -> None:
    service = part(tmp_path, *addresses).service()
    wanted = (403, "token_needed") if is_open else (200, "")
    status, found = asked(service, "GET", "/health")
    assert (status, found.get("error", {}).get("code", "")) == wanted
    token = new_token()
    assert asked(service, "GET", "/health")[0] == 401
    assert asked(service, "GET", "/health", authorization=f"Bearer {token}")[0] == 200


def test_a_program_draws_with_the_wildcards_and_profiles_of_the_nodes_and_waits_for_no_lora(tmp_path: Path) -> None:
    service = part(tmp_path, "127.0.0.1").service()
    status, found = asked(service, "POST", "/prompts:draw", {"template": "a __colors/warm__ fox", "count": 2})
    assert (status, [prompt["positive"] for prompt in found["prompts"]]) == (200, ["a crimson fox"] * 2)
    names = [profile["name"] for profile in asked(service, "GET", "/profiles")[1]["profiles"]]
    assert names


def test_who_selects_loras_asks_the_library_of_the_nodes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    service = part(tmp_path, "127.0.0.1").service()
    assert asked(service, "POST", "/loras:select", {"prompt": "a fox"})[0] == 500
    assert "Asked" in caplog.text


def test_a_job_is_kept_where_the_nodes_keep_what_they_know_and_the_worker_hears_of_it(tmp_path: Path) -> None:
    woken = list[int]()
    service = part(tmp_path, "127.0.0.1", wake=lambda: woken.append(1)).service()
    assert asked(service, "GET", "/health")[1]["place"] == "comfyui"
    stage = {"id": "draw", "type": "generatePrompt", "options": {"template": "a __colors/warm__ fox"}}
    status, found = asked(service, "POST", "/jobs", {"pipeline": [stage]})
    assert status == 201, found
    assert woken == [1]
    assert (data_folder() / DATABASE_NAME).is_file()


def test_making_the_part_opens_and_imports_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom comfy_nodes.api_part import ApiPart\nfrom comfy_nodes.api_bridge import ApiBridge\n"
        "bridge = ApiBridge(ApiPart(None, None, None, None).service)\n"
        "print([name for name in sys.modules if name.startswith('orchestrator_core.api.') or name == 'sqlalchemy'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_folder_that_comfyui_saves_in_is_offered_to_the_gallery(tmp_path: Path) -> None:
    made = part(tmp_path, "127.0.0.1")
    assert [
        tuple((one.name, one.path) for one in place.offered())
        for place in (made.place(), replace(made, output=lambda: tmp_path / "output").place())
    ] == [(), (("output", tmp_path / "output"),)]
