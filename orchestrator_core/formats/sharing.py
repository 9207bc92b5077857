"""A workflow or a finished run as a template for others: nothing of the person's machine goes along.

*stock*: what was drawn stands in ComfyUI's own nodes, so it opens anywhere and gives this prompt. *live*: our nodes are
kept, so it draws anew. Both say what they need (packs, models), and have a note that says how to use them.

``Shared.taken_out`` tells the person what was left out or replaced, one line each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_links import Graph, is_workflow
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.pipeline_nodes import MARK
from orchestrator_core.formats.sharing_canvas import Canvas
from orchestrator_core.formats.sharing_clean import Cleaner, strings_in
from orchestrator_core.formats.sharing_needs import add_note, describe, fill_properties
from orchestrator_core.formats.sharing_nodes import OUR_NODES, is_model_file
from orchestrator_core.formats.sharing_prompts import Draw, Prompts, Reader, collect
from orchestrator_core.formats.sharing_run import live_graph
from orchestrator_core.formats.sharing_stock import make_live, make_stock
from orchestrator_core.formats.sharing_words import Finding, Scrubber, names_in, names_of_this_machine
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import Run

Kind = Literal["stock", "live"]


@dataclass(frozen=True, slots=True)
class Host:
    """What is known of the ComfyUI at hand, and of the person.

    ``object_info`` is its answer of that name, ``version`` its own; ``draw`` draws a prompt node that never ran.
    ``names`` are words that name the person or the machine; None: those of this account and this machine.
    """

    object_info: Mapping[str, Any] | None = None
    version: str = ""
    draw: Draw | None = None
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """A canvas workflow to give away; what was taken out of it; what the person should know before doing so."""

    template: dict[str, Any]
    taken_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The file."""
        return json.dumps(self.template, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def share_workflow(
    workflow: Any,
    kind: Kind,
    name: str = "",
    graph: Mapping[str, Any] | None = None,
    host: Host | None = None,
    request: GenerationRequest | None = None,
) -> Shared:
    """A template of a canvas workflow, or of an API graph, which is laid out anew.

    ``graph`` is the API graph that was sent for it, where that is known: it has the texts that were drawn. ``request``
    is what was rendered from it: it has the LoRAs that were chosen.

    Raises:
        FormatError: ``kind`` is neither of the two, or it is no workflow, or a damaged one.
    """
    workflow = workflow if is_workflow(workflow) else _laid_out(workflow, host)
    return _share(workflow, kind, name, Prompts(), graph, host, request)


def _share(
    workflow: Any,
    kind: Kind,
    name: str,
    prompts: Prompts,
    graph: Mapping[str, Any] | None,
    host: Host | None,
    request: GenerationRequest | None = None,
) -> Shared:
    if kind not in get_args(Kind):
        raise FormatError(f'A template is "stock" or "live", not "{str(kind)[:40]}".')
    host = host or Host()
    canvas = Canvas(workflow)
    for _, node in canvas.nodes():
        for seen_by_nobody in (MARK, "orchestrator_lora_test"):  # what the node once was exported as, or is a part of
            node["properties"].pop(seen_by_nobody, None)
    reader = Reader(graph, host.object_info, host.draw)
    collect(canvas, reader, prompts)
    texts = [*strings_in(canvas.data), *(text for _, text in prompts.templates), name]
    if kind == "stock":
        make_stock(canvas, reader, prompts, request)
    else:
        make_live(canvas, reader, prompts)
    scrubber = Scrubber({*(names_of_this_machine() if host.names is None else host.names), *names_in(texts)})
    Cleaner(scrubber, host.object_info, listed_models(host.object_info)).clean(canvas)
    needs = fill_properties(canvas, host.object_info, host.version)
    title = scrubber.text(" ".join(name.split()), "the name") or "A prompt"
    templates = [(what, scrubber.text(text, "the note")) for what, text in prompts.templates]
    add_note(canvas, describe(title, kind, templates, prompts.seeds, needs))
    return Shared(canvas.close(), _told(scrubber.findings), tuple(prompts.warnings))


def share_run(run: Run, request: GenerationRequest, kind: Kind, name: str = "", host: Host | None = None) -> Shared:
    """A template of a finished run, in a plain text-to-image workflow. Raises FormatError as ``share_workflow``."""
    graph: Graph = text_to_image_graph(request, "ComfyUI")
    prompts = Prompts()
    if kind == "live":
        graph, prompts.warnings = live_graph(graph, run, request)
    else:
        prompts.add((run.draft.source.template, run.draft.source.negative), run.draft.seed)
    workflow = _laid_out(graph, host)
    return _share(workflow, kind, name or _first_words(run.draft.positive), prompts, None, host)


def _laid_out(graph: Any, host: Host | None) -> dict[str, Any]:
    return workflow_from_graph(graph, {**OUR_NODES, **((host and host.object_info) or {})})


def _first_words(text: str) -> str:
    words = text.split()
    return " ".join(words[:8]).rstrip(",.;:") + ("…" if len(words) > 8 else "")


def listed_models(object_info: Mapping[str, Any] | None) -> frozenset[str]:
    """The model files that a server offers, as it writes them."""
    return frozenset(text for text in strings_in(dict(object_info or {})) if is_model_file(text))


def _told(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, findings)))
