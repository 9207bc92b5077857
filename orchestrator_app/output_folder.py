"""The folder of one run: always a new one, so that nothing of an earlier run is continued or overwritten."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator_core.errors import ConfigError

SHEET = "contact_sheet.html"
PROMPTS_JSON, PROMPTS_TEXT = "prompts.json", "prompts.txt"
LORAS_TEXT = "loras.txt"  # why each was chosen
TRIES_TEXT = "tries.txt"  # of each prompt that was rendered until it showed enough, what was changed and why
_LONGEST = 40  # characters of a name
_TRIES = 1_000


class OutputFolder:
    """Files of one run, by their place below ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, parent: Path, name: str, now: datetime) -> OutputFolder:
        """``outputs/2026-11-22_193011_quick``; with a number behind it where that is there. Raises ConfigError."""
        stem = f"{now:%Y-%m-%d_%H%M%S}_{slug(name) or 'run'}"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            for number in range(1, _TRIES):
                path = parent / (stem if number == 1 else f"{stem}-{number}")
                try:
                    path.mkdir()
                except FileExistsError:
                    if parent.is_dir():
                        continue
                    raise
                return cls(path)
        except OSError as error:
            raise ConfigError(
                f"No folder can be made in {parent}: {error.strerror or error}. Give another place with --output."
            ) from None
        raise ConfigError(f"{parent} is full of folders named {stem}.")

    def write(self, name: str, text: str) -> str:
        """Writes a file, in folders below if ``name`` has any; returns the name. Raises ConfigError."""
        path = self.path / name
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        except OSError as error:  # a full disk does not say which file it has no room for
            raise ConfigError(
                f"{path} cannot be written: {error.strerror or error}. What is in {self.path} already is kept."
            ) from None
        return name

    def write_json(self, name: str, value: Any) -> str:
        return self.write(name, json.dumps(value, indent=1) + "\n")

    def take_in(self, image: Path, number: int, place: int) -> Path:
        """Renames an image of the folder to ``images/0003.png`` or, for more of one prompt, ``images/0003-2.png``."""
        stem = f"{number:04}" if place == 0 else f"{number:04}-{place + 1}"
        target = self.path / "images" / f"{stem}{image.suffix}"
        if target.exists():
            return image
        target.parent.mkdir(exist_ok=True)
        image.rename(target)
        return target

    def relative(self, path: Path) -> str:
        """As a link from the contact sheet."""
        return path.relative_to(self.path).as_posix() if path.is_relative_to(self.path) else path.as_uri()


def slug(text: str) -> str:
    """Letters and digits of any script, joined by hyphens: part of a file name on every system."""
    return re.sub(r"[\W_]+", "-", text.lower())[:_LONGEST].strip("-")
