"""Story: the scenes that were told and the log of what changed. Frozen; the store keeps it, ``library.py`` changes it.

Nothing in it is ever overwritten: an edit is a new change, an undo a mark on an old one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from orchestrator_core.memory.change import Change
from orchestrator_core.memory.state import SceneState, folded
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GeneratedImage
from orchestrator_core.run import Score

Action = Literal["continue", "new_scene", "develop", "off"]
Status = Literal["active", "undone", "dropped"]


@dataclass(frozen=True, slots=True)
class Logged:
    """A change as it stands in the log. Changes of one ``step`` are undone together.

    ``status``: "undone" can be done again; "dropped" was undone, and then the story went on without it.
    """

    number: int  # from 1, in the order in which they were made
    step: int
    change: Change
    status: Status = "active"


@dataclass(frozen=True, slots=True)
class Scene:
    """A recorded run. ``words`` are those of its prompt that neither memory nor a profile nor a model put there.

    ``position`` is the number of the last change in the log when it was told. ``images``, ``scores`` and ``draft`` are
    as the store has them now, empty where the run was deleted since.
    """

    number: int  # from 1
    run_id: str
    words: str = ""
    prompt: str = ""
    action: str = "continue"
    seed: int = 0
    time_ms: int = 0  # UTC milliseconds since 1970
    lore: tuple[str, ...] = ()  # what of the books was told
    timed: str = ""  # JSON: what the books remember for the next scenes
    position: int = 0
    is_left_out: bool = False
    images: tuple[GeneratedImage, ...] = ()
    scores: tuple[Score, ...] = ()
    draft: PromptDraft | None = field(default=None, compare=False, repr=False)

    @property
    def tags(self) -> tuple[str, ...]:
        """The parts of its prompt between commas."""
        return tuple(tag for tag in (part.strip() for part in self.prompt.split(",")) if tag)


@dataclass(frozen=True, slots=True)
class Story:
    """``profiles`` and ``books`` are names. An ``id`` of "" : it is not stored yet."""

    name: str
    profiles: tuple[str, ...] = ()
    books: tuple[str, ...] = ()
    scenes: tuple[Scene, ...] = ()
    log: tuple[Logged, ...] = ()
    id: str = ""

    @property
    def state(self) -> SceneState:
        """As it is now."""
        return folded(self._counting(len(self.log)))

    def state_after(self, scene: Scene) -> SceneState:
        """As it was when this scene was told, without what was undone since."""
        return folded(self._counting(scene.position))

    def _counting(self, last: int) -> Iterator[Change]:
        left_out = {scene.number for scene in self.scenes if scene.is_left_out}
        for logged in self.log:
            if logged.number <= last and logged.status == "active" and logged.change.scene not in left_out:
                yield logged.change

    @property
    def told(self) -> tuple[Scene, ...]:
        """The scenes that count."""
        return tuple(scene for scene in self.scenes if not scene.is_left_out)

    @property
    def next_scene(self) -> int:
        return max((scene.number for scene in self.scenes), default=0) + 1

    @property
    def can_undo(self) -> bool:
        return any(logged.status == "active" for logged in self.log)

    @property
    def can_redo(self) -> bool:
        return any(logged.status == "undone" for logged in self.log)

    @property
    def version(self) -> str:
        """Differs as soon as the next scene could: what a host compares to know whether to ask again."""
        seen = (self.name, self.profiles, self.books, self.log, [(s.run_id, s.is_left_out) for s in self.scenes])
        return hashlib.sha256(repr(seen).encode("utf-8", "surrogatepass")).hexdigest()[:16]
