"""Routes: the table's rows, and which of them a request means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import add
from typing import Any

from pydantic import BaseModel

from orchestrator_core.api.access import Access
from orchestrator_core.api.place import ApiPlace
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.wire import Answer, Head

JSON = "application/json"
ANY = "*/*"  # of an answer that may be of any kind
NO_CONTENT = ""  # of one that has none: 204
_UNREADABLE = re.compile(r"[\x00\ud800-\udfff]")  # what no name has: a NUL, half a character
SMALL, LARGE = 64 << 10, 16 << 20  # bytes of a body


@dataclass(frozen=True, slots=True)
class Call:
    """``query`` and ``body`` are of the route's models; ``body`` is None without one, and bytes where it is no JSON."""

    place: ApiPlace
    head: Head
    names: Mapping[str, str]  # what stood in the path, by the pattern's names
    query: Any = None
    body: Any = None
    access: Access | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """What is answered with 201 and, where one thing was made, its place."""

    model: BaseModel
    location: str = ""


Handler = Callable[[Call], BaseModel | Created | Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """``path`` is below the prefix; ``{name*}`` takes the rest of it, slashes and all."""

    method: str
    path: str
    handler: Handler
    answer: type[BaseModel] | None  # of JSON; None where ``content_type`` is another
    summary: str
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    most: int = SMALL
    content_type: str = JSON
    creates: bool = False  # may answer with 201
    takes_kinds: Sequence[str] = ()  # of a body that is no JSON, and is handed on as it is
    refusals: Mapping[str, type[BaseModel]] = field(default_factory=dict)  # statuses with an answer of their own kind
    headers: Sequence[str] = ()  # of a request, that mean something here

    @property
    def has_body(self) -> bool:
        return self.body is not None or bool(self.takes_kinds)

    def match(self, path: str) -> dict[str, str] | None:
        """The names in its path; None where another is meant."""
        found = _pattern(self.path).fullmatch(path)
        return None if found is None else found.groupdict()

    def takes(self, accepted: str) -> bool:
        """Whether an answer of its kind is among what an Accept header names; errors are JSON in any case."""
        kinds = [part.partition(";")[0].strip().lower() for part in accepted.split(",") if part.strip()]
        main = self.content_type.partition("/")[0]
        return (
            not kinds
            or self.content_type in (ANY, NO_CONTENT)
            or any(kind in ("*/*", f"{main}/*", self.content_type) for kind in kinds)
            or (main == "image" and any(kind.startswith("image/") for kind in kinds))
        )


@cache
def _pattern(path: str) -> re.Pattern[str]:
    """Every request asks every route, some of them twice."""
    parts = re.split(r"\{(\w+)(\*?)\}", path)
    names = [f"(?P<{name}>{'.+' if rest else '[^/]+'})" for name, rest in zip(parts[1::3], parts[2::3], strict=True)]
    return re.compile("".join(map(add, map(re.escape, parts[::3]), [*names, ""])), re.DOTALL)


@dataclass(frozen=True, slots=True)
class Match:
    """``route`` None: a question about the path itself, whose answer is which methods it has."""

    route: Route | None
    names: Mapping[str, str]
    allowed: tuple[str, ...]


def find(routes: Sequence[Route], head: Head) -> Match:
    """Raises Refusal: 404 for a path that is not there, 405 for a method that it has not."""
    path = head.path.rstrip("/") or "/"
    if _UNREADABLE.search(path) or len(path) > 2_000:
        raise Refusal(400, "bad_path", "This is no path of the API.")
    found = [(route, names) for route in routes if (names := route.match(path)) is not None]
    # ``/profiles/{name*}`` would take any longer path too: what is spelled out comes first.
    if not found:
        raise Refusal(404, "no_such_path", f"There is no {path[:200]!r}: see GET /openapi.json for what there is.")
    methods = {route.method for route, _ in found}
    allowed = tuple(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))
    if head.method == "OPTIONS":
        return Match(None, {}, allowed)
    wanted = "GET" if head.method == "HEAD" else head.method
    for route, names in found:
        if route.method == wanted:
            return Match(route, names, allowed)
    told = f"{head.path[:200]} has no {head.method[:20]}; it has {', '.join(allowed)}."
    raise Refusal(405, "method_not_allowed", told, headers={"Allow": ", ".join(allowed)})
