"""Renders requests in Forge's own process, as ``generators/forge_http`` does on a Forge over the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from forge_extension.job import Job, RenderingHost
from forge_extension.notes import infotext_pairs
from forge_extension.rendered import Rendered, RenderedImage
from orchestrator_core.errors import GeneratorError, Interrupted, RenderFailed, RequestRefused
from orchestrator_core.generators.forge_names import ServerNames, choices_of
from orchestrator_core.generators.forge_payload import carried_out, payload
from orchestrator_core.generators.running import RunningJobs
from orchestrator_core.request import Choices, GeneratedImage, GenerationRequest, ImageNotes, OnProgress

_COMMENTS = ("#", "//", "/*")  # what Forge, and what Forge Neo, takes for the beginning of one
_OF_THE_API = ("send_images", "save_images")  # fields of its route, not of a job


class Host(RenderingHost, Protocol):
    """What the generator needs of the host."""

    def names(self, *, refresh: bool = False) -> ServerNames: ...

    def options(self) -> dict[str, Any]: ...

    def jobs_there(self) -> int: ...


class InProcessGenerator:
    """A ``Generator`` for the Forge that this is running in.

    The host saves the images, by its own settings, with the notes in their infotext; ``folder`` is where, if not where
    the host keeps its own. What a request's ``extra`` may hold is in ``generators/forge_payload``.
    """

    def __init__(self, host: Host, folder: Path | None = None) -> None:
        self.host, self.folder = host, folder
        self._jobs = RunningJobs()

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        """Blocks until the images are saved.

        Raises:
            RequestRefused: the host has not what is asked for; ``problems`` name the fields.
            RenderFailed, Interrupted: in the middle; ``images`` are those that were finished.
        """
        fields = self._fields(request)
        with self._jobs.running(Job(self.host, on_progress)) as job:
            try:
                rendered = job.run(fields, infotext_pairs(notes))
            except GeneratorError:
                raise
            except Exception as error:
                raise RenderFailed(_reason(error)) from error
        made = [self._made(image, fields["prompt"], request, notes) for image in rendered.images if not image.is_black]
        return _finished(rendered, tuple(made))

    def cancel(self) -> None:
        """Stop what is being rendered, from any thread; ``generate`` then raises Interrupted."""
        self._jobs.cancel()

    def choices(self) -> Choices:
        """What the host offers now, in ComfyUI's names."""
        return choices_of(self.host.names(refresh=True))

    # for a queue, which chooses among servers

    def refresh(self) -> None:
        """Has the host look at its folders again."""
        self.host.names(refresh=True)

    def lacks(self, request: GenerationRequest) -> list[str]:
        """What the host has not of what is asked for: a line for each."""
        return payload(request, self.host.names(), self.host.options())[1]

    def others(self) -> int:
        """How many jobs run or wait in the host."""
        return self.host.jobs_there()

    def _fields(self, request: GenerationRequest) -> dict[str, Any]:
        """Those of the host's job. Raises RequestRefused."""
        options = self.host.options()
        fields, problems = payload(request, self.host.names(), options)
        if problems:  # a model that was added since
            fields, problems = payload(request, self.host.names(refresh=True), options)
        if problems:
            lines = "".join(f"\n- {problem}" for problem in problems)
            raise RequestRefused(f"Forge refuses the request:{lines}", tuple(problems))
        fields["override_settings"] |= _own_settings(fields, options)
        if self.folder is not None:
            fields["outpath_samples"] = str(self.folder)
        return {name: value for name, value in fields.items() if name not in _OF_THE_API}

    def _made(self, image: RenderedImage, sent: str, request: GenerationRequest, notes: ImageNotes) -> GeneratedImage:
        is_rewritten = image.prompt.strip() != sent.strip()  # by a script
        made = carried_out(request, image.seed, image.infotext, self.host.names(), is_rewritten=is_rewritten)
        return GeneratedImage(Path(image.path), made, notes.run_id)


def _finished(rendered: Rendered, images: tuple[GeneratedImage, ...]) -> tuple[GeneratedImage, ...]:
    """The images, where they are what was asked for. Raises RenderFailed, Interrupted."""
    if rendered.interrupted:
        raise Interrupted("The rendering was stopped.", images)
    if len(images) < len(rendered.images):
        raise RenderFailed(_BLACK, images)
    if not images:
        said = f" It says: {rendered.comments}" if rendered.comments else ""
        raise RenderFailed(f"Forge finished without an image.{said}")
    return images


_BLACK = (
    "An image is entirely black: somewhere the model's numbers went out of bounds (NaN). Another VAE, a lower strength "
    "of the LoRAs, or Forge started with --vae-in-fp32 or --all-in-fp32 are what usually cures it. The file was kept."
)


def _own_settings(fields: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the host that this job needs otherwise: its images are to be on disk, and whole."""
    wanted: dict[str, Any] = {"samples_save": True, "save_incomplete_images": False}
    text = fields["prompt"] + fields["negative_prompt"]
    if any(mark in text for mark in _COMMENTS):
        wanted["enable_prompt_comments"] = False
    return {name: value for name, value in wanted.items() if name in options and options[name] != value}


def _reason(error: Exception) -> str:
    """Why the host failed, for people."""
    words = " ".join(str(error).split()).rstrip(".") or "no reason given"
    text = f"Forge failed: {type(error).__name__}: {words[:1000]}."
    if "outofmemory" in f"{type(error).__name__} {words}".lower().replace(" ", ""):
        text += " Try a smaller size or batch, or lower GPU Weights at the top of Forge's page."
    return text
