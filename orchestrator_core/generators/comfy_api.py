"""ComfyUI's HTTP routes as methods, each answer checked for its shape. Source: ``server.py`` of ComfyUI 0.3.64."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator_core.errors import GeneratorUnreachable, HttpError, RenderFailed, RequestRefused
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.json_text import read_bytes
from orchestrator_core.generators.comfy_names import problems_of
from orchestrator_core.http_client import HttpClient


class ImageRef(NamedTuple):
    """An image file on the server; ``type`` is output, temp or input."""

    filename: str
    subfolder: str = ""
    type: str = "output"


class Finished(NamedTuple):
    """A job in the server's history: each output node's images, and the messages of its execution."""

    images: dict[str, list[ImageRef]]
    messages: list[tuple[str, dict[str, Any]]]
    succeeded: bool


class Queued(NamedTuple):
    """``left_out``: what is wrong with outputs that the server will not make, while it makes others."""

    prompt_id: str
    left_out: list[str]


class ComfyApi:
    """Raises GeneratorUnreachable wherever the server is not there, or is no ComfyUI."""

    def __init__(self, client: HttpClient) -> None:
        self.client = client

    def object_info(self) -> dict[str, Any]:
        """Every node class the server has, and what each input may be."""
        value = self._try(lambda: self.client.get_json("/object_info"))
        if not isinstance(value, dict) or "KSampler" not in value:
            raise self._not_comfyui("its /object_info has no KSampler")
        return value

    def queue_prompt(self, graph: Graph, prompt_id: str, client_id: str, pnginfo: Mapping[str, Any]) -> Queued:
        """Queue a graph. The id that is asked for is not that of the job where the server is old.

        Raises:
            RequestRefused: the server refused the whole graph; ``problems`` name nodes and inputs.
        """
        body = {
            "prompt": graph,
            "prompt_id": prompt_id,
            "client_id": client_id,
            "extra_data": {"extra_pnginfo": dict(pnginfo)},
        }
        try:
            answer = self._try(lambda: self.client.post_json("/prompt", body), refusals=(400,))
        except HttpError as error:
            raise self._refused(error, graph) from None
        if not isinstance(answer, dict) or "prompt_id" not in answer:
            raise self._not_comfyui("its answer to /prompt has no prompt_id")
        return Queued(str(answer["prompt_id"]), problems_of(answer, graph))

    def _refused(self, error: HttpError, graph: Graph) -> RequestRefused | GeneratorUnreachable:
        try:
            answer = json.loads(error.body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or "error" not in answer:
            return self._not_comfyui(f"{error}")
        problems = tuple(problems_of(answer, graph))
        return RequestRefused(refusal(self.client.url, problems), problems)

    def history(self, prompt_id: str) -> Finished | None:
        """The job if it is finished; None while it is not, or if the server does not know it."""
        value = self._try(lambda: self.client.get_json(f"/history/{prompt_id}"))
        entry = value.get(prompt_id) if isinstance(value, dict) else None
        if not isinstance(entry, dict):
            return None
        status, outputs = _mapping(entry.get("status")), _mapping(entry.get("outputs"))
        messages = [(item[0], item[1]) for item in status.get("messages") or [] if _is_message(item)]
        images = {key: image_refs(output) for key, output in outputs.items()}
        return Finished(images, messages, status.get("status_str") != "error")

    def queue_place(self, prompt_id: str) -> int | None:
        """How many jobs are before this one: 0 if it is running, None if it is not in the queue."""
        value = self._try(lambda: self.client.get_json("/queue"))
        lists = [value.get(name) if isinstance(value, dict) else None for name in ("queue_running", "queue_pending")]
        running, pending = (
            [item for item in items or [] if isinstance(item, list) and len(item) > 1] for items in lists
        )
        if any(item[1] == prompt_id for item in running):
            return 0
        # The pending list is a heap: its order is that of the numbers in front.
        before = sorted(pending, key=lambda item: item[0] if isinstance(item[0], int | float) else 0)
        places = [place for place, item in enumerate(before) if item[1] == prompt_id]
        return len(running) + places[0] if places else None

    def queue_length(self) -> int:
        """How many jobs run or wait, whoever's they are."""
        value = self._try(lambda: self.client.get_json("/prompt"))
        found = _mapping(_mapping(value).get("exec_info")).get("queue_remaining")
        return found if isinstance(found, int) else 0

    def jobs(self) -> tuple[Any, Any]:
        """All that wait or run, and the latest that were finished, as the server says it."""
        queue = self._try(lambda: self.client.get_json("/queue"))
        return queue, self._try(lambda: self.client.get_json("/history", {"max_items": "200"}))

    def cancel(self, prompt_id: str) -> None:
        """Take a job out of the queue, or stop it if it is the one that runs."""
        self._try(lambda: self.client.post_json("/queue", {"delete": [prompt_id]}))
        if self.queue_place(prompt_id) == 0:  # older servers stop whatever runs, so ask first
            self._try(lambda: self.client.post_json("/interrupt", {"prompt_id": prompt_id}))

    def upload(self, path: Path) -> str:
        """Upload an image as input; returns the name for a LoadImage node. Raises FormatError if it cannot be read."""
        data = read_bytes(path)
        fields = {"type": "input", "subfolder": "orchestrator", "overwrite": "true"}
        answer = self._try(lambda: self.client.post_file("/upload/image", path.name, data, fields))
        if not isinstance(answer, dict) or not isinstance(answer.get("name"), str):
            raise self._not_comfyui("its answer to /upload/image has no name")
        folder = answer.get("subfolder")
        return f"{folder}/{answer['name']}" if folder else str(answer["name"])

    def view(self, image: ImageRef) -> bytes:
        """The bytes of an image. Raises RenderFailed if the server has it no longer."""
        try:
            return bytes(self._try(lambda: self.client.get("/view", image._asdict()), refusals=(404,)))
        except HttpError:
            raise RenderFailed(f"ComfyUI at {self.client.url} no longer has the image {image.filename}.") from None

    def _try(self, call: Any, *, refusals: tuple[int, ...] = ()) -> Any:
        try:
            return call()
        except HttpError as error:
            if error.status in refusals:
                raise
            if error.status in (401, 403):
                raise self._not_comfyui(f"{error} It wants a login, or refuses this address") from None
            if error.status:
                raise self._not_comfyui(str(error)) from None
            raise GeneratorUnreachable(f"{error} {self.advice()}") from None

    def _not_comfyui(self, reason: str) -> GeneratorUnreachable:
        return GeneratorUnreachable(
            f"What answers at {self.client.url} does not do so as ComfyUI: {reason.rstrip('.')}. "
            "Is this the right address and port?"
        )

    def advice(self) -> str:
        return "Start ComfyUI, or give the address that it prints when it starts."


def refusal(url: str, problems: tuple[str, ...]) -> str:
    """The message of a RequestRefused."""
    return f"ComfyUI at {url} refuses the graph:" + "".join(
        f"\n- {problem}" for problem in problems or ("no reason given",)
    )


def image_refs(output: Any) -> list[ImageRef]:
    """The images of one node's output, ``{"images": [{"filename", "subfolder", "type"}]}``."""
    items = output.get("images") if isinstance(output, dict) else None
    return [
        ImageRef(item["filename"], str(item.get("subfolder") or ""), str(item.get("type") or "output"))
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict) and isinstance(item.get("filename"), str)
    ]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_message(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict)
