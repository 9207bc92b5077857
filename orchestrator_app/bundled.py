"""Where the files that come with the pack are, in a checkout as in an installed wheel.

A checkout has these folders at its root, where hosts and people look for them; the wheel has them inside this package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from orchestrator_core.errors import ConfigError

Folder = Literal["wildcards", "profiles", "example_workflows"]


def bundled_folder(name: Folder) -> Path:
    """Return the folder of that name as it was shipped.

    Raises:
        ConfigError: the pack was installed without it.

    """
    package = Path(__file__).resolve().parent
    for folder in (package.parent / name, package / "content" / name):
        if folder.is_dir() and _is_ours(folder, package):
            return folder
    raise ConfigError(
        f"The bundled folder {name!r} is in neither {package.parent} nor {package / 'content'}: "
        "install sd-orchestrator again, or run it from a complete checkout."
    )


def bundled_folders() -> dict[str, Path]:
    """Return each folder that comes with the pack under its name."""
    return {name: bundled_folder(name) for name in get_args(Folder)}


def page_folder() -> Path:
    """Return the folder of the built page, ``web/dist`` of a checkout, whether it is there or not."""
    package = Path(__file__).resolve().parent
    inside = package / "content" / "web"
    return inside if inside.is_dir() else package.parent / "web" / "dist"


def example_files() -> list[Path]:
    """Return the bundled template files; ``quick`` is first, the one to begin with."""
    folder = Path(__file__).resolve().parent / "examples"
    return sorted(folder.glob("*.yaml"), key=lambda path: (path.stem != "quick", path.stem))


def _is_ours(folder: Path, package: Path) -> bool:
    """Tell a checkout's folder from one that another distribution put beside us in site-packages."""
    return folder.is_relative_to(package) or (package.parent / "pyproject.toml").is_file()
