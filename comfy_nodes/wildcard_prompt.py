"""Wildcard Prompt: a template goes in, a drawn prompt comes out, with where each of its words came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import ValidationError

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.stages.generate_prompt import kept, options_from_widgets
from orchestrator_core.template.align import aligned

from .checkpoint_family import family_in
from .drawing_odds import named_in, snapshot_for
from .drawn import template_slots
from .host import current_client, io
from .image_info import show_while_running
from .option_inputs import common_of, option_input
from .planning import Drawn, failure
from .populate import EVENT, drawn_message
from .services import Services
from .sockets import DraftSocket
from .widgets import FIXED, POPULATE, POPULATED, WILDCARD_PROMPT


class WildcardPrompt(io.ComfyNode):
    services: ClassVar[Services]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=WILDCARD_PROMPT,
            display_name="Wildcard Prompt",
            category="orchestrator",
            description="Draws a prompt from a template with {variants} and __wildcards__, and remembers where each "
            "word came from.",
            inputs=_inputs(cls.services.profiles.genres),
            outputs=[
                io.String.Output("positive", display_name="positive", tooltip="The drawn prompt."),
                io.String.Output("negative", display_name="negative", tooltip="The drawn negative prompt."),
                DraftSocket.Output("draft", display_name="draft", tooltip="The prompt with the origin of each word."),
                io.Int.Output("drawn_seed", display_name="seed", tooltip="The seed, for the sampler."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def fingerprint_inputs(cls, **values: Any) -> str:
        """What else than its inputs a node's prompt depends on: wildcard files, profiles, learned odds."""
        profiles, named = cls.services.profiles, _named(values)
        if _is_settled(values):
            return profiles.told_fingerprint(*named)
        odds = f" {number}" if (number := cls.services.odds.number()) else ""
        return cls.services.wildcards.digest() + profiles.fingerprint(*named) + odds

    @classmethod
    def validate_inputs(cls, genre: str | None = None) -> bool | str:
        """Takes any genre: one that is gone since is told in the node, and the rest is drawn."""
        return True

    @classmethod
    def execute(cls, **values: Any) -> io.NodeOutput:
        try:
            if _is_settled(values):
                return cls._given(_settled(values, cls.services, named_in(cls._inputs()) or 0, cls._family()))
            draft = cls.services.draw(options_from_widgets(values), named_in(cls._inputs()), cls._family())
        except (OrchestratorError, ValidationError) as error:
            told = failure(error, values)
            # ComfyUI 0.3.64 forgets to block a node that gives no outputs at all
            return io.NodeOutput("", "", None, 0, ui=cls._shown(told), block_execution=told.diagnostics[0].message)
        show_while_running(cls.hidden.prompt, cls.hidden.extra_pnginfo, str(cls.hidden.unique_id), draft)
        return cls._given(draft, ui=cls._shown(draft))

    @classmethod
    def _inputs(cls) -> Mapping[str, Any]:
        """All of the node's in the graph, those too that no widget has."""
        node = (cls.hidden.prompt or {}).get(str(cls.hidden.unique_id))
        inputs = node.get("inputs") if isinstance(node, dict) else None
        return inputs if isinstance(inputs, dict) else {}

    @classmethod
    def _family(cls) -> str:
        """Of the model that the graph renders with, where odds are learned: they go by it."""
        return family_in(cls.hidden.prompt) if cls.services.odds.number() else ""

    @classmethod
    def _given(cls, draft: PromptDraft, ui: dict[str, Any] | None = None) -> io.NodeOutput:
        return io.NodeOutput(draft.positive, draft.negative_prompt, draft, draft.seed, ui=ui)

    @classmethod
    def _shown(cls, draft: PromptDraft) -> dict[str, Any]:
        """Tells the browser at once, and again whenever ComfyUI takes the node's result from its cache."""
        message = drawn_message(str(cls.hidden.unique_id), Drawn(draft, template_slots(draft)))
        cls.services.send(EVENT, message, current_client())
        return {"orchestrator_populated": [message]}


def _is_settled(values: Mapping[str, Any]) -> bool:
    """Whether the text is there already: fixed by a person, or drawn before the graph was queued."""
    return values.get("mode") == FIXED or any(values.get(name) for name in POPULATED)


def _named(values: Mapping[str, Any]) -> tuple[str | None, str]:
    """(profiles, genre): None for profiles that another node gives, which only the run knows."""
    profiles = values.get("profiles", "")
    return None if profiles is None else str(profiles), str(values.get("genre") or "")


def _settled(values: Mapping[str, Any], services: Services, odds: int, family: str) -> PromptDraft:
    """Raises what a text that was drawn cannot have: options that cannot be used."""
    positive, negative = (str(values.get(name) or "") for name in POPULATED)
    try:
        options = options_from_widgets(values)
        found = snapshot_for(services.odds, options, odds, family)
        return kept(options, positive, negative, services.wildcards, services.profiles, found.weights, found.number)
    except ValidationError:
        if values.get("mode") != FIXED:
            raise
        return PromptDraft(aligned((), positive), aligned((), negative))  # a fixed text needs no options


def _inputs(genres: Sequence[str]) -> list[io.Input]:
    """In the order of ``widgets.WIDGETS``; all but the first may be missing from the graph of an older version."""
    texts = [
        io.String.Input(name, optional=True, multiline=True, dynamic_prompts=False, default="", tooltip=tooltip)
        for name, tooltip in zip(POPULATED, _POPULATED_TOOLTIPS, strict=True)
    ]
    mode = io.Combo.Input(
        "mode",
        options=[POPULATE, FIXED],
        optional=True,
        socketless=True,  # what a graph will do must be known before it runs
        default=POPULATE,
        tooltip="populate: a new text is drawn each time. fixed: the drawn text stays, and can be edited.",
    )
    later = ("dialect", "method", "seed", "index", "missing", "rerolls", "profiles")
    inputs = [option_input(name) for name in ("template", "negative_template")]
    genre = io.Combo.Input("genre", options=["", *genres], **common_of("genre"))
    return [*inputs, *texts, mode, *(option_input(name) for name in later), genre]


_POPULATED_TOOLTIPS = (
    "The prompt that was drawn. Written here before each run; in mode fixed it is what is rendered.",
    "The negative prompt that was drawn.",
)
