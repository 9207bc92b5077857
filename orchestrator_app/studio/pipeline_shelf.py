"""Which pipelines there are, and what runs of them left: those of the pack, and files in a person's own folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.output_folder import OutputFolder, slug
from orchestrator_core.config import data_folder
from orchestrator_core.errors import ConfigError, PipelineError
from orchestrator_core.formats.image_metadata import replace_file
from orchestrator_core.formats.json_text import read_json_file
from orchestrator_core.pipeline.bundled import bundled_files
from orchestrator_core.pipeline.rerunning import PipelineRecord, record_from_json, record_to_json
from orchestrator_core.spec import pipeline_to_json

if TYPE_CHECKING:
    from orchestrator_app.studio.environment import Settings
    from orchestrator_core.spec import PipelineSpec

RECORDS = "pipeline"  # the folder of records, below that of a run, as the command line has it
OWN = ".json"  # ends the name of a file of one's own in the list
_LISTED = 40  # runs
_LOOKED_AT = 400  # folders, the newest first


def own_folder() -> Path:
    return data_folder() / "pipelines"


def names() -> list[str]:
    """The bundled ones by name, then one's own as ``mine.json``."""
    own = own_folder()
    return [*bundled_files(), *sorted((path.name for path in own.glob(f"*{OWN}")), key=str.casefold)]


def read(name: str) -> Any:
    """The parsed file. Raises FormatError, PipelineError."""
    path = bundled_files().get(name) or own_folder() / Path(name).name
    if not path.is_file():
        raise PipelineError(f"There is no pipeline {name!r} any more. Choose another.")
    return read_json_file(path)


def save(name: str, pipeline: PipelineSpec, opened: str = "") -> str:
    """The file's name. ``opened`` is the file that it was: no other is replaced. Raises ConfigError, PipelineError."""
    stem = name.strip().removesuffix(OWN)
    if not stem or stem.startswith(".") or Path(stem).name != stem or "\\" in stem:
        raise ConfigError(f"{name!r} is no name for a file. Write one without folders, as: portraits.")
    text = json.dumps(pipeline_to_json(pipeline), ensure_ascii=False, indent=2) + "\n"
    path = own_folder() / f"{stem}{OWN}"
    if path.name != opened and path.exists():
        raise ConfigError(f"There is a pipeline {path.name} already. Open that one to change it, or take another name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode("utf-8", "replace"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.") from None
    return path.name


def delete(name: str) -> None:
    """One of one's own. Raises ConfigError."""
    path = own_folder() / Path(name).name
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be deleted: {error.strerror or error}.") from None


# what runs left


def outputs_of(settings: Settings) -> Path:
    return Path(settings.output_folder).expanduser() if settings.output_folder else data_folder() / "outputs"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder that a run of a pipeline left: ``records`` by the number of their item."""

    path: Path
    records: int

    @property
    def title(self) -> str:
        return f"{self.path.name} ({self.records:,})" if self.records > 1 else self.path.name


def runs_in(parent: Path) -> list[RunFolder]:
    """The newest first."""
    try:
        folders = sorted((path for path in parent.iterdir() if path.is_dir()), key=lambda path: path.name, reverse=True)
    except OSError:
        return []
    found = []
    for path in folders[:_LOOKED_AT]:
        if count := sum(1 for _ in (path / RECORDS).glob("*.json")):
            found.append(RunFolder(path, count))
        if len(found) >= _LISTED:
            break
    return found


def records_in(folder: Path, most: int) -> Iterator[PipelineRecord]:
    """In the order of their items. Raises FormatError, PipelineError, which name the file."""
    for path in sorted((folder / RECORDS).glob("*.json"))[:most]:
        yield record_from_json(read_json_file(path))


class RecordKeeper:
    """Writes what a run leaves into a folder of its own, which is made with the first record."""

    def __init__(self, parent: Path, title: str) -> None:
        self._parent, self._title = parent, title
        self._folder: OutputFolder | None = None

    @property
    def path(self) -> Path | None:
        return self._folder.path if self._folder else None

    def keep(self, record: PipelineRecord, number: int) -> None:
        """Raises ConfigError, FormatError."""
        if self._folder is None:
            name = slug(self._title) or "pipeline"
            self._folder = OutputFolder.make(self._parent, name, datetime.now().astimezone())
        self._folder.write_json(f"{RECORDS}/{number:04}.json", record_to_json(record))


def title_of(pipeline: PipelineSpec, name: str) -> str:
    return pipeline.name or name.removesuffix(OWN) or "pipeline"
