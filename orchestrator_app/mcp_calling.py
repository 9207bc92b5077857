"""Calls of tools: each becomes a request to the API in this process, and its answer what an MCP client is given.

No library of MCP is named here; ``mcp_stdio.py`` has that.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_app.mcp_tools import OWN, TOOLS, Tool
from orchestrator_core.api.refusing import Refusal, refusal_of
from orchestrator_core.api.wire import Answer, Head
from orchestrator_core.jobs.model import ENDED

if TYPE_CHECKING:
    from orchestrator_core.api.service import Api

PICTURE = (512, 512)  # pixels, at most
LARGEST_FILE = 256 * 1024  # bytes of an image that is sent as it is, where there is no Pillow to make it smaller
LOOK_S = 0.5  # between two looks at a job that is waited for


@dataclass(frozen=True, slots=True)
class Result:
    """``content``: blocks as the protocol has them; ``data``: the same as a value, None for an error."""

    content: Sequence[Mapping[str, Any]]
    data: Mapping[str, Any] | None = None

    @property
    def as_json(self) -> dict[str, Any]:
        structured = {} if self.data is None else {"structuredContent": dict(self.data)}
        return {"content": [dict(block) for block in self.content], "isError": self.data is None, **structured}


class Caller:
    """``call`` blocks and never raises; threads may share one. ``closing`` ends all waiting."""

    def __init__(self, api: Api) -> None:
        self.api, self.closing = api, threading.Event()

    def call(self, name: str, arguments: Mapping[str, Any]) -> Result:
        try:
            tool = TOOLS.get(name)
            if tool is None:
                raise Refusal(404, "no_such_tool", f"There is no tool {name[:100]!r}. There are: {', '.join(TOOLS)}.")
            asked = tool.asked.model_validate(dict(arguments)).model_dump(mode="json")
            answer = self._answered(tool, arguments, asked)
            return self._result(tool, answer, asked)
        except Exception as error:  # noqa: BLE001 - whatever a call does, the server goes on
            refusal = refusal_of(error)
            where = f" ({refusal.where})" if refusal.where and refusal.where not in str(refusal) else ""
            return Result([_text(f"{refusal}{where}")])

    def _answered(self, tool: Tool, arguments: Mapping[str, Any], asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises Refusal."""
        path = tool.path.format(**asked)
        named = {name for name in asked if f"{{{name}}}" in tool.path} | OWN
        if tool.method == "GET":
            query = {name: str(value) for name, value in asked.items() if name not in named and value is not None}
            return self._waited(path, query, float(asked.get("seconds", 0)))
        # As it was given: a pipeline of an older version is read by the API, which says what is wrong in which place.
        body = {name: value for name, value in arguments.items() if name not in named}
        return self._asked(tool.method, path, body=json.dumps(body).encode())

    def _waited(self, path: str, query: Mapping[str, str], seconds: float) -> Mapping[str, Any]:
        until = time.monotonic() + seconds
        found = self._asked("GET", path, query)
        while seconds and found["state"] not in (*ENDED, "held") and time.monotonic() < until:
            if self.closing.wait(LOOK_S):
                break
            found = self._asked("GET", path, query)
        return found

    def _asked(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Mapping[str, Any]:
        answer = self._answer(method, path, query or {}, body)
        found: Mapping[str, Any] = json.loads(answer.body)
        return found

    def _answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        """Raises Refusal for an answer that is an error."""
        length = {"content-length": str(len(body))} if body else {}
        head = Head(method, path, query, {"host": "localhost", **length}, "127.0.0.1")
        most = self.api.before(head)
        answer = most if isinstance(most, Answer) else self.api.answer(head, body)
        if answer.status >= 400:
            error = json.loads(answer.body)["error"]
            raise Refusal(answer.status, error["code"], error["message"], error["where"])
        return answer

    def _result(self, tool: Tool, answer: Mapping[str, Any], asked: Mapping[str, Any]) -> Result:
        data = _without_origins(answer) if asked.get("with_origins") is False else answer
        wanted = asked.get("thumbnails", 0)
        ids = [image["id"] for image in data.get("images", ())[:wanted]] if wanted else []
        if asked.get("thumbnail"):
            ids = [str(data["id"])]
        return Result([_text(json.dumps(data, ensure_ascii=False)), *map(self._picture, ids)], data)

    def _picture(self, image: str) -> Mapping[str, Any]:
        try:
            answer = self._answer("GET", f"/images/{image}/file", {}, b"")
        except Refusal as refusal:
            return _text(f"No picture of {image}: {refusal}")
        assert answer.file is not None
        kind, data = _small(answer)
        if not data:
            return _text(f"No picture of {image}: its file cannot be shown.")
        return {"type": "image", "data": base64.b64encode(data).decode(), "mimeType": kind}


def _small(answer: Answer) -> tuple[str, bytes]:
    """(media type, bytes)"""
    from orchestrator_app.studio.thumbnails import small_picture

    assert answer.file is not None
    try:
        return "image/jpeg", small_picture(answer.file, PICTURE)
    except ImportError:  # no Pillow
        data = answer.file.read_bytes() if answer.file.stat().st_size <= LARGEST_FILE else b""
        return answer.content_type, data


def _without_origins(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """What a prompt says, without where each word came from."""
    left_out = ("components", "negative_components")
    prompts = [{name: value for name, value in one.items() if name not in left_out} for one in drawn["prompts"]]
    return {**drawn, "prompts": prompts}


def _text(text: str) -> Mapping[str, Any]:
    return {"type": "text", "text": text}
