"""Scores and learned odds on ComfyUI's real page: bars on the nodes, the tab, its buttons, and marks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.hosts.canvas import open_page
from tests.hosts.comfyui import ComfyUI
from tests.hosts.pack_page import PackPage
from tests.hosts.test_comfyui_lora_sidebar import SETTINGS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = [pytest.mark.host, pytest.mark.slow]

GRAPH = """() => {
    app.graph.clear();
    const add = (type, x, y, values = {}) => {
        const node = LiteGraph.createNode(type);
        node.pos = [x, y];
        app.graph.add(node);
        for (const [name, value] of Object.entries(values)) node.widgets.find(each => each.name === name).value = value;
        return node;
    };
    const template = 'a {red|blue} fox, <b>{snow|rain}</b>, masterpiece';
    const prompt = add('OrchestratorWildcardPrompt', 20, 40, {template, seed: 3, control_after_generate: 'fixed'});
    const image = add('TestPaint', 440, 40, {batch: 3}), scorer = add('TestScorer', 440, 240);
    const scores = add('OrchestratorCLIPScorer', 760, 40, {until: 0.35});
    const retry = add('OrchestratorRetryUntil', 1160, 40, {until: 0.75, tries: 3, change: 'seed'});
    const save = add('SaveImage', 1160, 420), recorder = add('OrchestratorFeedbackRecorder', 760, 640);
    const join = (from, slot, to, name) => from.connect(slot, to, to.inputs.findIndex(input => input.name === name));
    join(prompt, 0, image, 'text');
    join(prompt, 3, image, 'seed');
    join(image, 0, scores, 'images');
    join(prompt, 2, scores, 'draft');
    join(scorer, 0, scores, 'scorer');
    join(image, 0, retry, 'images');
    join(scores, 0, retry, 'scored');
    join(retry, 0, save, 'images');
    join(scores, 0, recorder, 'scored');
    app.canvas.ds.scale = 0.8;
    app.canvas.ds.offset[0] = 20;
    app.canvas.ds.offset[1] = 60;
    app.canvas.setDirty(true, true);
    return [scores, retry, save].map(node => String(node.id));
}"""
SAVE = "app.graph._nodes.find(node => node.comfyClass === 'SaveImage')"
SEED = """value => {
    const prompt = app.graph._nodes.find(node => node.comfyClass === 'OrchestratorWildcardPrompt');
    prompt.widgets.find(each => each.name === 'seed').value = value;
}"""
SHOWN = """told => {
    const node = app.graph._nodes.find(node => node.comfyClass === 'OrchestratorCLIPScorer');
    app.api.dispatchEvent(new CustomEvent('executed', {detail: {node: String(node.id), output: told}}));
}"""
COMPARED: dict[str, Any] = {  # as score_telling.py tells it of an image that a tagger looked at
    "orchestrator_scores": [
        {
            "scorer": "clip:x:1", "whole": [], "problems": [],
            "images": [
                {
                    "number": 1, "value": 0.5, "passed": True, "is_best": False, "parts": [],
                    "compared": [["missing", ["<i>red scarf</i> 12%"]], ["unasked", ["tree 80%"]]],
                }
            ],
        }
    ]
}  # fmt: skip
CRIMSON = {"key": "w#crimson", "text": "<i>crimson</i>", "multiplier": 1.8, "n": 16, "why": "14 of 16", "off": False}
AMBER = {"key": "w#amber", "text": "amber", "multiplier": 0.4, "n": 9, "why": "2 of 9", "off": True, "pinned": None}
LEARNED: dict[str, Any] = {
    "mode": "careful",
    "counts": {"scores": 25, "marks": 2},
    "problems": [],
    "history": [{"number": 27, "at_ms": 0, "words": "a favourite"}],
    "slots": [
        {
            "slot": "w", "name": "colors/warm", "direction": "report", "on": True, "moves": True, "why": "they differ",
            "values": [{**CRIMSON, "pinned": None}, AMBER],
        }
    ],
}  # fmt: skip


TIME: dict[str, Any] = {
    "effects": [
        {
            "context": "no profile, sdxl", "scorer": "clip", "before": 0.62, "n_before": 40, "after": 0.81,
            "n_after": 60, "low": 0.1, "high": 0.28,
        },
        {
            "context": "no profile, sdxl", "scorer": "", "before": 0.5, "n_before": 4, "after": 0, "n_after": 0,
            "low": None, "high": None,
        },
    ],
    "pairs": [
        {
            "first": "<i>crimson</i>", "second": "owl", "context": "no profile, sdxl", "n": 12, "expected": 0.8,
            "seen": 0.3, "sure": 0.998,
        }
    ],
    "looked": 14,
}  # fmt: skip


@pytest.fixture(scope="module")
def page(comfyui: ComfyUI, chromium: Browser) -> Iterator[PackPage]:
    context = chromium.new_context(viewport={"width": 1700, "height": 1000})
    found = PackPage(open_page(context, comfyui.url, SETTINGS), comfyui.folder / "output")
    found.page.set_default_timeout(90_000)
    problems: list[str] = []
    found.page.on("pageerror", lambda error: problems.append(str(error.stack)))
    yield found
    context.close()
    assert [problem for problem in problems if "sd-orchestrator" in problem] == []


def photograph(page: PackPage, name: str) -> None:
    """For people to look at, where they say a folder."""
    if folder := os.environ.get("ORCHESTRATOR_LOOK"):
        page.page.wait_for_timeout(500)  # the canvas is drawn some times a second
        page.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_bars_and_tries_are_shown_on_the_nodes(page: PackPage) -> None:
    page.page.evaluate(GRAPH)
    page.page.evaluate("() => app.queuePrompt(0, 1)")
    tries = page.page.locator(".orq-tries li")
    tries.nth(2).wait_for()
    assert tries.count() == 3
    assert page.page.locator(".orq-best b").inner_text() == "Try 3"
    badges = page.page.locator(".orq-image .orq-badge")
    assert badges.first.is_visible()
    assert page.page.locator(".orq-part.measured").count() >= 4
    feedback = page.page.locator(".orq-view", has_text="Kept as")
    feedback.wait_for()
    assert "off" in feedback.inner_text()
    photograph(page, "scores")
    page.page.evaluate(SHOWN, COMPARED)
    missing = page.page.locator(".orq-compared.missing")
    missing.wait_for()
    assert missing.inner_text() == "Missing: <i>red scarf</i> 12%"
    assert page.page.locator(".orq-compared").count() == 2


def test_the_tab_shows_what_was_learned_and_says_what_a_person_says(page: PackPage) -> None:
    said: list[tuple[str, Any]] = []

    def answer(route: Route) -> None:
        path = route.request.url.rpartition("/")[2]
        if route.request.method == "POST":
            said.append((path, json.loads(route.request.post_data or "{}")))
        route.fulfill(json=TIME if path.startswith("time") else LEARNED)

    page.page.route("**/orchestrator/learning**", answer)
    page.page.route("**/orchestrator/learning/**", answer)
    try:
        page.command("ShowOdds")
        panel = page.page.locator(".orq-panel")
        panel.get_by_label("Look again").click()  # it may be open, with what was there before
        panel.get_by_text("colors/warm").click()
        panel.get_by_text("<i>crimson</i>", exact=True).wait_for()
        assert "1.8×" in panel.inner_text()
        photograph(page, "odds")
        panel.get_by_text("Just reports").click()
        panel.get_by_label("Keep the odds of <i>crimson</i> as they are").click()
        panel.get_by_label("Draw amber again").click()
        panel.locator("[data-mode=fast]").click()
        panel.get_by_label("Undo the last step").click()
        page.page.wait_for_function("() => true")
        page.page.wait_for_timeout(300)
    finally:
        page.page.unroute_all(behavior="ignoreErrors")
    assert said == [
        ("set", {"slot": "w", "direction": "prefer"}),
        ("set", {"key": "w#crimson", "pin": 1.8}),
        ("set", {"key": "w#amber", "off": False}),
        ("set", {"mode": "fast"}),
        ("undo", {"to": 26}),
    ]


def test_the_tab_shows_what_it_has_brought_and_files_go_out_and_in(page: PackPage, tmp_path: Path) -> None:
    taken: list[str] = []

    def answer(route: Route) -> None:
        path = route.request.url.rpartition("/")[2].partition("?")[0]
        if path == "import":
            taken.append(json.loads(route.request.post_data or "{}")["text"])
        if taken[1:]:
            return route.fulfill(status=400, json={"error": "This is no JSON."})
        texts = {"name": "learned.json", "text": "{}"}
        return route.fulfill(
            json={"time": TIME, "export": texts, "import": {**LEARNED, "remarks": ["Taken in: 3"]}}.get(path, LEARNED)
        )

    page.page.route("**/orchestrator/learning**", answer)
    page.page.route("**/orchestrator/learning/**", answer)
    try:
        panel = page.page.locator(".orq-panel")
        if not panel.is_visible():
            page.command("ShowOdds")
        panel.get_by_label("Look again").click()
        panel.get_by_text("What it has brought").click()
        panel.get_by_text("<i>crimson</i> + owl").wait_for()
        rows = panel.locator(".orq-table").first.locator("tr").all_inner_texts()
        assert ["62 % 40" in rows[1], "81 % 60" in rows[1], "your marks" in rows[2], "–" in rows[2]] == [True] * 4
        panel.get_by_text("Take along, take in").click()
        photograph(page, "brought")
        with page.page.expect_download() as download:
            panel.get_by_text("Save what was learned").click()
        assert download.value.suggested_filename == "learned.json"
        (tmp_path / "theirs.json").write_text('{"schema_version": 1}')
        files = panel.locator(".orq-files input")
        files.set_input_files(tmp_path / "theirs.json")
        page.page.get_by_text("Taken in: 3").first.wait_for()
        files.set_input_files(tmp_path / "theirs.json")
        page.page.get_by_text("Nothing was taken in from theirs.json").first.wait_for()
    finally:
        page.page.unroute_all(behavior="ignoreErrors")
    assert taken == ['{"schema_version": 1}'] * 2


def test_a_mark_goes_to_the_image_that_the_selected_node_shows(page: PackPage) -> None:
    marked: list[Any] = []

    def answer(route: Route) -> None:
        marked.append(json.loads(route.request.post_data or "{}"))
        route.fulfill(json={"words": "favourite"})

    page.page.evaluate(GRAPH)
    page.page.evaluate(SEED, 11)  # another one than other tests have, so that the host runs it
    page.page.evaluate("() => app.queuePrompt(0, 1)")
    page.page.wait_for_function(f"() => {SAVE}?.imgs?.length")
    page.page.route("**/orchestrator/marks", answer)
    try:
        page.page.evaluate("() => app.canvas.deselectAll?.()")
        page.command("MarkFavourite")
        page.page.get_by_text("No image is chosen").first.wait_for()
        page.page.evaluate(f"() => app.canvas.selectNodes([{SAVE}])")
        page.command("MarkFavourite")
        page.page.get_by_text("Marked: favourite").first.wait_for()
    finally:
        page.page.unroute_all(behavior="ignoreErrors")
    (found,) = marked
    assert found["favourite"]
    assert found["type"] == "output"
    assert found["filename"].endswith(".png")
