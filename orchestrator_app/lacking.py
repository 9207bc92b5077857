"""What a person types to have a package in the Python that runs this, whichever that is."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def install_line(*packages: str) -> str:
    named = " ".join(f'"{package}"' for package in packages)
    if find_spec("pip") is None:  # as in a virtual environment that uv made
        return f'uv pip install --python "{sys.executable}" {named}'
    return f'"{sys.executable}" -m pip install {named}'
