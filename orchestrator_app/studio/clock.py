"""Clock: what all pages look for every other second (LoRAs, stories, profiles, what was learned), asked together.

gradio's own timer asks while nobody sees the page, too, and for each listener anew: five every other second kept a
browser at work for a quarter to half of a core. Here a script asks while the page is seen, once for all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from orchestrator_app.studio.compat import hidden, listen
from orchestrator_app.studio.html import SENT

_BOX, _ROOT = "orchestrator_clock", "orchestrator_tabs"
_EVERY_MS = 2000
_log = logging.getLogger("orchestrator")

SCRIPT = f"""() => {{
    if (window.orchestratorClock) return [];
    window.orchestratorClock = setInterval(() => {{
        const root = document.querySelector('#{_ROOT}');
        const box = document.querySelector('#{_BOX} textarea, #{_BOX} input');
        if (document.hidden || !box || !root || root.offsetParent === null) return;
        box.value = '{SENT}' + Date.now();
        box.dispatchEvent(new Event('input', {{ bubbles: true }}));
    }}, {_EVERY_MS});
    return [];
}}"""

Look = Callable[[Any], Any]


class Clock:
    """Made above all pages: gradio 6 makes what is in a tab only once that tab is opened."""

    def __init__(self) -> None:
        self._box = hidden(_BOX)
        self._looks: list[tuple[Look, list[Any]]] = []

    def on_tick(self, look: Look, outputs: list[Any]) -> None:
        """``look`` is given the session, and gives a value for each output: one value where that is one."""
        self._looks.append((look, outputs))

    def connect(self, session: Any, opened: Callable[..., Any]) -> None:
        """Once all pages are there. ``opened``: the event after which it runs."""
        listen(opened, None, None, None, js=SCRIPT)
        outputs = [output for _, some in self._looks for output in some]
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": 4}
        listen(self._box.change, self.tick, [session], outputs, **quiet)

    def tick(self, session: Any) -> Any:
        """What every page tells. One that fails tells nothing, and the others go on."""
        told: list[Any] = []
        for look, outputs in self._looks:
            try:
                found = look(session)
                told += found if len(outputs) > 1 else [found]
            except Exception:  # noqa: BLE001 - of one page; it is in the log each time, and a person sees the others
                _log.exception("Orchestrator: a page could not look for what is new")
                told += [gr.update() for _ in outputs]
        return told if len(told) > 1 else told[0]
