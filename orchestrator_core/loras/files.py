"""Which files of a folder are LoRAs, and what belongs to each: one listing in, units out. Only ``stamp`` reads a file.

A unit is a model with everything beside it that has its stem: sidecars, notes, previews. Units are what is compared,
debounced and read; a change of any part changes its fingerprint.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

MODEL_SUFFIXES = frozenset((".safetensors", ".sft", ".pt", ".pth", ".ckpt", ".bin"))
PARTIAL_SUFFIXES = frozenset((".part", ".crdownload", ".tmp", ".download", ".aria2", ".!ut", ".partial"))
TEXT_SUFFIXES = frozenset((".json", ".info", ".txt", ".md", ".sha256", ".yaml", ".yml"))
MEASURED = MODEL_SUFFIXES | PARTIAL_SUFFIXES | TEXT_SUFFIXES  # of all else, previews, only the names matter
STAMPED = 4096  # bytes at either end of a file
READ_ONLY = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


class File(NamedTuple):
    """One file of a folder, as it was seen. Of previews only the name matters, so the rest is 0 there."""

    name: str
    size: int = 0
    mtime_ns: int = 0
    inode: int = 0


@dataclass(frozen=True, slots=True)
class Unit:
    """A model and what lies beside it."""

    root: str
    path: str  # of the model, absolute, as the person sees it
    size: int
    mtime_ns: int
    inode: int
    fingerprint: str  # of the model and its sidecars: differs when any of them was changed, added or removed
    sidecars: tuple[str, ...] = ()  # absolute paths
    unfinished: bool = False  # empty, or a download's own file lies beside it

    @property
    def name(self) -> str:
        """The path below its root, "/" between parts, without extension."""
        below = self.path[len(self.root) :].lstrip("/\\")
        return strip_suffix(below.replace("\\", "/") if "\\" in self.root else below)


def suffix_of(name: str) -> str:
    """The extension, lower case, with its dot; "" without one."""
    at = name.rfind(".")
    return name[at:].lower() if at > 0 else ""


def strip_suffix(name: str) -> str:
    """The name without the extension of a model, if it has one: "v1.2" keeps its ".2"."""
    suffix = suffix_of(name)
    return name[: -len(suffix)] if suffix in MODEL_SUFFIXES else name


def folder_of(path: str) -> str:
    """As dirname, at a fifth of the cost: it is asked for each of 10,000 paths."""
    return path[: max(path.rfind("/"), path.rfind("\\"))] or path[:1]


def fingerprint_of(files: Iterable[File], salt: str = "") -> str:
    """32 hex digits that change when a file is added, removed, renamed, rewritten or replaced."""
    text = salt + repr([(*file,) for file in sorted(files)])  # a NamedTuple's own repr is slow
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def units_of(root: str, folder: str, files: Sequence[File], salt: str = "") -> list[Unit]:
    """The models of one folder, each with its siblings."""
    models = [file for file in files if suffix_of(file.name) in MODEL_SUFFIXES]
    stems = {strip_suffix(file.name) for file in models}
    siblings: dict[str, list[File]] = {}
    downloads: set[str] = set()
    for file in files:
        suffix = suffix_of(file.name)
        if suffix in PARTIAL_SUFFIXES:
            downloads.add(file.name[: -len(suffix)])
        elif suffix not in MODEL_SUFFIXES:
            stem = _stem_among(file.name, stems)
            if stem is not None:
                siblings.setdefault(stem, []).append(file)
    return [
        _unit(root, folder, file, siblings.get(strip_suffix(file.name), []), file.name in downloads, salt)
        for file in models
    ]


def _unit(root: str, folder: str, file: File, siblings: Sequence[File], downloading: bool, salt: str) -> Unit:
    start = folder if folder.endswith(("/", "\\")) else folder + ("\\" if "\\" in folder else "/")
    unfinished = downloading or file.size == 0
    return Unit(
        root,
        start + file.name,
        file.size,
        file.mtime_ns,
        file.inode,
        fingerprint_of([file, *siblings], f"{salt}{unfinished}"),
        tuple(sorted(start + sibling.name for sibling in siblings)),
        unfinished,
    )


def _stem_among(name: str, stems: set[str]) -> str | None:
    """The stem that a sibling belongs to: "foo.v1.preview.png" to "foo.v1" rather than to "foo"."""
    while "." in name:
        name = name[: name.rindex(".")]
        if name in stems:
            return name
        if strip_suffix(name) in stems:  # rgthree: foo.safetensors.rgthree-info.json
            return strip_suffix(name)
    return None


def stamp(path: str, size: int) -> str:
    """16 hex digits of a file's beginning, end and size: the same wherever it is moved. "" where it cannot be read.

    LoRAs of one trainer begin alike; the end is tensor data, in which no two are equal.
    """
    try:
        handle = os.open(path, READ_ONLY)
        try:
            start = os.read(handle, STAMPED)
            os.lseek(handle, max(0, size - STAMPED), os.SEEK_SET)
            end = os.read(handle, STAMPED)
        finally:
            os.close(handle)
    except OSError:
        return ""
    return blake2b(start + end, digest_size=8, salt=size.to_bytes(8, "little")).hexdigest()
