"""Services: what the nodes, the handler and the routes share. Made once, when the pack is registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orchestrator_core.prompt import PromptDraft
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.template import Wildcards

from .drawing_odds import NoOdds, Odds, snapshot_for
from .profile_shelf import ProfileShelf

if TYPE_CHECKING:
    from orchestrator_core.loras.meanings import Meanings

    from .lora_choosing import Choosing
    from .lora_loading import Loading
    from .lora_shelf import LoraShelf
    from .lora_uses import Files

Send = Callable[[str, Mapping[str, Any], str], None]  # (event, its data, the client that gets it)


@dataclass(frozen=True, slots=True)
class Services:
    wildcards: Wildcards
    send: Send
    profiles: ProfileShelf = field(default_factory=ProfileShelf)
    odds: Odds = field(default_factory=NoOdds)

    def draw(self, options: Options, named: int | None = None, family: str = "") -> PromptDraft:
        """A draft by the learned odds of the moment, or of the moment that ``named`` numbers.

        Raises TemplateError.
        """
        snapshot = snapshot_for(self.odds, options, named, family)
        weights, number = snapshot.weights, snapshot.number
        draft = generate(options, self.wildcards, weights, profiles=self.profiles, odds=number)
        if number and not _is_drawn(draft):  # a text without a choice is the same by all odds
            return draft.replacing(source=replace(draft.source, odds=0))
        return draft


def _is_drawn(draft: PromptDraft) -> bool:
    return any(component.choices for component in (*draft.components, *draft.negative))


@dataclass(frozen=True, slots=True)
class LoraServices:
    """The library while ComfyUI runs, what chooses from it, and what loads the files."""

    shelf: LoraShelf
    choosing: Choosing
    loading: Loading
    files: Files
    meanings: Meanings
