"""The extension comes, is used without a page, and goes: with the real launcher, and a Forge of its own for each."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from orchestrator_core.formats.infotext import parse_infotext
from orchestrator_core.template import Template, Wildcards
from tests.api_client import ApiServer
from tests.hosts.forge import (
    PACK,
    ROOT,
    Forge,
    ForgeParts,
    free_port,
    make_data_folder,
    missing_packages,
    python_over,
)

pytestmark = [pytest.mark.host, pytest.mark.slow]

TEMPLATE = "a __colors/warm__ {fox|owl}"
BODY = {"prompt": TEMPLATE, "steps": 1, "width": 64, "height": 64, "sampler_name": "Euler", "seed": 11}


def drawn_by(forge: Forge) -> str:
    body = {**BODY, "alwayson_scripts": {"Orchestrator": {"args": [{"enabled": True, "missing": "error"}]}}}
    (infotext,) = json.loads(forge.post("/sdapi/v1/txt2img", body)["info"])["infotexts"]
    return parse_infotext(infotext).request.positive


def expected() -> str:
    return Template(TEMPLATE).draw(Wildcards(ROOT / "wildcards"), 11).positive


def test_a_clone_and_a_start_are_all_there_is_to_its_coming_and_deleting_the_folder_to_its_going(
    forge_parts: ForgeParts, tmp_path: Path
):
    """Three starts, since each takes half a minute: the first installs, the second has no page, the third no pack."""
    if not missing_packages(forge_parts.python):
        pytest.skip("this Forge's Python has all that the pack needs already")
    folder = tmp_path / "data"
    make_data_folder(folder, forge_parts, is_whole=True)
    target = folder / "extensions" / PACK
    if subprocess.run(["git", "clone", "--quiet", ROOT, target], capture_output=True).returncode:
        pytest.skip("this checkout cannot be cloned: it has no .git, or git is not there")
    before = sorted(path.name for path in site_packages(forge_parts.python).iterdir())
    forge = Forge(folder, forge_parts, free_port(), installers=True)
    forge.own_python = python_over(forge_parts.python, tmp_path / "python")
    try:
        forge.start()
        if f"{PACK}: could not install" in forge.log:
            pytest.skip("no package index: " + next(line for line in forge.log.splitlines() if "could not" in line))
        assert re.search(rf"Installing platformdirs, sqlalchemy(, watchdog)?, ruamel\.yaml for {PACK}", forge.log)
        assert drawn_by(forge) == expected()
        without_a_page(forge)
        without_the_folder(forge)
    finally:
        forge.kill()
    assert sorted(path.name for path in site_packages(forge_parts.python).iterdir()) == before
    added = {path.name.split("-")[0].lower() for path in site_packages(forge.own_python).glob("*.dist-info")}
    assert {"platformdirs", "sqlalchemy"} <= added  # and what the host's own extensions want


def without_a_page(forge: Forge) -> None:
    log = started_again(forge, "--nowebui", "--gradio-auth", "anna:sec:ret")
    assert drawn_by(forge) == expected()
    api = ApiServer(f"{forge.url}/orchestrator/v1")
    assert api.ask("GET", "/health").code == "unauthorized", "whoever set a login does not find it open"
    login = b64encode(b"anna:sec:ret").decode()
    assert api.ask("GET", "/health", headers={"Authorization": f"Basic {login}"}).json["place"] == "forge"
    assert api.ask("GET", "/app/").headers["content-type"].startswith("text/html"), "the page asks for it by itself"
    challenge = api.ask("GET", "/health", headers={"User-Agent": "Mozilla/5.0"}).headers["www-authenticate"]
    assert ", X-Basic " in challenge, "and no browser in a window of its own"
    own = {"Origin": f"http://{api.host}", "Authorization": f"Basic {login}"}
    cookie = api.ask("POST", "/session", headers=own).headers["set-cookie"].partition(";")[0]
    assert api.ask("GET", "/health", headers={"Cookie": cookie}).status == 200
    assert f"{PACK}:" not in log, "it has nothing to say"
    assert f"for {PACK}" not in log, "nothing is installed again"
    assert "Traceback" not in log
    forge.post("/sdapi/v1/options", {"samples_format": "png"})  # saves the settings, with whatever is in them


def without_the_folder(forge: Forge) -> None:
    shutil.rmtree(forge.folder / "extensions" / PACK)
    log = started_again(forge)
    names = [script["name"] for script in forge.get("/sdapi/v1/script-info")]
    assert "orchestrator" not in names
    assert [line for line in log.splitlines() if "orchestrator" in line.lower()] == []


def started_again(forge: Forge, *arguments: str) -> str:
    """What it says from then on."""
    forge.kill()
    before = len(forge.log)
    forge.arguments = arguments
    forge.start()
    return forge.log[before:]


def site_packages(python: Path) -> Path:
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip())
