"""Between drawing and rendering: a prompt becomes the next scene of a story, and a language model enhances it.

A page that shows what is drawn as one types asks no language model, which would take seconds for each letter: it shows
what is known, by the rules or from earlier answers, and what is still to be asked. A job asks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator_app.studio.accepting import accepted, parts_of
from orchestrator_core.base_models import BaseModel
from orchestrator_core.enhancing.assembling import unmarked_components
from orchestrator_core.enhancing.caching import AnswerCache
from orchestrator_core.enhancing.enhancer import Live, enhance
from orchestrator_core.enhancing.rules import RulesModel
from orchestrator_core.errors import LanguageModelError
from orchestrator_core.llm.port import Ask, IsCancelled, LanguageModel, OnText
from orchestrator_core.memory.books import BookSource
from orchestrator_core.memory.following import Sources
from orchestrator_core.memory.source import Rehearsal, StorySource
from orchestrator_core.pipeline import new_run
from orchestrator_core.profiles.source import ProfileSource
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.stages import follow_story, llm_enhance

_REMEMBERED = 2_000  # prompts
LeftOut = Mapping[str, frozenset[str]]  # by seed: the parts of an enhancement that a person did not accept


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a page's elements say of the story and of enhancing, which None switches off."""

    story: follow_story.Options = field(default_factory=follow_story.Options)
    enhance: llm_enhance.Options | None = None

    @property
    def tells(self) -> bool:
        return bool(self.story.story.strip()) and self.story.action != "off"

    @property
    def is_any(self) -> bool:
        return self.tells or self.enhance is not None


@dataclass(frozen=True, slots=True)
class Prepared:
    """``draft`` is what is to be rendered, ``before`` the same before it was enhanced.

    ``waits``: the language model was not asked yet, so it is not what will be rendered.
    """

    draft: PromptDraft
    before: PromptDraft
    waits: bool = False


class Written:
    """What became of prompts while this process runs, by all that it depends on. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, Prepared] = OrderedDict()

    def get(self, key: Hashable) -> Prepared | None:
        with self._lock:
            return self._found.get(key)

    def put(self, key: Hashable, prepared: Prepared) -> None:
        with self._lock:
            self._found[key] = prepared
            if len(self._found) > _REMEMBERED:
                self._found.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Tools:
    """What there is to prepare prompts with. ``model`` None: the rules write."""

    profiles: ProfileSource | None = None
    books: BookSource | None = None
    stories: StorySource | None = None
    model: LanguageModel | None = None
    answers: AnswerCache | None = None
    written: Written = field(default_factory=Written)
    model_settings: Hashable = None  # what tells two models apart


class Preparer:
    """Prepares prompts one after the other: of a story each goes on where the one before it ends.

    Made for one preview or one job. Raises StoreError, StoryError.
    """

    def __init__(self, wishes: Wishes, tools: Tools) -> None:
        self.wishes, self._tools = wishes, tools
        self._stories = Rehearsal(tools.stories) if wishes.tells and tools.stories is not None else None
        self._story = self._stories.open(wishes.story.story).version if self._stories else ""
        self._place = 0

    def known(self, draft: PromptDraft, checkpoint: BaseModel) -> Prepared:
        """What is known without asking anybody."""
        if self._tools.model is None:
            return self._took(self._made(draft, checkpoint, None, Live()))
        found = self._tools.written.get(self._key(draft, checkpoint))
        return self._took(found or self._remembered(draft, checkpoint, self._tools.model))

    def asked(self, draft: PromptDraft, checkpoint: BaseModel, live: Live) -> Prepared:
        """With the language model's answer, where it was not given before.

        A prompt that was kept as it was is asked for once more. Raises LanguageModelError, Cancelled.
        """
        key = self._key(draft, checkpoint)
        found = self._tools.written.get(key)
        if found is None or was_kept(found.draft):
            found = self._made(draft, checkpoint, self._tools.model, live)
            if self._tools.model is not None:
                self._tools.written.put(key, found)
        return self._took(found)

    def _key(self, draft: PromptDraft, checkpoint: BaseModel) -> Hashable:
        scene = (self._story, self._place) if self._stories else ()
        return draft, self.wishes, scene, checkpoint, self._tools.model_settings

    def _took(self, prepared: Prepared) -> Prepared:
        self._place += 1
        if self._stories is not None:
            self._stories.told(new_run().replacing(draft=prepared.draft))
        return prepared

    def _made(self, draft: PromptDraft, checkpoint: BaseModel, model: LanguageModel | None, live: Live) -> Prepared:
        before = self._told(draft, checkpoint, model)
        if not self._enhances(before):
            return Prepared(before, before)
        options = self.wishes.enhance
        answers = self._tools.answers if model is not None else None  # the rules answer the same in any case
        return Prepared(enhance(before, model or RulesModel(), options, checkpoint, answers, live), _plain(before))

    def _remembered(self, draft: PromptDraft, checkpoint: BaseModel, model: LanguageModel) -> Prepared:
        before = self._told(draft, checkpoint, None)
        developing = before.story is not None and draft.story is None and self.wishes.story.action == "develop"
        if not self._enhances(before):
            return Prepared(before, before, developing)
        options = (self.wishes.enhance or llm_enhance.Options()).model_copy(update={"on_error": "keep"})
        found = enhance(before, _Silent(model.identity), options, checkpoint, self._tools.answers)
        plain = _plain(before)
        return Prepared(plain, plain, True) if was_kept(found) else Prepared(found, plain, developing)

    def _told(self, draft: PromptDraft, checkpoint: BaseModel, model: LanguageModel | None) -> PromptDraft:
        """As the story's next scene; a prompt that is one already stays it."""
        if self._stories is not None and draft.story is None:
            options = self.wishes.story
            sources = Sources(self._tools.profiles, self._tools.books, model)
            family = checkpoint.sub_family or checkpoint.family
            draft = follow_story.follow_story(draft, self._stories.open(options.story), options, sources, family).draft
        return draft if self.wishes.enhance is not None else _plain(draft)

    def _enhances(self, draft: PromptDraft) -> bool:
        return self.wishes.enhance is not None and (draft.enhanced is None or was_kept(draft))


def accepted_draft(prepared: Prepared, left_out: LeftOut) -> PromptDraft:
    """The prompt without the parts of its enhancement that a person did not accept; and it says so."""
    draft, refused = prepared.draft, left_out.get(str(prepared.draft.seed), frozenset())
    if draft.enhanced is None or not refused:
        return draft
    named = [part.text for part in parts_of(prepared.before.components, draft.components) if part.text in refused]
    if not named:
        return draft
    detail = "; ".join(filter(None, (draft.enhanced.detail, f"left out by hand: {', '.join(named)}")))
    components = accepted(prepared.before.components, draft.components, refused)
    return draft.replacing(components=components, enhanced=replace(draft.enhanced, detail=detail))


def was_kept(draft: PromptDraft) -> bool:
    """Whether a prompt stayed as it was because the language model gave nothing of use."""
    return draft.enhanced is not None and draft.enhanced.status == "kept"


def _plain(draft: PromptDraft) -> PromptDraft:
    """Without a person's marks, which no image model is to see."""
    return draft.replacing(components=unmarked_components(draft.components)) if "[[" in draft.positive else draft


@dataclass(frozen=True, slots=True)
class _Silent:
    """A language model in whose name earlier answers are found, and which is never asked."""

    identity: str

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        raise LanguageModelError("It was not asked yet.", "unreachable")
