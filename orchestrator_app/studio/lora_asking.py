"""Asking Civitai about LoRAs by a click: which, in a thread of its own, and what became of it in a line.

It goes on when the page that began it is closed: what is found is kept in the store.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from orchestrator_app.studio import html
from orchestrator_app.studio.environment import SettingsKeeper
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.loras.civitai import KEY, SOURCE, Civitai, Fetched, fetch
from orchestrator_core.loras.library import Library
from orchestrator_core.loras.record import LoraRecord

MOST = 200  # LoRAs at once
_NAMED = 3  # problems that the outcome tells whole


@dataclass(frozen=True, slots=True)
class AskingProgress:
    """``name`` is that of the LoRA in hand."""

    done: int
    of: int
    name: str = ""


class Asking:
    """One fetch. ``forget`` is called with the path of each LoRA that Civitai may have said something of."""

    def __init__(
        self,
        library: Library,
        records: Sequence[LoraRecord],
        civitai: Callable[[Callable[[float], bool]], Civitai],
        forget: Callable[[str], None],
        *,
        again: bool = False,
    ) -> None:
        self.records, self.again = records, again
        self.progress = AskingProgress(0, len(records))
        self.fetched = Fetched()
        self.done = threading.Event()
        self._library, self._forget = library, forget
        self._stopping = threading.Event()
        self._civitai = civitai(self._stopping.wait)
        self._thread = threading.Thread(target=self._run, name="orchestrator-asking", daemon=True)

    def start(self) -> Asking:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ask nothing more; an answer that is awaited is still taken."""
        self._stopping.set()

    def join(self) -> None:
        """Return when nothing is asked any more."""
        self._thread.join()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def is_hashing(self) -> bool:
        """Whether the file of the LoRA in hand is read first, to have a hash to ask for."""
        done = self.progress.done
        entry = self._library.snapshot.entries.get(self.records[done].path) if done < len(self.records) else None
        return entry is not None and not entry.hashed

    def _run(self) -> None:
        try:
            self.fetched = fetch(
                self._library, self.records, self._civitai, self._tell, self._stopping.is_set, self.again
            )
        except Exception as error:  # noqa: BLE001 - an end that is not told would leave the page waiting for ever
            why = f"This should not have happened ({type(error).__name__}: {error})."
            self.fetched = Fetched(left=len(self.records) - self.progress.done, stopped=why)
        self._forget_up_to(len(self.records))
        self.done.set()

    def _tell(self, done: int, of: int, name: str) -> None:
        self._forget_up_to(done)
        self.progress = AskingProgress(done, of, name)

    def _forget_up_to(self, done: int) -> None:
        for record in self.records[self.progress.done : done]:
            self._forget(record.path)


# which


def askable(record: LoraRecord) -> bool:
    """Whether its file is there to be hashed, and Civitai has said nothing of it yet."""
    return record.state == "complete" and not any(fact.source == SOURCE for fact in record.facts)


def button_text(shown: Collection[LoraRecord]) -> str:
    """``Ask Civitai about those shown (37)``."""
    count = sum(1 for _ in islice(filter(askable, shown), MOST + 1))
    number = f"{MOST} of {len(shown):,}" if count > MOST else f"{count}"
    return f"Ask Civitai about those shown ({number})"


def chosen(shown: Collection[LoraRecord], not_found: Callable[[], Collection[str]]) -> list[LoraRecord]:
    """Those of the shown to ask about, at most ``MOST``: last those that it did not know lately, by ``not_found``.

    Raises ConfigError where there is none.
    """
    found = [record for record in shown if askable(record)]
    if not found:
        raise ConfigError("There is nothing to ask: of these LoRAs Civitai has answered, or their files are not there.")
    if len(found) > MOST:
        unknown = not_found()
        found.sort(key=lambda record: record.sha256 in unknown)
    return found[:MOST]


# what is said


def consent_text(environ: Mapping[str, str] = os.environ) -> str:
    """What a person is told before the first use."""
    key = f", and the key that you set in {KEY}" if environ.get(KEY, "").strip() else ""
    return (
        f"civitai.com is sent the SHA-256 hash of each file that you ask about{key}, and nothing else of this machine; "
        "as any web site, it sees your IP address. What it answers is kept here, and no file is written. "
        "It is asked only when you click."
    )


def remember_consent(keeper: SettingsKeeper) -> str:
    """Keep that a person said yes; why that could not be kept, or ""."""
    try:
        keeper.save(keeper.load().model_copy(update={"ask_civitai": True}))
    except OrchestratorError as error:
        return f"You will be told this again: {error}"
    return ""


def progress_html(asking: Asking) -> str:
    now = asking.progress
    what = f"reading {now.name} for its hash" if asking.is_hashing else now.name
    text = "Stopping …" if asking.stopping else f"Asking Civitai: {now.done:,} of {now.of:,}" + (what and f" · {what}")
    share = 100 * now.done / max(1, now.of)
    return (
        f'<div class="orc-progress"><div class="orc-bar"><i style="width:{share:.0f}%"></i></div>'
        f'<p role="status">{html.escape(text)}</p></div>'
    )


def outcome_html(asking: Asking) -> str:
    done = asking.fetched
    return html.notice(outcome(done, asking.records), "hint" if done.problems or done.stopped else "good")


def outcome(done: Fetched, records: Sequence[LoraRecord]) -> str:
    """``7 known, 2 not known to Civitai, 1 could not be asked: fox: …``; of one LoRA a sentence."""
    if len(records) == 1 and not done.stopped:
        return _outcome_of_one(done)
    parts = [f"{len(done.found):,} known"]
    if done.unknown:
        parts.append(f"{len(done.unknown):,} not known to Civitai")
    if done.problems:
        told = "; ".join(f"{name}: {why}" for name, why in done.problems[:_NAMED])
        more = f" … and {len(done.problems) - _NAMED:,} more" if len(done.problems) > _NAMED else ""
        parts.append(f"{len(done.problems):,} could not be asked: {told}{more}")
    if done.stopped:
        parts.append(f"{done.left:,} left: {done.stopped}")
    return ", ".join(parts) + ("" if parts[-1].endswith(".") else ".")


def _outcome_of_one(done: Fetched) -> str:
    if done.found:
        return f"Civitai knows {done.found[0]}: what it says is among the facts."
    if done.unknown:
        return f"Civitai does not know the file of {done.unknown[0]}."
    return "".join(f"{name} could not be asked about: {why}" for name, why in done.problems)
