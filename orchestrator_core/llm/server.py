"""Server: the address of an OpenAI-compatible server, who may be asked there, and with which key."""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator_core.errors import ConfigError
from orchestrator_core.http_client import HttpClient
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.llm.reach import HOSTS_VARIABLE, Reach
from orchestrator_core.llm.wire import Call, Exchange, Patience

KEY_VARIABLE = "ORCHESTRATOR_LLM_KEY"


class Server:
    """``url``: up to and with its /v1, which is put there where the address has no path at all.

    ``allowed``: hosts beyond this machine and its network. Raises ConfigError for what is no address, or no key.
    """

    def __init__(
        self, url: str, *, key: str = "", allowed: Iterable[str] = (), patience: Patience | None = None
    ) -> None:
        place = HttpClient(url.strip().rstrip("/").removesuffix("/chat/completions"))
        has_path = bool(urllib.parse.urlsplit(place.url).path)
        self.url = place.url if has_path else f"{place.url}/v1"
        self.patience = patience or Patience()
        self._place, self._path = place, urllib.parse.urlsplit(self.url).path
        self._key, self._reach = key.strip(), Reach(allowed)
        if not self._key.isascii() or not self._key.isprintable():
            raise ConfigError(f"The key in {KEY_VARIABLE} holds characters that no key has. Copy it anew.")
        self._key_was_sent = False

    def ends(self) -> float:
        """When a call that begins now must be over, by ``time.monotonic``."""
        return time.monotonic() + self.patience.total

    def soon(self, seconds: float) -> float:
        """The same for a call that should not take long."""
        return time.monotonic() + min(seconds, self.patience.total)

    def get(self, path: str, until: float, is_cancelled: IsCancelled = never) -> Exchange:
        return self._exchange(Call("GET", self._path + path), until, is_cancelled)

    def post(self, path: str, body: bytes, until: float, is_cancelled: IsCancelled = never) -> Exchange:
        return self._exchange(Call("POST", self._path + path, body), until, is_cancelled)

    def post_beside(self, path: str, value: Mapping[str, Any], until: float) -> Exchange:
        """A call to what the server has beside its OpenAI-compatible part."""
        call = Call("POST", self._path.removesuffix("/v1") + path, json.dumps(value).encode())
        return self._exchange(call, until, never)

    @property
    def key_hint(self) -> str:
        """What to do when the server wants a key, or another one."""
        if not self._key:
            return f"It wants a key: set {KEY_VARIABLE}."
        if self._key_was_sent:
            return "Is the key right?"
        return (
            f"The key was not sent: it goes to this machine and, encrypted or within its network, to allowed hosts. "
            f"Add {self._place.host} to {HOSTS_VARIABLE}, or to the allowed hosts in the settings."
        )

    def _exchange(self, call: Call, until: float, is_cancelled: IsCancelled) -> Exchange:
        return Exchange(self._place, call, self._admit, self.patience, until, is_cancelled)

    def _admit(self, address: str) -> Mapping[str, str]:
        """The headers for a server that turns out to be at this IP address; raises where nothing may be sent there."""
        self._reach.check(self._place, address)
        if self._key and self._reach.trusts(self._place, address):
            self._key_was_sent = True
            return {"Authorization": f"Bearer {self._key}"}
        return {}
