"""Civitai: what its public API says of a LoRA, asked for by the hash of the file, and only when a person asks.

    done = fetch(library, [record], Civitai(CivitaiAnswers(store)))
    print(done.message)                         # "Civitai knows 1 of 1 LoRA."

Of this machine Civitai learns the hash, and the key of CIVITAI_API_KEY where one is set. Answers are kept, also "not
found", so that nothing is asked twice; what they say goes into our store, never beside the LoRA or into it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import PurePath
from typing import Any, Protocol

from orchestrator_core.errors import ConfigError, FormatError, HttpError, StoreError
from orchestrator_core.http_client import LOOPBACK, HttpClient
from orchestrator_core.loras.civitai_answer import reduced
from orchestrator_core.loras.civitai_refusals import Refusal, is_not_found, refusal_of, seconds_to_wait
from orchestrator_core.loras.digests import digests
from orchestrator_core.loras.findings import Findings
from orchestrator_core.loras.library import Library
from orchestrator_core.loras.metadata import examples_fact
from orchestrator_core.loras.record import Fact, LoraRecord
from orchestrator_core.loras.sidecar_civitai import add_civitai_version

URL = "https://civitai.com"
HOSTS = frozenset({"civitai.com"}) | LOOPBACK  # and no other is ever asked
KEY = "CIVITAI_API_KEY"
SOURCE = "civitai"
CONFIDENCE = 0.9
MOST = 4 * 1024 * 1024  # bytes of an answer; the largest real ones are a few hundred thousand
PAUSE_S = 1.0  # between two calls
TRIES = 4
LONGEST_WAIT_S = 120.0  # a server that wants more gets it: the person tries again later
ASK_AGAIN_MS = timedelta(days=7) // timedelta(milliseconds=1)  # what was not found may be uploaded since

Wait = Callable[[float], Any]  # true: stop, as ``threading.Event.wait`` says it
OnProgress = Callable[[int, int, str], None]  # done, of all, the name of the LoRA in hand


class Answers(Protocol):
    """Where answers are kept: sha256 → (UTC milliseconds, JSON or "" for "not found")."""

    def get(self, sha256: str) -> tuple[int, str] | None: ...

    def put(self, sha256: str, answered_ms: int, answer: str) -> None: ...


class Stopped(Exception):
    """The person does not want to wait any longer."""


class Civitai:
    """Asks slowly, and each thing once. ``key`` None: that of the environment. Raises ConfigError for another host."""

    def __init__(
        self,
        answers: Answers,
        url: str = URL,
        *,
        key: str | None = None,
        pause_s: float = PAUSE_S,
        wait: Wait = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._answers = answers
        key = (os.environ.get(KEY, "") if key is None else key).strip()
        self.has_key = bool(key)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if not key.isascii() or not key.isprintable():
            raise ConfigError(f"The key in {KEY} holds characters that no key has. Copy it anew from Civitai.")
        self._client = HttpClient(url, timeout=15, total=60, headers=headers, most=MOST)
        if self._client.host not in HOSTS or not (self._client.secure or self._client.host in LOOPBACK):
            raise ConfigError(f"{self._client.url} is not Civitai, and nothing else is asked: use {URL}.")
        self._pause_s, self._wait, self._now = pause_s, wait, now
        self._asked_at = float("-inf")
        self._has_answered = False

    def version(self, sha256: str, again: bool = False) -> dict[str, Any] | None:
        """What is read of the answer for a file; None where Civitai does not know it.

        Raises FormatError for an answer that cannot be used, HttpError where it makes no sense to ask for others
        either, StoreError, and Stopped.
        """
        known = None if again else self._answers.get(sha256)
        if known is not None and (known[1] or self._now() * 1000 - known[0] < ASK_AGAIN_MS):
            return _parsed(known[1])
        try:
            found = reduced(self._asked(f"/api/v1/model-versions/by-hash/{sha256}"), sha256)
        except HttpError as error:
            if not is_not_found(error):
                raise
            found = None
        self._answers.put(sha256, int(self._now() * 1000), json.dumps(found) if found else "")
        return found

    def _asked(self, path: str) -> Any:
        for attempt in range(TRIES):
            # Never longer than the pause: a clock may be set back.
            self._pause(min(self._asked_at + self._pause_s - self._now(), self._pause_s))
            try:
                self._asked_at = self._now()
                answer = self._client.get_json(path)
                self._has_answered = True
                return answer
            except HttpError as error:
                self._has_answered = self._has_answered or error.status != 0
                refusal = refusal_of(error, self.has_key)
                if refusal is None:
                    raise
                wanted = seconds_to_wait(error.retry_after, attempt, self._now())
                if attempt == TRIES - 1 or not self._may_pass(refusal) or wanted > LONGEST_WAIT_S:
                    raise refusal.error from None
                self._pause(wanted)
        raise AssertionError("unreachable")

    def _may_pass(self, refusal: Refusal) -> bool:
        """Whoever never answered is not there, and does not come while we wait."""
        return refusal.passes and self._has_answered

    def _pause(self, seconds: float) -> None:
        if seconds > 0 and self._wait(seconds):
            raise Stopped


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of a fetch: names of LoRAs. ``stopped`` says why the last ``left`` were not asked for."""

    found: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()  # a name, and what is wrong with its file or the answer
    left: int = 0
    stopped: str = ""

    @property
    def message(self) -> str:
        asked = len(self.found) + len(self.unknown) + len(self.problems)
        text = f"Civitai knows {len(self.found):,} of {asked:,} LoRA{'' if asked == 1 else 's'}."
        if self.problems:
            text += f" {len(self.problems):,} could not be asked for or read."
        return f"{text} {self.stopped} {self.left:,} are left." if self.stopped else text


def fetch(
    library: Library,
    records: Sequence[LoraRecord],
    civitai: Civitai,
    on_progress: OnProgress = lambda done, of, name: None,
    stop: Callable[[], bool] = lambda: False,
    again: bool = False,
) -> Fetched:
    """Ask Civitai about these LoRAs, hashing those that were not, and keep what it says in the library.

    Nothing is raised: what goes wrong with one is a problem, and what would go wrong with all ends the fetch. What was
    found until then is kept, and need not be asked for again.
    """
    done = Fetched()
    for number, record in enumerate(records):
        on_progress(number, len(records), record.name)
        try:
            if stop():
                raise Stopped
            answer = civitai.version(sha256_of(library, record, stop), again)
            if answer is not None:
                library.set_facts(record, facts_of(answer, record), SOURCE)
        except (FormatError, OSError) as error:
            done = replace(done, problems=(*done.problems, (record.name, str(error))))
        except (HttpError, StoreError, Stopped) as error:
            return replace(done, left=len(records) - number, stopped=str(error) or "It was stopped.")
        else:
            if answer is None:
                done = replace(done, unknown=(*done.unknown, record.name))
            else:
                done = replace(done, found=(*done.found, record.name))
    on_progress(len(records), len(records), "")
    return done


def sha256_of(library: Library, record: LoraRecord, stop: Callable[[], bool] = lambda: False) -> str:
    """The digest of the file itself, not one that a sidecar claims; computed, and kept, where it was not.

    Raises FormatError for a file that is not complete or changes meanwhile, OSError, and Stopped.
    """
    entry = library.snapshot.entries.get(record.path)
    if entry is None or entry.state != "complete":
        raise FormatError(f"{record.path} is not there as a whole file, so it has no hash to ask for.")
    if entry.hashed:
        return entry.sha256

    def pause() -> None:
        if stop():
            raise Stopped

    found = digests(entry.path, pause)
    if not library.set_digests(entry, found):
        raise FormatError(f"{record.path} changed while it was read. Try again when it is written.")
    return found.sha256


def facts_of(answer: dict[str, Any], record: LoraRecord) -> list[Fact]:
    """What an answer says of a LoRA. That it names no trigger words is an answer too, of the least weight."""
    found = Findings()
    stem = PurePath(record.path).stem
    add_civitai_version(found, answer, (stem,), SOURCE, CONFIDENCE)
    facts = list({fact.field: fact for fact in found.facts if fact.field != "problem"}.values())
    if not any(fact.field == "trigger_words" for fact in facts):
        facts.append(Fact("trigger_words", "", SOURCE, 0.1))
    if found.examples:
        facts.append(examples_fact(found.examples, SOURCE))
    return facts


def wants_metadata(records: Iterable[LoraRecord]) -> list[LoraRecord]:
    """Those of which something is missing that Civitai could know, and that it was not asked for with success."""
    return [
        record
        for record in records
        if record.state == "complete"
        and {"trigger_words", "base_model", "other_hash"} & set(record.missing)
        and not any(fact.source == SOURCE for fact in record.facts)
    ]


def _parsed(answer: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = json.loads(answer) if answer else None
    return found
