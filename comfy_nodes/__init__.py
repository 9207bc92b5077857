"""The ComfyUI nodes. ``registration.register()`` puts them into the host, which only some of the modules need."""

from __future__ import annotations

WEB_DIRECTORY = "./comfy_nodes/web"  # relative to the pack's root, where ComfyUI looks
