"""Hand-written stand-ins for what costs a server or a graphics card. They keep what they were asked."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from orchestrator_core.llm.port import Ask, IsCancelled, OnText
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress, Progress

T = TypeVar("T")


def awaited(coroutine: Coroutine[object, object, T]) -> T:
    """What a coroutine returns, run by a loop of its own thread: playwright keeps one running in that of the tests."""
    with ThreadPoolExecutor(1) as other_thread:
        return other_thread.submit(asyncio.run, coroutine).result()


class FakeGenerator:
    """A Generator that answers what was enqueued: an error is raised, a number is that many images. Then one each."""

    def __init__(self, folder: Path = Path("fake")) -> None:
        self.folder = folder
        self.history: list[tuple[GenerationRequest, ImageNotes]] = []
        self._answers: deque[int | Exception] = deque()

    def enqueue(self, *answers: int | Exception) -> None:
        self._answers.extend(answers)

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        self.history.append((request, notes))
        answer = self._answers.popleft() if self._answers else request.batch_size
        on_progress(Progress("rendering", 1, 1))
        if isinstance(answer, Exception):
            raise answer
        first = len(self.history)
        return tuple(
            GeneratedImage(self.folder / f"{first:04}_{n}.png", request.replacing(seed=request.seed + n), notes.run_id)
            for n in range(answer)
        )


class FakeLanguageModel:
    """A LanguageModel that answers what was enqueued: an error is raised. Then nothing more to say, as ``{}``."""

    def __init__(self, *answers: str | Exception, identity: str = "fake:1") -> None:
        self.identity = identity
        self.history: list[Ask] = []
        self._answers: deque[str | Exception] = deque(answers)

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        self.history.append(ask)
        answer = self._answers.popleft() if self._answers else "{}"
        if isinstance(answer, Exception):
            raise answer
        if on_text is not None:
            on_text(answer)
        return answer
