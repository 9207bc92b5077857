"""When ComfyUI is told that a node would choose otherwise: only then, since all that follows is rendered anew."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from comfy_nodes.drawing_odds import Snapshot
from comfy_nodes.lora_choosing import Choosing
from comfy_nodes.lora_shelf import LoraShelf
from orchestrator_core.base_models import BaseModel
from orchestrator_core.loras.digests import digests
from orchestrator_core.prompt import Component, PromptDraft, PromptSource
from orchestrator_core.stages.generate_prompt import Options as DrawOptions
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


class Learned:
    """Odds by the number of their moment."""

    def __init__(self, *moments: Mapping[str, float]) -> None:
        self.moments = moments
        self.last = 0
        self.asked: list[tuple[str, str]] = []

    def number(self) -> int:
        return self.last

    def now(self, options: DrawOptions, family: str) -> Snapshot:
        return self.at(self.last, options, family)

    def at(self, number: int, options: DrawOptions, family: str) -> Snapshot:
        self.asked.append((options.profiles, family))
        return Snapshot(number, self.moments[number - 1]) if number else Snapshot()


def hashed_ink(shelf: LoraShelf) -> str:
    """Its identity, once the shelf knows it, which is found out beside all else."""
    end = time.monotonic() + 60
    while True:
        (ink,) = [record for record in shelf.ready().records().values() if record.name == "ink"]
        if ink.sha256:
            return ink.sha256
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_was_learned_of_loras_decides_and_says_so_and_is_undone_with_the_odds(shelf: LoraShelf) -> None:
    name = hashed_ink(shelf)
    strengths = {f"lora strength of {name}#0.4": 1.9, f"lora strength of {name}#1": 0.1}
    odds = Learned({f"lora:{name}": 1.5, **strengths})
    choosing = Choosing(shelf.ready, odds=odds)
    before = choosing.choose(INK, BaseModel(), OPTIONS)
    first = choosing.fingerprint(OPTIONS)
    odds.last = 1
    assert choosing.fingerprint(OPTIONS) != first
    after = choosing.choose(INK, BaseModel(), OPTIONS, family="SDXL")
    assert [use.strength.model for use in (*before.chosen, *after.chosen)] == [0.8, 0.4]
    assert "earlier images speak for it (×1.50)" in after.report
    assert "earlier images did best with 0.4 of it" in after.report
    assert odds.asked[-1] == ("", "SDXL")
    odds.last = 0  # undone, or switched off
    assert choosing.choose(INK, BaseModel(), OPTIONS) == before


def test_a_prompt_that_was_drawn_by_earlier_odds_gets_its_loras_by_those(shelf: LoraShelf) -> None:
    odds = Learned({}, {f"lora:{hashed_ink(shelf)}": 0.0})
    odds.last = 2
    choosing = Choosing(shelf.ready, odds=odds)
    assert choosing.choose(INK, BaseModel(), OPTIONS).chosen == ()
    drawn = INK.replacing(source=PromptSource("a hill, inkword", odds=1))
    assert [use.record.name for use in choosing.choose(drawn, BaseModel(), OPTIONS).chosen] == ["ink"]
