"""The nodes of a pipeline's stages, one stage after the other, each joined to what it goes on from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from orchestrator_core.formats.comfy_graph import model_file
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.node_definitions import node_definition
from orchestrator_core.formats.pipeline_nodes import (
    CHOOSE,
    DRAW,
    ENHANCE,
    NODES,
    RENDER,
    SCORE,
    TELL,
    shown_options,
)
from orchestrator_core.formats.sharing_nodes import (
    INSPECTOR,
    LLM_MODEL,
    LORA_STACK_APPLY,
    OUR_NODES,
    RECORDER,
    SAVE_IMAGE,
)
from orchestrator_core.formats.sharing_ours import FEEDBACK_RECORDER, SCORER_MODEL
from orchestrator_core.spec import PipelineSpec, StageSpec, pipeline_to_json

Link = list[Any]  # [node id, output slot]


@dataclass(frozen=True, slots=True)
class Way:
    """What the next stage can be joined to. ``model`` is a node that gives a model and its text encoder."""

    draft: Link | None = None
    positive: Link | None = None
    negative: Link | None = None
    seed: Link | None = None
    model: str = ""
    checkpoint: str = ""  # that ``model`` comes from
    stacks: tuple[Link, ...] = ()  # the LoRAs of each selector
    images: Link | None = None
    saved: Link | None = None


class Builder:
    """``marks``, ``muted`` and ``bypassed`` are by node id."""

    def __init__(self, pipeline: PipelineSpec, checkpoint: str) -> None:
        self.graph: Graph = {}
        self.marks: dict[str, dict[str, Any]] = {}
        self.muted: set[str] = set()
        self.bypassed: set[str] = set()
        self.told: list[str] = []
        self._pipeline, self._checkpoint = pipeline, checkpoint
        self._saved = {spec["id"]: spec for spec in pipeline_to_json(pipeline)["stages"]}
        self._ways: dict[str, Way] = {}
        self._loaders: dict[str, str] = {}  # checkpoint → node
        self._shared: dict[str, str] = {}  # class → the one node of it
        self._is_rendered = any(stage.type == RENDER and stage.enabled for stage in pipeline.stages)

    def add(self, stage: StageSpec) -> None:
        needs = self._pipeline.needs[stage.id]
        way = self._ways[needs[0]] if needs else Way()
        makers = {
            DRAW: self._draw, TELL: self._tell, ENHANCE: self._enhance, CHOOSE: self._choose, RENDER: self._render,
            SCORE: self._score,
        }  # fmt: skip
        self._ways[stage.id] = makers[stage.type](stage, way)

    def finish(self) -> None:
        """Something must come out, or ComfyUI runs nothing."""
        way = self._ways[self._pipeline.ordered[-1].id] if self._ways else Way()
        if not self._is_rendered and way.draft:
            self._node(INSPECTOR, "Prompt Inspector", draft=way.draft)

    # the stages

    def _draw(self, stage: StageSpec, way: Way) -> Way:
        key = self._stage(stage)
        if not stage.enabled:
            self.muted.add(key)
            return way
        found = replace(way, draft=[key, 2], positive=[key, 0], negative=[key, 1], seed=[key, 3])
        return replace(found, model="", checkpoint="", stacks=())

    def _tell(self, stage: StageSpec, way: Way) -> Way:
        way = self._with_model(stage, way)
        model: dict[str, Any] = {"model": [way.model, 0]} if way.model else {}
        key = self._stage(stage, draft=way.draft, **model, **self._text(stage, way))
        if not stage.enabled:
            return replace(self._passed(key, way), positive=[key, 1])
        return replace(way, draft=[key, 0], positive=[key, 1], negative=[key, 2])

    def _enhance(self, stage: StageSpec, way: Way) -> Way:
        way = self._with_model(stage, way)
        if LLM_MODEL not in self._shared:
            self.told.append(
                f"Which language model {stage.id!r} asks is set in the node LLM Model; the rules need none."
            )
        llm = self._one(LLM_MODEL, "LLM Model", backend="rules")
        model: dict[str, Any] = {"model": [way.model, 0], "clip": [way.model, 1]} if way.model else {}
        key = self._stage(stage, draft=way.draft, llm=[llm, 0], **model, **self._text(stage, way))
        if not stage.enabled:
            return replace(self._passed(key, way), positive=[key, 1])
        return replace(way, draft=[key, 0], positive=[key, 1])

    def _choose(self, stage: StageSpec, way: Way) -> Way:
        way = self._with_model(stage, way, needed=True)
        model: dict[str, Any] = {"model": [way.model, 0], "clip": [way.model, 1]}
        key = self._stage(stage, **model, draft=way.draft, **self._text(stage, way))
        found = replace(way, model=key, draft=[key, 3], positive=[key, 2])
        if not stage.enabled:
            self.bypassed.add(key)
            return found
        return replace(found, stacks=(*way.stacks, [key, 4]))

    def _render(self, stage: StageSpec, way: Way) -> Way:
        shown = shown_options(stage)
        checkpoint = shown["checkpoint"] or model_file(self._checkpoint)
        if not checkpoint:
            self.told.append(f"Stage {stage.id!r} names no checkpoint: choose one in the node Load Checkpoint.")
        loader = self._loader(checkpoint)
        if way.checkpoint != checkpoint or not way.model:
            model = self._stacked(loader, way)
        else:
            model = way.model
        clip: Link = [model, 1]
        if shown["clip_skip"] != 1:
            clip = [
                self._part(stage, "CLIPSetLastLayer", "clip skip", stop_at_clip_layer=-shown["clip_skip"], clip=clip),
                0,
            ]
        size = {name: shown[name] for name in ("width", "height", "batch_size")}
        sampler = self._stage(
            stage,
            title="sampler",
            model=[model, 0],
            seed=way.seed if shown["seed"] is None else shown["seed"],
            steps=shown["steps"],
            cfg=shown["cfg"],
            sampler_name=shown["sampler"],
            scheduler=shown["scheduler"],
            denoise=shown["denoise"],
            positive=[self._part(stage, "CLIPTextEncode", "positive", text=way.positive, clip=clip), 0],
            negative=[self._part(stage, "CLIPTextEncode", "negative", text=way.negative, clip=clip), 0],
            latent_image=[self._part(stage, "EmptyLatentImage", "size", **size), 0],
        )
        if not shown["checkpoint"]:
            self.marks[sampler]["checkpoint"] = checkpoint
        vae = [self._part(stage, "VAELoader", "VAE", vae_name=shown["vae"]), 0] if shown["vae"] else [loader, 2]
        decoded = self._part(stage, "VAEDecode", "decode", samples=[sampler, 0], vae=vae)
        saved = self._part(stage, SAVE_IMAGE, "Save Image With Origin", images=[decoded, 0], draft=way.draft)
        last = [sampler, decoded, saved]
        if not self._is_scored(stage):
            last.append(self._part(stage, RECORDER, "Run Recorder", draft=way.draft, saved=[saved, 0]))
        if not stage.enabled:
            self.muted.update(last)
        return replace(way, images=[decoded, 0], saved=[saved, 0])

    def _score(self, stage: StageSpec, way: Way) -> Way:
        if way.images is None:
            self.told.append(f"Stage {stage.id!r} has no images to look at: nothing is rendered before it.")
        elif way.images[0] in self.muted and stage.enabled:
            self.told.append(f"Stage {stage.id!r} has no images to look at while the rendering before it is off.")
        if SCORER_MODEL not in self._shared:
            self.told.append(f"Which model {stage.id!r} looks with is set in the node Scorer Model.")
        looking = self._one(SCORER_MODEL, "Scorer Model")
        images: dict[str, Any] = {"images": way.images} if way.images else {}
        key = self._stage(stage, **images, draft=way.draft, scorer=[looking, 0])
        learning = self._part(stage, FEEDBACK_RECORDER, "Feedback Recorder", scored=[key, 0], saved=way.saved)
        if not stage.enabled:
            self.muted.update((key, learning))
        return way

    # what they are made of

    def _stage(self, stage: StageSpec, title: str = "", **inputs: Any) -> str:
        kind = NODES[stage.type]
        values = {} if stage.type == RENDER else shown_options(stage)
        definition = node_definition(kind, OUR_NODES)
        key = self._node(
            kind, self._title(stage, title or (definition.title if definition else kind)), **values, **inputs
        )
        self.marks[key] = {"position": len(self.marks), "spec": self._saved[stage.id]}
        return key

    def _title(self, stage: StageSpec, title: str) -> str:
        """The node's own, and the stage's id where several have that."""
        same = sum(other.type == stage.type for other in self._pipeline.stages)
        return title if same == 1 else f"{title}: {stage.id}"

    def _part(self, stage: StageSpec, kind: str, title: str, **inputs: Any) -> str:
        return self._node(kind, self._title(stage, title), **inputs)

    def _one(self, kind: str, title: str, **inputs: Any) -> str:
        if kind not in self._shared:
            self._shared[kind] = self._node(kind, title, **inputs)
        return self._shared[kind]

    def _node(self, kind: str, title: str, **inputs: Any) -> str:
        key = str(len(self.graph) + 1)
        given = {name: value for name, value in inputs.items() if value is not None}
        self.graph[key] = {"class_type": kind, "inputs": given, "_meta": {"title": title}}
        return key

    def _text(self, stage: StageSpec, way: Way) -> dict[str, Any]:
        """A bypassed node's text is the one that it is given; one that works has the draft's own."""
        return {} if stage.enabled else {"text": way.positive}

    def _passed(self, key: str, way: Way) -> Way:
        self.bypassed.add(key)
        return replace(way, draft=[key, 0])

    # models

    def _with_model(self, stage: StageSpec, way: Way, *, needed: bool = False) -> Way:
        """With the model that is to render the prompt; where nothing renders it, only where it is needed."""
        if way.model:
            return way
        rendering = self._rendering_after(stage)
        if rendering is None and not needed:
            return way
        checkpoint = shown_options(rendering)["checkpoint"] if rendering else ""
        checkpoint = checkpoint or model_file(self._checkpoint)
        return replace(way, model=self._loader(checkpoint), checkpoint=checkpoint)

    def _rendering_after(self, stage: StageSpec) -> StageSpec | None:
        """The next of the stages that go on from this one and render."""
        behind = {stage.id}
        for other in self._pipeline.ordered:
            if behind & set(self._pipeline.needs[other.id]):
                behind.add(other.id)
                if other.type == RENDER:
                    return other
        return None

    def _loader(self, checkpoint: str) -> str:
        if checkpoint not in self._loaders:
            title = "checkpoint" if not self._loaders else f"checkpoint {len(self._loaders) + 1}"
            self._loaders[checkpoint] = self._node("CheckpointLoaderSimple", title, ckpt_name=checkpoint)
        return self._loaders[checkpoint]

    def _stacked(self, loader: str, way: Way) -> str:
        """Another checkpoint with the LoRAs that were chosen for the first."""
        for stack in way.stacks:
            loader = self._node(
                LORA_STACK_APPLY, "Apply LoRA Stack", model=[loader, 0], clip=[loader, 1], lora_stack=stack
            )
        return loader

    def _is_scored(self, stage: StageSpec) -> bool:
        """Whether a stage behind it looks at its images, and records them."""
        behind = {stage.id}
        for other in self._pipeline.ordered:
            if (
                other.id != stage.id
                and self._pipeline.needs[other.id][:1]
                and self._pipeline.needs[other.id][0] in behind
            ):
                if other.type == RENDER:
                    continue  # what comes behind that one looks at its images
                behind.add(other.id)
                if other.type == SCORE and other.enabled:
                    return True
        return False
