"""LORA_STACK: the de-facto type by which packs hand on LoRAs, and how names in it are read.

A list of (name, strength of the model, strength of the text encoder). Ours have the file's name as ComfyUI lists it;
others leave the extension or the folder out, write "None" for an empty place, and use lists in place of tuples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_core.loras.files import strip_suffix

StackItem = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class Stack:
    """What of a stack can be used, and a sentence for each item that cannot."""

    items: tuple[StackItem, ...] = ()
    problems: tuple[str, ...] = ()


def read_stack(value: Any) -> Stack:
    """Any pack's stack; None is an empty one."""
    if value is None:
        return Stack()
    if not isinstance(value, list | tuple):
        return Stack(problems=(f"The LoRA stack is no list but {type(value).__name__}, so it is left out.",))
    items: list[StackItem] = []
    problems: list[str] = []
    for number, item in enumerate(value, 1):
        if _is_empty(item):
            continue
        found = _item(item)
        if found is None:
            problems.append(f"Item {number} of the LoRA stack is not (name, strength, strength): {_shown(item)}.")
        else:
            items.append(found)
    return Stack(tuple(items), tuple(problems))


def _is_empty(item: Any) -> bool:
    name = item[0] if isinstance(item, list | tuple) and item else item
    return name is None or (isinstance(name, str) and name.strip() in ("", "None"))


def _item(item: Any) -> StackItem | None:
    if not isinstance(item, list | tuple) or len(item) < 2 or not isinstance(item[0], str):
        return None
    model, clip = _number(item[1]), _number(item[2] if len(item) > 2 else item[1])
    return None if model is None or clip is None else (item[0].strip(), model, clip)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _shown(item: Any) -> str:
    text = repr(item)
    return text if len(text) <= 80 else f"{text[:79]}…"


def file_named(name: str, files: Sequence[str]) -> str | None:
    """The listed file that a name means: itself, or without extension, or without folder if only one is called so."""
    if name in files:
        return name
    wanted = _plain(name)
    by_path = [file for file in files if _plain(file) == wanted]
    if by_path or "/" in wanted:
        return by_path[0] if by_path else None
    by_base = [file for file in files if _plain(file).rpartition("/")[2] == wanted]
    return by_base[0] if len(by_base) == 1 else None


def _plain(name: str) -> str:
    return strip_suffix(name.replace("\\", "/").strip("/")).casefold()
