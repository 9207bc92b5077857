"""The studio's CSS, as one text: standalone hands it to gradio, Forge puts it into its page."""

from __future__ import annotations

from pathlib import Path

_FILES = ("style.css", "stories.css", "learn.css", "queue.css", "pipeline.css", "gallery.css")


def style() -> str:
    """The style sheets."""
    return "".join(Path(__file__).with_name(name).read_text("utf-8") for name in _FILES)


STYLE = style()
