"""Where the extension hooks into the host, and the host's own elements that it uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modules import script_callbacks
from modules.scripts import AlwaysVisible, Script
from modules.ui_components import InputAccordion

__all__ = ["AlwaysVisible", "InputAccordion", "Script", "hook_end", "hook_paste", "hook_settings", "hook_tab"]


def hook_tab(build: Callable[[], Any], title: str, identity: str) -> None:
    """``build`` makes the page's ``gr.Blocks``; the host calls it at each "Reload UI"."""

    def tabs() -> list[tuple[Any, str, str]]:
        blocks = build()
        for block in blocks.blocks.values():  # what they hold belongs to a page, not to the host's ui-config.json
            block.do_not_save_to_config = True
        return [(blocks, title, identity)]

    script_callbacks.on_ui_tabs(tabs)


def hook_settings(add: Callable[[], None]) -> None:
    script_callbacks.on_ui_settings(add)


def hook_paste(change: Callable[[str, dict[str, Any]], None]) -> None:
    """``change`` may change the parameters that were read from a pasted infotext."""
    script_callbacks.on_infotext_pasted(change)


def hook_end(stop: Callable[[], None]) -> None:
    """``stop`` is called before the host loads its extensions anew, at "Reload UI"."""
    script_callbacks.on_script_unloaded(stop)
