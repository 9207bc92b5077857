"""A name against what a server has: found whatever its case, its folder or its suffix, or else with its likely cure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import PureWindowsPath  # which knows both separators: a server may run on another system

_SHOWN = 5


def find_name(value: str, options: Sequence[str]) -> tuple[str, str]:
    """(the server's name or the same again, what is wrong): found if only one of the server's names matches."""
    if not options:
        return value, f"the server has no file to choose from, so not {value!r} either."
    for form in (_as_path, _file_name, _stem):
        matches = [option for option in options if form(option) == form(value)]
        if len(matches) == 1:
            return matches[0], ""
        if matches:
            return value, f"{value!r} may be {_listed(matches)}: name its folder too."
    return value, not_in_list(value, options)


def not_in_list(value: str, options: Sequence[str]) -> str:
    names = {_stem(option): option for option in options}
    close = difflib.get_close_matches(_stem(value), list(names), 1, 0.6)
    cure = f"did you mean {names[close[0]]!r}?" if close else f"there are {_listed(options)}."
    return f"{value!r} is not in the list; {cure}"


def _as_path(name: str) -> str:
    return name.replace("\\", "/").casefold()


def _file_name(name: str) -> str:
    return PureWindowsPath(name).name.casefold()


def _stem(name: str) -> str:
    return PureWindowsPath(name).stem.casefold()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
