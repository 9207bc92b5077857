"""``orchestrator export --template``: an image, a run or a workflow as a template for others, and its thumbnail."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ConfigError, FormatError
from orchestrator_core.formats.comfy_links import is_workflow
from orchestrator_core.formats.sharing import Host, Kind, Shared, share_run, share_workflow
from orchestrator_core.formats.sharing_nodes import WILDCARD_PROMPT
from orchestrator_core.formats.sharing_stock import Draw
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import Run

if TYPE_CHECKING:
    from orchestrator_core.template import Wildcards

LONGEST_SIDE = 768  # pixels of a thumbnail
MOST_BYTES = 100_000
PLAIN = "Its own graph cannot be laid out ({reason}) The template is a plain text-to-image workflow with its settings."


def is_comfyui_file(data: Any) -> bool:
    """A canvas workflow, or an API graph."""
    if is_workflow(data):
        return True
    nodes = data.values() if isinstance(data, dict) else ()
    return bool(nodes) and all(isinstance(node, dict) and "class_type" in node for node in nodes)


def share_rendered(
    run: Run,
    request: GenerationRequest,
    kind: Kind,
    carried: tuple[dict[str, Any] | None, dict[str, Any] | None],
    draw: Draw,
) -> Shared:
    """A template of what an image or a run was rendered from; ``carried`` are its graph and its workflow.

    A live one of a workflow without our nodes is a plain one that draws, where the template is known.
    """
    graph, workflow = carried
    found = workflow or graph
    if found is None or (kind == "live" and not _draws(found) and run.draft.source.template):
        return share_run(run, request, kind)
    try:
        return share_workflow(found, kind, _name(run), graph, Host(draw=draw))
    except FormatError as error:
        shared = share_run(run, request, kind)
        return Shared(shared.template, shared.taken_out, (PLAIN.format(reason=error), *shared.warnings))


def _draws(found: dict[str, Any]) -> bool:
    """Has it a Wildcard Prompt, or our notes, by which it gets one?"""
    extra = found.get("extra")
    return WILDCARD_PROMPT in str(found) or (isinstance(extra, dict) and "orchestrator" in extra)


def _name(run: Run) -> str:
    return " ".join(run.draft.positive.split()[:8]).rstrip(",.;:")


def drawing_with(wildcards: Wildcards) -> Draw:
    """Draws what a Wildcard Prompt has not drawn yet, from its values."""
    from pydantic import ValidationError

    from orchestrator_core.errors import OrchestratorError
    from orchestrator_core.stages.generate_prompt import Options, generate

    def draw(values: Mapping[str, Any]) -> tuple[str, str] | None:
        if values.get("rerolls"):
            return None
        known = {name: value for name, value in values.items() if name in Options.model_fields and name != "rerolls"}
        if known.get("index") == -1:
            del known["index"]
        try:
            draft = generate(Options.model_validate(known), wildcards)
        except (OrchestratorError, ValidationError):
            return None
        return draft.positive, draft.negative_prompt

    return draw


def thumbnail(path: Path) -> bytes:
    """The picture as a small JPEG, with nothing but its pixels. Raises ConfigError, and FormatError for no picture."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ConfigError("A thumbnail needs Pillow: pip install pillow, or leave --thumbnail out.") from None
    try:
        with Image.open(path) as image:
            small = ImageOps.exif_transpose(image).convert("RGB")
            small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise FormatError(f"{path} cannot be a thumbnail: {error}.") from None
    for quality in (90, 80, 65, 40):
        file = io.BytesIO()
        small.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= MOST_BYTES:
            break
    return file.getvalue()
