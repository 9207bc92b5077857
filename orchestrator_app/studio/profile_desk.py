"""What is open of the profiles: read from its file, begun anew, copied, and written where it belongs.

A file of the person's own is changed in its place. One that comes with the pack, or of several styles, stays as it is:
what is saved of it goes into the person's own folder, where it wins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator_app.studio.profile_form import Form, changes, form_of
from orchestrator_core.errors import FormatError, ProfileError
from orchestrator_core.formats.cards import json_text
from orchestrator_core.formats.json_text import read_bytes
from orchestrator_core.profiles.importing import as_mapping, file_name
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.profiles.model import Kind, Profile
from orchestrator_core.profiles.reading import SUFFIXES, profile_from_text, text_of
from orchestrator_core.profiles.saving import changed_text, save_profile, save_text, write_new
from orchestrator_core.profiles.styles_import import is_styles_file

_NAMES: Mapping[str, str] = {"character": "New character", "setting": "New setting", "style": "New style"}


@dataclass(frozen=True, slots=True)
class Open:
    """``saved``: the text of its file when it was opened, "" where there is none yet. ``draft``: the text that the
    form was filled from, and ``form`` how; the two differ from the file where a person typed YAML.

    ``path`` is the file that may be written, None where a new one is to be made; ``shown_path`` is where it came from.
    """

    key: str = ""
    path: Path | None = None
    shown_path: str = ""
    saved: str = ""
    draft: str = ""
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """What its text is called in messages; its end says of which kind the text is."""
        return (
            f"{self.key or 'This'}.json" if self.shown_path.lower().endswith(".json") else f"{self.key or 'This'}.yaml"
        )

    def parsed(self, text: str) -> Profile:
        """Raises FormatError."""
        return profile_from_text(text, self.where, self.key)

    def filled(self, text: str) -> Open:
        """With this text, and the form of it; an empty form where it is no profile."""
        try:
            return replace(self, draft=text, form=form_of(self.parsed(text)))
        except FormatError:
            return replace(self, draft=text, form={})

    def changes(self, form: Form) -> dict[str, Any]:
        """What the form changes in the draft. Raises FormatError, ProfileError."""
        return changes(self.form, form, self.parsed(self.draft))

    def text_with(self, form: Form) -> str:
        """The draft with what the form changes. Raises FormatError, ProfileError."""
        changed = self.changes(form)
        return changed_text(self.draft, changed, self.where) if changed else self.draft


def opened(library: ProfileLibrary, key: str) -> Open:
    """The profile of this key, or the file of this key that is none. Raises ProfileError, FormatError."""
    broken = {problem.key: problem.path for problem in library.problems}
    try:
        key = library.get(key).key
        path = library.path_of(key)
    except ProfileError:
        if key not in broken:
            raise
        path = broken[key]
    if is_styles_file(path):
        return _of_styles(library, key, path)
    text = text_of(read_bytes(path), str(path))
    own = path if _is_own(library, path) else None
    return Open(key, own, str(path), text).filled(text)


def _of_styles(library: ProfileLibrary, key: str, path: Path) -> Open:
    text = changed_text("", as_mapping(library.get(key)), "style.yaml")
    return Open(f"genres/{file_name(key.rpartition('/')[2])}", None, str(path.with_suffix("")), text).filled(text)


def _is_own(library: ProfileLibrary, path: Path) -> bool:
    return bool(library.folders) and path.is_relative_to(library.folders[0])


def is_own(library: ProfileLibrary, key: str) -> bool:
    """Whether its file is in the person's own folder."""
    return _is_own(library, library.path_of(key))


def begun(kind: Kind) -> Open:
    """A new profile, that is nowhere yet."""
    name = _NAMES.get(kind, f"New {kind} profile")
    given = {"name": name, "kind": kind, **({"template": "{prompt}"} if kind == "genre" else {})}
    return Open(f"{kind}s/{file_name(name)}" if kind != "mixed" else file_name(name)).filled(
        changed_text("", given, "new.yaml")
    )


def copied(library: ProfileLibrary, one: Open, text: str) -> Open:
    """A copy under a free name, that is nowhere yet."""
    names = [f"{one.key}-{number}" if number > 1 else f"{one.key}-copy" for number in range(1, 1000)]
    key = next(name for name in names if name not in library.names)
    profile = one.parsed(text)
    start = replace(one, key=key, path=None, saved="", shown_path=one.where)
    return start.filled(changed_text(text, {"name": f"{profile.name} (copy)"}, one.where))


def target(library: ProfileLibrary, one: Open, key: str) -> Path:
    """The file that is written when it is saved under this name. Raises ProfileError."""
    key = key.strip().replace("\\", "/").strip("/")
    if one.path is not None and key == one.key:
        return one.path
    if not library.folders:
        raise ProfileError("There is no folder for profiles here.")
    parts = [file_name(part) for part in key.split("/") if part.strip(". ")]
    if not parts:
        raise ProfileError("It needs a name for its file, as characters/tom.")
    suffix = ".json" if one.where.endswith(".json") else ".yaml"
    return library.folders[0].joinpath(*parts[:-1], parts[-1] + suffix)


def save(library: ProfileLibrary, one: Open, key: str, form: Form | None, text: str = "") -> Open:
    """Writes what the form says, or where that is None the text; gives it as it is open then. Raises ProfileError."""
    path = target(library, one, key)
    try:
        if form is None:
            _write(path, one, text)
        elif path == one.path and one.draft == one.saved:
            save_profile(path, one.changes(form))  # what was changed in the file meanwhile stays
        else:
            _write(path, one, one.text_with(form))
    except FormatError as error:
        raise ProfileError(f"It is not saved. {error}") from None
    library.refresh()
    return opened(library, path.relative_to(library.folders[0]).with_suffix("").as_posix())


def _write(path: Path, one: Open, text: str) -> None:
    if path == one.path:
        save_text(path, text, one.saved)
        return
    profile_from_text(text, str(path), path.stem)
    _refuse_other_suffix(path)
    write_new(path, text.encode())


def _refuse_other_suffix(path: Path) -> None:
    """Two files of one name would be one profile, of which only one is seen."""
    for suffix in SUFFIXES:
        if path.with_suffix(suffix).exists() and suffix != path.suffix:
            raise ProfileError(f"{path.with_suffix(suffix)} is there already. Choose another name.")


def card_of(profile: Profile) -> str:
    """The character card that it was imported from, as it was. Raises ProfileError where it is from none."""
    if not profile.card_raw:
        raise ProfileError(f"{profile.name} was not made from a character card, so there is none to export.")
    return json_text(json.loads(json.dumps(profile.card_raw)))
