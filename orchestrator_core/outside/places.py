"""Galleries elsewhere that pictures may be posted to: a name, an address, and the secret that signs.

Only a person's own command names an address: neither the API nor a job does. Every method is one transaction.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator_core.errors import OutsideError, WebhookError
from orchestrator_core.outside.form import form
from orchestrator_core.run import new_run_id
from orchestrator_core.webhooks.address import Allowed, Destination, Purpose, destination
from orchestrator_core.webhooks.sending import Outcome, Posting
from orchestrator_core.webhooks.signing import new_secret, signed_headers

if TYPE_CHECKING:
    from orchestrator_core.store import Store
    from orchestrator_core.store.rows import Stored

LONGEST_NAME = 100  # characters
MOST_PLACES = 50
SILENCE_S, TOTAL_S = 30.0, 180.0  # a picture is larger than a message, and who takes it works on it
_PURPOSE = Purpose(
    "gallery elsewhere",
    "where nothing may be posted",
    "https://example.org/pictures",
    "orchestrator gallery outside add NAME",
)
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Place:
    """Without its secret, and without what stands behind a question mark in its address, which may be one."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A place that is posted to. ``secret`` is shown to nobody."""

    name: str
    to: Destination
    by: Allowed
    secret: str

    def posting(self, total_s: float = TOTAL_S) -> Posting:
        return Posting(self.to, self.by, silence_s=SILENCE_S, total_s=min(total_s, TOTAL_S))

    def headers(self, message: str, body: bytes, content_type: str) -> dict[str, str]:
        at_s = time.time_ns() // 1_000_000_000
        return {"Content-Type": content_type, **signed_headers(message, at_s, body, self.secret)}


class Places:
    """Threads may share one. Raises OutsideError for what is not there or cannot be, StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(self, name: str, url: str, secret: str = "") -> tuple[Place, str]:
        """The place, and its secret, which nothing shows again; without one, a new one is made."""
        from orchestrator_core.store import outside

        name = _name(name)
        opened = _opened(name, url, secret or new_secret())
        with self.store.writing() as connection:
            there = outside.all_of(connection)
            if any(row["name_key"] == outside.key_of(name) for row in there):
                raise OutsideError(f"There is a place {name!r} already. Remove it to add it with another address.")
            if len(there) >= MOST_PLACES:
                raise OutsideError(f"There are {len(there)} places, and that is the most.")
            outside.add(connection, name, opened.to.url, opened.secret)
        return _place(name, opened.to.url), opened.secret

    def all(self) -> list[Place]:
        """By name."""
        from orchestrator_core.store import outside

        with self.store.reading() as connection:
            return [_place(row["name"], row["url"]) for row in outside.all_of(connection)]

    def remove(self, name: str) -> Place:
        """What was posted there is forgotten with it."""
        from orchestrator_core.store import outside

        with self.store.writing() as connection:
            row = _found(outside.place(connection, name), name)
            outside.remove(connection, name)
        return _place(row["name"], row["url"])

    def open(self, name: str) -> Opened:
        from orchestrator_core.store import outside

        with self.store.reading() as connection:
            row = _found(outside.place(connection, name), name)
        return _opened(row["name"], row["url"], row["secret"])

    def check(self, name: str) -> Outcome:
        """Sends it a record without a picture, now and once."""
        opened = self.open(name)
        content_type, body = form({"schema_version": 1, "check": True})
        return opened.posting().send(body, opened.headers(f"msg_{new_run_id()}", body, content_type))


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= LONGEST_NAME or _UNUSABLE.search(name) or name in (".", ".."):
        raise OutsideError(f"A place has a name of 1 to {LONGEST_NAME} characters without slashes, and not {text!r}.")
    return name


def _opened(name: str, url: str, secret: str) -> Opened:
    try:
        to = destination(url, _PURPOSE)
        signed_headers("msg_", 0, b"", secret)  # whether it can sign at all
    except WebhookError as error:
        raise OutsideError(str(error).replace("secret of a webhook", "secret")) from None
    return Opened(name, to, Allowed(replace(to, path=to.path.partition("?")[0]), _PURPOSE), secret)


def _found(row: Stored | None, name: str) -> Stored:
    if row is None:
        raise OutsideError(f"There is no place {name[:LONGEST_NAME]!r}. See: orchestrator gallery outside list")
    return row


def _place(name: str, url: str) -> Place:
    before, mark, _ = url.partition("?")
    return Place(name, before + (mark and "?…"))
