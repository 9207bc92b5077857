"""dispatch: draft → request → generator → images, with all that made them in their metadata."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError
from orchestrator_core.prompt import MAX_SEED, PromptDraft
from orchestrator_core.request import GenerationRequest, Progress, notes_for
from orchestrator_core.run import Run


class Options(BaseModel):
    """How a prompt is rendered. Names are ComfyUI's; a generator for another host translates them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    checkpoint: str = Field("", description="The model to render with. Empty: what the host has loaded, or its first.")
    vae: str = Field("", description="A VAE of its own. Empty: the checkpoint's.")
    sampler: str = Field("euler", description="The sampling algorithm.")
    scheduler: str = Field("normal", description="How the noise steps are spaced.")
    steps: int = Field(20, ge=1, le=1000, description="How many sampling steps.")
    cfg: float = Field(7.0, ge=0, le=100, description="How strictly the prompt is followed.")
    denoise: float = Field(1.0, ge=0, le=1, description="How much is painted anew: 1 is all of it.")
    width: int = Field(512, ge=16, le=16384, description="Width in pixels.")
    height: int = Field(512, ge=16, le=16384, description="Height in pixels.")
    batch_size: int = Field(1, ge=1, le=64, description="How many images of one prompt at a time.")
    clip_skip: int = Field(1, ge=1, le=12, description="Which of the last layers of CLIP is read: 1 is the last.")
    seed: int | None = Field(
        None, title="Image seed", ge=0, le=MAX_SEED, description="The image's seed. Empty: the same as the prompt's."
    )
    extra: dict[str, Any] = Field(
        default_factory=dict, description="What only one generator understands, handed on as it is."
    )


def request_for(draft: PromptDraft, options: Options) -> GenerationRequest:
    """The request that renders a draft."""
    fields = options.model_dump()
    fields["seed"] = draft.seed & MAX_SEED if options.seed is None else options.seed
    # a variable's assignment leaves a space behind; at the ends of a prompt it means nothing to any model
    positive, negative = draft.positive.strip(), draft.negative_prompt.strip()
    return GenerationRequest(positive=positive, negative=negative, loras=draft.loras, **fields)


def request_of(run: Run) -> GenerationRequest:
    """What a past run rendered; of one that has no images, what it would by default."""
    return run.images[0].request if run.images else request_for(run.draft, Options())


def stage(run: Run, context: StageContext, options: Options) -> Run:
    """Renders the run's draft; its images come after those that it has."""
    if context.generator is None:
        raise PipelineError("dispatch has no generator to send to: name a server, or leave the stage out.")
    request = request_for(run.draft, options)

    def report(progress: Progress) -> None:
        context.cancellation.check("the rendering")  # a generator stops its job when this raises
        context.progress(progress)

    with context.cancellation.stopping(getattr(context.generator, "cancel", None)):
        images = context.generator.generate(request, notes_for(run.id, run.draft), report)
    return run.replacing(images=run.images + images)
