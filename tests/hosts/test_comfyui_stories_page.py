"""Stories and profiles on ComfyUI's real page: the tab, the nodes, and going on with a story by its buttons."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_core.profiles.library import RECHECK_S
from tests.hosts.canvas import open_page
from tests.hosts.comfyui import ComfyUI
from tests.hosts.pack_page import PackPage
from tests.hosts.test_comfyui_lora_sidebar import SETTINGS
from tests.hosts.test_comfyui_nodes import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.host, pytest.mark.slow]

MIRA = "name: Mira\nkind: character\nappearance_tags: [1girl, silver hair, green eyes]\nnegative: [short hair]\n"
MIRA += "state: {outfit: red cloak}\nbackstory: Grew up in the harbour. <b>Lost</b> her brother at sea.\n"
GRAPH = """([template, story]) => {
    app.graph.clear();
    const add = (type, x, y, values = {}) => {
        const node = LiteGraph.createNode(type);
        node.pos = [x, y];
        app.graph.add(node);
        for (const [name, value] of Object.entries(values)) node.widgets.find(each => each.name === name).value = value;
        return node;
    };
    const loader = add('OrchestratorProfileLoader', 20, 40, {style: 'styles/ink'});
    const prompt = add('OrchestratorWildcardPrompt', 400, 40, {template});
    const memory = add('OrchestratorStoryMemory', 880, 40, {story});
    const image = add('EmptyImage', 1320, 40, {width: 64, height: 64, color: Math.floor(Math.random() * 0xffffff)});
    const save = add('OrchestratorSaveImage', 1320, 300);
    const join = (from, slot, to, name) => from.connect(slot, to, to.inputs.findIndex(input => input.name === name));
    join(loader, 0, prompt, 'profiles');
    join(prompt, 2, memory, 'draft');
    join(memory, 0, save, 'draft');
    join(image, 0, save, 'images');
    app.canvas.ds.scale = 0.75;
    app.canvas.ds.offset[0] = 20;
    app.canvas.ds.offset[1] = 60;
    app.canvas.setDirty(true, true);
    return [loader, prompt, memory, save].map(node => String(node.id));
}"""

CLOSE_TAB = """() => {
    if (app.extensionManager.sidebarTab.activeSidebarTabId === 'orchestrator-stories')
        app.extensionManager.command.execute('Workspace.ToggleSidebarTab.orchestrator-stories');
}"""
SAVED = "text => [...document.querySelectorAll('.ors-story input')].some(each => each.defaultValue === text)"


@pytest.fixture(scope="module")
def told(comfyui: ComfyUI) -> Server:
    """A server with a character, whose story is told with her."""
    folder = comfyui.store.parent / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mira-of-the-page.yaml").write_text(MIRA)
    time.sleep(RECHECK_S)  # the server has just looked
    return Server(comfyui)


@pytest.fixture(scope="module")
def page(told: Server, chromium: Browser) -> Iterator[PackPage]:
    context = chromium.new_context(viewport={"width": 1700, "height": 1000})
    found = PackPage(open_page(context, told.comfyui.url, SETTINGS), told.output)
    found.page.set_default_timeout(90_000)
    problems: list[str] = []
    found.page.on("pageerror", lambda error: problems.append(str(error.stack)))
    yield found
    context.close()
    assert [problem for problem in problems if "sd-orchestrator" in problem] == []


def story_of(told: Server, name: str) -> dict[str, Any]:
    return dict(told.call(f"/orchestrator/stories/one?name={name}"))


def open_listed(page: PackPage, name: str) -> None:
    """A story of the tab's list, whatever the tab has shown before."""
    page.command("ShowStories")
    page.page.wait_for_selector(".ors-list button:visible, .ors-story:visible")
    if page.page.locator(".ors-story").is_visible():
        page.page.get_by_label("Back to all stories").click()
    page.page.locator(".ors-list button", has_text=name).click()


def photograph(page: PackPage, name: str) -> None:
    """For people to look at, where they say a folder."""
    if folder := os.environ.get("ORCHESTRATOR_LOOK"):
        page.page.wait_for_timeout(500)  # the canvas is drawn some times a second
        page.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_a_story_is_begun_told_edited_and_undone_from_the_page(page: PackPage, told: Server) -> None:
    ids = page.page.evaluate(GRAPH, ["Mira reads in the old tavern, night", ""])
    page.command("ShowStories")
    page.page.locator(".ors-all .ors-main").click()
    dialog = page.page.locator("dialog.ors-dialog")
    dialog.locator("input[type=text]").fill("Page & <i>letter</i>")
    dialog.get_by_text("mira-of-the-page").click()
    photograph(page, "new")
    dialog.locator("button.orc-main").click()
    panel = page.page.locator(".ors-story")
    panel.get_by_text("Page & <i>letter</i>").wait_for()
    panel.locator("[data-action=continue]").click()
    panel.locator("article[data-scene='1']").wait_for()
    page.wait_for_value("story", "value === 'Page & <i>letter</i>'", ids[2])
    assert panel.locator("article img").count() == 1
    photograph(page, "scene")
    page.set("template", "a gull lands", ids[1])
    panel.locator("[data-action=new_scene]").click()
    panel.locator("article[data-scene='2']").wait_for()
    assert page.value("action", ids[2]) == "new_scene"
    assert panel.get_by_label("Where", exact=True).input_value() == ""
    panel.get_by_label("Where", exact=True).fill("lighthouse")
    panel.get_by_label("Where", exact=True).press("Enter")
    panel.get_by_label("Add a fact").first.fill("fears deep water")
    panel.get_by_label("Add a fact").first.press("Enter")
    panel.locator(".ors-facts li", has_text="fears deep water").wait_for()
    page.set("template", "she looks up", ids[1])
    panel.locator("[data-action=develop]").click()
    panel.locator("article[data-scene='3']").wait_for()
    panel.locator(".ors-log summary").click()
    photograph(page, "story")
    found = story_of(told, "Page%20%26%20%3Ci%3Eletter%3C/i%3E")
    assert found["state"]["where"] == "lighthouse"
    assert found["state"]["people"][0]["facts"][0] == "fears deep water"
    assert found["scenes"][0]["prompt"].endswith("red cloak, lighthouse")
    panel.get_by_label("Undo the last change").click()
    page.toast("Undone")
    assert len(story_of(told, "Page%20%26%20%3Ci%3Eletter%3C/i%3E")["state"]["people"][0]["facts"]) == 1
    view = page.page.locator(".orc-view .ors-scene:visible")
    assert "silver hair" in view.inner_text()
    assert "Scene 3 of Page & <i>letter</i>" in page.page.locator(".orc-view:visible").all_inner_texts()[2]


def test_a_profile_loader_shows_what_it_adds_and_the_prompt_box_suggests_names(page: PackPage) -> None:
    page.page.evaluate(CLOSE_TAB)  # it would lie on the node
    ids = page.page.evaluate(GRAPH, ["a letter", ""])
    view = page.page.locator(".ors-profiles:visible")
    view.get_by_text("Ink and Wash").wait_for()
    page.set("character", "mira-of-the-page", ids[0])
    view.get_by_text("silver hair").wait_for()
    drawn = page.page.locator(".orc-body .orc-words:visible").first  # with those of the loader
    drawn.filter(has_text="a letter, 1girl, silver hair, green eyes, ink drawing").wait_for()
    assert view.locator("section header b").all_inner_texts() == ["Mira", "Ink and Wash"]
    view.locator("summary").first.click()
    assert "<b>Lost</b> her brother" in view.inner_text()
    photograph(page, "profiles")
    page.page.evaluate("() => app.graph.clear()")
    page.new_graph("a letter")
    page.typed("styles/ink, mira-of", "profiles")
    page.suggests("mira-of-the-page")
    page.page.keyboard.press("Enter")
    assert page.value("profiles") == "styles/ink, mira-of-the-page"
    page.shown("Next run")
    page.wait_for_words("silver hair")
    page.set("genre", "genres/film-noir")
    page.wait_for_words("film noir")
    photograph(page, "prompt")


def test_a_fact_is_of_the_person_it_was_typed_for_and_what_is_being_typed_stays(page: PackPage, told: Server) -> None:
    people = [{"op": "add", "field": "who", "value": name} for name in ("Ann", "Bob")]
    told.call("/orchestrator/stories/new", {"name": "Two"})
    told.call("/orchestrator/stories/change", {"name": "Two", "changes": people})
    open_listed(page, "Two")
    bob = page.page.locator(".ors-story fieldset", has_text="Bob")
    bob.get_by_label("Wears").fill("hat")
    page.page.keyboard.press("Tab")
    page.page.wait_for_function(SAVED, arg="hat")
    page.page.keyboard.type("fears c")
    told.call(
        "/orchestrator/stories/change", {"name": "Two", "changes": [{"op": "set", "field": "when", "value": "dawn"}]}
    )
    page.page.wait_for_timeout(500)  # longer than news of it takes
    page.page.keyboard.type("ats")
    page.page.keyboard.press("Tab")
    bob.locator(".ors-facts li", has_text="fears cats").wait_for()
    assert page.page.locator(".ors-story").get_by_label("When", exact=True).input_value() == "dawn"
    assert [one["facts"] for one in story_of(told, "Two")["state"]["people"]] == [[], ["fears cats"]]
    told.call("/orchestrator/stories/delete", {"name": "Two"})
    page.page.locator(".ors-all").wait_for()


def test_without_a_node_the_tab_adds_one(page: PackPage, told: Server) -> None:
    told.call("/orchestrator/stories/new", {"name": "Lonely"})
    page.page.evaluate("() => app.graph.clear()")
    open_listed(page, "Lonely")
    page.page.locator(".ors-actions .ors-main").click()
    page.page.wait_for_function("() => app.graph._nodes[0]?.widgets.some(each => each.value === 'Lonely')")
    actions = page.page.locator(".ors-actions")
    actions.locator("[data-action=continue]").wait_for()
    page.page.mouse.move(1000, 500)
    page.page.evaluate("() => app.graph._nodes[0].mode = 4")  # bypassed: it would tell nothing
    page.page.locator(".ors-body").hover()
    actions.get_by_text("Add Story Memory").wait_for()
    told.call("/orchestrator/stories/delete", {"name": "Lonely"})
    page.page.locator(".ors-all").wait_for()
