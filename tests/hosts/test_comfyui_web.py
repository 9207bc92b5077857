"""The pack's JavaScript on real pages: the installed frontend, and the newest one on its canvas and with Nodes 2.0.

The newest is used where ORCHESTRATOR_FRONTENDS names a folder that has an unpacked comfyui-frontend-package.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_socket

from tests.hosts.canvas import open_page
from tests.hosts.comfyui import ROOT, ComfyUI, NoComfyUI, running_comfyui
from tests.hosts.pack_page import INSPECTOR, PROMPT_NODE, PackPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = [pytest.mark.host, pytest.mark.slow]

SETTINGS = {"Comfy.UseNewMenu": "Top", "Comfy.Workflow.Persist": False, "Comfy.VueNodes.Enabled": False}
NEWEST = "newest frontend"
FRONTENDS = ("installed frontend", NEWEST, f"{NEWEST}, Nodes 2.0")
COLORS = ["crimson", "scarlet", "ochre", "amber", "russet", "coral"]


def newest_frontend() -> Path:
    folder = os.environ.get("ORCHESTRATOR_FRONTENDS", "")
    if not folder:
        pytest.skip("ORCHESTRATOR_FRONTENDS names no folder with unpacked frontends; see docs/testing.md")
    found = sorted(Path(folder).expanduser().glob("**/comfyui_frontend_package/static/index.html"))
    if not found:
        pytest.skip(f"there is no comfyui_frontend_package/static below {folder}")
    return found[-1].parent


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    """A second server, with the newest frontend, which also lets other origins in."""
    root = newest_frontend()
    pytest_socket.enable_socket()
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # which another server that is started later must not see
            patch.setenv("COMFYUI_ARGS", f"--front-end-root {root} --enable-cors-header")
            try:
                server = stack.enter_context(running_comfyui(tmp_path_factory.mktemp("newest") / "base"))
            except NoComfyUI as reason:
                pytest.skip(f"no ComfyUI: {reason}")
        yield server


class Pages:
    """The open pages, each opened once."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.open: dict[str, PackPage] = {}
        self.stack = ExitStack()

    def page(self, name: str, server: ComfyUI, **settings: Any) -> PackPage:
        if name not in self.open:
            permissions = ["clipboard-read", "clipboard-write"]
            context = self.browser.new_context(viewport={"width": 1500, "height": 1000}, permissions=permissions)
            self.stack.callback(context.close)
            self.open[name] = opened(context, server, **settings)
        return self.open[name]


def opened(context: BrowserContext, server: ComfyUI, **settings: Any) -> PackPage:
    """A tab; what goes wrong in our files is kept in ``problems``."""
    page = PackPage(open_page(context, server.url, {**SETTINGS, **settings}), server.folder / "output")
    page.page.set_default_timeout(90_000)
    return page


@pytest.fixture(scope="module")
def pages(chromium: Browser) -> Iterator[Pages]:
    pages = Pages(chromium)
    yield pages
    pages.stack.close()


@pytest.fixture(params=FRONTENDS)
def server(request: pytest.FixtureRequest) -> ComfyUI:
    found: ComfyUI = request.getfixturevalue("newest" if NEWEST in request.param else "comfyui")
    folder = found.folder / "orchestrator" / "wildcards"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test-colors.txt").write_text("\n".join(COLORS))
    return found


@pytest.fixture
def page(request: pytest.FixtureRequest, pages: Pages, server: ComfyUI) -> Iterator[PackPage]:
    name = request.node.callspec.params["server"]
    page = pages.page(name, server, **{"Comfy.VueNodes.Enabled": "Nodes 2.0" in name})
    problems: list[str] = []
    page.page.on("pageerror", lambda error: problems.append(str(error.stack)))
    yield page
    page.page.keyboard.press("Escape")
    assert [problem for problem in problems if "sd-orchestrator" in problem] == []


# Shows what the inspector says of a real text encoder, without the nodes that only the run needs.
PICTURE = """id => {
    const find = type => app.graph._nodes.find(node => node.type === type);
    const loader = LiteGraph.createNode('CheckpointLoaderSimple');
    app.graph.add(loader);
    const inspector = find('OrchestratorPromptInspector'), prompt = app.graph.getNodeById(id);
    loader.connect(1, inspector, inspector.inputs.findIndex(input => input.name === 'clip'));
    prompt.pos = [0, 0];
    prompt.setSize([460, 850]);
    inspector.pos = [840, 0];
    loader.pos = [520, 400];
    app.canvas.ds.scale = 1;
    app.canvas.ds.offset[0] = 30;
    app.canvas.ds.offset[1] = 130;
    app.canvas.setDirty(true, true);
}"""
# The lines that an element's text is broken into.
LINES = """element => {
    const range = document.createRange(), lines = [];
    for (const text of [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE))
        for (let at = 0; at < text.length; at++) {
            range.setStart(text, at);
            range.setEnd(text, at + 1);
            const top = Math.round(range.getBoundingClientRect().top);
            if (lines.at(-1)?.top === top) lines.at(-1).text += text.data[at];
            else lines.push({top, text: text.data[at]});
        }
    return lines.map(line => line.text);
}"""
BARE = ".side-tool-bar-container, .p-toast, [data-sonner-toaster] { display: none !important }"
TEMPLATE = "a __test-colors__ {fox|owl|lynx|wolf} in {snow|rain|fog|sun}"


# before and after a run


def test_the_node_shows_what_the_next_run_draws_and_the_run_draws_it(page: PackPage):
    page.new_graph(TEMPLATE, extra=True, seed=5, negative_template="blurry, {text|frame}")
    promised = page.shown("Next run")
    assert page.value("populated_text") == ""
    text = page.run()
    assert text == promised == page.shown("Drawn") == page.value("populated_text")
    image = page.last_image()
    assert image["prompt"][page.node]["inputs"]["populated_text"] == text
    saved = next(node for node in image["workflow"]["nodes"] if node["type"] == PROMPT_NODE)
    assert text in saved["widgets_values"]
    assert image["parameters"].splitlines()[0] == text
    assert page.value("populated_negative") in ("blurry, text", "blurry, frame")


def test_each_of_several_runs_shows_its_own_prompt(page: PackPage):
    page.new_graph(TEMPLATE, extra=True, seed=1, control_after_generate="increment")
    texts = [page.run() for _ in range(3)]
    assert len(set(texts)) > 1
    assert page.value("seed") == 4


def test_typing_changes_the_preview(page: PackPage):
    page.new_graph("a fox")
    page.typed(" in the {snow|rain}")
    page.wait_for_words("in the (snow|rain)")


def test_what_is_odd_is_said_and_leads_to_its_place(page: PackPage):
    page.new_graph("🦊 a __no such wildcard__ fox")
    note = page.view.locator(".orc-notes li")
    assert "no wildcard 'no such wildcard'" in note.inner_text()
    note.click()
    selected = page.page.evaluate(
        "() => { const box = document.activeElement; return box.value.slice(box.selectionStart, box.selectionEnd) }"
    )
    assert selected == "__no such wildcard__"


UNCLOSED = "never closed"


def test_what_is_being_typed_is_called_unclosed_when_the_keys_rest(page: PackPage):
    page.new_graph("a fox")
    page.typed(" in {snow|rain")
    page.wait_for_words(r"in \{snow\|rain$")
    notes = page.view.locator(".orc-notes li")
    assert notes.count() == 0
    notes.filter(has_text=UNCLOSED).wait_for(timeout=4_000)
    assert page.box("template").evaluate("box => box === document.activeElement")
    page.page.keyboard.type("}")
    page.wait_for_words("in (snow|rain)$")
    assert notes.count() == 0


def test_what_is_unclosed_is_said_as_soon_as_the_box_is_left(page: PackPage):
    page.new_graph("a fox")
    page.typed(" in {snow|rain")
    page.wait_for_words(r"in \{snow\|rain$")
    page.box("template").evaluate("box => box.blur()")
    assert UNCLOSED in page.view.locator(".orc-notes li").inner_text(timeout=500)


def test_a_word_says_where_it_came_from(page: PackPage):
    page.new_graph(TEMPLATE, seed=5)
    page.view.locator(".orc-w").first.hover()
    tip = page.page.locator(".orc-tip").inner_text()
    assert "__test-colors__" in tip
    assert re.search(r"test-colors\.txt:\d", tip)
    assert "17 %, 1 of 6" in tip
    page.view.locator(".orc-title").hover()
    tip = page.page.locator(".orc-tip").inner_text()
    assert "a wildcard's value" in tip
    assert "the template's own words" in tip
    page.page.evaluate("() => app.graph.clear()")
    page.page.mouse.move(700, 950)
    assert page.page.locator(".orc-tip").count() == 0


def test_a_template_that_comes_along_a_link_is_not_guessed(page: PackPage):
    page.new_graph("a fox", extra=True)
    page.page.evaluate(
        """id => {
        const text = LiteGraph.createNode('PrimitiveStringMultiline'), node = app.graph.getNodeById(id);
        app.graph.add(text);
        text.widgets[0].value = 'a {linked|bound} owl';
        text.connect(0, node, node.inputs.findIndex(input => input.name === 'template'));
        node.onConfigure({});
    }""",
        page.node,
    )
    page.view.get_by_text("template comes from another node").wait_for()
    text = page.run()
    assert text in ("a linked owl", "a bound owl")
    assert page.shown("Drawn") == text


def test_a_node_in_a_subgraph_shows_its_prompt_too(page: PackPage):
    page.new_graph(TEMPLATE, extra=True, seed=3)
    outer = page.page.evaluate(
        """id => {
        const {node} = app.graph.convertToSubgraph(new Set([app.graph.getNodeById(id)]));
        return String(node.id);
    }""",
        page.node,
    )
    inner = f"{outer}:{page.call('allNodes().find(node => node.comfyClass === passed[0]).id', PROMPT_NODE)}"
    assert page.run(inner) == page.value("populated_text", inner) != ""


def test_only_the_tab_that_queued_is_told(page: PackPage, server: ComfyUI):
    page.new_graph(TEMPLATE, extra=True, seed=7)
    other = opened(page.page.context, server)
    try:
        other.new_graph(TEMPLATE, extra=True, seed=7)
        assert other.node == page.node
        assert page.run()
        other.page.wait_for_timeout(1000)
        assert other.value("populated_text") == ""
    finally:
        other.page.close()


def test_nothing_of_the_view_is_saved_or_sent(page: PackPage):
    page.new_graph(TEMPLATE, extra=True)
    output, workflow = page.page.evaluate(
        "async () => { const {output, workflow} = await app.graphToPrompt(); return [output, workflow] }"
    )
    names = ["template", "negative_template", "populated_text", "populated_negative", "mode", "dialect", "method",
             "seed", "index", "missing", "rerolls", "profiles", "genre"]  # fmt: skip
    assert list(output[page.node]["inputs"]) == names
    saved = next(node for node in workflow["nodes"] if node["type"] == PROMPT_NODE)
    assert saved["widgets_values"][0] == TEMPLATE
    assert len(saved["widgets_values"]) == len(names) + 1  # and control_after_generate
    page.page.evaluate("workflow => app.loadGraphData(workflow)", workflow)
    assert page.value("template") == TEMPLATE
    assert page.shown()


# completion


def test_a_wildcard_is_completed_by_keys(page: PackPage):
    page.new_graph()
    page.typed("a __test-c")
    page.suggests("test-colors")
    page.page.keyboard.press("Enter")
    page.page.keyboard.type(" fox")
    assert page.value("template") == "a __test-colors__ fox"
    assert page.page.locator(".orc-suggestions").count() == 0
    page.page.keyboard.press("Control+z")  # what was inserted can be undone


def test_values_are_completed_behind_a_hash_and_by_the_mouse(page: PackPage):
    page.new_graph()
    page.typed("a __test-colors#r")
    page.suggests("crimson", "scarlet", "ochre", "amber", "russet", "coral")
    page.page.keyboard.type("us")
    page.page.wait_for_function("() => document.querySelectorAll('.orc-suggestions li').length === 1")
    page.page.locator(".orc-suggestions li").click()
    assert page.value("template") == "a russet"


def test_the_list_is_moved_through_with_arrows_and_left_with_escape(page: PackPage):
    page.new_graph()
    page.typed("__colors/")
    labels = page.suggestions()
    assert labels[0] == "colors/*"
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowUp")
    page.page.keyboard.press("Tab")
    assert page.value("template") == f"__{labels[1]}__"
    page.page.keyboard.type(" __colors/")
    page.suggestions()
    page.page.keyboard.press("Escape")
    assert page.page.locator(".orc-suggestions").count() == 0
    assert page.value("template") == f"__{labels[1]}__ __colors/"


def test_a_closed_list_takes_no_keys(page: PackPage):
    page.new_graph()
    page.typed("a fox")
    for key in ("Enter", "ArrowUp", "Enter"):
        page.page.keyboard.press(key)
    assert sorted(page.value("template")) == sorted("a fox\n\n")
    assert page.page.locator(".orc-suggestions").count() == 0


def test_the_list_stands_at_the_cursor_on_a_zoomed_canvas(page: PackPage):
    page.new_graph()
    page.page.evaluate(
        "() => { app.canvas.ds.scale = 1.6; app.canvas.ds.offset[0] = 20; app.canvas.setDirty(true, true) }"
    )
    page.page.wait_for_timeout(500)
    page.typed("one line\nand a __test-c")
    page.suggestions()
    box = page.box("template").bounding_box()
    popup = page.page.locator(".orc-suggestions").bounding_box()
    assert box
    assert popup
    assert box["x"] + 40 < popup["x"] < box["x"] + 160
    assert box["y"] + 20 < popup["y"] < box["y"] + 130


def test_embeddings_and_variables_are_completed(page: PackPage, server: ComfyUI):
    folder = server.folder / "models" / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test-style.safetensors").write_bytes(b"")
    page.new_graph()
    page.typed("embedding:test-s")
    page.suggests("test-style")
    page.page.keyboard.press("Tab")
    assert page.value("template") == "embedding:test-style"
    page.page.keyboard.type(", ${pet=!cat} a ${p")
    page.suggests("pet")
    page.page.keyboard.press("Tab")
    assert page.value("template").endswith("a ${pet}")


# actions


def test_a_click_on_a_word_draws_that_part_again(page: PackPage):
    page.new_graph(TEMPLATE, extra=True, seed=5)
    page.run()
    before = page.shown("Drawn").split()
    page.view.locator(".orc-w").nth(1).click()
    page.wait_for_value("rerolls", "/^[0-9a-f]{16}:[0-9]+$/.test(value)")
    after = page.shown("Next run").split()
    assert [first == second for first, second in zip(before, after, strict=True)] == [True, True, False, True, True]
    assert page.value("populated_text").split() == after
    assert page.run().split() == after


def test_a_part_is_chosen_from_a_list_and_drawn_again(page: PackPage):
    page.new_graph(TEMPLATE, seed=5)
    before = page.shown().split()
    page.button("reroll")
    page.page.locator(".orc-dialog li").first.wait_for()
    assert page.page.locator(".orc-dialog li b").all_inner_texts() == [before[1], before[2], before[4]]
    page.page.keyboard.type("snow|rain")
    page.page.wait_for_function("() => document.querySelectorAll('.orc-dialog li').length === 1")
    page.page.keyboard.press("Enter")
    page.wait_for_value("rerolls", "value !== ''")
    after = page.shown().split()
    assert [first == second for first, second in zip(before, after, strict=True)] == [True, True, True, True, False]


def test_a_prompt_that_no_run_has_drawn_is_not_called_drawn(page: PackPage):
    page.new_graph(TEMPLATE, extra=True, seed=5)
    page.button("fix")
    page.wait_for_value("mode", "value === 'fixed'")
    page.button("unfix")
    page.wait_for_value("mode", "value === 'populate'")
    assert page.shown("Next run") == page.value("populated_text")  # which the lock has filled
    page.view.locator(".orc-w").nth(1).click()
    page.wait_for_value("rerolls", "value !== ''")
    page.set("missing", "remove")  # has it drawn anew
    page.page.wait_for_timeout(600)
    assert page.shown("Next run") == page.value("populated_text")
    assert page.run() == page.shown("Drawn")


def test_a_prompt_is_fixed_and_let_go_again(page: PackPage):
    page.new_graph(TEMPLATE, extra=True, seed=5)
    text = page.shown()
    assert page.box("populated_text").evaluate("box => box.readOnly") is True
    page.button("fix")
    page.wait_for_value("mode", "value === 'fixed'")
    assert page.value("populated_text") == text
    page.page.wait_for_timeout(200)
    assert page.box("populated_text").evaluate("box => box.readOnly") is False
    page.set("seed", 6)
    page.typed(", edited", "populated_text")
    assert page.run() == f"{text}, edited"
    assert page.last_image()["parameters"].splitlines()[0] == f"{text}, edited"
    page.button("unfix")
    page.wait_for_value("mode", "value === 'populate'")
    page.page.wait_for_timeout(200)
    assert page.box("populated_text").evaluate("box => box.readOnly") is True


def test_a_fixed_prompt_keeps_its_colours_until_it_is_edited(page: PackPage):
    page.new_graph(TEMPLATE, extra=True, seed=5, control_after_generate="randomize")
    page.run()
    page.wait_for_value("seed", "value !== 5")
    words = page.drawn_words()
    page.button("fix")
    page.shown("Fixed")
    page.page.wait_for_timeout(500)
    assert page.drawn_words() == words
    page.typed(" edited", "populated_text")
    page.view.get_by_text("The prompt stays as it is").wait_for()


def test_an_older_answer_does_not_cover_a_newer_prompt(page: PackPage):
    page.new_graph(TEMPLATE, seed=5)
    before = page.shown()
    page.page.route("**/orchestrator/draw", lambda route: (page.page.wait_for_timeout(700), route.continue_()))
    page.set("missing", "remove")  # asks for a preview, which is long in coming
    page.page.wait_for_timeout(300)
    page.page.unroute("**/orchestrator/draw")
    page.view.locator(".orc-w").nth(1).click()
    page.wait_for_value("rerolls", "value !== ''")
    after = page.shown()
    page.page.wait_for_timeout(1_000)
    assert page.shown() == after != before


def test_a_part_that_cannot_be_drawn_again_says_so(page: PackPage):
    page.new_graph("a {fox|0::owl}")
    page.view.locator(".orc-w").click()
    page.toast("always the same")
    assert page.value("rerolls") == ""
    page.new_graph("a {fox|owl}", method="cyclical")
    page.button("reroll")
    page.toast("Only with the method random")


def test_a_wildcard_is_inserted_from_a_list(page: PackPage):
    page.new_graph("a  fox")
    box = page.box("template")
    box.click()
    box.evaluate("box => box.setSelectionRange(2, 2)")
    page.button("insert")
    page.page.keyboard.type("test col")
    page.page.wait_for_function("() => document.querySelectorAll('.orc-dialog li').length === 1")
    assert "crimson" in page.page.locator(".orc-dialog li").inner_text()
    page.page.keyboard.press("Enter")
    page.wait_for_value("template", "value === 'a __test-colors__ fox'")


def test_a_template_is_copied(page: PackPage):
    page.new_graph(TEMPLATE, negative_template="blurry")
    page.select()
    page.command("CopyAsTemplate")
    assert TEMPLATE[:20] in page.toast("Template copied")
    assert page.page.evaluate("() => navigator.clipboard.readText()") == f"{TEMPLATE}\nNegative prompt: blurry"


def test_a_reload_says_what_changed(page: PackPage, server: ComfyUI):
    folder = server.folder / "orchestrator" / "wildcards"
    page.command("ReloadWildcards")
    page.toast("wildcards")
    page.new_graph("a __test-new__ fox")
    assert page.view.locator(".orc-notes li").count() == 1
    (folder / "test-new.txt").write_text("red")
    (folder / "test-broken.txt").write_bytes(b"\x00\x01\x02\xff")
    try:
        page.command("ReloadWildcards")
        assert "Added:" in page.toast("test-new")
        assert "test-broken.txt" in page.toast("problems")
        page.wait_for_words("^a red fox$")
    finally:
        (folder / "test-new.txt").unlink()
        (folder / "test-broken.txt").unlink()


def test_a_reload_says_which_folders_it_looked_in(page: PackPage, server: ComfyUI):
    page.command("ReloadWildcards")
    said = page.toast("Read from:")
    assert said.index(str(server.folder / "orchestrator" / "wildcards")) < said.index(str(ROOT / "wildcards"))


def test_the_actions_are_in_the_nodes_menu_where_the_frontend_has_one(page: PackPage):
    page.new_graph(TEMPLATE)
    if not page.page.evaluate("() => typeof app.collectNodeMenuItems === 'function'"):
        pytest.skip("this frontend has no getNodeMenuItems: commands and buttons do it")
    items = page.page.evaluate(
        "id => app.collectNodeMenuItems(app.graph.getNodeById(id)).map(item => item?.content)", page.node
    )
    assert {"Insert wildcard", "Draw one part again", "Fix this prompt", "Copy as template", "Reload wildcards"} <= set(
        items
    )


def test_an_action_without_a_node_says_what_to_select(page: PackPage):
    page.page.evaluate("() => app.graph.clear()")
    page.command("FixPrompt")
    page.toast("Select a Wildcard Prompt")


# the rest of the page


def test_the_inspector_shows_words_decisions_and_tokens(page: PackPage):
    page.new_graph(TEMPLATE, extra=True, seed=5)
    text = page.run()
    inspector = page.page.locator(".orc-inspector:visible")
    inspector.locator("tbody tr").first.wait_for()
    assert inspector.locator(".orc-words").first.inner_text() == text
    rows = inspector.locator("tbody tr").all_inner_texts()
    assert len(rows) == 3
    assert "test-colors.txt:" in rows[0]
    assert "17 %, 1 of 6" in rows[0]
    assert "25 %, 1 of 4" in rows[1]
    legend = inspector.locator(".orc-legend").inner_text()
    assert "the template's own words" in legend


def test_a_narrow_inspector_breaks_no_name_in_mid_word(page: PackPage):
    page.new_graph("a __colors/warm__ fox in __places/nature__", extra=True, seed=5)
    page.page.evaluate(
        "type => app.graph._nodes.find(node => node.comfyClass === type).setSize([320, 400])",
        INSPECTOR,
    )
    page.run()
    codes = page.page.locator(".orc-inspector:visible tbody code")
    codes.first.wait_for()
    for number, pieces in enumerate((["__colors/", "warm__"], ["__places/", "nature__"])):
        assert codes.nth(number).evaluate(LINES) in (["".join(pieces)], pieces)
    assert page.page.locator(".orc-inspector:visible").evaluate("view => view.scrollWidth - view.clientWidth") <= 0


@pytest.mark.parametrize(("kind", "says"), [(PROMPT_NODE, "Draws a prompt from a template"), (INSPECTOR, "came from")])
def test_the_help_page_opens(page: PackPage, kind: str, says: str):
    page.new_graph("a fox", extra=True)
    node = page.call("allNodes().find(node => node.comfyClass === passed[0]).id", kind)
    page.select(str(node))
    page.page.locator("[data-testid=info-button]").first.click()
    page.page.get_by_text(says).first.wait_for()
    page.page.locator("[data-testid=info-button]").first.click()


def test_commands_and_settings_are_there_under_their_names(page: PackPage):
    labels = page.page.evaluate(
        "() => app.extensionManager.command.commands.filter(c => c.id.startsWith('Orchestrator.')).map(c => c.id)"
    )
    assert sorted(labels) == sorted(
        f"Orchestrator.{name}"
        for name in (
            *("InsertWildcard", "FixPrompt", "RerollSlot", "CopyAsTemplate", "ReloadWildcards"),
            *("ExportStock", "ExportLive", "ExportRun", "ShowLoRAs", "ShowStories", "ShowOdds"),
            *("ShowQueue", "AddToQueue", "ExportPipeline", "SavePipeline", "ShowGallery", "OpenGallery"),
            *("MarkFavourite", "MarkReject", "MarkNone", *(f"Mark{stars}" for stars in range(1, 6))),
        )
    )
    settings = {"Preview": True, "Autocomplete": True, "InsertStyle": "plain", "AskCivitai": False, "WorkOnQueue": True}
    for name, value in settings.items():
        assert page.page.evaluate("id => app.extensionManager.setting.get(id)", f"Orchestrator.{name}") == value


def test_settings_are_obeyed(page: PackPage):
    page.new_graph("a fox")

    def choose(name: str, value: Any) -> None:
        page.page.evaluate(
            "([id, value]) => app.extensionManager.setting.set(id, value)", [f"Orchestrator.{name}", value]
        )

    try:
        choose("InsertStyle", "comma")
        page.typed(" __test-c")
        page.suggestions()
        page.page.keyboard.press("Enter")
        assert page.value("template") == "a fox __test-colors__, "
        choose("Autocomplete", False)
        page.page.keyboard.type("__test-c")
        page.page.wait_for_timeout(600)
        assert page.page.locator(".orc-suggestions").count() == 0
        choose("Preview", False)
        page.view.get_by_text("What a run draws is shown here").wait_for()
    finally:
        for name, value in (("InsertStyle", "plain"), ("Autocomplete", True), ("Preview", True)):
            choose(name, value)


def test_the_page_speaks_the_persons_language(page: PackPage, server: ComfyUI):
    other = opened(page.page.context, server, **{"Comfy.Locale": "fr"})
    try:
        other.new_graph("a {fox|owl}")
        assert other.shown("Prochaine exécution")
        assert other.call("widgetOf(findNode(passed[0]), 'template').label", other.node) == "modèle"
        assert other.view.locator("[data-action=fix]").get_attribute("aria-label") == "Fixer ce prompt"
    finally:
        other.page.close()


# the server


def test_the_english_texts_are_those_of_the_nodes(comfyui: ComfyUI):
    texts = json.loads(
        (ROOT / "locales" / "en" / "nodeDefs.json").read_text("utf-8").replace("{'{'}", "{").replace("{'}'}", "}")
    )
    with urllib.request.urlopen(f"{comfyui.url}/object_info", timeout=60) as answer:
        nodes = {name: node for name, node in json.load(answer).items() if name.startswith("Orchestrator")}
    assert set(texts) == set(nodes)
    for name, node in nodes.items():
        inputs = {**node["input"].get("required", {}), **node["input"].get("optional", {})}
        said = texts[name]
        assert (said["display_name"], said["description"]) == (node["display_name"], node["description"])
        assert {key: text["tooltip"] for key, text in said["inputs"].items()} == {
            key: spec[1]["tooltip"] for key, spec in inputs.items()
        }
        assert [text.get("tooltip") for text in said["outputs"].values()] == node["output_tooltips"]


def refusal(server: ComfyUI, path: str, data: bytes | None = None, **headers: str) -> int:
    request = urllib.request.Request(f"{server.url}{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        assert b"Traceback" not in error.read()
        return error.code


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_another_page_is_refused_by_the_real_server_too(server: ComfyUI, prefix: str):
    for path, data in (("complete?text=__", None), ("wildcards", None), ("draw", b"{}"), ("wildcards/reload", b"{}")):
        address = f"{prefix}/orchestrator/{path}"
        assert refusal(server, address, data, Origin="https://evil.example") == 403
        assert refusal(server, address, data) == 200


def test_a_body_of_100_mb_is_refused_by_the_real_server(server: ComfyUI):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", "/orchestrator/draw")
    connection.putheader("Content-Length", str(100 << 20))
    connection.endheaders()
    connection.send(b"{")  # and no more: the answer must not wait for the rest
    answer = connection.getresponse()
    assert answer.status == 413
    assert b'{"error": "The body is larger than 1 MB' in answer.read()
    connection.close()


# the picture in the documentation


@pytest.mark.skipif("ORCHESTRATOR_PICTURES" not in os.environ, reason="ORCHESTRATOR_PICTURES names no folder")
def test_picture(page: PackPage, request: pytest.FixtureRequest):
    if request.node.callspec.params["server"] != FRONTENDS[-1]:
        pytest.skip("one picture is enough")
    template = (
        "portrait of {an astronomer|2::a gardener} __characters/ages__, __characters/hair__,\n"
        "${light=!{dawn|dusk}}a scarf in __colors/warm__, lit by the ${light}"
    )
    page.page.set_viewport_size({"width": 1320, "height": 1010})
    page.new_graph(template, extra=True, seed=11, negative_template="blurry, {text|watermark}")
    page.page.evaluate(PICTURE, page.node)
    page.run()
    page.page.locator(".orc-inspector:visible .orc-tokens").wait_for()
    page.page.wait_for_timeout(5_500)  # until the messages are gone
    page.page.evaluate("""() => {
        for (const type of ['EmptyImage', 'OrchestratorSaveImage'])
            app.graph.remove(app.graph._nodes.find(node => node.type === type));
    }""")
    page.typed(", __mat")
    page.suggestions()
    page.page.wait_for_timeout(600)
    page.page.add_style_tag(content=BARE)
    page.page.screenshot(
        path=Path(os.environ["ORCHESTRATOR_PICTURES"]) / "comfyui_canvas.png",
        clip={"x": 0, "y": 0, "width": 1320, "height": 1010},
    )
