"""Listing: which language models this machine has, for a person who chooses one in the node.

The page cannot name an address: servers are looked for where they usually listen on this machine, and at the address
that stands in the person's own settings. So nobody can look through a network with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.llm.listing import list_models
from orchestrator_core.llm.server import Server
from orchestrator_core.llm.settings import DEFAULT_URL, LlmSettings, server_of

from .llm_own import USUAL_URLS, Own

_MOST_FOLDERS = 200
_CONNECT_S = 1.0  # this machine answers at once


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Listing:
    """``folders`` are where ComfyUI's models lie."""

    def __init__(
        self, own: Callable[[], Own], folders: Callable[[], Sequence[str]], urls: Sequence[str] = USUAL_URLS
    ) -> None:
        self._own, self._folders, self._urls = own, folders, urls

    def models(self, query: dict[str, Any]) -> dict[str, Any]:
        """``{"servers": [{"url", "widget", "models", "problem"}], "folders": [names]}``.

        ``widget`` is what a node's url is to be: empty for the server that is asked where there is none. Servers that
        are not there are left out, but for the person's own.
        """
        _Asked.model_validate(query)
        own = self._own()
        urls = list(dict.fromkeys([*filter(None, [own.url]), *self._urls]))
        with ThreadPoolExecutor(len(urls), "orchestrator-llm-list") as threads:
            found = list(threads.map(lambda url: _listed(own, url), urls))
        servers = [each for each in found if each["models"] or each["url"] == own.url]
        return {"servers": servers, "folders": list(_named(self._folders()))[:_MOST_FOLDERS]}


def _listed(own: Own, url: str) -> dict[str, Any]:
    widget = "" if url == (own.url or DEFAULT_URL) else url
    try:
        names = list(list_models(_server(own, url)))
    except OrchestratorError as error:
        return {"url": url, "widget": widget, "models": [], "problem": str(error)}
    return {"url": url, "widget": widget, "models": names, "problem": ""}


def _server(own: Own, url: str) -> Server:
    settings = LlmSettings(url=url, allowed_hosts=own.hosts, connect_s=_CONNECT_S, first_token_s=5, total_s=8)
    return server_of(settings, key=own.key)


def _named(folders: Iterable[str]) -> Iterator[str]:
    """The models below ComfyUI's folders, by the names that a node takes; two levels are looked through."""
    for folder in map(Path, folders):
        for pattern in ("*/config.json", "*/*/config.json"):
            yield from sorted(path.parent.relative_to(folder).as_posix() for path in folder.glob(pattern))
        for pattern in ("*.gguf", "*/*.gguf"):
            yield from sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))
