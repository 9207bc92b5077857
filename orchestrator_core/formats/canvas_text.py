r"""Prompt text in a canvas widget: ComfyUI's frontend rewrites ``{a|b}``, ``//`` and ``/* */`` in it when it queues.

So text that is already final must be escaped there: ``{`` as ``\{``. Some texts have no escaped form at all (a ``//``,
a backslash before ``{``, a backslash at the end); a graph feeds those from a PrimitiveStringMultiline node, whose
widget the frontend leaves alone. The rules are those of the frontend's ``processDynamicPrompt``.
"""

from __future__ import annotations

import re

_COMMENT = re.compile(r"/\*[\s\S]*?\*/|//.*")
_TO_ESCAPE = re.compile(r"(\\*)([{}|])")
_ESCAPED = re.compile(r"\\([{}|])")


def escape_canvas_text(text: str) -> str | None:
    """The widget's text that comes out as ``text``; None if there is none."""
    trailing = len(text) - len(text.rstrip("\\"))
    if trailing % 2 or _COMMENT.search(text):
        return None
    if any(len(match[1]) % 2 for match in re.finditer(r"(\\*)\{", text)):
        return None
    return _TO_ESCAPE.sub(lambda match: _escape(match[1], match[2]), text)


def _escape(backslashes: str, mark: str) -> str:
    return backslashes + (f"\\{mark}" if mark == "{" or backslashes else mark)


def unescape_canvas_text(text: str) -> str:
    """What the frontend makes of a widget's text; a choice ``{a|b}``, which it draws at random, is kept as it is."""
    return _ESCAPED.sub(r"\1", _COMMENT.sub("", text))
