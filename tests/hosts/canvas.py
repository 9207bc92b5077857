"""ComfyUI's own canvas in headless Chromium: a file is dropped on it as a person drops one.

The page gets settings of ours in place of the server's, so nothing of a person's ComfyUI is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

_SETTINGS = {
    "Comfy.TutorialCompleted": True,  # else the template dialog covers the canvas
    "Comfy.UseNewMenu": "Disabled",
    "Comfy.Minimap.Visible": False,
    "Comfy.Graph.CanvasInfo": False,
    "Comfy.Workflow.ShowMissingModelsWarning": False,
    "Comfy.Workflow.ShowMissingNodesWarning": False,
}
_READY = "() => Boolean(window.app?.vueAppReady && window.LiteGraph?.registered_node_types?.KSampler)"
_DROP = """([name, text]) => {
    app.graph.clear();
    const files = new DataTransfer();
    files.items.add(new File([text], name, {type: 'application/json'}));
    const options = {bubbles: true, cancelable: true, dataTransfer: files, clientX: 600, clientY: 400};
    for (const step of ['dragenter', 'dragover', 'drop'])
        document.querySelector('#graph-canvas').dispatchEvent(new DragEvent(step, options));
}"""
_LOADED = "count => app.graph._nodes.length === count"
_FIT = """([width, height, margin]) => {
    const boxes = [
        ...app.graph._nodes.map(node => [node.pos[0], node.pos[1] - 30, node.size[0], node.size[1] + 30]),
        ...app.graph._groups.map(group => [...group.pos, ...group.size]),
    ];
    const left = Math.min(...boxes.map(box => box[0])), top = Math.min(...boxes.map(box => box[1]));
    const right = Math.max(...boxes.map(box => box[0] + box[2]));
    const bottom = Math.max(...boxes.map(box => box[1] + box[3]));
    const view = app.canvas.ds;
    view.scale = Math.min(width / (right - left + 2 * margin), height / (bottom - top + 2 * margin));
    view.offset[0] = (width / view.scale - left - right) / 2;
    view.offset[1] = (height / view.scale - top - bottom) / 2;
    app.canvas.background_image = '';
    app.canvas.clear_background_color = '#1d1d1f';
    app.canvas.setDirty(true, true);
}"""
_BARE = """body > *:not(#vue-app), .comfy-menu, .p-toast, .p-dialog-mask, .p-buttongroup, .comfyui-body-bottom,
.side-tool-bar-container { display: none !important }"""


class Canvas:
    """An open page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def drop(self, name: str, text: str) -> None:
        """Drop a workflow file, and wait until its nodes are there."""
        self.page.evaluate(_DROP, [name, text])
        self.page.wait_for_function(_LOADED, arg=len(json.loads(text)["nodes"]))

    def graph(self) -> dict[str, Any]:
        """What Run would send. Newer frontends put more than the title into ``_meta``, which no server reads."""
        graph: dict[str, Any] = self.page.evaluate("async () => (await app.graphToPrompt()).output")
        return {key: {**node, "_meta": {"title": node["_meta"]["title"]}} for key, node in graph.items()}

    def picture(self) -> bytes:
        """The whole graph as large as the window allows, without menus; a PNG."""
        self.page.add_style_tag(content=_BARE)
        size = self.page.viewport_size
        assert size
        self.page.evaluate(_FIT, [size["width"], size["height"], 40])
        self.page.wait_for_timeout(1_500)  # the texts are elements of the page, and follow the canvas frame by frame
        return self.page.screenshot()


@contextmanager
def open_canvas(
    browser: Browser,
    url: str,
    width: int = 1800,
    height: int = 1200,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Canvas]:
    """The canvas of the ComfyUI there, in a window of this size; ``settings`` beside, or in place of, ours."""
    context = browser.new_context(viewport={"width": width, "height": height})
    try:
        yield Canvas(open_page(context, url, settings))
    finally:
        context.close()


def open_page(context: BrowserContext, url: str, settings: Mapping[str, Any] | None = None) -> Page:
    """Another tab of a browser."""
    page = context.new_page()
    page.route("**/settings", lambda route: route.fulfill(json={**_SETTINGS, **(settings or {})}))
    page.route("**/settings/*", lambda route: route.fulfill(json={}))
    page.goto(url)
    page.wait_for_function(_READY, timeout=120_000)
    return page
