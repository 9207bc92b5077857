"""Renders requests on a ComfyUI server over HTTP: the built-in text-to-image graph, or any API graph of a person's own.

The server is reached at the address that is given, by default on this machine. ComfyUI has no login of its own: an
address of another machine sends prompts and images over the network as they are.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator_core.errors import (
    FormatError,
    GeneratorError,
    RenderFailed,
    RequestRefused,
)
from orchestrator_core.formats.comfy_binding import bind_graph, find_place, write_inputs
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_graph_reader import values_of_graph
from orchestrator_core.formats.comfy_links import Graph, is_workflow
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.image_metadata import metadata_texts, replace_file
from orchestrator_core.formats.image_notes import notes_as_json
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.generators.comfy_api import ComfyApi, ImageRef, refusal
from orchestrator_core.generators.comfy_job import ComfyJob, Timeouts
from orchestrator_core.generators.comfy_names import resolve_names
from orchestrator_core.generators.comfy_strays import OwnFiles, is_of_another_run, job_of
from orchestrator_core.generators.running import RunningJobs
from orchestrator_core.generators.saving import save_image, with_texts
from orchestrator_core.http_client import HttpClient
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress

DEFAULT_URL = "http://127.0.0.1:8188"
# What the graph says better than the request: names as the server spells them, and a person's own settings.
_FROM_GRAPH = (
    "checkpoint", "vae", "sampler", "scheduler", "steps", "cfg", "denoise", "width", "height", "batch_size",
    "clip_skip",
)  # fmt: skip


class ComfyGenerator:
    """A ``Generator`` for a ComfyUI server.

    Args:
        output_folder: where the images go; it is made when the first one comes.
        graph: an API graph of one's own (or a canvas workflow, which the server's /object_info helps to convert), to
            which requests are bound as ``formats.comfy_binding`` says; None for the built-in text-to-image graph.
        bindings: see there.
        own: of a server that this very process is: where its images are. They stay there, and no copies are made.

    Of a request's ``extra`` it understands ``inputs`` (``{"node id or title.input": value}``), ``images`` (the same
    with the path of an image file, which is uploaded) and ``batch_index`` (only that image of the batch).
    """

    def __init__(
        self,
        output_folder: Path,
        base_url: str = DEFAULT_URL,
        *,
        graph: Mapping[str, Any] | None = None,
        bindings: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        own: OwnFiles | None = None,
    ) -> None:
        self.output_folder, self.own_graph, self.bindings, self.own = output_folder, graph, bindings, own
        self.timeouts = timeouts or Timeouts()
        self.api = ComfyApi(HttpClient(base_url, self.timeouts.connect))
        self._object_info: dict[str, Any] = {}
        self._jobs = RunningJobs()
        self._asking = threading.Lock()

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        """Blocks until the images are in ``output_folder``.

        Raises:
            GeneratorUnreachable: nothing answers, or not as ComfyUI does.
            RequestRefused: the graph does not fit the server; ``problems`` name nodes and inputs.
            RenderFailed, Interrupted: in the middle; ``images`` are those that were finished.
        """
        with self._jobs.running(ComfyJob(self.api, on_progress, self.timeouts)) as job:
            try:
                return self._render(job, request, notes)
            except FormatError as error:
                raise RequestRefused(str(error), (str(error),)) from error

    def _render(self, job: ComfyJob, request: GenerationRequest, notes: ImageNotes) -> tuple[GeneratedImage, ...]:
        graph = self._graph_for(request)
        made = effective_request(request, graph)
        images = _Images(self.api, self.output_folder, made, notes, graph, self._object_info, self.own)
        try:
            left_out = job.run(graph, images.pnginfo(), images.fetch)
        except GeneratorError as error:
            error.images = tuple(images.done)
            raise
        if not images.done:
            reasons = "; ".join(left_out) or "its graph saves and previews no image"
            raise RenderFailed(f"ComfyUI at {self.api.client.url} finished without an image: {reasons}.")
        return tuple(images.done)

    def adopted(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        """The images of this very rendering, which was sent before by who ended since; waits for one that still runs.

        None where that is not certain. Raises as ``generate``.
        """
        with self._jobs.running(ComfyJob(self.api, on_progress, self.timeouts)) as job:
            graph = self._graph_for(request)
            made = effective_request(request, graph)
            images = _Images(self.api, self.output_folder, made, notes, graph, self._object_info, self.own)
            prompt_id = job_of(notes.run_id, graph, *self.api.jobs())
            if prompt_id is not None:
                job.follow(prompt_id, graph, images.fetch)
                return tuple(images.done)
            left = self.own.left_of(notes.run_id, graph) if self.own is not None else []
            if len(left) == made.batch_size:
                for image in left:
                    images.fetch("", image)
            return tuple(images.done)

    def cancel(self) -> None:
        """Stop what is being rendered, from any thread; ``generate`` then raises Interrupted."""
        self._jobs.cancel()

    def connect(self) -> None:
        """Ask the server what it has, if it was not asked yet. Raises GeneratorUnreachable."""
        self.object_info()

    def object_info(self, *, refresh: bool = False) -> dict[str, Any]:
        """The server's node classes; asked once, and again with ``refresh``. Raises GeneratorUnreachable."""
        with self._asking:
            if refresh or not self._object_info:
                self._object_info = self.api.object_info()
            return self._object_info

    # for a queue, which chooses among servers

    def refresh(self) -> None:
        """Asks the server anew what it has. Raises GeneratorUnreachable."""
        self.object_info(refresh=True)

    def lacks(self, request: GenerationRequest) -> list[str]:
        """What the server has not of what is asked for, by its last answer: a line for each. Asks it nothing.

        Of a graph of a person's own nothing is known before it is sent.
        """
        if self.own_graph is not None or not self._object_info:
            return []
        graph = text_to_image_graph(request)
        write_inputs(graph, request)
        return resolve_names(graph, self._object_info)[1]

    def others(self) -> int:
        """How many graphs run or wait at the server. Raises GeneratorUnreachable."""
        return self.api.queue_length()

    def _graph_for(self, request: GenerationRequest) -> Graph:
        info = self.object_info()
        graph = self._bound(request, info)
        self._upload(graph, request.extra.get("images"))
        graph, problems = resolve_names(graph, info)
        if problems:  # a model that was added since, or a pack
            graph, problems = resolve_names(graph, self.object_info(refresh=True))
        if problems:
            raise RequestRefused(refusal(self.api.client.url, tuple(problems)), tuple(problems))
        return graph

    def _bound(self, request: GenerationRequest, info: Mapping[str, Any]) -> Graph:
        if self.own_graph is None:
            graph = text_to_image_graph(request)
            write_inputs(graph, request)
            return graph
        own = graph_from_workflow(self.own_graph, info) if is_workflow(self.own_graph) else self.own_graph
        bound = bind_graph(own, request, self.bindings)
        # A graph without a negative prompt, as for Flux, has its reasons; all else that is asked for must have a place.
        if missing := [name for name in bound.unbound if name != "negative"]:
            names = ", ".join(missing)
            raise FormatError(f"The graph has no place for what the request sets: {names}. Name it in the bindings.")
        return bound.graph

    def _upload(self, graph: Graph, images: Any) -> None:
        for text, path in images.items() if isinstance(images, Mapping) else ():
            place = find_place(graph, str(text))
            graph[place.node]["inputs"][place.input] = self.api.upload(Path(str(path)))


def effective_request(request: GenerationRequest, graph: Graph) -> GenerationRequest:
    """The request as the graph carries it out."""
    values = values_of_graph(graph)
    return request.replacing(**{name: values[name] for name in _FROM_GRAPH if values.get(name) not in (None, "")})


class _Images:
    """Fetches the images of one job, and writes into each what it came from."""

    def __init__(
        self,
        api: ComfyApi,
        folder: Path,
        request: GenerationRequest,
        notes: ImageNotes,
        graph: Graph,
        object_info: Mapping[str, Any],
        own: OwnFiles | None = None,
    ) -> None:
        self.api, self.folder, self.request, self.notes, self.graph = api, folder, request, notes, graph
        self.own = own
        self.done: list[GeneratedImage] = []
        self._of_node: dict[str, int] = {}
        try:
            self.workflow: dict[str, Any] | None = workflow_from_graph(graph, object_info, extra=notes_as_json(notes))
        except FormatError:
            self.workflow = None  # a node whose inputs the canvas format cannot express; the graph itself is there

    def pnginfo(self) -> dict[str, Any]:
        """What the server writes into its own copy."""
        workflow = {} if self.workflow is None else {"workflow": self.workflow}
        return {**workflow, "orchestrator": notes_as_json(self.notes)}

    def fetch(self, node: str, image: ImageRef) -> None:
        number = self._of_node.get(node, 0)
        self._of_node[node] = number + 1
        request = self.request
        if request.batch_size > 1 and "batch_index" not in request.extra:
            request = request.replacing(extra={**request.extra, "batch_index": number})
        path = self._kept(image, request) or self._fetched(image, request)
        self.done.append(GeneratedImage(path, request, self.notes.run_id))

    def _fetched(self, image: ImageRef, request: GenerationRequest) -> Path:
        data = self._with_metadata(self.api.view(image), request, image.filename)
        return save_image(self.folder, self.notes.run_id, data, PurePosixPath(image.filename).suffix)

    def _kept(self, image: ImageRef, request: GenerationRequest) -> Path | None:
        """The server's own file, which then says all as well; None where it is not this process's, or another run's.

        A server that is asked for the very same again answers with the file that it wrote then.
        """
        path = self.own.path_of(image) if self.own is not None else None
        if path is not None and self.own is not None and self.own.says_all:
            with suppress(OSError):  # it stays as the server wrote it, with the graph in it
                data = path.read_bytes()
                if is_of_another_run(data, self.notes.run_id):
                    return None
                replace_file(path, self._with_metadata(data, request, image.filename))
        return path

    def _with_metadata(self, data: bytes, request: GenerationRequest, name: str) -> bytes:
        texts = metadata_texts(format_infotext(request, self.notes), self.graph, self.workflow)
        return with_texts(data, {**texts, "orchestrator": json.dumps(notes_as_json(self.notes))}, name)
