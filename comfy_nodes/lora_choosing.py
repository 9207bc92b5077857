"""Chooses LoRAs for a node, and tells ComfyUI when it would choose others than before.

ComfyUI keeps what a node gave as long as its inputs and its fingerprint are the same; with another fingerprint all that
follows is rendered anew. The library changes often (a download, a hash, a note), and most changes concern no prompt in
use. So the choices that were made are remembered with their drafts, and after a change each is made again, in some
milliseconds: only where one comes out otherwise is the fingerprint another.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple

from orchestrator_core.base_models import BaseModel
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.loras.semantic import SemanticPhrases
from orchestrator_core.loras.source import LibrarySource
from orchestrator_core.profiles.source import used_by
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.stages import generate_prompt
from orchestrator_core.stages.select_loras import Options, Selection, select

from .drawing_odds import NoOdds, Odds, snapshot_for
from .profile_shelf import ProfileShelf

_OPTIONS = 32  # sets of options that are remembered,
_DRAFTS = 16  # each with the last drafts


class _Asked(NamedTuple):
    draft: PromptDraft
    checkpoint: BaseModel
    family: str  # by which odds are learned


@dataclass(slots=True)
class _Made:
    """The choices that were made with one set of options."""

    fingerprint: int  # another one whenever one of them would come out otherwise
    state: tuple[int, str, int] = (-1, "", 0)  # of library, profiles and odds, when all of these were found to hold
    selections: deque[tuple[_Asked, Selection]] = field(default_factory=lambda: deque(maxlen=_DRAFTS))
    is_forgetful: bool = False  # there were more than are remembered


class Choosing:
    """One for all nodes. ``source`` gives the library; it may wait for the first look at the disk. A draft that was
    drawn by learned odds gets its LoRAs by those of the same moment, any other by those of now."""

    def __init__(
        self, source: Callable[[], LibrarySource], profiles: ProfileShelf | None = None, odds: Odds | None = None
    ) -> None:
        self._source = source
        self._profiles = profiles
        self._odds = odds or NoOdds()
        self._made: OrderedDict[Options, _Made] = OrderedDict()
        self._numbers = count()
        self._lock = threading.RLock()

    def choose(
        self,
        draft: PromptDraft,
        checkpoint: BaseModel,
        options: Options,
        meanings: SemanticPhrases | None = None,
        family: str = "",
    ) -> Selection:
        """``family``: by which odds are learned. Raises OrchestratorError for options that cannot be followed."""
        source = self._source()
        asked = _Asked(_plain(draft), checkpoint, family)
        with self._lock:
            made = self._of(options)
            state = self._state(source)
            profile = used_by(draft, self._profiles)
            weights = self._weights(draft, family)
            selection = select(draft, source.index(), checkpoint, options, weights, meanings, profile)
            known = [one for one in made.selections if one[0] != asked]
            made.is_forgetful = made.is_forgetful or len(known) == _DRAFTS
            if not known:
                made.state = state
            made.selections = deque([*known, (asked, selection)], _DRAFTS)
        return selection

    def fingerprint(self, options: Options) -> str:
        """The same as before unless a choice that was made with these options would now be another."""
        with self._lock:
            made = self._of(options)
            source = self._source()
            state = self._state(source)
            if made.state != state and made.selections:
                if made.is_forgetful or not all(self._holds(source, options, *one) for one in made.selections):
                    made.fingerprint = next(self._numbers)
                    made.selections.clear()
                    made.is_forgetful = False
                made.state = state
            return str(made.fingerprint)

    def _of(self, options: Options) -> _Made:
        made = self._made.get(options) or self._made.setdefault(options, _Made(next(self._numbers)))
        self._made.move_to_end(options)
        while len(self._made) > _OPTIONS:
            self._made.popitem(last=False)
        return made

    def _state(self, source: LibrarySource) -> tuple[int, str, int]:
        return source.choices, self._profiles.library.version if self._profiles else "", self._odds.number()

    def _weights(self, draft: PromptDraft, family: str) -> Mapping[str, float]:
        drawn = draft.source
        options = generate_prompt.Options(template=drawn.template, profiles=drawn.profiles, genre=drawn.genre)
        return snapshot_for(self._odds, options, drawn.odds or None, family).weights

    def _holds(self, source: LibrarySource, options: Options, asked: _Asked, before: Selection) -> bool:
        if options.semantic:  # the text encoder that chose may be gone
            return False
        profile = used_by(asked.draft, self._profiles)
        try:
            weights = self._weights(asked.draft, asked.family)
            now = select(asked.draft, source.index(), asked.checkpoint, options, weights, profile=profile)
        except OrchestratorError:
            return False
        return _outcome(now) == _outcome(before)


def _plain(draft: PromptDraft) -> PromptDraft:
    """Without what a choice does not depend on, as the diagnostics."""
    return replace(draft, diagnostics=(), variables=())


def _outcome(selection: Selection) -> tuple[object, ...]:
    """What of a selection is seen in an image. Digests come later than files, and are not."""
    uses = [(use.record.path, use.record.size, use.record.mtime_ns, use.strength) for use in selection.chosen]
    return selection.draft.positive, tuple(uses)
