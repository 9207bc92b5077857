"""``/app/``: the page in which people look at the gallery and build pipelines, as files that were built before.

No token is asked for these, as a browser that opens a page sends none: there is nothing of a person's in them. The page
itself asks for the token, and sends it with its calls.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict

from orchestrator_core.api.files import is_known, opened
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import ANY, Call, Route
from orchestrator_core.api.wire import Answer

PATH = "/app"
_INDEX = "index.html"
_MOST = 16 << 20  # bytes of a file
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,5}")
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ABSENT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Orchestrator</title>
<body style="font: 16px/1.5 system-ui; max-width: 40em; margin: 4em auto; padding: 0 1em">
<h1>The page is not built here</h1>
<p>It comes ready with a release of Orchestrator. In a checkout it is made by Node 20 or newer, once:</p>
<pre>cd web
npm ci
npm run build</pre>
<p>Then load this page again. The API works without it.</p>
</body></html>
"""


class AnyQuery(BaseModel):
    """Where the page is shown, and how: it reads that itself."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def is_of_page(path: str) -> bool:
    """Whether a path below the prefix is one of these."""
    return path == PATH or path.startswith(f"{PATH}/")


def index(call: Call) -> Answer:
    """The page, whose own addresses are relative: so the path that leads to it ends with a slash."""
    if not call.head.path.endswith("/"):
        query = f"?{urlencode(call.head.query)}" if call.head.query else ""
        return Answer(307, headers={**HEADERS, "Cache-Control": "no-store", "Location": f"app/{query}"})
    found = _read(call.place.page, _INDEX)
    if found is None:
        headers = {**HEADERS, "Cache-Control": "no-store"}
        return Answer(404, _ABSENT.encode(), _KINDS[".html"], headers)
    return _answer(call, found, _INDEX, "no-cache")


def file(call: Call) -> Answer:
    name = call.names["file"]
    found = _read(call.place.page, name)
    if found is None:
        raise Refusal(404, "no_such_file", f"The page has no file {name[:100]!r}.")
    is_named_by_content = name.startswith("assets/")
    return _answer(call, found, name, "public, max-age=31536000, immutable" if is_named_by_content else "no-cache")


def _answer(call: Call, found: bytes, name: str, caching: str) -> Answer:
    tag = hashlib.sha256(found).hexdigest()[:32]
    headers = {**HEADERS, "Cache-Control": caching, "ETag": f'"{tag}"'}
    if is_known(call.head, tag):
        return Answer(304, headers=headers)
    return Answer(200, found, _KINDS[PurePosixPath(name).suffix], headers)


def _read(folder: Path | None, name: str) -> bytes | None:
    """None for what is not there, or not below the folder, or of no kind that a page has."""
    if folder is None or not _NAME.fullmatch(name) or PurePosixPath(name).suffix not in _KINDS:
        return None
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            return None
        opening, size = opened(path)
        with opening:
            return opening.read() if size <= _MOST else None
    except (OSError, ValueError, RuntimeError):  # RuntimeError: links that lead to one another, in Python 3.10
        return None


APP: tuple[Route, ...] = (
    Route("GET", PATH, index, None, "The page", query=AnyQuery, content_type="text/html"),
    Route("GET", f"{PATH}/{{file*}}", file, None, "What the page is made of", query=AnyQuery, content_type=ANY),
)
