"""LoRA Selector: the LoRAs that fit a prompt, loaded, with their trigger words, and the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from orchestrator_core.base_models import BaseModel
from orchestrator_core.errors import FormatError
from orchestrator_core.loras.query import parse_query
from orchestrator_core.stages.select_loras import Options, Selection

from .checkpoint_family import checkpoint_of, loader_file
from .host import io, model_kinds
from .image_info import note_loaded
from .lora_cards import chosen_card, other_card
from .lora_names import read_stack
from .lora_uses import as_stack, chosen_files, given
from .option_inputs import option_input
from .services import LoraServices
from .sockets import DraftSocket, LoraStackSocket

LORA_SELECTOR = "OrchestratorLoRASelector"


class LoraSelector(io.ComfyNode):
    loras: ClassVar[LoraServices]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=LORA_SELECTOR,
            display_name="LoRA Selector",
            category="orchestrator",
            description="Chooses the LoRAs that fit the prompt and the model, loads them, adds their trigger words, "
            "and says why each was chosen or not.",
            inputs=_inputs(),
            outputs=[
                io.Model.Output("model_out", display_name="model", tooltip="The model with the LoRAs."),
                io.Clip.Output("clip_out", display_name="clip", tooltip="The text encoder with the LoRAs."),
                io.String.Output("text_out", display_name="text", tooltip="The prompt with the trigger words."),
                DraftSocket.Output(
                    "draft_out", display_name="draft", tooltip="The prompt, with where its words are from."
                ),
                LoraStackSocket.Output(
                    "lora_stack_out", display_name="lora_stack", tooltip="The LoRAs, to be put into another model too."
                ),
                io.String.Output("report", display_name="report", tooltip="Why each LoRA was chosen, or was not."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def validate_inputs(cls, query: str | None = None) -> bool | str:
        """Refuses, before anything is rendered, a query that cannot be read. A linked one is None here."""
        try:
            parse_query(query or "")
        except FormatError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, **values: Any) -> str:
        """What else than its inputs a choice depends on: the library, where the choice would now be another."""
        if any(values[name] is None for name in Options.model_fields if name in values):
            return f"library {cls.loras.shelf.ready().choices}"  # a linked option, which only the run knows
        return cls.loras.choosing.fingerprint(_options(values))

    @classmethod
    def execute(cls, model: Any, clip: Any = None, **values: Any) -> io.NodeOutput:
        text, stack = values.get("text"), read_stack(values.get("lora_stack"))
        before = given(values.get("draft"), text, stack)
        loader = loader_file(cls.hidden.prompt, str(cls.hidden.unique_id))
        checkpoint = checkpoint_of(*model_kinds(model), loader)
        options = _options(values)
        with cls.loras.meanings.of(clip if options.semantic else None) as meanings:
            selection = cls.loras.choosing.choose(before.draft, checkpoint, options, meanings)
        files, unknown = cls.loras.files.found(before.items)
        files += chosen_files(selection.chosen, loader)
        loaded = cls.loras.loading.apply(model, clip, files)
        problems = [*before.problems, *unknown, *loaded.problems]
        report = report_of(selection, checkpoint, loader, problems)
        draft, node_id = selection.draft, str(cls.hidden.unique_id)
        noted = note_loaded(cls.hidden.extra_pnginfo, node_id, as_stack(loaded.files), draft.positive)
        ui = ui_of(selection, checkpoint, problems, noted)
        return io.NodeOutput(loaded.model, loaded.clip, draft.positive, draft, as_stack(files), report, ui=ui)


def _options(values: Mapping[str, Any]) -> Options:
    """The widgets' values; a graph of an older version has not all of them."""
    given_values = {name: values[name] for name in Options.model_fields if values.get(name) is not None}
    return Options.model_validate(given_values)


def report_of(selection: Selection, checkpoint: BaseModel, loader: str, problems: Sequence[str]) -> str:
    """Lines for a person: for which model, what was chosen and why, what was not, what went wrong."""
    named = f"{checkpoint}" + (f" ({loader})" if loader else "")
    head = f"For {named}:" if checkpoint.family else "The base model is not known, so any LoRA may be chosen."
    return "\n".join([head, selection.report, *(f"problem: {problem}" for problem in problems)])


def ui_of(
    selection: Selection, checkpoint: BaseModel, problems: Sequence[str], noted: Mapping[str, Any]
) -> dict[str, Any]:
    """What the node shows. ComfyUI joins the lists of several runs of one node."""
    cards = [
        *(chosen_card(use) for use in selection.chosen),
        *(other_card(one, "nearly") for one in selection.nearly),
        *(other_card(one, "refused") for one in selection.refused),
    ]
    told = {
        "base": str(checkpoint) if checkpoint.family else "",
        "loras": cards,
        "problems": [*selection.problems, *problems],
        "loaded": noted,
    }
    return {"orchestrator_loras": [told]}


def _inputs() -> list[io.Input]:
    """The sockets, then every option of the stage, in its order: workflows keep a list, so new ones come at the end."""
    return [
        io.Model.Input("model", tooltip="What the LoRAs are put into; only those that fit its base model are chosen."),
        io.Clip.Input("clip", optional=True, tooltip="The text encoder, which most LoRAs change too."),
        DraftSocket.Input("draft", optional=True, tooltip="The drawn prompt, from a Wildcard Prompt."),
        io.String.Input("text", optional=True, force_input=True, tooltip="The prompt, in place of the draft's."),
        LoraStackSocket.Input(
            "lora_stack", optional=True, tooltip="LoRAs chosen before: they are loaded, and count for the limits."
        ),
        *(option_input(name, Options) for name in Options.model_fields),
    ]
