"""ComfyUI's page with this pack on it, handled as a person does: nodes, text boxes, buttons, the Run button."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import ElementHandle, Page

PROMPT_NODE, INSPECTOR, SAVE = "OrchestratorWildcardPrompt", "OrchestratorPromptInspector", "OrchestratorSaveImage"
_HOST = "/extensions/sd-orchestrator/js/host.js"  # the same copy of the module that the page has loaded
_WITH_HOST = """passed => {
    const {findNode, valueOf, setValue, textBoxOf, widgetOf, allNodes} = window.packHost;
    return %s;
}"""
_VIEW = ".orc-view:not(.orc-inspector)"
_NEW_GRAPH = """([values, extra]) => {
    app.graph.clear();
    const add = (type, x, y) => {
        const node = LiteGraph.createNode(type);
        node.pos = [x, y];
        app.graph.add(node);
        return node;
    };
    const prompt = add('OrchestratorWildcardPrompt', 60, 60);
    for (const [name, value] of Object.entries(values))
        prompt.widgets.find(widget => widget.name === name).value = value;
    prompt.onConfigure?.({});  // as when a workflow is loaded
    if (extra) {
        const image = add('EmptyImage', 560, 60), save = add('OrchestratorSaveImage', 860, 60);
        for (const widget of image.widgets) if (['width', 'height'].includes(widget.name)) widget.value = 16;
        // another image each time, or the server would take one that it has, and save nothing
        image.widgets.find(widget => widget.name === 'color').value = Math.floor(Math.random() * 0xffffff);
        const inspector = add('OrchestratorPromptInspector', 560, 320);
        image.connect(0, save, save.inputs.findIndex(input => input.name === 'images'));
        prompt.connect(2, save, save.inputs.findIndex(input => input.name === 'draft'));
        prompt.connect(2, inspector, 0);
    }
    app.canvas.deselectAll?.();
    app.canvas.ds.scale = 1;
    app.canvas.ds.offset[0] = 60;
    app.canvas.ds.offset[1] = 60;
    app.canvas.setDirty(true, true);
    return prompt.id;
}"""


class PackPage:
    """``output``: where the server puts images."""

    def __init__(self, page: Page, output: Path) -> None:
        self.page = page
        self.output = output
        self.node = ""
        page.evaluate("async url => { window.packHost = await import(url) }", _HOST)

    # the graph

    def new_graph(self, template: str = "", *, extra: bool = False, **values: Any) -> None:
        """A Wildcard Prompt alone; with ``extra`` also an image, Save Image With Origin and Prompt Inspector."""
        given = {"template": template, "control_after_generate": "fixed", **values}
        self.node = str(self.page.evaluate(_NEW_GRAPH, [given, extra]))
        self.view.wait_for()
        self.page.wait_for_timeout(100)
        if template:
            self.shown()

    def value(self, name: str, node: str = "") -> Any:
        return self.call("valueOf(findNode(passed[0]), passed[1])", node or self.node, name)

    def set(self, name: str, value: Any, node: str = "") -> None:
        self.call("setValue(findNode(passed[0]), passed[1], passed[2])", node or self.node, name, value)

    def call(self, code: str, *passed: Any) -> Any:
        """JavaScript with the functions of the pack's host.js."""
        return self.page.evaluate(_WITH_HOST % code, list(passed))

    def wait_for_value(self, name: str, accepted: str, node: str = "") -> None:
        """Until the JavaScript ``accepted`` of ``value`` is true."""
        code = f"(value => value !== undefined && {accepted})(valueOf(findNode(passed[0]), passed[1]))"
        self.page.wait_for_function(_WITH_HOST % code, arg=[node or self.node, name])

    # what is seen

    @property
    def view(self) -> Any:
        """The box of the node; nodes of graphs that were left may have theirs on the page still, hidden."""
        return self.page.locator(f"{_VIEW}:visible").first

    def shown(self, when: str = "") -> str:
        """The words below the widgets, once they are there; ``when``: a piece of the title to wait for."""
        self.wait_for_words("", when)
        return str(self.view.locator(".orc-words").first.inner_text())

    def wait_for_words(self, pattern: str, when: str = "") -> None:
        """Until the words below the widgets match."""
        script = """([views, pattern, when]) => {
            const view = [...document.querySelectorAll(views)].find(each => each.checkVisibility());
            const [title, words] = ['.orc-title', '.orc-words'].map(part => view?.querySelector(part)?.textContent);
            return words?.match(pattern) && title.includes(when);
        }"""
        self.page.wait_for_function(script, arg=[_VIEW, pattern, when])

    def drawn_words(self) -> list[str]:
        return [word.inner_text() for word in self.view.locator(".orc-words").first.locator(".orc-w").all()]

    def box(self, name: str) -> ElementHandle:
        """The text box of a widget, in either renderer."""
        script = _WITH_HOST % "textBoxOf(findNode(passed[0]), passed[1])"
        element = self.page.evaluate_handle(script, [self.node, name]).as_element()
        assert element, f"no text box for {name}"
        return element

    def typed(self, text: str, name: str = "template") -> None:
        """Types at the end of a text box, key by key."""
        box = self.box(name)
        box.click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text, delay=15)

    def suggestions(self) -> list[str]:
        self.page.wait_for_selector(".orc-suggestions li")
        return self.page.locator(".orc-suggestions li b").all_inner_texts()

    def suggests(self, *names: str) -> None:
        """These alone, as soon as the server has told them: those for what was typed before are shown until then."""
        until = time.monotonic() + 30
        while self.suggestions() != list(names) and time.monotonic() < until:
            self.page.wait_for_timeout(50)
        assert self.suggestions() == list(names)

    def toast(self, text: str) -> str:
        """The message that holds this text, once it is there."""
        found = self.page.locator(".p-toast-message, [data-sonner-toast], [role=status], [role=alert]")
        message = found.filter(has_text=text).first
        message.wait_for()
        return str(message.inner_text())

    # what is done

    def button(self, name: str) -> None:
        self.view.locator(f"[data-action={name}]").click()

    def command(self, name: str) -> None:
        self.page.evaluate("id => { app.extensionManager.command.execute(id) }", f"Orchestrator.{name}")

    def select(self, node: str = "") -> None:
        self.page.evaluate("id => app.canvas.selectNodes([app.graph.getNodeById(id)])", node or self.node)

    def run(self, node: str = "") -> str:
        """Presses Run; the prompt that the new image holds, once the node shows it."""
        before = len(self.images())
        self.page.get_by_role("button", name=re.compile("^Run$")).first.click()
        for _ in range(240):
            if len(self.images()) > before:
                break
            self.page.wait_for_timeout(250)
        assert len(self.images()) == before + 1, "no image within a minute"
        text = str(self.last_image()["prompt"][node or self.node]["inputs"]["populated_text"])
        self.wait_for_value("populated_text", f"value === {json.dumps(text)}", node)
        return text

    def images(self) -> list[Path]:
        return sorted(self.output.glob("orchestrator*.png"))

    def last_image(self) -> Mapping[str, Any]:
        """What the newest image says: ``prompt`` and ``workflow`` read, the rest as text."""
        newest = max(self.images(), key=lambda path: path.stat().st_mtime_ns)
        texts = dict(Image.open(io.BytesIO(newest.read_bytes())).text)  # type: ignore[attr-defined]
        return {**texts, "prompt": json.loads(texts["prompt"]), "workflow": json.loads(texts["workflow"])}
