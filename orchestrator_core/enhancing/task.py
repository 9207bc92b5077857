"""From a draft and the options to one task: what is asked, what the answer is held against, and where it goes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from orchestrator_core.base_models.names import BaseModel
from orchestrator_core.enhancing import asking
from orchestrator_core.enhancing.asking import UNSEEN, Question, plain_text
from orchestrator_core.enhancing.assembling import regions, runs, unmarked_components
from orchestrator_core.enhancing.budget import CountTokens, room
from orchestrator_core.enhancing.drift import Told
from orchestrator_core.enhancing.options import Options
from orchestrator_core.enhancing.styles import STYLES, Style, style_for
from orchestrator_core.prompt import Component, Origin, PromptDraft, render

VERSION = 1  # of what is done with an answer: a part of the cache's key
_INSERTED = frozenset((Origin.profile, Origin.memory, Origin.trigger_words))  # words that code put in, to the letter
_SENTENCES_FOR = 2  # phrases that one sentence stands for


@dataclass(frozen=True)
class Task:
    """One prompt to enhance. ``left``: the tokens that may be added."""

    draft: PromptDraft
    options: Options
    style: Style
    protected_words: tuple[str, ...]
    count: CountTokens

    @cached_property
    def plain(self) -> tuple[Component, ...]:
        """The draft's components without a person's marks."""
        return unmarked_components(self.draft.components)

    @cached_property
    def text(self) -> str:
        return render(self.plain)

    @cached_property
    def left(self) -> int:
        return room(self.text, self.style, self.options.max_tokens, self.count)

    @cached_property
    def question(self) -> Question:
        amount = self.options.amount
        if self.style.kind == "natural":
            amount = -(-amount // _SENTENCES_FOR)
        return Question(
            self.options.mode,
            self.style,
            plain_text(self.text),
            amount,
            self._parts(),
            self.draft.background,
            self.options.instruction,
        )

    def _parts(self) -> Mapping[str, str]:
        components = self.draft.components
        if self.options.mode == "region":
            found = regions(components, self.protected_words)
        elif self.options.mode == "rewrite":
            found = runs(components, self.protected_words)
        else:
            return {}
        return {key: text for key, text in found.items() if text.strip()}

    @cached_property
    def told(self) -> Told:
        said = "\n".join(one.text for one in self.draft.background if one.kind not in UNSEEN)
        never = [word for one in self.draft.background if one.kind == "forbidden" for word in words_in(one.text)]
        own = self.question.prompt.casefold()
        pointless = (word for word in self.style.pointless if word not in own)
        forbidden = (*words_in(self.options.forbidden), *never, *pointless)
        return Told(self.question.prompt, said, plain_text(self.draft.negative_prompt), forbidden)

    @property
    def nothing_to_do(self) -> str:
        """Why there is nothing to ask; "" if there is."""
        if not self.question.prompt:
            return "the prompt has no words"
        if self.options.mode == "region" and not self.question.parts:
            return "no part is marked: write [[expand: …]] around it"
        if self.options.mode == "rewrite" and not self.question.parts:
            return "the prompt has no free words"
        if self.options.mode != "rewrite" and not self.left:
            pieces = f"pieces of {self.style.tokens}" if self.style.chunks else f"its {self.style.tokens}"
            limit = (
                f"max_tokens is {self.options.max_tokens}" if self.options.max_tokens else f"it fills {pieces} tokens"
            )
            return f"the prompt has no room for more: {limit}"
        return ""

    def depends_on(self, model: str, seed: int) -> Mapping[str, Any]:
        """All that the answer depends on, as JSON values."""
        return {
            "versions": [VERSION, asking.VERSION],
            "model": model,
            "seed": seed,
            "positive": self.draft.positive,
            "negative": self.draft.negative_prompt,
            "protected": list(self.protected_words),
            "background": [asdict(one) for one in self.draft.background],
            "style": [self.style.name, self.style.tokens, self.style.chunks],
            "options": self.options.model_dump(exclude={"on_error", "seed", "style"}),
        }


def task_for(draft: PromptDraft, options: Options, checkpoint: BaseModel, count: CountTokens) -> Task:
    style = style_for(options.style, checkpoint)
    if options.mode == "tags+natural" and style.kind == "natural":  # the sentences come beside the tags
        style = replace(STYLES["sdxl"], tokens=style.tokens, chunks=style.chunks)
    return Task(draft, options, style, (*words_in(options.keep), *_inserted(draft.components)), count)


def words_in(text: str) -> tuple[str, ...]:
    """The words or phrases of an option: one a line, or separated by commas."""
    return tuple(word for part in re.split(r"[,\n]", text) if (word := part.strip()))


def _inserted(components: Iterable[Component]) -> tuple[str, ...]:
    texts = (component.text for component in components if component.origin in _INSERTED)
    return tuple(dict.fromkeys(word for text in texts for word in words_in(text)))
