"""The studio's CSS, as one text: standalone hands it to gradio, Forge puts it into its page."""

from __future__ import annotations

from pathlib import Path


def style() -> str:
    """The style sheet."""
    return Path(__file__).with_name("style.css").read_text("utf-8")


STYLE = style()
