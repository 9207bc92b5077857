"""What the API must do in both hosts: a module with a fixture ``api`` imports all of it, beside the contract."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

from tests.api_client import ApiServer
from tests.api_schemathesis import check_all
from tests.hosts.forge import ROOT

__all__ = ["test_schemathesis_finds_nothing", "test_the_client_of_the_docs_renders_here_and_follows_it"]


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


def test_schemathesis_finds_nothing(api: ApiServer):
    check_all(api, 12 if os.environ.get("ORCHESTRATOR_LONG") else 1)
