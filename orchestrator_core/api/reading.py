"""The body and the query of a request, as its route's models have them. Whatever is sent, a Refusal is the worst."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from pydantic import BaseModel

from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import Route
from orchestrator_core.api.wire import Head
from orchestrator_core.formats.json_text import mended

_EXACT = 2**53  # floats below this are whole numbers one by one
DEEPEST = 60  # arrays and objects inside one another
WIDEST = 10_000  # names in one object: each that is not known is an error of its own, and a million take a minute


def query_of(route: Route, head: Head) -> BaseModel | None:
    """Raises Refusal and ValidationError."""
    if any("\0" in name or "\0" in value for name, value in head.query.items()):
        raise Refusal(400, "bad_query", "The query holds a NUL character.")
    if route.query is None:
        if head.query:
            name = next(iter(head.query))
            raise Refusal(422, "invalid", f"{name[:100]}: this path takes no query.", f"query.{name[:100]}")
        return None
    return route.query.model_validate(dict(head.query))


def check_kind(route: Route, head: Head) -> None:
    """Raises Refusal for a body that says of itself that it is no JSON, and an answer that would not be taken."""
    if not route.takes(head.headers.get("accept", "")):
        raise Refusal(406, "not_acceptable", f"This is answered in {route.content_type} alone.")
    kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    if route.takes_kinds and kind and kind not in route.takes_kinds:
        raise Refusal(415, "not_taken", f"The body is {kind[:100]!r}; send it as {route.takes_kinds[0]}.")
    if route.body is not None and kind and kind != "application/json" and not kind.endswith("+json"):
        raise Refusal(
            415, "not_json", f"The body is {kind[:100]!r}; send it as JSON, with Content-Type: application/json."
        )


def body_of(route: Route, body: bytes) -> BaseModel | bytes | None:
    """An empty body is an empty object. Raises Refusal and ValidationError."""
    if route.takes_kinds:
        return body
    if route.body is None:
        if body.strip():
            raise Refusal(422, "invalid", "This call takes no body.", "body")
        return None
    return route.body.model_validate(parsed(body) if body.strip() else {})


def parsed(body: bytes) -> Any:
    """Half a character becomes a question mark, as in files. Raises Refusal."""
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_number, parse_float=_number)
        _check_shape(value, DEEPEST)
    except RecursionError:
        raise Refusal(400, "bad_json", f"The body is nested more than {DEEPEST} deep.", "body") from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError too
        raise Refusal(400, "bad_json", f"The body is no JSON: {str(error)[:200]}.", "body") from None
    return mended(value)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _number(text: str) -> float:
    """In JSON 7.0 is as whole a number as 7."""
    if math.isinf(value := float(text)):
        raise ValueError(f"{text[:40]} is too large a number")
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def _check_shape(value: Any, left: int) -> None:
    if isinstance(value, Mapping | list):
        if not left:
            raise RecursionError
        if isinstance(value, Mapping) and len(value) > WIDEST:
            raise ValueError(f"an object has {len(value):,} names, and {WIDEST:,} are the most")
        for inner in value.values() if isinstance(value, Mapping) else value:
            _check_shape(inner, left - 1)
