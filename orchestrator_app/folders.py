"""Which folders of wildcards and profiles a command reads: those given, or the person's own before the bundled ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_core.errors import ProfileError, WildcardError

if TYPE_CHECKING:
    from orchestrator_core.profiles.library import ProfileLibrary
    from orchestrator_core.template import Wildcards


def own_wildcards() -> Path:
    """The person's own folder; it wins over the bundled one where both have a name."""
    from orchestrator_core.config import data_folder

    return data_folder() / "wildcards"


def wildcard_folders(given: Sequence[str]) -> list[Path]:
    """Raises WildcardError for a folder that was given and is not there."""
    from orchestrator_app.bundled import bundled_folder

    if not given:
        return [own_wildcards(), bundled_folder("wildcards")]
    folders = [bundled_folder("wildcards") if folder == "bundled" else Path(folder).expanduser() for folder in given]
    for folder in folders:
        if not folder.is_dir():
            raise WildcardError(f"There is no folder {folder}. Give --wildcards the folder that the files are in.")
    return folders


def open_wildcards(given: Sequence[str]) -> Wildcards:
    """The wildcards; YAML that was read once is kept in the data folder, by its content."""
    from orchestrator_core.config import data_folder
    from orchestrator_core.template import Wildcards

    return Wildcards(wildcard_folders(given), cache=data_folder() / "cache")


def own_profiles() -> Path:
    """The person's own folder of profiles; a file there takes the place of a bundled one of its name."""
    from orchestrator_core.config import data_folder

    return data_folder() / "profiles"


def profile_folders(given: Sequence[str] = ()) -> list[Path]:
    """Raises ProfileError for a folder that was given and is not there."""
    from orchestrator_app.bundled import bundled_folder

    if not given:
        return [own_profiles(), bundled_folder("profiles")]
    folders = [bundled_folder("profiles") if folder == "bundled" else Path(folder).expanduser() for folder in given]
    for folder in folders:
        if not folder.is_dir():
            raise ProfileError(f"There is no folder {folder}. Give --profile-folder the folder of the profiles.")
    return folders


def open_profiles(given: Sequence[str] = ()) -> ProfileLibrary:
    from orchestrator_core.profiles.library import ProfileLibrary

    return ProfileLibrary(profile_folders(given))
