"""What a host compiles is kept beside it, where ``PYTHONPYCACHEPREFIX`` names a folder, or not at all.

A Python that compiles all of torch and gradio at every start takes twice as long to start.
"""

from __future__ import annotations

import os

BYTECODE = {"PYTHONDONTWRITEBYTECODE": "" if os.environ.get("PYTHONPYCACHEPREFIX") else "1"}
