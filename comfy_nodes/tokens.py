"""How many tokens a text is to a loaded CLIP, by its own tokenizers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

_log = logging.getLogger("orchestrator")


def count_tokens(clip: Any, text: str) -> list[dict[str, Any]]:
    """For each text encoder: its name ("l", "g", "t5xxl"), the tokens of the text, the chunks that they go in and
    how many tokens the first of these holds, with those that mark start, end and padding.

    ``clip`` is ComfyUI's CLIP: its ``tokenize`` gives ``{encoder: [chunk, …]}``, and a chunk has (token, weight, word).
    """
    try:
        return [_counted(name, chunks) for name, chunks in clip.tokenize(text, return_word_ids=True).items()]
    except Exception as error:  # noqa: BLE001 - tokenizers of all kinds of models; a count is not worth a run
        _log.warning("Orchestrator: the tokens cannot be counted: %s: %s", type(error).__name__, error)
        return []


def _counted(name: str, chunks: Sequence[Sequence[tuple[Any, ...]]]) -> dict[str, Any]:
    # Word 0 is what the tokenizer adds: start, end and padding.
    tokens = sum(1 for chunk in chunks for token in chunk if len(token) < 3 or token[2] != 0)
    return {"encoder": name, "tokens": tokens, "chunks": len(chunks), "length": len(chunks[0]) if chunks else 0}
