"""Changes: what a refresh found, as lists of names and one line for a person."""

from __future__ import annotations

from dataclasses import dataclass, field

TOLD = {"trigger_words": "without trigger words", "base_model": "without a base model"}  # kinds of ``missing``


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of LoRAs, as ``LoraRecord.name``; ``paths`` finds their records."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()  # from, to
    incomplete: tuple[str, ...] = ()  # still being written
    truncated: tuple[str, ...] = ()  # not complete, and nobody writes to them any more
    offline: tuple[str, ...] = ()  # folders that went away
    online: tuple[str, ...] = ()  # folders that came back
    problem: str = ""  # why the library cannot be kept, or a folder not read; all else worked
    paths: tuple[str, ...] = ()  # of what was added, changed, moved or found truncated
    lacking: tuple[tuple[str, int], ...] = field(default=())  # of the added: kinds of missing metadata, and how many

    def __bool__(self) -> bool:
        """Whether there is something to tell a person."""
        return bool(self.message)

    @property
    def message(self) -> str:
        """One line, as "3 new LoRAs, 1 without trigger words"; empty where nothing happened."""
        lines = [
            _told(self.added, "{} new LoRA{s}") + "".join(f", {count} {TOLD[kind]}" for kind, count in self.lacking),
            _told(self.changed, "{} changed"),
            _told(self.moved, "{} moved"),
            _told(self.removed, "{} removed"),
            _told(self.truncated, "{} truncated"),
            _listed(self.offline, "offline: "),
            _listed(self.online, "online again: "),
            self.problem,
        ]
        return "; ".join(line for line in lines if line)


def _told(names: tuple[object, ...], words: str) -> str:
    return words.format(len(names), s="" if len(names) == 1 else "s") if names else ""


def _listed(names: tuple[str, ...], words: str) -> str:
    return words + ", ".join(names) if names else ""
