"""enhance(): asks a language model for more, and takes of its answer what leaves the prompt whole.

Whatever the model answers, or does not, the draft comes back with every word and all syntax of its own, its negative
prompt untouched, and ``enhanced`` says what came of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from orchestrator_core.base_models.names import UNKNOWN, BaseModel
from orchestrator_core.enhancing.accepting import Accepted, accepted, accepted_from, components_with
from orchestrator_core.enhancing.asking import ask_for
from orchestrator_core.enhancing.assembling import Components
from orchestrator_core.enhancing.budget import CountTokens, estimated_tokens
from orchestrator_core.enhancing.caching import AnswerCache, key_for
from orchestrator_core.enhancing.discretion import discreet
from orchestrator_core.enhancing.options import Options
from orchestrator_core.enhancing.task import Task, task_for
from orchestrator_core.enhancing.verifying import problems
from orchestrator_core.errors import Cancelled, LanguageModelError, StoreError
from orchestrator_core.llm.port import IsCancelled, LanguageModel, OnText
from orchestrator_core.prompt import MAX_SEED, Enhancement, PromptDraft, render

_SECOND = 1_000_003  # what the second attempt's seed is away from the first's
_CALM = 0.3  # the temperature of a second attempt where the first had none
_log = logging.getLogger("orchestrator")


@dataclass(frozen=True, slots=True)
class Live:
    """What happens while the model writes. ``is_last``: of a batch, so the model may leave its memory afterwards."""

    on_text: OnText | None = None
    is_cancelled: IsCancelled | None = None
    is_last: bool = False


_QUIETLY = Live()


def enhance(
    draft: PromptDraft,
    model: LanguageModel,
    options: Options | None = None,
    checkpoint: BaseModel = UNKNOWN,
    answers: AnswerCache | None = None,
    live: Live = _QUIETLY,
    count: CountTokens = estimated_tokens,
) -> PromptDraft:
    """The draft with a language model's words beside its own, and ``enhanced`` set.

    ``checkpoint`` is what will render it, ``count`` its text encoder's tokenizer. Raises Cancelled, and
    LanguageModelError where the options want to stop rather than keep the prompt as it was.
    """
    options = options or Options()
    task = task_for(draft, options, checkpoint, count)
    plain = draft.replacing(components=task.plain)
    identity = model.identity  # once, as a server may be asked for it
    seed = draft.seed if options.seed is None else options.seed
    key = key_for(task.depends_on(identity, seed))
    if (found := _remembered(task, answers, key)) is not None:
        return _enhanced(task, *found, Enhancement("cached", "", identity))
    if reason := task.nothing_to_do:
        return plain.replacing(enhanced=Enhancement("unchanged", reason, identity))
    try:
        result, components = _asked(task, model, seed + options.refresh, live)
    except Cancelled:
        raise
    except LanguageModelError as error:
        if options.on_error == "stop":
            raise
        _log.info("Orchestrator: the prompt is kept as it is: %s", error)  # here with addresses and folders
        return plain.replacing(enhanced=Enhancement("kept", discreet(str(error)), identity))
    note = _remember(answers, key, identity, result)
    return _enhanced(task, result, components, Enhancement("enhanced", note, identity))


def _enhanced(task: Task, result: Accepted, components: Components, said: Enhancement) -> PromptDraft:
    left_out = f"left out: {'; '.join(result.left_out)}" if result.left_out else ""
    detail = "; ".join(text for text in (left_out, said.detail) if text)
    enhancement = Enhancement(said.status, detail, said.model, result.natural)
    return task.draft.replacing(components=components, enhanced=enhancement)


def _asked(task: Task, model: LanguageModel, seed: int, live: Live) -> tuple[Accepted, Components]:
    """What came of the answer; of a second one, where the first could not be used.

    A model that cannot be reached is not asked again: a batch would wait twice for nothing.
    """
    temperature = task.options.temperature
    try:
        return _answered(task, model, temperature, seed, live)
    except LanguageModelError as error:
        if error.kind != "unreadable":
            raise
    calm = 0.0 if temperature else _CALM
    return _answered(task, model, calm, seed + _SECOND, live)


def _answered(
    task: Task, model: LanguageModel, temperature: float, seed: int, live: Live
) -> tuple[Accepted, Components]:
    ask = ask_for(task.question, temperature, seed & MAX_SEED, live.is_last)
    result = accepted(task, model.generate(ask, live.on_text, live.is_cancelled))
    return result, _verified(task, result)


def _verified(task: Task, result: Accepted) -> Components:
    """The new components. Raises LanguageModelError where anything of the prompt would be lost."""
    components = components_with(task, result)
    if found := problems(task.text, render(components), task.protected_words):
        raise LanguageModelError(f"The answer would have damaged the prompt: {found[0]}.")
    return components


def _remembered(task: Task, answers: AnswerCache | None, key: str) -> tuple[Accepted, Components] | None:
    """What was answered before; None where nothing was, or what is there is damaged."""
    if answers is None:
        return None
    try:
        text = answers.get(key)
        result = accepted_from(text) if text is not None else None
        return None if result is None else (result, _verified(task, result))
    except (StoreError, LanguageModelError):
        return None


def _remember(answers: AnswerCache | None, key: str, model: str, result: Accepted) -> str:
    """Keeps the answer; where that fails, what to say of it."""
    if answers is None:
        return ""
    try:
        answers.put(key, model, result.as_json())
    except StoreError as error:
        return f"the answer is not remembered: {discreet(str(error))}"
    return ""
