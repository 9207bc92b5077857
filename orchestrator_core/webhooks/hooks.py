"""Webhooks of one store: what is allowed, who is told of what, and what became of each message.

Only a person's own command allows an address: neither the API nor a job does. Every method is one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_core.errors import WebhookError
from orchestrator_core.run import new_run_id
from orchestrator_core.webhooks.address import allowed, allowed_by
from orchestrator_core.webhooks.signing import new_secret, signed_headers

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_core.store import Store
    from orchestrator_core.store.rows import Stored
    from orchestrator_core.webhooks.sending import Outcome

DEFAULT_EVENTS = ("done", "failed")
STATES = ("waiting", "sending", "delivered", "failed")
MOST_HOOKS = 50


@dataclass(frozen=True, slots=True)
class Hook:
    """Without its secret, which is shown once, when it is made."""

    id: str
    url: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message, and how far it is. ``status`` is that of the last answer; 0: none came."""

    id: str
    number: int
    webhook_id: str
    job_id: str
    event: str
    url: str
    state: str
    tries: int
    status: int
    error: str
    due_ms: int
    created_ms: int
    ended_ms: int


class Webhooks:
    """Threads may share one."""

    def __init__(self, store: Store) -> None:
        self.store = store

    # what is allowed

    def allow(self, text: str) -> tuple[str, str]:
        """(the entry as it is kept, a secret). The secret signs what goes to addresses that jobs name. It is "" but
        for the first entry. Raises WebhookError for what is no address."""
        from orchestrator_core.store import jobs, webhooks

        entry, secret = allowed(text).text, ""
        with self.store.writing() as connection:
            webhooks.allow(connection, entry, jobs.now_ms())
            if webhooks.hook(connection, webhooks.CALLBACKS) is None:
                secret = _save(connection, webhooks.CALLBACKS, "", webhooks.EVENTS)
        return entry, secret

    def disallow(self, text: str) -> str:
        """Nothing is sent there any more; what waits to be sent fails, and says why. Raises WebhookError."""
        from orchestrator_core.store import webhooks

        entry = allowed(text).text
        with self.store.writing() as connection:
            if not webhooks.disallow(connection, entry):
                raise WebhookError(f"{entry} is not allowed in any case. orchestrator webhooks list shows what is.")
        return entry

    def allowed(self) -> list[str]:
        from orchestrator_core.store import webhooks

        with self.store.reading() as connection:
            return webhooks.prefixes(connection)

    # who is told

    def add(self, url: str, events: Iterable[str] = DEFAULT_EVENTS) -> tuple[Hook, str]:
        """A webhook for all jobs, and its secret, which nothing shows again. Raises WebhookError."""
        from orchestrator_core.store import webhooks

        wanted = _known(events)
        with self.store.writing() as connection:
            to, _ = allowed_by(url, webhooks.prefixes(connection))
            there = [row for row in webhooks.hooks(connection) if row["id"] != webhooks.CALLBACKS]
            if any(row["url"] == to.url for row in there):
                raise WebhookError(f"There is a webhook to {to.url} already. Remove it to add it with other events.")
            if len(there) >= MOST_HOOKS:
                raise WebhookError(f"There are {len(there)} webhooks, and that is the most.")
            hook_id = new_run_id()
            secret = _save(connection, hook_id, to.url, wanted)
        return Hook(hook_id, to.url, wanted), secret

    def hooks(self) -> list[Hook]:
        from orchestrator_core.store import webhooks

        with self.store.reading() as connection:
            rows = webhooks.hooks(connection)
        return [_hook(row) for row in rows if row["id"] != webhooks.CALLBACKS]

    def remove(self, name: str) -> Hook:
        """By its id, its beginning or its address; what waits to be sent to it is gone with it."""
        from orchestrator_core.store import webhooks

        with self.store.writing() as connection:
            row = _found(connection, name)
            webhooks.remove_hook(connection, row["id"])
        return _hook(row)

    def renew(self, name: str = "") -> str:
        """A new secret, in place of the old one: of this webhook, or of what goes to addresses that jobs name."""
        from orchestrator_core.store import webhooks

        with self.store.writing() as connection:
            if name:
                row = _found(connection, name)
                return _save(connection, row["id"], row["url"], json.loads(row["events"]))
            return _save(connection, webhooks.CALLBACKS, "", webhooks.EVENTS)

    # messages

    def deliveries(self, states: Sequence[str] = STATES, limit: int = 50) -> list[Delivery]:
        """Newest first."""
        from orchestrator_core.store import webhooks

        with self.store.reading() as connection:
            rows = webhooks.page(connection, states, limit)
        names = tuple(Delivery.__dataclass_fields__)
        return [Delivery(**{name: row[name] for name in names}) for row in rows]

    def send_again(self, number: int) -> None:
        """The message of this number is due now, whatever became of it. Raises WebhookError."""
        from orchestrator_core.store import jobs, webhooks

        with self.store.writing() as connection:
            was = webhooks.send_again(connection, number, jobs.now_ms())
        if not was:
            raise WebhookError(
                f"There is no delivery {number}. orchestrator webhooks deliveries shows those there are."
            )
        if was == "sending":
            raise WebhookError(f"Delivery {number} is being sent at this moment.")

    def test(self, name: str) -> Outcome:
        """Sends ``webhook.test`` to it, now and once. Raises WebhookError where there is none, or it may not be."""
        from orchestrator_core.store import jobs, webhooks
        from orchestrator_core.webhooks.sending import Posting

        with self.store.reading() as connection:
            row = _found(connection, name)
            to, by = allowed_by(row["url"], webhooks.prefixes(connection))
        now_ms = jobs.now_ms()
        body = webhooks.message("webhook.test", None, (), now_ms).encode()
        return Posting(to, by).send(body, signed_headers(f"msg_{new_run_id()}", now_ms // 1000, body, row["secret"]))


def check_callbacks(connection: Connection, urls: Iterable[str]) -> None:
    """Raises WebhookError for one that is not allowed."""
    from orchestrator_core.store import webhooks

    wanted = {url for url in urls if url}
    prefixes = webhooks.prefixes(connection) if wanted else []
    for url in wanted:
        allowed_by(url, prefixes)


def _known(events: Iterable[str]) -> tuple[str, ...]:
    from orchestrator_core.store.webhooks import EVENTS

    wanted = tuple(dict.fromkeys(events))
    unknown = [event for event in wanted if event not in EVENTS]
    if unknown or not wanted:
        raise WebhookError(f"{', '.join(unknown) or 'Nothing'} is no event of a job. There are: {', '.join(EVENTS)}.")
    return wanted


def _save(connection: Connection, hook_id: str, url: str, events: Sequence[str]) -> str:
    from orchestrator_core.store import jobs, webhooks

    secret, told = new_secret(), json.dumps(list(events))
    row = {"id": hook_id, "url": url, "events": told, "secret": secret, "created_ms": jobs.now_ms()}
    webhooks.save_hook(connection, row)
    return secret


def _found(connection: Connection, name: str) -> Stored:
    from orchestrator_core.store import webhooks

    rows = [row for row in webhooks.hooks(connection) if row["id"] != webhooks.CALLBACKS]
    exact = [row for row in rows if name in (row["id"], row["url"])]
    found = exact or [row for row in rows if len(name) >= 4 and row["id"].startswith(name)]
    if len(found) != 1:
        many = "Several webhooks begin with" if found else "There is no webhook"
        raise WebhookError(f"{many} {name!r}. orchestrator webhooks list shows those that there are.")
    return found[0]


def _hook(row: Stored) -> Hook:
    return Hook(row["id"], row["url"], tuple(json.loads(row["events"])))
