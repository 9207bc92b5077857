"""Enhancing: what an LLM Enhance does, apart from ComfyUI: asks, shows the text while it arrives, remembers answers.

ComfyUI keeps what a node gave as long as its inputs and its fingerprint are the same. An answer depends on the inputs
alone, with one exception: a prompt that was kept for want of an answer (the server was down) deserves another try.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from orchestrator_core.base_models import BaseModel
from orchestrator_core.enhancing import asking, task
from orchestrator_core.enhancing.assembling import unmarked_components
from orchestrator_core.enhancing.budget import CountTokens
from orchestrator_core.enhancing.caching import AnswerCache, RememberedAnswers, key_for
from orchestrator_core.enhancing.enhancer import Live, enhance
from orchestrator_core.enhancing.neutral import unwrapped
from orchestrator_core.enhancing.options import Options
from orchestrator_core.enhancing.rules import RulesModel
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.llm.port import LanguageModel
from orchestrator_core.prompt import Enhancement, PromptDraft

EVENT = "orchestrator.enhancing"
OFF = "the language model is off"
_EVERY_S = 0.1  # that the page is told of the text so far
_MOST_SHOWN = 1200  # characters of it
_WAIT_S = 5.0  # for another program's lock on the store
_LATEST = 200  # sets of options whose failures are remembered
_KEYS = re.compile(r'"[\w+-]{1,12}"\s*:\s*')
_SIGNS = re.compile(r'[{}\[\]"]|\\n')
_log = logging.getLogger("orchestrator")

Send = Callable[[str, dict[str, Any]], None]  # (event, its data), to the window whose graph is running


@dataclass(frozen=True, slots=True)
class Queue:
    """What is asked of the host while a graph runs."""

    is_interrupted: Callable[[], bool]
    is_last: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Given:
    """What an answer is for: ``checkpoint`` will render the draft, ``count`` is its tokenizer."""

    draft: PromptDraft
    model: LanguageModel | None
    checkpoint: BaseModel
    count: CountTokens


class Answers:
    """The answers in the store, which is tried when they are first wanted; without a store they last as long as
    ComfyUI runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cache: AnswerCache | None = None

    def __call__(self) -> AnswerCache:
        with self._lock:
            if self._cache is None:
                self._cache = _opened()
            return self._cache


def _opened() -> AnswerCache:
    try:
        from orchestrator_core.store import Store
        from orchestrator_core.store.answers import OpenedAnswers

        opened = partial(Store.open, wait_s=_WAIT_S)
        opened().close()
        return OpenedAnswers(opened)
    except (OrchestratorError, OSError, ImportError) as error:
        _log.warning("Orchestrator: answers of language models are forgotten when ComfyUI ends: %s", error)
        return RememberedAnswers()


class Enhancing:
    """One for all nodes."""

    def __init__(self, answers: Callable[[], AnswerCache], queue: Queue, send: Send) -> None:
        self._answers, self._queue, self._send = answers, queue, send
        self._failures: dict[Options, int] = {}
        self._lock = threading.Lock()

    def fingerprint(self, options: Options) -> str:
        """What an answer depends on beside the node's inputs, hashed; another one after a failure."""
        with self._lock:
            failures = self._failures.get(options, 0)
        return key_for({"versions": [task.VERSION, asking.VERSION, RulesModel().identity], "failures": failures})

    def enhanced(self, given: Given, options: Options, node_id: str) -> PromptDraft:
        """The draft with more words. Raises Cancelled; LanguageModelError where the options want to stop."""
        if given.model is None:
            plain = unmarked_components(given.draft.components)
            return given.draft.replacing(components=plain, enhanced=Enhancement("unchanged", OFF))
        answers = None if isinstance(given.model, RulesModel) else self._answers()
        try:
            draft = enhance(
                given.draft, given.model, options, given.checkpoint, answers, self._live(node_id), given.count
            )
        except OrchestratorError:
            self._failed(options)
            raise
        if draft.enhanced and draft.enhanced.status == "kept":
            self._failed(options)
        return draft

    def _live(self, node_id: str) -> Live:
        return Live(Telling(node_id, self._send), self._queue.is_interrupted, self._queue.is_last())

    def _failed(self, options: Options) -> None:
        with self._lock:
            self._failures[options] = self._failures.pop(options, 0) + 1
            while len(self._failures) > _LATEST:
                del self._failures[next(iter(self._failures))]


class Telling:
    """Shows the text of an answer in the node while it arrives, some times a second."""

    def __init__(self, node_id: str, send: Send, now: Callable[[], float] = time.monotonic) -> None:
        self._node_id, self._send, self._now = node_id, send, now
        self._text = ""
        self._told = now() - _EVERY_S

    def __call__(self, piece: str) -> None:
        self._text += piece
        if self._now() - self._told >= _EVERY_S:
            self._told = self._now()
            self._send(EVENT, {"node": self._node_id, "text": readable(self._text)})


def readable(text: str) -> str:
    """An answer that is still being written, for a person: without JSON's signs and what the model thinks aloud."""
    return " ".join(_SIGNS.sub(" ", _KEYS.sub(" ", unwrapped(text))).split()).replace(" ,", ",")[-_MOST_SHOWN:]
