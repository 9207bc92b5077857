"""What ``orchestrator score`` says at its end: what was kept and learned, and what it would take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_app.console import remark

if TYPE_CHECKING:
    from orchestrator_core.run import Run

NO_CHOICE = (
    "no part of its prompt is known to be one choice of several. Where the wildcards of its template lie elsewhere, "
    "name them with --wildcards FOLDER"
)


@dataclass
class Kept:
    """Counts over the images of one call. ``without``: those of which nothing can be learned."""

    images: int = 0
    scores: int = 0
    without: int = 0

    def add(self, run: Run, learned: int) -> None:
        self.images += bool(run.scores)
        self.scores += learned
        self.without += not has_choices(run)

    def tell(self, *, is_recorded: bool, learns: bool) -> None:
        if self.without:
            remark(f"Nothing can be learned from {_images(self.without)}: {NO_CHOICE}.")
        if is_recorded and self.images:
            remark(f"The scores of {_images(self.images)} were kept; {self._learned(learns)}.")

    def _learned(self, learns: bool) -> str:
        from orchestrator_app.learning import open_ledger

        settings = open_ledger().settings
        if not learns or not settings.on:
            return "nothing was learned, " + (
                "as asked" if settings.on else "as learning is off: orchestrator learn on"
            )
        if self.scores and "prefer" not in settings.directions.values():
            return f"{self.scores} were learned, and move nothing before you say: orchestrator learn prefer SLOT"
        return f"{self.scores} were learned"


def has_choices(run: Run) -> bool:
    """Whether anything in its prompt could have been drawn otherwise."""
    return any(choice.options > 1 for part in run.draft.components for choice in part.choices)


def _images(count: int) -> str:
    return f"{count} image{'s' * (count != 1)}"
