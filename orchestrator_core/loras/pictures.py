"""NamedPictures: the pictures of a LoRA, or of a profile's LoRAs, by name: what an image may be compared with."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ConfigError
from orchestrator_core.loras.embedded_preview import embedded_preview
from orchestrator_core.loras.sidecars import suffix_of

if TYPE_CHECKING:
    from orchestrator_core.loras.ranking import LoraSource
    from orchestrator_core.loras.record import LoraRecord
    from orchestrator_core.profiles.source import ProfileSource

MOST = 32  # pictures of one name
_KINDS = (".png", ".jpg", ".jpeg", ".webp")


class NamedPictures:
    """``may_be_folder``: a whole path of a folder with images is a name as well. Not for names that a graph gives."""

    def __init__(
        self, loras: LoraSource | None, profiles: ProfileSource | None, *, may_be_folder: bool = False
    ) -> None:
        self._loras, self._profiles, self._may_be_folder = loras, profiles, may_be_folder

    def __call__(self, name: str) -> list[Any]:
        """Paths, and opened images where a LoRA carries them itself.

        Raises ConfigError where nothing has that name, or it has no pictures.
        """
        path = Path(name).expanduser()
        if self._may_be_folder and path.is_absolute():
            found: list[Any] = _in_folder(path)
        else:
            found = [picture for record in self._records(name) for picture in pictures_of(record)]
        if not found:
            raise ConfigError(f"{name}: there is no picture of it to compare images with. {_HOW}")
        return found[:MOST]

    def _records(self, name: str) -> list[LoraRecord]:
        names = None if self._loras is None else self._loras.index().names
        record, problem = names.find(name) if names is not None else (None, "")
        if record is not None:
            return [record]
        chosen = None if self._profiles is None else self._profiles.chosen(name)
        if chosen is None or chosen.problems:
            raise ConfigError(f"{name}: no LoRA and no profile has that name. {problem}".strip())
        found = [names.find(lora.name)[0] for lora in chosen.profile.loras] if names is not None else []
        return [record for record in found if record is not None]


_HOW = "Put some beside the LoRA, as name.png and name.2.png."


def pictures_of(record: LoraRecord) -> list[Any]:
    """Those beside a LoRA's file, or the one within it where there is none."""
    beside = list(_beside(record.path))
    if beside or record.preview != "embedded":
        return beside
    found = embedded_preview(record.path)
    return [] if found is None else _opened(found[0])


def _beside(model: str) -> Iterator[Path]:
    folder = Path(model).parent
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return
    yield from (file for file in files if suffix_of(file.name, model).endswith(_KINDS))


def _in_folder(folder: Path) -> list[Any]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in _KINDS)
    except OSError as error:
        raise ConfigError(f"{folder}: this folder cannot be read: {error.strerror or error}.") from error


def _opened(data: bytes) -> list[Any]:
    from PIL import Image

    try:
        return [Image.open(io.BytesIO(data))]
    except (OSError, ValueError):
        return []
