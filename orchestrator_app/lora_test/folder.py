"""The folder of a test: ``lora_test.json``, ``images/<hash of the request>.png``, ``thumbnails/``, ``grid.html``.

An image belongs to what it was asked with, not to a place in a plan. So a test that is widened, or begun anew with
other prompts, keeps all that is still asked for; images of what is asked for no more stay where they are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_app.lora_test.pictures import difference, is_whole, make_thumbnail
from orchestrator_app.lora_test.plan_file import CellPart, file_of, plan_of, read_test_file
from orchestrator_app.lora_test.scores import Scores, scores_of
from orchestrator_core.errors import ConfigError
from orchestrator_core.formats.image_metadata import replace_file
from orchestrator_core.loras.testing import Cell, TestPlan
from orchestrator_core.request import GeneratedImage

if TYPE_CHECKING:
    from orchestrator_core.gallery.grids import LoraTest

FILE, GRID = "lora_test.json", "grid.html"
IMAGES, THUMBNAILS = "images", "thumbnails"


class TestFolder:
    """Threads may share it: an image is taken in where it was rendered, and looked at elsewhere."""

    __test__ = False

    def __init__(self, path: Path, plan: TestPlan, name: str = "", target: str = "") -> None:
        """For a new plan; what an earlier test in this folder has rendered of it is kept. Raises FormatError."""
        self.path, self.plan, self.name, self.target = path, plan, name, target
        self._lock = threading.RLock()
        self.cells = tuple(plan.cells())
        self.scores = Scores()  # what the page may sort by, beside the difference
        file = path / FILE
        self._parts = dict(read_test_file(file).cells) if file.exists() else {}

    @classmethod
    def reopened(cls, path: Path) -> TestFolder:
        """The test that is there, as it was asked for. Raises FormatError."""
        found = read_test_file(path / FILE)
        return cls(path, plan_of(found), found.name, found.target)

    # what there is

    def part(self, cell: Cell) -> CellPart:
        with self._lock:
            return self._parts.get(cell.key, CellPart())

    def image(self, cell: Cell) -> Path | None:
        """Its image, where a whole one is there."""
        path = self._image_path(self.part(cell))
        return path if path is not None and is_whole(path) else None

    def _image_path(self, part: CellPart) -> Path | None:
        """Only within the folder, whatever a file that somebody else wrote says."""
        name = part.image.removeprefix(f"{IMAGES}/")
        if not name or "/" in name or "\\" in name or name.startswith("."):
            return None
        return self.path / IMAGES / name

    def missing(self) -> list[Cell]:
        """What is still to be rendered, each thing once, in its order."""
        wanted = {cell.key: cell for cell in self.cells}
        return [cell for cell in wanted.values() if self.image(cell) is None]

    @property
    def done(self) -> int:
        return sum(self.image(cell) is not None for cell in self.cells)

    @property
    def checkpoint(self) -> str:
        """The model of the test: the one that was named, or the one that the host had loaded for the first image."""
        named = self.plan.settings.checkpoint
        return named or next((part.checkpoint for part in map(self.part, self.cells) if part.checkpoint), "")

    def baseline(self, cell: Cell) -> Cell:
        return self.cells[cell.prompt * len(self.plan.seeds) + cell.seed]

    def score(self, cell: Cell) -> float | None:
        return self.scores.values.get(self.part(cell).run_id)

    def read_scores(self) -> None:
        """Look up what scorers said of the images since they were rendered."""
        self.scores = scores_of(self.part(cell).run_id for cell in self.cells)

    def thumbnail(self, cell: Cell) -> Path:
        return self.path / THUMBNAILS / f"{cell.key}.webp"

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """The baseline, then one row for each LoRA and strength; the columns are prompts × seeds."""
        width = len(self.plan.prompts) * len(self.plan.seeds)
        for start in range(0, len(self.cells), width):
            yield self.cells[start : start + width]

    def for_gallery(self) -> LoraTest:
        """What the gallery keeps of it: which run each image is of, as far as they are there."""
        from orchestrator_core.gallery.grids import kept_test

        runs = [part.run_id if (part := self.part(cell)).image else "" for cell in self.cells]
        return kept_test(self.plan, self.path, self.name, runs)

    def remember(self, warn: Callable[[str], None]) -> None:
        """Keep a test of which something is there for the gallery: one of an earlier version is not in it yet."""
        from orchestrator_app.rendering import Memory

        if self.done:
            memory = Memory(warn)
            memory.keep_test(self.for_gallery())
            memory.close()

    # what comes in

    def take(self, cell: Cell, image: GeneratedImage, seconds: float = 0.0) -> Path:
        """Move the image here; one from another folder is copied, since its host shows it there. Raises ConfigError."""
        target = self.path / IMAGES / f"{cell.key}{image.path.suffix.lower() or '.png'}"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if image.path.parent == target.parent:
                image.path.replace(target)
            else:
                replace_file(target, image.path.read_bytes())
        except OSError as error:
            raise self._unwritable(target, error) from None
        checkpoint, run_id = image.request.checkpoint, image.run_id
        self._put(cell, CellPart(
            image=f"{IMAGES}/{target.name}", checkpoint=checkpoint, run_id=run_id, seconds=round(seconds, 2),
        ))  # fmt: skip
        self.look_at(cell)
        return target

    def fail(self, cell: Cell, error: str) -> None:
        """Kept with the cell until an image comes; the next run tries again."""
        self._put(cell, CellPart(error=error))

    def _put(self, cell: Cell, part: CellPart) -> None:
        with self._lock:
            self._parts[cell.key] = part
            if cell.lora is None:  # what was compared with another image says nothing any more
                for other in self.cells:
                    if other.lora is not None and self.baseline(other).key == cell.key:
                        self._compared(other, None)
        self.save()

    def look_at(self, cell: Cell) -> None:
        """Make the small picture and the figure of an image that is there, where they can be had."""
        image = self.image(cell)
        if image is None:
            return
        make_thumbnail(image, self.thumbnail(cell))
        baseline = self.image(self.baseline(cell))
        if cell.lora is not None and baseline is not None and self.part(cell).difference is None:
            with self._lock:
                self._compared(cell, difference(image, baseline))

    def _compared(self, cell: Cell, figure: float | None) -> None:
        part = self._parts.get(cell.key)
        if part is not None:
            self._parts[cell.key] = part.model_copy(update={"difference": figure})

    def look_at_all(self) -> None:
        """What was not looked at yet, as the images of a run that was broken off."""
        for cell in self.cells:
            self.look_at(cell)
        self.save()

    # what is written

    def save(self) -> None:
        """Write the file as it is now, whole or not at all. Raises ConfigError."""
        with self._lock:
            text = file_of(self.plan, self.name, self.target, self._parts).model_dump_json(indent=1)
            self._write(FILE, text)

    def write_grid(self) -> Path:
        """Write the page as far as the images are there. Raises ConfigError."""
        from orchestrator_app.lora_test.grid import grid_page

        return self._write(GRID, grid_page(self))

    def one_file(self) -> str:
        """The page with its images in it, smaller."""
        from orchestrator_app.lora_test.grid import grid_page

        return grid_page(self, within=True)

    def _write(self, name: str, text: str) -> Path:
        path = self.path / name
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            replace_file(path, text.encode("utf-8", "replace"))
        except OSError as error:
            raise self._unwritable(path, error) from None
        return path

    def _unwritable(self, path: Path, error: OSError) -> ConfigError:
        why = error.strerror or error
        return ConfigError(f"{path} cannot be written: {why}. What is in {self.path} already is kept.")
