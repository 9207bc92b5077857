"""Webhooks as rows: what is allowed, who is told, what is to be sent; each takes a connection, as ``jobs.py``.

``ended`` is called where the history tells that a job has ended, so that both are written in one transaction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from orchestrator_core.run import new_run_id
from orchestrator_core.store.job_tables import jobs
from orchestrator_core.store.queries import chunks, upsert
from orchestrator_core.store.rows import Row, Stored
from orchestrator_core.store.schema import images
from orchestrator_core.store.webhook_tables import allowed, deliveries, webhooks

EVENTS = ("done", "failed", "cancelled", "held")  # states that a job comes to
CALLBACKS = "callbacks"  # the webhook that stands for the addresses that jobs name
CLAIM_MS = 120_000  # after which a message that somebody sends is sent by another
LONGEST_WAIT_MS = 24 * 3_600_000  # a message that is due later than that was put off by a clock that was wrong
MOST_IMAGES = 1000  # of one message
# The folders of a path: what somebody else has no use for, and that tells who one is.
_FOLDERS = re.compile(r"(?<![\w:/\\.])(?:[A-Za-z]:)?[\\/]{1,2}(?:[^\s\\/:\"'<>|]+[\\/])+")


def ended(connection: Connection, job_ids: Collection[str], now_ms: int) -> None:
    """Of these, the jobs that have come to one of EVENTS: a message to whom it concerns."""
    hooks = connection.execute(select(webhooks)).mappings().all()
    if not hooks or not job_ids:
        return
    for chunk in chunks(list(job_ids)):
        found = select(jobs).where(jobs.c.id.in_(chunk), jobs.c.state.in_(EVENTS))
        for job in connection.execute(found).mappings().all():
            _tell(connection, job, _concerned(job, hooks), now_ms)


def _concerned(job: Stored, hooks: Iterable[Stored]) -> list[tuple[str, str]]:
    """(webhook's id, address)"""
    found = []
    for hook in hooks:
        url = job["callback_url"] if hook["id"] == CALLBACKS else hook["url"]
        if url and job["state"] in json.loads(hook["events"]):
            found.append((hook["id"], url))
    return found


def _tell(connection: Connection, job: Stored, concerned: Sequence[tuple[str, str]], now_ms: int) -> None:
    if not concerned:
        return
    made = select(images).where(images.c.run_id == job["run_id"]).order_by(images.c.position).limit(MOST_IMAGES)
    body = message(f"job.{job['state']}", job, connection.execute(made).mappings().all(), now_ms)
    number = int(connection.execute(select(func.coalesce(func.max(deliveries.c.number), 0))).scalar_one())
    words = dict.fromkeys(("owner", "error"), "")
    numbers = dict.fromkeys(("tries", "claimed_ms", "status", "ended_ms"), 0)
    rows = [
        {
            "id": f"msg_{new_run_id()}",
            "number": number + position,
            "webhook_id": hook,
            "job_id": job["id"],
            "event": job["state"],
            "url": url,
            "place": _place(url),
            "body": body,
            "state": "waiting",
            "due_ms": now_ms,
            "created_ms": now_ms,
            **words,
            **numbers,
        }
        for position, (hook, url) in enumerate(concerned, 1)
    ]
    connection.execute(insert(deliveries), rows)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def message(kind: str, job: Stored | None, made: Sequence[Stored], now_ms: int) -> str:
    """The body: type, timestamp, data, as the Standard Webhooks specification asks for. No paths of this machine.

    Names are those of the API (``api/job_models.py``), and so are the ids of images.
    """
    data: Row = {"job": _job(job) if job is not None else None, "images": [_image(row) for row in made]}
    return json.dumps({"type": kind, "timestamp": _time(now_ms), "data": data}, ensure_ascii=True)


def _time(ms: int) -> str | None:
    at = datetime.fromtimestamp(ms / 1000, timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if ms else None


def _job(row: Stored) -> Row:
    same = ("id", "number", "state", "title", "target", "priority", "attempt", "run_id", "reason", "key")
    told: Row = {name: row[name] for name in same}
    told |= {"error": _FOLDERS.sub("", row["error"]), "tags": json.loads(row["tags"])}
    return told | {name: _time(row[f"{name}_ms"]) for name in ("created", "started", "ended")}


def _image(row: Stored) -> Row:
    return {"id": f"{row['run_id']}.{row['position']}", "name": re.split(r"[\\/]", row["path"])[-1]}


# what is allowed, and who is told


def allow(connection: Connection, prefix: str, now_ms: int) -> None:
    upsert(connection, allowed, ("prefix",), [{"prefix": prefix, "created_ms": now_ms}])


def disallow(connection: Connection, prefix: str) -> bool:
    return connection.execute(delete(allowed).where(allowed.c.prefix == prefix)).rowcount > 0


def prefixes(connection: Connection) -> list[str]:
    return list(connection.execute(select(allowed.c.prefix).order_by(allowed.c.prefix)).scalars())


def hooks(connection: Connection) -> Sequence[Stored]:
    return connection.execute(select(webhooks).order_by(webhooks.c.created_ms, webhooks.c.id)).mappings().all()


def hook(connection: Connection, hook_id: str) -> Stored | None:
    return connection.execute(select(webhooks).where(webhooks.c.id == hook_id)).mappings().first()


def save_hook(connection: Connection, row: Row) -> None:
    upsert(connection, webhooks, ("id",), [row])


def remove_hook(connection: Connection, hook_id: str) -> bool:
    """With what was to be sent to it."""
    return connection.execute(delete(webhooks).where(webhooks.c.id == hook_id)).rowcount > 0


# what is to be sent


def is_any_due(connection: Connection, now_ms: int) -> bool:
    return connection.execute(select(deliveries.c.id).where(_due(now_ms)).limit(1)).first() is not None


def claim(connection: Connection, owner: str, but: Collection[str], now_ms: int) -> Stored | None:
    """The next message that is due, now this worker's to send; none to places ``but``, which are busy."""
    wanted = select(deliveries.c.id).where(_due(now_ms), deliveries.c.place.not_in(list(but)))
    found = connection.execute(wanted.order_by(deliveries.c.due_ms, deliveries.c.number).limit(1)).scalar()
    if found is None:
        return None
    mine = update(deliveries).where(deliveries.c.id == found, _due(now_ms))
    values: Row = {"state": "sending", "owner": owner, "claimed_ms": now_ms}
    return connection.execute(mine.values(**values).returning(*deliveries.c)).mappings().first()


def _due(now_ms: int) -> ColumnElement[bool]:
    """Also where a clock was set back, which would keep it for as long."""
    table = deliveries.c
    waits = and_(table.state == "waiting", or_(table.due_ms <= now_ms, table.due_ms > now_ms + LONGEST_WAIT_MS))
    old = or_(table.claimed_ms < now_ms - CLAIM_MS, table.claimed_ms > now_ms + CLAIM_MS)
    return or_(waits, and_(table.state == "sending", old))


def end_try(connection: Connection, delivery: str, owner: str, **columns: Any) -> None:
    """What became of it; nothing where it is another's by now."""
    mine = and_(deliveries.c.id == delivery, deliveries.c.owner == owner, deliveries.c.state == "sending")
    connection.execute(update(deliveries).where(mine).values(owner="", **columns))


def put_off(connection: Connection, place: str, due_ms: int) -> None:
    """What waits for this place is not sent before."""
    waiting = and_(deliveries.c.place == place, deliveries.c.state == "waiting", deliveries.c.due_ms < due_ms)
    connection.execute(update(deliveries).where(waiting).values(due_ms=due_ms))


def page(connection: Connection, states: Sequence[str], limit: int) -> Sequence[Stored]:
    """Newest first, without their bodies."""
    columns = [column for column in deliveries.c if column.name != "body"]
    statement = select(*columns).where(deliveries.c.state.in_(list(states))).order_by(deliveries.c.number.desc())
    return connection.execute(statement.limit(limit)).mappings().all()


def send_again(connection: Connection, number: int, now_ms: int) -> str:
    """What it was before, "" where there is none; one that is being sent stays as it is."""
    found = connection.execute(select(deliveries.c.state).where(deliveries.c.number == number)).scalar()
    again = update(deliveries).where(deliveries.c.number == number, deliveries.c.state != "sending")
    connection.execute(again.values(state="waiting", tries=0, due_ms=now_ms, ended_ms=0))
    return str(found or "")


def forget(connection: Connection, ended_before_ms: int) -> int:
    old = and_(deliveries.c.ended_ms > 0, deliveries.c.ended_ms < ended_before_ms)
    return connection.execute(delete(deliveries).where(old)).rowcount
