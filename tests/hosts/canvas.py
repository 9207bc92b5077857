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
    "LiteGraph.Canvas.MaximumFps": 10,  # an idle canvas without a GPU takes a third of a core otherwise
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
