"""``orchestrator pipeline plan``: a dry run. Nothing is rendered, no model is asked, nothing is kept."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from orchestrator_app.console import remark, say

if TYPE_CHECKING:
    from orchestrator_core.pipeline.planning import ItemPlan, StagePlan
    from orchestrator_core.request import GenerationRequest

SCHEMA_VERSION = 1


def plan(arguments: argparse.Namespace) -> int:
    """The count is said before the first item is planned."""
    from orchestrator_app.pipeline_asking import asked_pipeline
    from orchestrator_app.pipeline_place import place_for, with_odds
    from orchestrator_core.memory.source import Rehearsal
    from orchestrator_core.pipeline.batches import Items, product_of
    from orchestrator_core.pipeline.planning import plan_of
    from orchestrator_core.run import Run

    pipeline = asked_pipeline(arguments.pipeline, arguments.set, arguments.vary, arguments.seed)
    items = Items(pipeline)
    remark(f"Items: {product_of(pipeline)}. Nothing is rendered, and no language model is asked.")
    most = arguments.most or len(items)
    with place_for(arguments, pipeline, dry=True) as context:
        stories = Rehearsal(context.stories) if context.stories else None  # each scene goes on from the one before
        context = replace(with_odds(arguments, context, pipeline), stories=stories)
        for item in islice(items, most):
            planned = plan_of(item, context)
            if stories is not None:
                stories.told(Run("", planned.draft))
            if arguments.json:
                say(json.dumps(_as_json(planned, arguments.payload), ensure_ascii=False))
            else:
                _show(planned)
    if len(items) > most:
        remark(f"… and {len(items) - most:,} more; --most 0 shows all.")
    return 0


def _show(planned: ItemPlan) -> None:
    values = ", ".join(f"{name}={_short(value)}" for name, value in planned.values.items())
    say(f"[{planned.number}] seed {planned.draft.seed}" + (f"  {values}" if values else ""))
    before = ""
    for stage in planned.stages:
        words = stage.draft.positive.strip()
        told = [stage.detail, *_told(stage), words if words != before else ""]
        before = words
        say(f"    {stage.id}: {stage.state}" + "".join(f"; {text}" for text in told if text))


def _told(stage: StagePlan) -> list[str]:
    if stage.type == "selectLoras" and stage.state == "done":
        loras = ", ".join(f"{lora.name} at {lora.strength_model:g}" for lora in stage.draft.loras)
        return [loras or "no LoRA"]
    if stage.request is None:
        return []
    request = stage.request
    size = f"{request.width}×{request.height}" + (f" ×{request.batch_size}" if request.batch_size > 1 else "")
    model = request.checkpoint or "the host's model"
    sampling = f"{request.sampler}/{request.scheduler}, {request.steps} steps, cfg {request.cfg:g}"
    return [f"{size}, {sampling}, seed {request.seed}, {model}"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _as_json(planned: ItemPlan, payload: str | None) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "number": planned.number,
        "values": planned.values,
        "seed": planned.draft.seed,
        "prompt": planned.draft.positive,
        "negative": planned.draft.negative_prompt,
        "loras": [asdict(lora) for lora in planned.draft.loras],
        "scene": planned.draft.story.scene if planned.draft.story else None,
        "stages": [_stage_json(stage, payload) for stage in planned.stages],
    }


def _stage_json(stage: StagePlan, payload: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {"id": stage.id, "type": stage.type, "state": stage.state, "detail": stage.detail}
    if stage.request is not None:
        said["request"] = asdict(stage.request)
        if payload is not None:
            said["payload"] = _payload(stage.request, payload)
    return said


def _payload(request: GenerationRequest, host: str) -> dict[str, Any]:
    """What the host would be sent, as far as that can be said without asking what it has."""
    if host == "comfyui":
        from orchestrator_core.formats.comfy_graph import text_to_image_graph

        return text_to_image_graph(request)
    from orchestrator_core.formats.sampler_names import sampler_label, scheduler_label
    from orchestrator_core.generators.forge_names import Item, ServerNames
    from orchestrator_core.generators.forge_payload import payload

    names = ServerNames(
        (Item(sampler_label(request.sampler), request.sampler),),
        (Item(scheduler_label(request.scheduler), request.scheduler),),
        (Item(request.checkpoint, request.checkpoint),),
        (Item(request.vae, request.vae),),
    )
    return payload(request, names, {})[0]
