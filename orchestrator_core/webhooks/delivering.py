"""Deliveries: sends what is due, in threads of its own, so that no receiver holds up a job or another receiver.

Each message is claimed in the store by who sends it, and is sent until it was taken: at least once, under one id. One
whose sender ended in the middle is another's after two minutes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_core.errors import StoreError, WebhookError
from orchestrator_core.run import new_run_id
from orchestrator_core.webhooks.address import allowed_by
from orchestrator_core.webhooks.sending import Outcome, Posting
from orchestrator_core.webhooks.signing import signed_headers

if TYPE_CHECKING:
    from orchestrator_core.store import Store
    from orchestrator_core.store.rows import Row, Stored

WAITS_S = (5.0, 60.0, 600.0, 3600.0, 21_600.0)  # before the second try, the third, …; after the last it is given up
MOST_WAIT_S = 21_600.0  # that a receiver may ask for
AT_ONCE = 8
KEPT_DAYS = 30  # that ended messages can be looked at
POLL_S = 2.0
LAST_S = 5.0  # at the end, for what is due and under way


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast; tests have their own."""

    poll_s: float = POLL_S
    last_s: float = LAST_S
    waits_s: tuple[float, ...] = WAITS_S
    post: Callable[..., Posting] = Posting


class Deliveries:
    """``start``, then ``stop``. ``tell`` is given a line for a person about what is given up."""

    def __init__(self, store: Store, tell: Callable[[str], None] = lambda _: None, pace: Pace | None = None) -> None:
        self.store, self.tell, self.pace = store, tell, pace or Pace()
        self.owner = new_run_id()  # in the store, of what is claimed here
        self._stopping = threading.Event()
        self._freed = threading.Event()
        self._lock = threading.Lock()
        self._busy: dict[str, tuple[threading.Thread, Posting | None]] = {}  # by place
        self._thread: threading.Thread | None = None
        self._forgot = 0.0

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop, name="webhooks", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """A job has ended: nobody waits for the next look."""
        self._freed.set()

    def stop(self) -> None:
        """Sends what is due and what is under way, for some seconds; the rest is sent by whoever comes next."""
        self._stopping.set()
        self._freed.set()
        if self._thread is not None:
            self._thread.join(self.pace.last_s + 5)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._round()
            self._freed.wait(self.pace.poll_s)
            self._freed.clear()
        until = time.monotonic() + self.pace.last_s
        while (self._round() or self._is_busy()) and time.monotonic() < until:
            self._freed.wait(0.1)
            self._freed.clear()
        self._break_off()

    def _round(self) -> bool:
        """Begins to send what is due, as much as may go at once. Whether there was any."""
        begun = False
        with suppress(StoreError):  # away, locked or full: it is tried again
            self._forget()
            while (message := self._next()) is not None:
                self._begin(message)
                begun = True
        return begun

    def _is_busy(self) -> bool:
        with self._lock:
            return bool(self._busy)

    def _next(self) -> Stored | None:
        from orchestrator_core.store import jobs, webhooks

        with self._lock:
            busy = list(self._busy)
        if len(busy) >= AT_ONCE:
            return None
        with self.store.reading() as connection:  # a look that keeps nobody waiting
            if not webhooks.is_any_due(connection, jobs.now_ms()):
                return None
        with self.store.writing() as connection:
            return webhooks.claim(connection, self.owner, busy, jobs.now_ms())

    def _begin(self, message: Stored) -> None:
        thread = threading.Thread(target=self._deliver, args=(message,), name="webhook", daemon=True)
        with self._lock:
            self._busy[message["place"]] = (thread, None)
        thread.start()

    def _deliver(self, message: Stored) -> None:
        try:
            with suppress(StoreError):  # not kept: after its claim is over, it is sent again
                outcome = self._sent(message)
                self._keep(message, outcome)
        finally:
            with self._lock:
                self._busy.pop(message["place"], None)
            self._freed.set()

    def _sent(self, message: Stored) -> Outcome | None:
        """None: broken off, as this worker ends."""
        from orchestrator_core.store import webhooks

        with self.store.reading() as connection:
            hook, prefixes = webhooks.hook(connection, message["webhook_id"]), webhooks.prefixes(connection)
        if hook is None:
            return Outcome(0, "Its webhook was removed.", may_help=False)
        body, now_s = message["body"].encode(), time.time_ns() // 1_000_000_000
        try:
            to, by = allowed_by(message["url"], prefixes)
            headers = signed_headers(message["id"], now_s, body, hook["secret"])
        except WebhookError as error:
            return Outcome(0, str(error), may_help=False)
        posting = self.pace.post(to, by)
        with self._lock:
            self._busy[message["place"]] = (threading.current_thread(), posting)
        outcome = posting.send(body, headers)
        is_given_back = posting.is_broken_off and self._stopping.is_set() and not outcome.is_delivered
        return None if is_given_back else outcome

    def _keep(self, message: Stored, outcome: Outcome | None) -> None:
        from orchestrator_core.store import jobs, webhooks

        now = jobs.now_ms()
        values: Row = {"state": "waiting", "due_ms": now} if outcome is None else self._fate(message, outcome, now)
        with self.store.writing() as connection:
            webhooks.end_try(connection, message["id"], self.owner, **values)
            if outcome is not None and not outcome.status and outcome.may_help:
                # Nobody is there: what else waits for the same place lets others go first.
                webhooks.put_off(connection, message["place"], now + int(self.pace.waits_s[0] * 1000))
        if values["state"] == "failed":
            self.tell(f"Webhook: delivery {message['number']} is given up: {values['error']}")

    def _fate(self, message: Stored, outcome: Outcome, now: int) -> Row:
        tries = message["tries"] + 1
        told: Row = {"tries": tries, "status": outcome.status, "error": outcome.error}
        if outcome.is_delivered:
            return {"state": "delivered", "ended_ms": now, **told}
        if not outcome.may_help or tries > len(self.pace.waits_s):
            return {"state": "failed", "ended_ms": now, **told}
        wait_s = max(self.pace.waits_s[tries - 1], min(outcome.retry_after_s, MOST_WAIT_S))
        return {"state": "waiting", "due_ms": now + int(wait_s * 1000), **told}

    def _break_off(self) -> None:
        with self._lock:
            under_way = list(self._busy.values())
        for _, posting in under_way:
            if posting is not None:
                posting.break_off()
        for thread, _ in under_way:
            thread.join(2)

    def _forget(self) -> None:
        from orchestrator_core.store import jobs, webhooks

        if time.monotonic() < self._forgot:
            return
        self._forgot = time.monotonic() + 3600
        with self.store.writing() as connection:
            webhooks.forget(connection, jobs.now_ms() - KEPT_DAYS * 86_400_000)
