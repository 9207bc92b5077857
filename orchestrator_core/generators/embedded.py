"""Renders requests in this process, with a pipeline of diffusers: no server, no host.

    generator = EmbeddedGenerator(Path("outputs"), "models/my-pipeline")

It takes any text to image pipeline with Stable Diffusion's arguments. It is for a machine without ComfyUI or Forge, and
for tests; where one of these runs, it has more samplers, better memory management, and weights of words.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestrator_core.errors import Interrupted, RenderFailed, RequestRefused
from orchestrator_core.formats.image_notes import notes_as_json
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.generators.embedded_call import arguments_of, images_of, loras_of, problems_of
from orchestrator_core.generators.embedded_loading import Place, check, open_pipeline
from orchestrator_core.generators.embedded_loras import Adapters, find_loras, lora_files
from orchestrator_core.generators.embedded_sampling import new_scheduler, offered
from orchestrator_core.generators.running import RunningJobs
from orchestrator_core.generators.saving import save_image, with_texts
from orchestrator_core.request import Choices, GeneratedImage, GenerationRequest, ImageNotes, OnProgress, Progress

_FAILURES = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError, MemoryError)


class EmbeddedGenerator:
    """A ``Generator`` in this process.

    Args:
        output_folder: where the images go; it is made when the first one comes.
        source: the folder of a pipeline, or an id of the hub as ``owner/name``.
        lora_folders: where LoRAs are; without any, the folder ``loras`` beside or in the pipeline's.
        may_download: whether the hub may be asked for what is not on this disk.

    The pipeline is opened by the first request and stays until ``release``. One request is rendered at a time.
    """

    def __init__(
        self,
        output_folder: Path,
        source: str,
        *,
        lora_folders: Sequence[Path] = (),
        device: str = "",
        may_download: bool = False,
        open_it: Callable[[Place], Any] = open_pipeline,
    ) -> None:
        self.output_folder = output_folder
        self.place = Place(source, device, may_download)
        self.lora_folders = tuple(lora_folders) or _lora_folders_of(self.place)
        self._open = open_it
        self._opened: _Opened | None = None
        self._rendering = threading.Lock()
        self._jobs = RunningJobs()

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        """Blocks until the images are in ``output_folder``.

        Raises:
            GeneratorUnreachable: the pipeline cannot be opened.
            RequestRefused: it has not what is asked for; ``problems`` name the fields.
            RenderFailed, Interrupted: in the middle; ``images`` are those that were finished.
        """
        with self._jobs.running(_Job(on_progress)) as job, self._rendering:
            job.stop_if_asked()
            opened = self._pipeline(on_progress)
            loras = self._checked(request, opened)
            images = opened.render(request, loras, job)
            return self._saved(images, request, notes)

    def cancel(self) -> None:
        """Stop what is being rendered, from any thread; ``generate`` then raises Interrupted."""
        self._jobs.cancel()

    def connect(self) -> None:
        """See that there is a pipeline. Raises GeneratorUnreachable."""
        check(self.place)

    def choices(self) -> Choices:
        """What it offers, in ComfyUI's names; the pipeline is opened for it. Raises GeneratorUnreachable."""
        with self._rendering:
            samplers, schedulers = offered(self._pipeline(_unseen).config)
        return Choices((self.place.name,), (), samplers, schedulers, tuple(lora_files(self.lora_folders)))

    def release(self) -> None:
        """Leave the memory that the pipeline takes; the next request opens it again."""
        with self._rendering:
            self._opened = None

    def _pipeline(self, on_progress: OnProgress) -> _Opened:
        if self._opened is None:
            on_progress(Progress(f"opening {self.place.name}"))
            self._opened = _Opened(self._open(self.place))
        return self._opened

    def _checked(self, request: GenerationRequest, opened: _Opened) -> dict[Path, Any]:
        loras, missing = find_loras(loras_of(request), lora_files(self.lora_folders))
        problems = (*problems_of(request, self.place.name, opened.config), *missing)
        if problems:
            lines = "\n".join(f"- {problem}" for problem in problems)
            raise RequestRefused(f"The pipeline {self.place.name} refuses the request:\n{lines}", problems)
        return loras

    def _saved(
        self, images: Sequence[Any], request: GenerationRequest, notes: ImageNotes
    ) -> tuple[GeneratedImage, ...]:
        done: list[GeneratedImage] = []
        for made, image in zip(images_of(request, self.place.name), images, strict=True):
            if image is None:
                raise RenderFailed("The safety checker of the pipeline blacked out an image.", tuple(done))
            data = io.BytesIO()
            image.save(data, "PNG")
            texts = {"parameters": format_infotext(made, notes), "orchestrator": json.dumps(notes_as_json(notes))}
            try:
                path = save_image(self.output_folder, notes.run_id, with_texts(data.getvalue(), texts), ".png")
            except RenderFailed as error:
                error.images = tuple(done)
                raise
            done.append(GeneratedImage(path, made, notes.run_id))
        return tuple(done)


class _Opened:
    """A pipeline, the configuration of its own scheduler, and the LoRAs that are in it."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.config = {"_class_name": type(pipeline.scheduler).__name__, **pipeline.scheduler.config}
        self.adapters = Adapters(pipeline)

    def render(self, request: GenerationRequest, loras: dict[Path, Any], job: _Job) -> list[Any]:
        """Pictures of Pillow's; None for one that the safety checker blacked out."""
        try:
            self.pipeline.scheduler = new_scheduler(request.sampler, request.scheduler, self.config)
            self.adapters.use(loras)
            arguments = arguments_of(request)
            found = self.pipeline(**arguments, callback_on_step_end=job.on_step(self.pipeline))
        except (*_FAILURES,) as error:
            if isinstance(error, RenderFailed):
                raise
            raise RenderFailed(f"The pipeline failed: {' '.join(str(error).split())[:500]}") from error
        job.stop_if_asked()
        flagged = getattr(found, "nsfw_content_detected", None) or [False] * len(found.images)
        return [None if bad else image for image, bad in zip(found.images, flagged, strict=True)]


class _Job:
    """One rendering; it can be cancelled from any thread."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        self._cancelled.set()

    def stop_if_asked(self) -> None:
        if self._cancelled.is_set():
            raise Interrupted("The rendering was stopped.")

    def on_step(self, pipeline: Any) -> Callable[..., dict[str, Any]]:
        """What diffusers calls after each step."""

        def stepped(_: Any, step: int, __: Any, values: dict[str, Any]) -> dict[str, Any]:
            self.stop_if_asked()
            with suppress(AttributeError):  # some pipelines do not say how many there will be
                self._on_progress(Progress("sampling", step + 1, pipeline.num_timesteps))
            return values

        return stepped


def _lora_folders_of(place: Place) -> tuple[Path, ...]:
    folder = place.folder
    return () if folder is None else (folder / "loras", folder.resolve().parent / "loras")


def _unseen(progress: Progress) -> None:
    """For questions that nobody waits for."""
