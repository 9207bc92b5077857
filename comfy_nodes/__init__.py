"""The ComfyUI nodes. There are none yet: the pack loads cleanly and adds nothing to the menu."""

from __future__ import annotations

from typing import Any

NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {}
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {}
