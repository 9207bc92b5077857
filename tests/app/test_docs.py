"""docs/cli.md, docs/enhance.md, docs/pipelines.md: every example is run, and what is shown is what the program prints.

``ORCHESTRATOR_WRITE_DOCS=1 pytest tests/app/test_docs.py`` writes the outputs anew.
"""

from __future__ import annotations

import glob
import io
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from orchestrator_app.cli import main
from orchestrator_app.commands import COMMANDS
from orchestrator_app.commands import run as run_command
from tests.app.conftest import ROOT
from tests.app.lora_folder import make_loras
from tests.core.generators import stand_in_comfy, stand_in_forge

pytestmark = [pytest.mark.network, pytest.mark.skipif(os.name == "nt", reason="the page shows paths with slashes")]

PAGE = ROOT / "docs" / "cli.md"
ENHANCING = ROOT / "docs" / "enhance.md"
PIPELINES = ROOT / "docs" / "pipelines.md"
BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
USUAL = dict(run_command.SERVERS)
NOWHERE = {"comfyui": "http://127.0.0.1:9", "forge": "http://127.0.0.1:11"}  # ports where nothing is
# What is another at every run, and what the page has in its place.
CHANGING = (
    (r"\d{4}-\d\d-\d\d_\d{6}", "2026-11-22_201500"),
    (r"\b[0-9a-f]{32}\b", "01a204d4bc8c27922a0a6efe6a2dc92b"),
    (r"  \d+\.\d s$", "  7.9 s"),
)


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The addresses of a ComfyUI and a Forge."""
    from PIL import Image

    def png(infotext: str = "") -> bytes:
        picture = io.BytesIO()
        Image.new("RGB", (512, 512)).save(picture, "PNG")
        return picture.getvalue()

    monkeypatch.setattr(stand_in_comfy, "png", png)
    monkeypatch.setattr(stand_in_forge, "png", png)
    comfy, forge = stand_in_comfy.StandIn(), stand_in_forge.StandIn()
    yield {"comfyui": comfy.url, "forge": forge.url}
    for started in (comfy, forge):
        started.stop()
    comfy.join()


def printed(command: str) -> str:
    """What a person sees who types this."""
    program, *arguments = shlex.split(command)
    assert program == "orchestrator"
    expanded = [found for argument in arguments for found in glob.glob(argument) or [argument]]  # noqa: PTH207
    screen = io.StringIO()
    with redirect_stdout(screen), redirect_stderr(screen):
        main(expanded)
    return screen.getvalue()


@pytest.mark.parametrize("file", [PAGE, ENHANCING, PIPELINES], ids=lambda file: file.stem)
def test_the_page_shows_what_the_program_prints(
    file: Path,
    servers: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    page = file.read_text("utf-8")
    make_loras(tmp_path / "loras")

    def run_again(block: re.Match[str]) -> str:
        info, body = block["info"], block["body"]
        if name := re.search(r"file=(\S+)", info):
            path = tmp_path / name[1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(body)
        if not info.startswith("console"):
            return block[0]
        there = {host: url if host in info else NOWHERE[host] for host, url in servers.items()}
        monkeypatch.setattr(run_command, "SERVERS", there)
        lines = []
        for command in [line[2:] for line in body.splitlines() if line.startswith("$ ")]:
            output = printed(command)
            for host, address in there.items():
                output = output.replace(address, USUAL[host])
            output = output.replace(f"{tmp_path}{os.sep}", "/models/")
            for pattern, instead in CHANGING:
                output = re.sub(pattern, instead, output, flags=re.MULTILINE)
            lines += [f"$ {command}", *output.strip("\n").splitlines(), ""]
        return f"```{info}\n" + "\n".join(line.rstrip() for line in lines[:-1]) + "\n```"

    anew = BLOCK.sub(run_again, page)
    if os.environ.get("ORCHESTRATOR_WRITE_DOCS"):
        file.write_text(anew, "utf-8")
    assert anew == file.read_text("utf-8"), f"{file.name} is behind: ORCHESTRATOR_WRITE_DOCS=1 writes it anew"


def test_the_page_names_every_command_and_option(capsys: pytest.CaptureFixture[str]):
    page = PAGE.read_text("utf-8")
    for command in COMMANDS:
        assert f"## {command}\n" in page
        main([command, "--help"])
        options = set(re.findall(r"(--[a-z-]+)", capsys.readouterr().out)) - {"--help"}
        # Those that the page leaves to --help, because their names say what they do.
        missing = {option for option in options if option not in page} - {"--dialect", "--missing", "--force"}
        assert not missing


@pytest.mark.parametrize("file", [PAGE, ENHANCING, PIPELINES], ids=lambda file: file.stem)
def test_every_link_of_the_page_leads_somewhere(file: Path):
    for target in re.findall(r"\]\(([^)]+)\)", file.read_text("utf-8")):
        name, _, head = target.partition("#")
        there = file.parent / name if name else file
        assert there.exists()
        assert not head or head in heads_of(there.read_text("utf-8"))


def heads_of(page: str) -> set[str]:
    return {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in re.findall(r"^#+ (.*)", page, re.M)}
