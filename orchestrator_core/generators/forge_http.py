"""Renders requests on a Stable Diffusion WebUI Forge over HTTP, or on another server with its API.

The server must have been started with ``--api``. It is reached at the address that is given, by default on this
machine; its ``--api-auth`` is a basic login, which goes over the network as it is.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestrator_core.errors import GeneratorUnreachable, Interrupted, RenderFailed, RequestRefused
from orchestrator_core.formats.image_notes import notes_as_json
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.formats.infotext_completion import complete_infotext
from orchestrator_core.generators.forge_api import ForgeApi, Rendered, refusal
from orchestrator_core.generators.forge_job import ForgeJob, Timeouts
from orchestrator_core.generators.forge_names import ServerNames, ask_names, choices_of
from orchestrator_core.generators.forge_payload import carried_out, payload
from orchestrator_core.generators.running import RunningJobs
from orchestrator_core.generators.saving import save_image, with_texts
from orchestrator_core.http_client import HttpClient
from orchestrator_core.request import Choices, GeneratedImage, GenerationRequest, ImageNotes, OnProgress

DEFAULT_URL = "http://127.0.0.1:7860"
_PATIENCE = 86_400.0  # seconds; a job has its own limit, and a server that dies cuts the connection
_SUFFIXES = ((b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"RIFF", ".webp"))


class ForgeGenerator:
    """A ``Generator`` for a Forge server.

    Args:
        output_folder: where the images go; it is made when the first one comes.
        auth: ``user:password`` of the server's ``--api-auth``; it may also stand in the address.

    An image of a batch has a request of its own, which renders it again alone: with its seed and a batch size of 1.
    What a request's ``extra`` may hold is in ``forge_payload``.
    """

    def __init__(
        self, output_folder: Path, base_url: str = DEFAULT_URL, *, auth: str = "", timeouts: Timeouts | None = None
    ) -> None:
        self.output_folder = output_folder
        self.timeouts = timeouts or Timeouts()
        client = HttpClient(base_url, self.timeouts.connect, auth=auth)
        self.api = ForgeApi(client, HttpClient(base_url, _PATIENCE, auth=auth))
        self._names: ServerNames | None = None
        self._jobs = RunningJobs()
        self._asking = threading.Lock()

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        """Blocks until the images are in ``output_folder``.

        Raises:
            GeneratorUnreachable: nothing answers, not as Forge does, or without its API.
            RequestRefused: the server has not what is asked for; ``problems`` name the fields.
            RenderFailed, Interrupted: in the middle; ``images`` are those that were finished.
        """
        with self._jobs.running(ForgeJob(self.api, on_progress, self.timeouts)) as job:
            options = self.api.options()
            body = self._body_for(request, options)
            images = self._saved(self._rendered(job, body, options), request, body, notes)
        if job.cancelled.is_set():  # too late for these
            raise Interrupted("The rendering was stopped when the images were finished.", images)
        return images

    def cancel(self) -> None:
        """Stop what is being rendered, from any thread; ``generate`` then raises Interrupted."""
        self._jobs.cancel()

    def connect(self) -> None:
        """Ask the server what it has, if it was not asked yet. Raises GeneratorUnreachable."""
        self.names()

    def choices(self) -> Choices:
        """What the server offers now, in ComfyUI's names. Raises GeneratorUnreachable."""
        return choices_of(self.names(refresh=True))

    def names(self, *, refresh: bool = False) -> ServerNames:
        """What the server has; asked once, and again with ``refresh``. Raises GeneratorUnreachable."""
        with self._asking:
            if refresh or self._names is None:
                self._names = ask_names(self.api)
            return self._names

    # for a queue, which chooses among servers

    def refresh(self) -> None:
        """Asks the server anew what it has. Raises GeneratorUnreachable."""
        self.api.refresh()
        self.names(refresh=True)

    def lacks(self, request: GenerationRequest) -> list[str]:
        """What the server has not of what is asked for, by its last answer: a line for each. Asks it nothing."""
        return [] if self._names is None else payload(request, self._names, {})[1]

    def others(self) -> int:
        """How many jobs run or wait at the server. Raises GeneratorUnreachable."""
        return self.api.queue_length()

    def _body_for(self, request: GenerationRequest, options: dict[str, Any]) -> dict[str, Any]:
        body, problems = payload(request, self.names(), options)
        if problems:  # a model that was added since
            self.api.refresh()
            body, problems = payload(request, self.names(refresh=True), options)
        if problems:
            raise RequestRefused(refusal(self.api.url, tuple(problems)), tuple(problems))
        return body

    def _rendered(self, job: ForgeJob, body: dict[str, Any], before: dict[str, Any]) -> Rendered:
        try:
            return job.run(body)
        finally:
            with suppress(GeneratorUnreachable):
                self._put_back(before, body["override_settings"])

    def _put_back(self, before: dict[str, Any], changed: dict[str, Any]) -> None:
        """Forge itself puts back what a job overrides, but not what its settings file does not name yet."""
        if not changed:
            return
        now = self.api.options()
        stuck = {name: before.get(name) for name, value in changed.items() if now.get(name) == value}
        if stuck and self.api.steps().idle:  # or it may be what the next job overrides
            self.api.set_options(stuck)

    def _saved(
        self, rendered: Rendered, request: GenerationRequest, body: dict[str, Any], notes: ImageNotes
    ) -> tuple[GeneratedImage, ...]:
        done: list[GeneratedImage] = []
        for number, data in enumerate(rendered.images):
            made = self._made(rendered, number, request, body)
            try:
                if not data:
                    raise RenderFailed(f"Forge at {self.api.url} sent an image that is none (number {number + 1}).")
                path = self._save(data, rendered.infotexts[number], made, notes)
            except RenderFailed as error:
                error.images = tuple(done)
                raise
            done.append(GeneratedImage(path, made, notes.run_id))
        if not done:
            raise RenderFailed(f"Forge at {self.api.url} finished without an image.")
        return tuple(done)

    def _save(self, data: bytes, infotext: str, made: GenerationRequest, notes: ImageNotes) -> Path:
        text = complete_infotext(infotext, made, notes) if infotext else format_infotext(made, notes)
        texts = {"parameters": text, "orchestrator": json.dumps(notes_as_json(notes))}
        suffix = next((suffix for start, suffix in _SUFFIXES if data.startswith(start)), ".png")
        return save_image(self.output_folder, notes.run_id, with_texts(data, texts), suffix)

    def _made(
        self, rendered: Rendered, number: int, request: GenerationRequest, body: dict[str, Any]
    ) -> GenerationRequest:
        """The request of one image, as the server carried it out."""
        seeds = rendered.seeds or [body["seed"] + place for place in range(len(rendered.images))]
        sent = str(body["prompt"])
        prompt = rendered.prompts[number] if number < len(rendered.prompts) else sent
        is_rewritten = prompt.strip() != sent.strip()  # by an extension there
        return carried_out(request, seeds[number], rendered.infotexts[number], self.names(), is_rewritten=is_rewritten)
