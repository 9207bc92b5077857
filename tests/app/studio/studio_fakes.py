"""A studio's environment without a host: generators that write real pictures, settings that are kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
from orchestrator_core.errors import Interrupted, RenderFailed
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
