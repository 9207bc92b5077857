"""Starts the extension in a host that it can run in; any other one gets a line that says why not, and nothing else.

This file must not import anything that such a host may lack.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys

NAME = "sd-orchestrator"
_NEEDED = {"yaml": "pyyaml", "platformdirs": "platformdirs", "sqlalchemy": "sqlalchemy", "websockets": "websockets"}


def start() -> type | None:
    """The class that the host is to find in its script file; None in a host that the extension is not for."""
    reason = why_not()
    if reason:
        say(reason)
        return None
    try:
        from forge_extension.pack import Pack

        return Pack().register()
    except ImportError as error:
        say(f"not loaded: this host is not as Forge was when this was written ({error}). Look for a newer version.")
        return None


def why_not() -> str:
    """Why the extension cannot run here; "" if it can."""
    for package, lowest in (("pydantic", 2), ("gradio", 4)):
        if _major(package) < lowest:
            return (
                f"not loaded: it is for Forge and Forge Neo, which have {package} {lowest} or newer; "
                f"this host has {_version(package) or 'none'}. Nothing of the host is changed."
            )
    missing = [package for module, package in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        names = " ".join(missing)
        return (
            f"not loaded: this host lacks {', '.join(missing)}. Start Forge once without --skip-install, "
            f'or run: "{sys.executable}" -m pip install {names}'
        )
    return ""


def say(message: str) -> None:
    """A line in the host's console, where its extensions speak."""
    print(f"{NAME}: {message}", flush=True)  # noqa: T201


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _major(package: str) -> int:
    number = _version(package).partition(".")[0]
    return int(number) if number.isdigit() else 0
