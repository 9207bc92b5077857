"""A client of the API for tests: it sends what it is told to, right or wrong, and remembers what came back."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

WAIT_S = 30
DRAW = {"id": "draw", "type": "generatePrompt", "options": {"template": "a {fox|owl}", "seed": 3}}
RENDER = {"id": "render", "type": "dispatch"}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of an error, which has exactly the one shape."""
        error = self.json["error"]
        assert set(error) == {"code", "message", "where"}
        assert error["message"]
        return str(error["code"])


@dataclass(frozen=True)
class ApiServer:
    """``url``: with the prefix, as http://127.0.0.1:7871/orchestrator/v1; ``database``: the store that it answers from,
    where a test may put something there; ``is_first``: no code of a host's looks at requests and answers
    too. ComfyUI's answers OPTIONS itself and fails at an Origin that is none; gradio's lets the page "null" read them.
    """

    url: str
    token: str = ""
    database: str = ""
    is_first: bool = True
    sent: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def ask(
        self,
        method: str,
        path: str,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        """``data`` is sent as JSON, ``raw`` as it is; both as announced."""
        body = json.dumps(data).encode() if data is not None else raw
        given = {"Content-Type": "application/json"} if body is not None else {}
        connection = self.connect()
        try:
            connection.request(method, urlsplit(self.url).path + path, body, given | self.login | dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    @property
    def login(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, timeout=WAIT_S)

    def get(self, path: str, **headers: str) -> Any:
        reply = self.ask("GET", path, headers=headers)
        assert reply.status == 200, reply.body
        return reply.json

    def post(self, path: str, data: Any, status: int = 200, **headers: str) -> Any:
        reply = self.ask("POST", path, data, headers=headers)
        assert reply.status == status, reply.body
        return reply.json

    def add(self, *stages: Any, **fields: Any) -> Any:
        """A job that no worker takes, so that it stays as it is."""
        asked = {"pipeline": list(stages or (DRAW, RENDER)), "target": "http://nobody.invalid", **fields}
        return self.post("/jobs", asked, 201)["jobs"][0]

    def events(self, path: str, **headers: str) -> Iterator[tuple[str, Any]]:
        """(name, data) of each event, as they come; ends when the server ends it."""
        connection = self.connect()
        try:
            connection.request("GET", urlsplit(self.url).path + path, headers=self.login | headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            name = ""
            for line in answer:
                text = line.decode().rstrip("\n")
                if text.startswith("event: "):
                    name = text[7:]
                elif text.startswith("data: "):
                    yield name, json.loads(text[6:])
        finally:
            connection.close()
