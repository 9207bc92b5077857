"""Finding a LoRA by what hosts and people call it: path name, file name, title, another path of a link, a hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator_core.loras.files import strip_suffix
from orchestrator_core.loras.library_entries import Entry
from orchestrator_core.loras.scan import is_below

SHORTEST_HASH = 8  # hex digits
EMPTY_FILE = "e3b0c442"  # the begin of the SHA-256 of nothing, which writers give for files that they did not hash


@dataclass(frozen=True, slots=True)
class Named:
    """The paths that a name means: none, one, or several of which the first is taken; ``message`` says so."""

    paths: tuple[str, ...]
    message: str = ""


class Names:
    """The names in one snapshot, each way of calling a LoRA looked up when it is first asked for."""

    def __init__(self, roots: Sequence[str], entries: Mapping[str, Entry], links: Mapping[str, str]) -> None:
        self._roots = roots
        self._entries = entries
        self._links = links
        self._by: dict[str, dict[str, list[str]]] = {}
        self._twins: dict[str, tuple[str, ...]] | None = None

    def find(self, name: str) -> Named:
        """As hosts do: the path below a LoRA folder, with or without extension; else a file's name; else a title."""
        if name in self._entries:
            return Named((name,))
        asked = strip_suffix(name.strip().replace("\\", "/").strip("/"))
        by_link = self._through_links(asked)
        for kind in ("name", "base", "title", "any case"):
            key = asked.casefold() if kind == "any case" else asked
            paths = self._table(kind).get(key) or (by_link if kind == "name" else [])
            if paths:
                return Named(tuple(paths), self._told(name, paths))
        return Named((), f'No LoRA is called "{name}".')

    def find_hash(self, text: str) -> tuple[str, ...]:
        """Paths of what has this hash: SHA-256, that of the tensors, AutoV1, AutoV3, or 8 and more digits of them."""
        digits = text.strip().lower().removeprefix("0x")
        if len(digits) < SHORTEST_HASH or digits.startswith(EMPTY_FILE):
            return ()
        return tuple(
            path
            for path, entry in self._entries.items()
            if any(
                value.startswith(digits) for value in (entry.sha256, entry.tensor_sha256, entry.autov1, entry.autov3)
            )
        )

    def twins(self, path: str) -> tuple[str, ...]:
        """Other files of this content that are there: of equal tensors, or of equal beginning, end and size."""
        if self._twins is None:
            groups: dict[str, list[str]] = {}
            for entry in self._entries.values():
                if entry.state == "complete":
                    for mark in _content_marks(entry):
                        groups.setdefault(mark, []).append(entry.path)
            twins: dict[str, set[str]] = {}
            for paths in groups.values():
                for one in paths if len(paths) > 1 else ():
                    twins.setdefault(one, set()).update(paths)
            self._twins = {one: tuple(sorted(paths - {one})) for one, paths in twins.items()}
        return self._twins.get(path, ())

    def copies(self, path: str) -> tuple[str, ...]:
        """Of its twins those that are the same to the last byte: with other metadata it is another file to a person."""
        return tuple(other for other in self.twins(path) if _is_copy(self._entries[path], self._entries[other]))

    def _told(self, name: str, paths: Sequence[str]) -> str:
        if len(paths) == 1:
            return ""
        others = ", ".join(self._entries[path].name for path in paths)
        return f'"{name}" names {len(paths)} LoRAs: {others}. The first is taken; write its folder to say which.'

    def _table(self, kind: str) -> dict[str, list[str]]:
        if kind not in self._by:
            table: dict[str, list[str]] = {}
            for entry in self._in_order():
                for key in _keys(entry, kind):
                    table.setdefault(key, []).append(entry.path)
            self._by[kind] = table
        return self._by[kind]

    def _in_order(self) -> Iterable[Entry]:
        """As hosts search: root after root. What is missing comes last, so that it never hides what is there."""
        place = {root: at for at, root in enumerate(self._roots)}
        return sorted(self._entries.values(), key=lambda e: (e.state == "missing", place.get(e.root, 0), e.path))

    def _through_links(self, asked: str) -> list[str]:
        for seen, shown in self._links.items():
            for root in self._roots:
                if not is_below(seen, root) and seen != root:
                    continue
                below = seen[len(root) :].lstrip("/\\").replace("\\", "/")
                if asked == strip_suffix(below) and shown in self._entries:
                    return [shown]
                start = below + "/" if below else ""
                if asked.startswith(start):
                    wanted = f"{shown}/{asked[len(start) :]}"
                    found = [path for path in self._entries if strip_suffix(path.replace("\\", "/")) == wanted]
                    if found:
                        return found
        return []


def _content_marks(entry: Entry) -> Iterable[str]:
    if entry.stamp:
        yield f"{entry.size} {entry.stamp}"
    if entry.hashed and entry.tensor_sha256:
        yield entry.tensor_sha256


def _is_copy(one: Entry, other: Entry) -> bool:
    if one.hashed and other.hashed:
        return one.sha256 == other.sha256
    return (one.size, one.stamp) == (other.size, other.stamp)


def _keys(entry: Entry, kind: str) -> Iterable[str]:
    base = entry.name.rpartition("/")[2]
    if kind == "name":
        return (entry.name,)
    if kind == "base":
        return (base,)
    if kind == "title":
        return (entry.title,) if entry.title else ()
    return {entry.name.casefold(), base.casefold(), entry.title.casefold()} - {""}
