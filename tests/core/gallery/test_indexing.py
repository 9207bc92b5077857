"""Folders of images of any program, indexed: found, followed, and never changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.gallery.service import Gallery
from orchestrator_core.store import Store
from tests.core.gallery.images import TOOLS, write


@pytest.fixture
def gallery(store: Store, tmp_path: Path) -> Gallery:
    folder = tmp_path / "out"
    folder.mkdir()
    made = Gallery(store)
    made.add_root(folder)
    return made


def test_the_prompt_of_every_program_is_found(gallery: Gallery, tmp_path: Path) -> None:
    for number, (tool, texts) in enumerate(TOOLS.items()):
        write(tmp_path / "out" / tool / "a.png", texts(f"a fox seen by {tool}", number), colour=number)
    assert gallery.index().read == len(TOOLS)
    for tool in TOOLS:
        (image,) = gallery.page(f'"seen by {tool}"').images
        assert (image.tool, image.negative, image.broken) == (tool, "blurry", "")
        assert [one.id for one in gallery.page(f"tool:{tool} fox").images][:1] == [image.id] or tool in ("A1111",)
    assert gallery.index().read == 0
