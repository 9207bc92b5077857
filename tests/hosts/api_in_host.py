"""What the API must do in both hosts: a module with a fixture ``api`` imports all of it, beside the contract."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from typing import Any

from tests.api_client import ApiServer
from tests.api_schemathesis import check_all
from tests.core.jobs.at_work import eventually
from tests.hosts.forge import ROOT

__all__ = [
    "test_a_picture_of_this_host_is_rendered_again_the_same_or_with_another_word",
    "test_schemathesis_finds_nothing",
    "test_the_client_of_the_docs_renders_here_and_follows_it",
]


def test_the_client_of_the_docs_renders_here_and_follows_it(api: ApiServer):
    """As it is written, but for a small image: it follows the job meanwhile, and names an image that is there."""
    (client,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "api.md").read_text("utf-8"), re.M | re.S)
    assert '"steps": 20' in client
    client = client.replace('"steps": 20', '"steps": 2, "width": 64, "height": 64')
    done = subprocess.run([sys.executable, "-c", client, api.url], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    *events, image = done.stdout.splitlines()
    told = [json.loads(line) for line in events]
    assert [one["kind"] for one in told if "kind" in one][:2] == ["added", "begun"]
    assert any(one.get("stage") == "render" for one in told), "how far it is was told meanwhile"
    assert (told[-1]["state"], told[-1]["error"]) == ("done", "")
    assert re.fullmatch(r".+\.png - an? (fox|owl) in the snow", image)
    (shown,) = api.get(f"/jobs/{told[-1]['id']}")["images"]
    sent = api.ask("GET", f"/images/{shown['id']}/file")
    assert (sent.status, sent.headers["content-type"], sent.body[:4]) == (200, "image/png", b"\x89PNG")


def test_a_picture_of_this_host_is_rendered_again_the_same_or_with_another_word(api: ApiServer):
    draw = {"id": "draw", "type": "generatePrompt", "options": {"template": "a {fox|owl} of {snow|fog}", "seed": 4}}
    render = {"id": "render", "type": "dispatch", "options": {"steps": 2, "width": 64, "height": 64, "seed": 11}}
    first = _rendered(api, api.add(draw, render, target=""))
    before = api.get(f"/gallery/images/{first}")
    target = api.get("/health")["place"]
    assert target in [one["name"] for one in api.get("/gallery/targets")["targets"]]
    again = f"/gallery/images/{first}/again"
    same = api.post(again, {"target": target}, 201)["jobs"][0]
    other = api.post(again, {"vary": "{fox|owl}", "target": target}, 201)["jobs"][0]
    assert _pixels(api, _rendered(api, same)) == _pixels(api, first)
    varied = api.get(f"/gallery/images/{_rendered(api, other)}")
    assert {varied["prompt"].split()[1], before["prompt"].split()[1]} == {"fox", "owl"}
    assert (varied["prompt"].split()[2:], varied["seed"]) == (before["prompt"].split()[2:], "11")
    words = api.get(f"/gallery/images/{varied['id']}/words")["words"]
    assert "".join(word["text"] for word in words) == varied["prompt"]
    assert [word["origin"] for word in words] == ["template", "option", "template", "option"]
    nodes = api.get(f"/gallery/images/{first}/workflow")["workflow"]["nodes"]
    assert any("KSampler" in node["type"] for node in nodes)


def _rendered(api: ApiServer, job: Any) -> int:
    """The number of the picture that a job made."""
    whole = eventually(lambda: _ended(api.get(f"/jobs/{job['id']}")), 240)
    assert (whole["state"], whole["error"]) == ("done", "")
    (card,) = api.get(f"/gallery/images?q=run:{whole['run_id']}")["images"]
    return int(card["id"])


def _ended(job: Any) -> Any:
    return job if job["state"] not in ("waiting", "running") else None


def _pixels(api: ApiServer, image: int) -> bytes:
    from PIL import Image

    sent = api.ask("GET", f"/gallery/images/{image}/file")
    assert sent.status == 200, sent.body[:500]
    with Image.open(io.BytesIO(sent.body)) as picture:
        return picture.convert("RGB").tobytes()


def test_schemathesis_finds_nothing(api: ApiServer):
    check_all(api, 12 if os.environ.get("ORCHESTRATOR_LONG") else 1)
