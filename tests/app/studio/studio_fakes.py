"""A studio's environment without a host: generators that write real pictures, settings that are kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
from orchestrator_app.studio.learn_desk import Change, Learned, Planned
from orchestrator_app.studio.learn_html import Happening, Move, SlotView, ValueView
from orchestrator_app.studio.trends_html import EffectView, OverTime, PairView
from orchestrator_core.errors import FormatError, Interrupted, RenderFailed, StoreError
from orchestrator_core.request import Choices, GeneratedImage, GenerationRequest, ImageNotes, OnProgress, Progress
from orchestrator_core.template import Wildcards

CHOICES = Choices(("sd15.safetensors", "xl.safetensors"), ("mse.safetensors",), ("euler", "dpmpp_2m"), ("normal",))


@dataclass
class FakeHost:
    """Renders in two steps. ``hold`` is waited for in the middle; a prompt with a word of ``errors`` raises that."""

    folder: Path
    errors: Mapping[str, Exception] = field(default_factory=dict)
    hold: threading.Event | None = None
    began: threading.Event = field(default_factory=threading.Event)
    requests: list[GenerationRequest] = field(default_factory=list)
    cancelled: int = 0

    def generator(self) -> FakeHost:
        self._stop = threading.Event()
        return self

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        self.requests.append(request)
        on_progress(Progress("sampling", 1, 2, b"\x89PNG"))
        self.began.set()
        while self.hold is not None and not self.hold.wait(0.01):
            if self._stop.is_set():
                raise Interrupted("It was interrupted.")
        for word, error in self.errors.items():
            if word in request.positive:
                raise error
        on_progress(Progress("sampling", 2, 2))
        path = self.folder / f"{notes.run_id}.png"
        Image.new("RGB", (8, 8), "teal").save(path)
        return (GeneratedImage(path, request, notes.run_id),)

    def cancel(self) -> None:
        self.cancelled += 1
        self._stop.set()


class KeptSettings:
    """Settings in memory."""

    where = "memory"

    def __init__(self) -> None:
        self.settings = Settings()

    def load(self) -> Settings:
        return self.settings

    def save(self, settings: Settings) -> None:
        self.settings = settings


def target(name: str, host: FakeHost, choices: Callable[[], Choices] = lambda: CHOICES) -> Target:
    return Target(name, host.generator, choices, f"{name.lower()} of a test")


def environment(folder: Path, wildcards: Wildcards | None = None) -> StudioEnvironment:
    """With the targets Forge and ComfyUI, whose images go to ``folder``."""
    targets = tuple(target(name, FakeHost(folder)) for name in ("Forge", "ComfyUI"))
    kept = wildcards or Wildcards([])
    return StudioEnvironment(targets=lambda _: targets, wildcards=lambda _: kept, settings=KeptSettings())


FAILS = RenderFailed("It ran out of memory.")


class FakeDesk:
    """A LearnDesk over two slots: what is applied is kept, and moves odds by simple rules."""

    def __init__(self) -> None:
        self.applied: list[Change] = []
        self.problem = ""

    def _now(self, changes: Sequence[Change]) -> Learned:
        if self.problem:
            raise StoreError(self.problem)
        values = {change.what: change.value for change in changes}
        direction = values.get("direction", "report")
        off = {change.key for change in changes if change.what == "off"}
        moved = direction == "prefer" and values.get("switch", False)
        colors = tuple(
            ValueView(
                f"colors/warm#{name}", name, 0.25, share if moved else 0.25, 4 * share if moved else 1.0, n, mean,
                max(0.0, (mean or 0) - 0.2), min(1.0, (mean or 0) + 0.1), share if mean else None,
                off=f"colors/warm#{name}" in off, why=why,
            )
            for name, share, n, mean, why in (
                ("crimson", 0.55, 16, 0.88, "fulfilled in 14 of 16, style +0.4σ"), ("amber", 0.25, 12, 0.7, ""),
                ("rust <b>", 0.15, 9, 0.41, "fulfilled in 3 of 9"), ("ochre", 0.05, 0, None, ""),
            )
        )  # fmt: skip
        slots = (
            SlotView("colors/warm", "__colors/warm__", direction, moved, 37, "its values differ", colors),
            SlotView("inline:1f", "{fox|owl}", "report", False, 4, "not enough data"),
        )
        mode = values.get("mode", "careful")
        return Learned(
            values.get("switch", False), mode, len(self.applied), 37, {"": "everything", "sd": "SD 1.5"}, "", slots,
            "colors/warm",
        )  # fmt: skip

    def moment(self) -> int:
        return self._now(self.applied).number

    def look(self, context: str = "", slot: str = "") -> Learned:
        found = self._now(self.applied)
        return replace(found, slot=slot or found.slot, context=context)

    def planned(self, change: Change, context: str = "") -> Planned:
        if change.what == "import" and "schema_version" not in change.value:
            raise FormatError("This file holds nothing that was learned.")
        before, after = self._now(self.applied), self._now([*self.applied, change])
        pairs = zip(before.slots[0].values, after.slots[0].values, strict=True)
        moves = tuple(Move("colors/warm", one.text, one.multiplier, other.multiplier) for one, other in pairs)
        return Planned(change, f"{change.what} {change.value}", moves)

    def apply(self, change: Change) -> None:
        self._now([])
        if change.what == "undo":
            self.applied = self.applied[: change.value]
        else:
            self.applied.append(change)

    def happenings(self, most: int) -> Sequence[Happening]:
        found = [Happening(n, 1_700_000_000_000 + n, change.what) for n, change in enumerate(self.applied, 1)]
        return found[::-1][:most]

    def plot(self, context: str, slot: str) -> str:
        return '<svg viewBox="0 0 600 120"><path d="M0 90 L600 20" stroke="currentColor" fill="none"/></svg>'

    def over_time(self, context: str) -> OverTime:
        effect = EffectView("SD 1.5", "<b>clip", 0.62, 40, 0.81, 60, 0.9, 0.1, 0.28)
        return OverTime((effect,), self.plot(context, ""), (PairView("crimson", "owl <b>", 12, 0.8, 0.3, 0.998),), 14)

    def exported(self) -> str:
        return '{"schema_version": 1}'

    def table(self, name: str) -> str:
        return f"{name},score\r\ncrimson,0.88\r\n"
