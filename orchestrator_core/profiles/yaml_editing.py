"""Changes values at the top of a YAML text and leaves every other line as it is, comments included.

Only the lines of a changed key are written anew, by ruamel's round trip; what it would lose of their comments goes
above the key.
"""

from __future__ import annotations

import difflib
import io
import json
import re
from collections.abc import Mapping
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.profiles.yaml_values import Node, read_yaml

_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029]")  # which a block would make line feeds of


def edited(text: str, changes: Mapping[str, Any], where: str) -> str:
    """The text with these values; None takes a key out. Raises FormatError."""
    for name, value in changes.items():
        text = text if text.endswith("\n") else text + "\n"
        value = _ended(value)
        top = read_yaml(text, where)
        if not _is_there(top, name, value):
            text = _edited(text, top, name, value, where)
    return text


def _ended(value: Any) -> Any:
    """A text of several lines at the top as its block will hold it: a profile's texts do not end with white space."""
    if not isinstance(value, str) or "\n" not in value:
        return value
    return "\n".join(line.rstrip() for line in value.splitlines()).strip() + "\n"


def _is_there(top: Node, name: str, value: Any) -> bool:
    if value is None or not isinstance(top.value, dict) or name not in top.value:
        return value is None and name not in (top.value or {})
    return _as_json(top.value[name].plain()) == _as_json(value)


def _edited(text: str, top: Node, name: str, value: Any, where: str) -> str:
    """By the lines of the key; by a round trip of the whole where others hang on them, as an alias does."""
    block = _block(text, top, name)
    if block is not None:
        lines = text.splitlines(keepends=True)
        try:
            new = _changed_block("".join(lines[slice(*block)]), name, value, where)
            found = "".join((*lines[: block[0]], new, *lines[block[1] :]))
            if _is_there(read_yaml(found, where), name, value):
                return found
        except FormatError:
            pass
    return _round_trip(text, {name: value}, where)


def _as_json(value: Any) -> str:
    return json.dumps(value, default=str, sort_keys=True)


def _block(text: str, top: Node, name: str) -> tuple[int, int] | None:
    """The lines of a key at the top, or where a new one goes; None where lines are not the keys' own."""
    keys = top.value or {}
    lines = text.splitlines(keepends=True)
    starts = [child.line - 1 for child in keys.values()]
    if len(set(starts)) != len(starts) or any(lines[start][:1] in (" ", "{", "?", "&", "*") for start in starts):
        return None
    if name not in keys:
        end = len(lines)
        while end and lines[end - 1].startswith("..."):
            end -= 1
        return end, end
    start = keys[name].line - 1
    end = min((other for other in starts if other > start), default=len(lines))
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith(("#", "...", "---"))):
        end -= 1
    return start, end


def _changed_block(old: str, name: str, value: Any, where: str) -> str:
    if value is None:
        return "".join(_comments(old))
    new = _round_trip(old, {name: value}, where)
    kept = {line.strip() for line in new.splitlines()}
    return "".join(comment for comment in _comments(old) if comment.strip() not in kept) + new


def _comments(block: str) -> list[str]:
    """The lines of a block that are comments, but not of a text, where they are its words."""
    if not block or isinstance(next(iter(read_yaml(block, "").value.values())).value, str):
        return []
    lines = [line.strip() for line in block.splitlines()]
    return [f"{line}\n" for line in lines if line.startswith("#")]


def _round_trip(text: str, changes: Mapping[str, Any], where: str) -> str:
    try:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError
    except ImportError:
        raise FormatError(
            f"{where} cannot be changed: ruamel.yaml is not installed here, which keeps the comments of a file. "
            "Start the host once without --skip-install, or install it: pip install ruamel.yaml"
        ) from None
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1_000_000  # lines that a person broke stay broken, and no other is
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        data = yaml.load(text)
        head = "" if data is not None else text
        data = {} if data is None else data
        _change(data, changes)
        written = io.StringIO()
        yaml.dump(data, written)
    except YAMLError as error:
        raise FormatError(f"{where} cannot be changed: {str(error).splitlines()[0]}.") from None
    return head + written.getvalue()


def _change(data: Any, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if value is None:
            data.pop(name, None)
        else:
            data[name] = _merged(data.get(name), value)


def _merged(old: Any, new: Any) -> Any:
    """The new value, as far as possible in the old one's place, so that comments within it stay."""
    if isinstance(old, dict) and isinstance(new, Mapping):
        for name in [name for name in old if name not in new]:
            del old[name]
        for name, value in new.items():
            old[name] = _merged(old.get(name), value)
        return old
    if isinstance(old, list) and isinstance(new, list | tuple):
        return _merged_list(old, new)
    return old if type(old) is not bool and old == new else _fresh(new)


def _merged_list(old: list[Any], new: list[Any] | tuple[Any, ...]) -> list[Any]:
    known, wanted = [_as_json(value) for value in old], [_as_json(value) for value in new]
    for kind, i1, i2, j1, j2 in reversed(difflib.SequenceMatcher(None, known, wanted, False).get_opcodes()):
        if kind != "equal":
            for index in reversed(range(i1, i2)):
                del old[index]
            for offset, value in enumerate(new[j1:j2]):
                old.insert(i1 + offset, _fresh(value))
    return old


def _fresh(value: Any) -> Any:
    """A new value as a person would write it: a text of several lines as a block, with each of its spaces."""
    from ruamel.yaml.scalarstring import LiteralScalarString

    if isinstance(value, Mapping):
        return {str(name): _fresh(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fresh(item) for item in value]
    if isinstance(value, str) and "\n" in value and not value[:1].isspace() and not _OTHER_BREAKS.search(value):
        return LiteralScalarString(value)
    return value
