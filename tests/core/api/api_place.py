"""A place for tests of the API without a server: a store of its own, two wildcards' worth of words, and ``ask``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_core.api.access import Access
from orchestrator_core.api.place import ApiPlace, KeptStore
from orchestrator_core.api.service import Api
from orchestrator_core.api.wire import Answer, Head
from orchestrator_core.context import StageContext
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards

DRAW = {"id": "draw", "type": "generatePrompt", "options": {"template": "a {fox|owl}", "seed": 3}}


@dataclass(frozen=True)
class Asker:
    """What a program asks, as the server hands it on."""

    api: Api

    def __call__(self, method: str, path: str, data: Any = None, **headers: str) -> Answer:
        path, _, query = path.partition("?")
        pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        return self.raw(method, path, json.dumps(data).encode() if data is not None else b"", pairs, **headers)

    def raw(
        self, method: str, path: str, body: bytes, query: Mapping[str, str] | None = None, **headers: str
    ) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        head = Head(method, path, query or {}, {"host": "localhost", **named}, "127.0.0.1")
        before = self.api.before(head)
        return before if isinstance(before, Answer) else self.api.answer(head, body)

    def told(self, method: str, path: str, data: Any = None, **headers: str) -> Any:
        answer = self(method, path, data, **headers)
        assert answer.status in (200, 201), answer.body
        return json.loads(answer.body)

    def code(self, method: str, path: str, data: Any = None, **headers: str) -> tuple[int, str]:
        answer = self(method, path, data, **headers)
        return answer.status, json.loads(answer.body)["error"]["code"]


@contextmanager
def asking(folder: Path, **ports: Any) -> Iterator[Asker]:
    """Of a place that has a store and a template's words, and what else is given."""
    store = KeptStore(lambda: Store.open(folder / "store.sqlite3"))
    context = StageContext(Wildcards([]))
    given: dict[str, Any] = {"open_store": store, "context": lambda: context, "pipelines": lambda: folder / "pipelines"}
    try:
        yield Asker(Api(ApiPlace("standalone", **{**given, **ports}), Access()))
    finally:
        store.close()
