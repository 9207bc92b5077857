"""When ComfyUI is told that a node would choose otherwise: only then, since all that follows is rendered anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from comfy_nodes.lora_choosing import Choosing
from comfy_nodes.lora_shelf import LoraShelf
from orchestrator_core.base_models import BaseModel
from orchestrator_core.loras.digests import digests
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.stages.select_loras import Options
from tests.comfy_nodes.lora_shelves import shelf_of
from tests.core.loras.library_files import write_lora

OPTIONS = Options(variety=0)
INK = PromptDraft((Component("a hill, inkword"),))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[LoraShelf]:
    found = shelf_of(tmp_path / "loras", ink="inkword", fox="foxword")
    yield found
    found.stop()


@pytest.fixture
def choosing(shelf: LoraShelf) -> Choosing:
    return Choosing(shelf.ready)


def test_a_lora_that_concerns_no_prompt_in_use_changes_nothing(
    choosing: Choosing, shelf: LoraShelf, tmp_path: Path
) -> None:
    before = choosing.fingerprint(OPTIONS)
    choosing.choose(INK, BaseModel(), OPTIONS)
    write_lora(tmp_path / "loras" / "owl.safetensors", "owlword")
    shelf.refresh()
    assert choosing.fingerprint(OPTIONS) == before


def test_a_lora_that_would_be_chosen_changes_the_fingerprint_once(
    choosing: Choosing, shelf: LoraShelf, tmp_path: Path
) -> None:
    before = choosing.fingerprint(OPTIONS)
    choosing.choose(INK, BaseModel(), OPTIONS)
    write_lora(tmp_path / "loras" / "hill.safetensors", "hill")
    shelf.refresh()
    after = choosing.fingerprint(OPTIONS)
    assert after != before
    choosing.choose(INK, BaseModel(), OPTIONS)
    assert choosing.fingerprint(OPTIONS) == after


def test_a_chosen_file_that_was_overwritten_changes_it(choosing: Choosing, shelf: LoraShelf, tmp_path: Path) -> None:
    before = choosing.fingerprint(OPTIONS)
    choosing.choose(INK, BaseModel(), OPTIONS)
    write_lora(tmp_path / "loras" / "ink.safetensors", "inkword", b"other content", at=1_700_000_099)
    shelf.refresh()
    assert choosing.fingerprint(OPTIONS) != before


def test_digests_change_nothing(choosing: Choosing, shelf: LoraShelf) -> None:
    before = choosing.fingerprint(OPTIONS)
    choosing.choose(INK, BaseModel(), OPTIONS)
    library = shelf.source.library
    for entry in library.without_digests():
        library.set_digests(entry, digests(entry.path))
    assert choosing.fingerprint(OPTIONS) == before


def test_other_options_are_another_matter(choosing: Choosing, shelf: LoraShelf, tmp_path: Path) -> None:
    choosing.choose(INK, BaseModel(), OPTIONS)
    other = Options(variety=0, exclude="hill")
    before = choosing.fingerprint(other)
    choosing.choose(INK, BaseModel(), other)
    write_lora(tmp_path / "loras" / "hill.safetensors", "hill")
    shelf.refresh()
    assert choosing.fingerprint(other) == before


def test_when_more_was_chosen_than_is_remembered_any_change_counts(
    choosing: Choosing, shelf: LoraShelf, tmp_path: Path
) -> None:
    before = choosing.fingerprint(OPTIONS)
    for number in range(40):
        choosing.choose(PromptDraft((Component(f"prompt {number}"),)), BaseModel(), OPTIONS)
    write_lora(tmp_path / "loras" / "owl.safetensors", "owlword")
    shelf.refresh()
    assert choosing.fingerprint(OPTIONS) != before
