"""A LoRA test on a real ComfyUI, twice, its grid in Chromium, and its workflow on ComfyUI's own terms."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from orchestrator_app.cli import main
from orchestrator_app.lora_test.folder import GRID, TestFolder
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.http_client import HttpClient
from tests.hosts.canvas import open_canvas
from tests.hosts.comfyui import ComfyUI
from tests.hosts.forge import Forge

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.host, pytest.mark.slow]

MATRIX = ["--strengths", "0.5,1", "--seeds", "1,2", "-p", "a hill, {trigger}, snow"]
SMALL = ["--set", "width=64", "--set", "height=64", "--set", "steps=2"]


@pytest.fixture
def begin(comfyui: ComfyUI, tmp_path: Path) -> list[str]:
    """The command that tests both tiny LoRAs in a folder of its own."""
    loras = str(comfyui.folder / "models" / "loras")
    folder = ["--folder", str(tmp_path / "test"), "--server", comfyui.url, "--loras", loras]
    return ["lora-test", "tiny_ink", "tiny_fox", *folder, *MATRIX, *SMALL]


def test_ten_images_and_after_one_is_deleted_exactly_that_one_again(
    begin: list[str], comfyui: ComfyUI, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(begin) == 0
    out = capsys.readouterr().out
    assert "2 LoRAs × 2 strengths × 1 prompt × 2 seeds + 2 baselines = 10 images" in out
    assert "10 of 10 images" in out
    folder = TestFolder.reopened(tmp_path / "test")
    paths = {cell.key: folder.image(cell) for cell in folder.cells}
    pixels = {Image.open(path).tobytes() for path in paths.values() if path}
    assert len(pixels) == 10
    for cell in folder.cells:
        path = paths[cell.key]
        assert path is not None
        request = read_image(path).request
        assert request is not None
        assert request.checkpoint == "tiny-sd15.safetensors"
        assert (request.positive, request.seed) == (cell.request.positive, cell.request.seed)
        assert [use.strength_model for use in request.loras] == ([cell.strength] if cell.lora is not None else [])
        assert cell.lora is None or (folder.part(cell).difference or 0) > 0
    prompts = {cell.request.positive for cell in folder.cells}
    assert prompts == {"a hill, snow", "a hill, tinyink, ink wash, snow", "a hill, tinyfox, snow"}

    times = {path: path.stat().st_mtime_ns for path in paths.values() if path}
    gone = paths[folder.cells[5].key]
    assert gone is not None
    gone.unlink()
    assert main(["lora-test", "--folder", str(tmp_path / "test"), "--server", comfyui.url]) == 0
    told = capsys.readouterr()
    assert "9 of them are there already." in told.err
    assert "[1/1] " in told.err
    again = {path: path.stat().st_mtime_ns for path in times}
    assert [path for path in times if again[path] != times[path]] == [gone]

    assert main(begin) == 0
    assert "10 of them are there already." in capsys.readouterr().err


def test_its_workflow_is_what_comfyui_would_run(
    begin: list[str], comfyui: ComfyUI, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "workflow.json"
    assert main([*begin, "--workflow", str(file)]) == 0
    graph = graph_from_workflow(json.loads(file.read_text("utf-8")))
    answer = HttpClient(comfyui.url).post_json("/prompt", {"prompt": graph})
    assert answer["node_errors"] == {}


def test_its_workflow_opens_on_comfyuis_own_canvas(
    begin: list[str], comfyui: ComfyUI, chromium: Browser, tmp_path: Path
):
    file = tmp_path / "workflow.json"
    assert main([*begin, "--most", "10", "--workflow", str(file)]) == 0
    text = file.read_text("utf-8")
    with open_canvas(chromium, comfyui.url) as canvas:
        canvas.drop("test.json", text)
        assert canvas.graph() == graph_from_workflow(json.loads(text))


def test_a_forge_renders_the_same_matrix(forge: Forge, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["--server", forge.url, "--host", "forge", "--folder", str(tmp_path / "test"), *SMALL]
    matrix = ["--strengths", "1", "--seeds", "1", "-p", "a hill"]
    assert main(["lora-test", "tiny_*", *arguments, *matrix]) == 0
    told = capsys.readouterr()
    assert "2 LoRAs × 1 strength × 1 prompt × 1 seed + 1 baseline = 3 images" in told.out
    folder = TestFolder.reopened(tmp_path / "test")
    assert folder.missing() == []
    assert folder.checkpoint
    assert all((folder.part(cell).difference or 0) > 0 for cell in folder.cells if cell.lora is not None)
    assert main(["lora-test", *arguments[:6]]) == 0
    assert "3 of them are there already." in capsys.readouterr().err


# the page


@pytest.fixture
def page(chromium: Browser, begin: list[str], tmp_path: Path) -> Iterator[Page]:
    """The grid of the ten images; any complaint of the browser, and any call of the network, fails the test."""
    assert main(begin) == 0
    complaints: list[str] = []
    asked: set[str] = set()
    opened = chromium.new_page(viewport={"width": 1300, "height": 800})
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.add(request.url))
    opened.goto((tmp_path / "test" / GRID).as_uri())
    yield opened
    opened.close()
    assert complaints == []
    assert all(url.startswith((tmp_path.as_uri(), "data:")) for url in asked)


def titles(page: Page) -> list[str]:
    rows = page.locator("tbody tr:visible .row")
    return [
        re.sub(r"\s+", " ", f"{row.locator('b').inner_text()} {row.locator('.at').inner_text()}") for row in rows.all()
    ]


def test_rows_are_filtered_and_sorted_and_the_baseline_stays(page: Page):
    assert titles(page) == ["styles/tiny_ink 0.5", "styles/tiny_ink 1", "tiny_fox 0.5", "tiny_fox 1"]
    page.keyboard.press("/")
    page.keyboard.type("tinyfox @1")
    assert titles(page) == ["tiny_fox 1"]
    page.keyboard.press("Escape")
    page.select_option("#sort", "strength")
    assert titles(page) == ["styles/tiny_ink 0.5", "tiny_fox 0.5", "styles/tiny_ink 1", "tiny_fox 1"]
    page.select_option("#sort", "difference-down")
    figures = [float(row.get_attribute("data-difference") or 0) for row in page.locator("tbody tr").all()]
    assert figures == sorted(figures, reverse=True)
    assert len(set(figures)) > 1
    page.locator(".scroll").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    box = page.locator("tr.baseline").bounding_box()
    assert box is not None
    assert box["y"] >= 0


def wait_for(page: Page, condition: str) -> None:
    """Playwright's own wait makes a function of a text in the page, which the page's policy forbids."""
    end = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def test_an_image_opens_beside_its_baseline_and_the_keys_go_through_the_grid(page: Page):
    page.locator("tbody .cell").first.click()
    assert page.locator("#zoom").is_visible()
    assert page.locator("#what").inner_text().startswith("styles/tiny_ink at 0.5")
    large, base = (page.locator(f"#stage .{name} img") for name in ("own", "base"))
    wait_for(page, "() => document.querySelector('#stage .base img').naturalWidth === 64")
    assert large.is_visible()
    assert base.is_visible()
    before = base.get_attribute("src")
    page.keyboard.press("ArrowRight")
    assert "seed 2" in page.locator("#what").inner_text()
    assert base.get_attribute("src") != before
    page.keyboard.press("ArrowDown")
    assert page.locator("#what").inner_text().startswith("styles/tiny_ink at 1")
    page.keyboard.press("s")
    assert page.locator("#slide").is_visible()
    page.locator("#slide").fill("20")
    assert "inset(" in page.locator("#stage .base").evaluate("figure => getComputedStyle(figure).clipPath")
    for _ in range(2):
        page.keyboard.press("ArrowUp")
    assert page.locator("#what").inner_text().startswith("Baseline")
    assert not base.is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#zoom").is_visible()
    wait_for(page, "() => document.activeElement.dataset.title === 'Baseline'")


def test_a_grid_of_one_file_shows_its_images_without_any_other(begin: list[str], chromium: Browser, tmp_path: Path):
    file = tmp_path / "alone" / "one.html"
    file.parent.mkdir()
    assert main([*begin, "--one-file", str(file)]) == 0
    page = chromium.new_page()
    page.goto(file.as_uri())
    wait_for(page, "() => [...document.querySelectorAll('.cell img')].every(image => image.naturalWidth > 0)")
    assert page.locator(".cell img").count() == 10
    page.close()
