"""The host's LoRAs: their folders, its list of them, and which file a ``<lora:…>`` tag finds.

The list and its rules are those of the host's own extension (``networks.py``): a tag names an alias, which is what a
trainer wrote into the file or the file's stem, unless two files share it; then it names a stem. Of two files with one
stem the host knows the one that it saw last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from modules import shared

from forge_extension.lora_names import Listed

_FOLDERS = ("lora_dir", "lora_dirs")  # of Forge, and of Forge Neo, which may have several


def folders() -> list[str]:
    """Those that the host looks into, and those of files that other extensions added to its list."""
    given: list[str] = []
    for name in _FOLDERS:
        value = getattr(shared.cmd_opts, name, None)
        given += [value] if isinstance(value, str) else map(str, value or ())
    found = [os.path.abspath(folder) for folder in given if folder]  # noqa: PTH100 - as given, with its links
    for item in listed() or ():
        if not any(_is_below(item.path, folder) for folder in found):
            found.append(os.path.dirname(item.path))  # noqa: PTH120
    return list(dict.fromkeys(found))


def _is_below(path: str, folder: str) -> bool:
    """Also by way of a link: the host follows them."""
    ways = ((path, folder), (os.path.realpath(path), os.path.realpath(folder)))
    return any(one.startswith(other.rstrip(os.sep) + os.sep) for one, other in ways)


def listed() -> list[Listed] | None:
    """What tags find now: one for each name that finds a file; None where nothing reads LoRAs."""
    try:
        import networks
    except ImportError:
        return None
    by_name, by_alias = dict(networks.available_networks), dict(networks.available_network_aliases)
    forbidden = networks.forbidden_network_aliases
    found = []
    for name in dict.fromkeys((*by_name, *by_alias)):
        item = by_name.get(name) if name.lower() in forbidden else by_alias.get(name)
        if item is not None:
            found.append(Listed(name, os.path.abspath(item.filename), str(item.alias or "")))  # noqa: PTH100
    return found


def look_again(stems: Iterable[str]) -> None:
    """Have the host look for files with these names, which it has not in its list; all of them where it must."""
    try:
        import networks
    except ImportError:
        return
    by_names: Callable[[list[str]], Any] | None = getattr(networks, "update_available_networks_by_names", None)
    if by_names is None:
        networks.list_available_networks()
    else:
        by_names(list(stems))


def is_rendering() -> bool:
    return bool(shared.state.job_count or shared.state.job)
