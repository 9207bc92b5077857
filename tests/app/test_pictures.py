"""The pictures of the documentation, made from the program itself.

``ORCHESTRATOR_PICTURES=docs/images pytest tests/app/test_pictures.py`` writes them anew; else they go to a folder of
the test. They are looked at by people: the tests only hold them to their size, and to asking nothing of the network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from orchestrator_app.contact_sheet import Card, Sheet, contact_sheet
from orchestrator_app.drawing import Drawing
from orchestrator_app.explaining import print_in_colour
from orchestrator_app.folders import wildcard_folders
from orchestrator_app.planning import plan
from orchestrator_app.sources import read_source
from orchestrator_core.context import StageContext
from orchestrator_core.template import Template, Wildcards

LARGEST = 300_000  # bytes
EXPLAINED = ("a __colors/warm__ {3::fox|owl} in {the snow|2::__places/city__, __light/street__}, __moods/*__", 14)
DRAWN = ("@quick", 3)
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return Path(os.environ.get("ORCHESTRATOR_PICTURES") or tmp_path).resolve()


@pytest.fixture
def bundled() -> Wildcards:
    return Wildcards(wildcard_folders(["bundled"]))


def test_the_picture_of_an_explanation(pictures: Path, bundled: Wildcards):
    pytest.importorskip("rich")
    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console

    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a device
        console = Console(
            record=True, width=108, file=nowhere, force_terminal=True, color_system="truecolor", highlight=False
        )
        text, seed = EXPLAINED
        print_in_colour(console, Template(text).draw(bundled, seed), 1)
        console.print()  # the last line is cut off just below its letters
        # Rich's own form names fonts on the network; a system's monospace does as well.
        without_fonts = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
        without_fonts = re.sub(r"Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono", without_fonts)
        svg = console.export_svg(title=f'orchestrator prompt "{text}" --explain', code_format=without_fonts)
    (pictures / "explain.svg").write_text(svg, encoding="utf-8")
    assert len(svg) < LARGEST
    assert not re.search(r"url\(\s*[\"']?http|@font-face", svg)
    assert "colors/warm" in svg


def test_the_picture_of_a_contact_sheet(pictures: Path, bundled: Wildcards, tmp_path: Path):
    browser = next((found for name in CHROMIUMS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"no Chromium: none of {', '.join(CHROMIUMS)} is on the PATH")
    source, seed = DRAWN
    planned = plan(read_source(source), Drawing(seed=seed), {}, StageContext(bundled), 4)
    links = {"workflow": "workflows/0001.json", "graph": "graphs/0001.json"}
    cards = [Card(prompt.number, prompt.run, prompt.request, (), links) for prompt in planned]
    page = tmp_path / "contact_sheet.html"
    when = datetime(2026, 11, 22, 20, 15, tzinfo=timezone.utc)
    page.write_text(contact_sheet(Sheet("quick", when, "", cards[0].run.draft.source), cards), encoding="utf-8")
    picture = pictures / "contact_sheet.png"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1280,840", f"--screenshot={picture}"]
    subprocess.run(
        [browser, *options, page.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert 10_000 < len(data) < LARGEST
