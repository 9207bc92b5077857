"""A folder that is a text encoder to the program; what it makes of texts needs no torch."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator_core.loras import folder_embedder


class Encoder(folder_embedder.FolderEmbedder):
    """To it "ink wash", "sumi-e" and "monk" are the same, and nothing else. ``asked`` is shared by all."""

    asked: list[str]

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.asked += texts
        places = [
            0 if text in ("ink wash", "sumi e", "monk") else 1 + zlib.crc32(text.encode()) % 997 for text in texts
        ]
        return [[float(at == place) for at in range(998)] for place in places]


def encoder_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    monkeypatch.setattr(Encoder, "asked", [], raising=False)
    monkeypatch.setattr(folder_embedder, "FolderEmbedder", Encoder)
    return folder
