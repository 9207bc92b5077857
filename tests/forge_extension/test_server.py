"""Whom a Forge lets in and from where it is reached, by its command line; it has no other place to ask."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# As much of the host as server.py touches. The credentials are split as the host does it.
_ASK = """
import json, sys, types
options, variables = json.loads(sys.argv[1])
import os
os.environ.update(variables)
def module(name, **holds):
    sys.modules[name] = made = types.ModuleType(name)
    made.__dict__.update(holds)
    return made
def credentials():
    for pair in (options.get("gradio_auth") or "").split(","):
        if pair.strip():
            yield tuple(pair.strip().split(":", 1))
def address():
    return options.get("server_name") or ("0.0.0.0" if options.get("listen") else None)
parts = dict(
    initialize_util=module("modules.initialize_util", get_gradio_auth_creds=credentials, gradio_server_name=address),
    script_callbacks=module("modules.script_callbacks"),
    shared=module("modules.shared", demo=None),
)
module("modules", **parts)
module("modules.shared_cmd_options", cmd_opts=types.SimpleNamespace(**options))
import importlib.util
spec = importlib.util.spec_from_file_location("server", "forge_extension/host/server.py")
server = importlib.util.module_from_spec(spec)
spec.loader.exec_module(server)
print(json.dumps([server.listens_on(), sorted(server.logins()), server.is_tunnelled()]))
"""


def told(variables: dict[str, str] | None = None, **options: Any) -> list[Any]:
    """(where it listens, its logins, whether it is tunnelled)."""
    command = [sys.executable, "-c", _ASK, json.dumps([options, variables or {}])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("address", "options", "variables"),
    [
        ("127.0.0.1", {}, {}),
        ("0.0.0.0", {"listen": True}, {}),
        ("my-pc.local", {"server_name": "my-pc.local"}, {}),
        ("0.0.0.0", {"nowebui": True}, {}),  # uvicorn is given no address then, and takes all of them
        ("127.0.0.1", {"nowebui": True, "server_name": "127.0.0.1"}, {}),
        ("0.0.0.0", {}, {"GRADIO_SERVER_NAME": "0.0.0.0"}),  # what gradio goes by
    ],
)
def test_where_it_listens_is_known(address: str, options: dict[str, Any], variables: dict[str, str]) -> None:
    assert told(variables, **options)[0] == address


def test_logins_of_pages_and_of_programs_are_known_and_a_tunnel_is() -> None:
    found = told(gradio_auth="anna:sec:ret, bob:b", api_auth="carl:c,carl:c2", share=True, ngrok=None)
    assert found[1:] == [["anna:sec:ret", "bob:b", "carl:c", "carl:c2"], True]
    assert told(api_auth=None, gradio_auth="", ngrok="token")[1:] == [[], True]
    assert told()[1:] == [[], False]
