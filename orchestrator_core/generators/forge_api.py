"""The HTTP routes of Forge, and of servers like it, as methods; each answer is checked for its shape.

Source: ``modules/api/api.py`` and ``modules/progress.py`` of Forge dfdcbab. A1111 and Forge's descendants have the same
routes, but for those that ``listed`` may not find. ``/sdapi/v1`` is there only when the server was started with
``--api``; ``/internal`` only when it has a page.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from orchestrator_core.errors import GeneratorError, GeneratorUnreachable, HttpError, RenderFailed, RequestRefused
from orchestrator_core.http_client import HttpClient

T = TypeVar("T")
_MOST = 1000  # characters of a server's own words


class Rendered(NamedTuple):
    """A finished txt2img: the encoded images of the batch, and what the server says of each."""

    images: list[bytes]
    infotexts: list[str]  # as many as images
    seeds: list[int]  # the same; empty if the server says none
    prompts: list[str]  # as they were rendered; the same
    timestamp: str  # by which ``steps`` names the job


class TaskState(NamedTuple):
    """What the server says of one task. Neither ``active`` nor ``queued``: not yet, or no longer."""

    active: bool
    queued: bool
    text: str
    preview: bytes  # encoded; empty where there is no new one
    preview_id: int


class Steps(NamedTuple):
    """How far the job is that runs, whoever's it is. ``stopped``: it was interrupted, or the last one was."""

    step: int
    steps: int
    stopped: bool
    timestamp: str
    idle: bool


class ForgeApi:
    """Raises GeneratorUnreachable wherever the server is not there, or does not answer as Forge does.

    ``patient`` is for the one call that answers only when the images are there.
    """

    def __init__(self, client: HttpClient, patient: HttpClient) -> None:
        self.client, self.patient = client, patient

    @property
    def url(self) -> str:
        return self.client.url

    def answers(self) -> bool:
        """Is this a Forge or a server like it, whether its API is on or not, and whoever may use it?"""
        try:
            return _is_rows(self.client.get_json("/sdapi/v1/samplers")) or self._has_page()
        except HttpError as error:
            return error.status == 401 or (error.status > 0 and self._has_page())

    def listed(self, name: str) -> list[dict[str, Any]] | None:
        """The rows of ``/sdapi/v1/<name>``; None if the server has no such list."""
        path = f"/sdapi/v1/{name}"
        try:
            rows = self._try(lambda: self.client.get_json(path), refusals=(404,))
        except HttpError:
            if name == "samplers":
                raise self._no_api() from None
            return None
        if not _is_rows(rows):
            raise self._not_forge(f"its {path} is no list")
        return list(rows)

    def refresh(self) -> None:
        """Have the server look for new files. It may be too busy to, which is no failure."""
        for name in ("loras", "checkpoints", "vae"):
            try:
                self.client.post_json(f"/sdapi/v1/refresh-{name}", {})
            except HttpError:
                continue

    def options(self) -> dict[str, Any]:
        """The server's settings."""
        value = self._try(lambda: self.client.get_json("/sdapi/v1/options"))
        if not isinstance(value, dict):
            raise self._not_forge("its /sdapi/v1/options are no object")
        return value

    def set_options(self, changes: Mapping[str, Any]) -> None:
        self._try(lambda: self.client.post_json("/sdapi/v1/options", changes))

    def fields(self) -> frozenset[str]:
        """What txt2img takes; empty if the server does not say. It ignores what it does not know."""
        try:
            value = self.client.get_json("/openapi.json")
            return frozenset(value["components"]["schemas"]["StableDiffusionProcessingTxt2Img"]["properties"])
        except (HttpError, LookupError, TypeError):
            return frozenset()

    def txt2img(self, body: Mapping[str, Any]) -> Rendered:
        """Render, and wait for it.

        Raises:
            RequestRefused: ``problems`` name the fields.
            RenderFailed: the server gave up.
        """
        try:
            answer = self._try(lambda: self.patient.post_json("/sdapi/v1/txt2img", body), refusals=(400, 404, 422, 500))
        except HttpError as error:
            raise self._failure(error) from None
        images = answer.get("images") if isinstance(answer, dict) else None
        if not isinstance(images, list):
            raise self._not_forge("its answer to /sdapi/v1/txt2img has no images")
        return _rendered(images, _json(answer.get("info")))

    def task(self, task_id: str, preview_id: int = -1) -> TaskState | None:
        """How a task is; None where the server cannot say so, because it was started without a page.

        ``preview_id`` is that of the last preview: only a newer one is sent.
        """
        body = {"id_task": task_id, "id_live_preview": preview_id, "live_preview": True}
        try:
            found = self._try(lambda: self.client.post_json("/internal/progress", body), refusals=(404, 405))
        except HttpError:
            return None
        if not isinstance(found, dict):
            raise self._not_forge("its /internal/progress is no object")
        number = found.get("id_live_preview")
        return TaskState(
            found.get("active") is True,
            found.get("queued") is True,
            str(found.get("textinfo") or ""),
            image_bytes(found.get("live_preview")),
            number if isinstance(number, int) else -1,
        )

    def steps(self) -> Steps:
        value = self._try(lambda: self.client.get_json("/sdapi/v1/progress", {"skip_current_image": "true"}))
        state = value.get("state") if isinstance(value, dict) else None
        if not isinstance(state, dict):
            raise self._not_forge("its /sdapi/v1/progress has no state")
        step, steps = (value if isinstance(value := state.get(name), int) else 0 for name in _STEPS)
        stopped = any(state.get(name) is True for name in ("interrupted", "skipped", "stopping_generation"))
        return Steps(step, steps, stopped, str(state.get("job_timestamp") or ""), state.get("job_count") == 0)

    def queue_length(self) -> int:
        """How many jobs run or wait, whoever's they are; those that wait only where the server has a page."""
        running = 0 if self.steps().idle else 1
        try:
            found = self._try(lambda: self.client.get_json("/internal/pending-tasks"), refusals=(404, 405))
        except HttpError:
            return running
        size = found.get("size") if isinstance(found, dict) else None
        return running + (size if isinstance(size, int) else 0)

    def interrupt(self) -> None:
        """Stop the job that runs, whoever's it is."""
        self._try(lambda: self.client.post_json("/sdapi/v1/interrupt", {}))

    def _try(self, call: Callable[[], T], *, refusals: tuple[int, ...] = ()) -> T:
        try:
            return call()
        except HttpError as error:
            if error.status in refusals:
                raise
            raise self._unreachable(error) from None

    def _unreachable(self, error: HttpError) -> GeneratorUnreachable:
        if error.status == 401:
            return GeneratorUnreachable(
                f"Forge at {self.url} wants the login of its --api-auth: write it into the address, as "
                "http://user:password@127.0.0.1:7860."
            )
        if error.status == 404:
            return self._no_api()
        if error.status:
            return self._not_forge(str(error))
        return GeneratorUnreachable(f"{error} Start Forge with --api, or give the address that it prints.")

    def _no_api(self) -> GeneratorUnreachable:
        if self._has_page():
            return GeneratorUnreachable(
                f"Forge at {self.url} runs without its API, or is still starting. Start it with --api."
            )
        return self._not_forge("it has no /sdapi/v1")

    def _has_page(self) -> bool:
        try:
            found = self.client.get_json("/internal/pending-tasks")
        except HttpError:
            return False
        return isinstance(found, dict) and "tasks" in found

    def _not_forge(self, reason: str) -> GeneratorUnreachable:
        return GeneratorUnreachable(
            f"What answers at {self.url} does not do so as Forge: {reason.rstrip('.')}. "
            "Is this the right address and port?"
        )

    def _failure(self, error: HttpError) -> GeneratorError:
        """What a refused txt2img means."""
        answer = _json(error.body)
        if error.status == 500:
            return RenderFailed(f"Forge at {self.url} failed: {_reason(answer, error.body)}")
        if error.status == 404 and answer.get("detail") in (None, "", "Not Found"):
            return self._no_api()
        problems = tuple(_problems(answer)) or (f"{error}",)
        return RequestRefused(refusal(self.url, problems), problems)


_STEPS = ("sampling_step", "sampling_steps")


def refusal(url: str, problems: tuple[str, ...]) -> str:
    """The message of a RequestRefused."""
    return f"Forge at {url} refuses the request:" + "".join(f"\n- {problem}" for problem in problems)


def image_bytes(value: Any) -> bytes:
    """The image of a base64 text or a ``data:`` address; empty for what is none."""
    try:
        text = value.rpartition(",")[2] if isinstance(value, str) else ""
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _rendered(images: list[Any], info: dict[str, Any]) -> Rendered:
    """The batch's own images: in front may be a grid, and behind what extensions add, such as a pose."""
    first = info.get("index_of_first_image")
    start = first if isinstance(first, int) and first > 0 else 0
    seeds = [seed for seed in _list(info.get("all_seeds")) if isinstance(seed, int)]
    end = start + len(seeds) if seeds else len(images)
    texts = [str(text) for text in _list(info.get("infotexts"))[start:end]]
    own = [image_bytes(image) for image in images[start:end]]
    texts += [""] * (len(own) - len(texts))
    prompts = [str(text) for text in _list(info.get("all_prompts"))]
    return Rendered(own, texts, seeds, prompts, str(info.get("job_timestamp") or ""))


def _problems(answer: dict[str, Any]) -> list[str]:
    """A line for each field that FastAPI or the server refuses."""
    details = answer.get("detail") or answer.get("errors")
    if not isinstance(details, list):
        return [str(details)[:_MOST]] if details else []
    return [_problem(item) for item in details]


def _problem(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)[:_MOST]
    place = ".".join(str(part) for part in _list(item.get("loc")) if part != "body")
    message = str(item.get("msg") or item.get("type") or "refused")
    given = f", not {item['input']!r}"[:_MOST] if isinstance(item.get("input"), str | int | float) else ""
    return f"{place}: {message}{given}." if place else f"{message}{given}."


def _reason(answer: dict[str, Any], body: bytes) -> str:
    """Why a rendering failed, in the server's words."""
    kind = str(answer.get("error") or "")
    # Forge says it in "message", A1111 in "errors".
    said = next((answer[name] for name in ("message", "errors", "detail") if answer.get(name)), "")
    words = str(said) if answer else body.decode("utf-8", "replace")
    text = " ".join(": ".join(part for part in (kind, words) if part).split())[:_MOST] or "no reason given"
    if "outofmemory" in text.lower().replace(" ", ""):
        return f"{text.rstrip('.')}. Try a smaller size or batch."
    return text if kind else f"{text.rstrip('.')}. Its console says why."


def _json(value: Any) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)
