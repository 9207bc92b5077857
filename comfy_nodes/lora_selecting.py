"""What a LoRA Selector does. Apart from the node, because importing this costs a server's start more than all the rest.

A server imports it when somebody asks what nodes there are, or runs one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_core.base_models import BaseModel
from orchestrator_core.errors import FormatError
from orchestrator_core.loras.query import parse_query
from orchestrator_core.stages.select_loras import Options, Selection

from .checkpoint_family import checkpoint_of, family_in, loader_file
from .host import io, model_kinds
from .image_info import note_loaded
from .lora_cards import chosen_card, other_card
from .lora_names import read_stack
from .lora_uses import as_stack, chosen_files, given
from .option_inputs import option_input
from .services import LoraServices
from .sockets import DraftSocket, LoraStackSocket


def problem_of(query: str) -> str:
    """Why a query cannot be read; "" where it can."""
    try:
        parse_query(query)
    except FormatError as error:
        return str(error)
    return ""


def fingerprint(loras: LoraServices, values: Mapping[str, Any]) -> str:
    """What else than its inputs a choice depends on: the library, where the choice would now be another."""
    if any(values[name] is None for name in Options.model_fields if name in values):
        return f"library {loras.shelf.ready().choices}"  # a linked option, which only the run knows
    return loras.choosing.fingerprint(_options(values))


def selected(loras: LoraServices, hidden: Any, model: Any, clip: Any, values: Mapping[str, Any]) -> io.NodeOutput:
    """Choose, load, and say why. ``hidden`` are the node's hidden inputs."""
    node_id = str(hidden.unique_id)
    before = given(values.get("draft"), values.get("text"), read_stack(values.get("lora_stack")))
    loader = loader_file(hidden.prompt, node_id)
    checkpoint = checkpoint_of(*model_kinds(model), loader)
    options = _options(values)
    with loras.meanings.of(clip if options.semantic else None) as meanings:
        selection = loras.choosing.choose(before.draft, checkpoint, options, meanings, family_in(hidden.prompt))
    files, unknown = loras.files.found(before.items)
    files += chosen_files(selection.chosen, loader)
    loaded = loras.loading.apply(model, clip, files)
    problems = [*before.problems, *unknown, *loaded.problems]
    report = report_of(selection, checkpoint, loader, problems)
    draft = selection.draft
    noted = note_loaded(hidden.extra_pnginfo, node_id, as_stack(loaded.files), draft.positive)
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


def inputs() -> list[io.Input]:
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
