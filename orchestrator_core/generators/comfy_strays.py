"""What ComfyUI has of a rendering whose worker ended: its job, running or finished, or the images that it left.

A graph says all that an image depends on, and the run's id is sent along with it. Where both are the same it is the
rendering that was asked for, and need not be done again. Whatever is not as sure is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.image_metadata import read_image, read_image_data
from orchestrator_core.generators.comfy_api import ImageRef

LATEST = 200  # finished jobs of a server, and files of a folder, that are looked at


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """Where a server of this process puts its images. ``says_all``: they may say what made them."""

    folder: Path
    says_all: bool = True

    def path_of(self, image: ImageRef) -> Path | None:
        """None for a preview, and where there is no such file."""
        path = (self.folder / image.subfolder / image.filename).resolve()
        is_there = image.type == "output" and path.is_relative_to(self.folder.resolve()) and path.is_file()
        return path if is_there else None

    def left_of(self, run_id: str, graph: Graph) -> list[ImageRef]:
        """The newest images that say that they are of this run and graph, in the order of a batch."""
        found = sorted(path for path in _newest(self.folder) if _is_of(path, run_id, graph))
        return [ImageRef(path.name, path.parent.relative_to(self.folder).as_posix(), "output") for path in found]


def job_of(run_id: str, graph: Graph, queue: Any, history: Any) -> str | None:
    """The id of this very rendering, in the answers of ``/queue`` and ``/history``; None where there is none.

    One that failed is none: it is to be done again.
    """
    lists = [queue.get(name) for name in ("queue_running", "queue_pending")] if isinstance(queue, Mapping) else []
    entries = list(history.values()) if isinstance(history, Mapping) else []
    done = [one.get("prompt") for one in entries if isinstance(one, Mapping) and _has_succeeded(one)]
    jobs = [*(item for items in lists for item in (items or [])), *reversed(done)]
    return next((str(item[1]) for item in jobs if _is_job_of(item, run_id, graph)), None)


def _has_succeeded(entry: Mapping[str, Any]) -> bool:
    status = entry.get("status")
    return isinstance(status, Mapping) and status.get("status_str") == "success"


def _is_job_of(item: Any, run_id: str, graph: Graph) -> bool:
    """``[number, id, graph, {"extra_pnginfo": {"orchestrator": …}}, …]``."""
    if not isinstance(item, list) or len(item) < 4 or not isinstance(item[3], Mapping):
        return False
    sent = item[3].get("extra_pnginfo")
    notes = sent.get("orchestrator") if isinstance(sent, Mapping) else None
    return isinstance(notes, Mapping) and notes.get("run_id") == run_id and _is_same(item[2], graph)


def _is_same(given: Any, graph: Graph) -> bool:
    """By what its nodes do: a server writes remarks of its own beside that."""
    if not isinstance(given, Mapping) or given.keys() != graph.keys():
        return False
    nodes = [(given[key], graph[key]) for key in graph]
    return all(isinstance(one, Mapping) and _work(one) == _work(other) for one, other in nodes)


def _work(node: Mapping[str, Any]) -> tuple[Any, Any]:
    return node.get("class_type"), node.get("inputs")


def _newest(folder: Path) -> list[Path]:
    """Of the folder itself, where the graph that is sent has them saved."""
    return sorted(_files(folder), key=lambda path: path.stat().st_mtime_ns, reverse=True)[:LATEST]


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from (path for path in folder.iterdir() if path.suffix == ".png" and path.is_file())
    except OSError:
        return


def _is_of(path: Path, run_id: str, graph: Graph) -> bool:
    try:
        found = read_image(path)
    except FormatError:  # as one that was cut short in the middle of its being written
        return False
    return found.notes is not None and found.notes.run_id == run_id and _is_same(found.graph, graph)


def is_of_another_run(data: bytes, run_id: str) -> bool:
    """Whether an image says that another run of ours made it."""
    try:
        notes = read_image_data(data).notes
    except FormatError:
        return False
    return notes is not None and notes.run_id not in ("", run_id)
