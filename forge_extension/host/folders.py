"""Where the host and its other extensions keep wildcards."""

from __future__ import annotations

from pathlib import Path

from modules import extensions, paths, shared


def wildcard_folders(own: Path) -> list[Path]:
    """Folders that are there: other extensions' first, then the host's own. ``own`` is this extension's root."""
    chosen = shared.opts.data.get("wildcard_dir")  # sd-dynamic-prompts' setting
    found = [Path(chosen).expanduser()] if isinstance(chosen, str) and chosen else []
    found += [
        Path(extension.path) / "wildcards"
        for extension in extensions.active()
        if not extension.is_builtin and Path(extension.path).resolve() != own
    ]
    for root in dict.fromkeys((paths.data_path, paths.script_path)):
        found += [Path(root) / "wildcards", Path(root) / "scripts" / "wildcards"]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]
