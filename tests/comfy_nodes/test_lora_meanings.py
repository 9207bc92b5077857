"""What the phrases of LoRAs mean to the text encoder of a graph: it is used while its node runs, and then only."""

from __future__ import annotations

import gc
import weakref
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.lora_choosing import Choosing
from comfy_nodes.lora_shelf import LoraShelf
from orchestrator_core.base_models import BaseModel
from orchestrator_core.loras.meanings import Meanings
from orchestrator_core.loras.semantic import SemanticPhrases
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.stages.select_loras import Options, Selection
from tests.comfy_nodes.lora_shelves import shelf_of

pytest.importorskip("numpy", reason="no numpy: vectors are compared with it")

OPTIONS = Options(variety=0, semantic=True)
FOX = PromptDraft((Component("a hill, vulpine"),))


class Model:
    """Of the same ``kind`` are encoders from one file."""

    def __init__(self, kind: int = 0) -> None:
        self.kind = kind


class Clip:
    def __init__(self, model: Model) -> None:
        self.cond_stage_model = model


class Host:
    """Says that "foxword" and "vulpine" are the same, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, clip: Any, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        kind = clip.cond_stage_model.kind
        if kind < 0:
            raise ValueError("it has no vector for a whole text")
        self.asked += texts
        places = [0 if text in ("foxword", "vulpine") else 1 + zlib.crc32(text.encode()) % 997 for text in texts]
        return [[float(at == (place + kind) % 998) for at in range(998)] for place in places]


@pytest.fixture
def shelf(tmp_path: Path):
    found = shelf_of(tmp_path / "loras", ink="inkword", fox="foxword")
    yield found
    found.stop()


def chosen(shelf: LoraShelf, meanings: Meanings, clip: Clip | None) -> Selection:
    with meanings.of(clip) as phrases:
        return Choosing(shelf.ready).choose(FOX, BaseModel(), OPTIONS, phrases)


def test_a_lora_is_found_by_what_the_graphs_encoder_makes_of_its_words(shelf: LoraShelf) -> None:
    found = chosen(shelf, Meanings(Host().encode), Clip(Model()))
    assert [use.record.name for use in found.chosen] == ["fox"]
    assert "means nearly 'vulpine'" in found.report


def test_clones_of_one_clip_are_one_encoder_and_another_model_is_another(shelf: LoraShelf) -> None:
    host, model = Host(), Model()
    meanings = Meanings(host.encode)
    for clip in (Clip(model), Clip(model)):
        chosen(shelf, meanings, clip)
    once = len(host.asked)
    assert len(set(host.asked)) == once
    chosen(shelf, meanings, Clip(Model(1)))
    assert host.asked.count("foxword") == 2


def test_the_same_encoder_after_a_restart_is_known_by_what_it_makes_of_a_sentence(shelf: LoraShelf) -> None:
    chosen(shelf, Meanings(Host().encode, shelf.vectors), Clip(Model()))
    again = Host()
    found = chosen(shelf, Meanings(again.encode, shelf.vectors), Clip(Model()))
    assert [use.record.name for use in found.chosen] == ["fox"]
    assert "foxword" not in again.asked


def test_the_clip_is_free_to_go_when_its_node_has_run(shelf: LoraShelf) -> None:
    meanings, model = Meanings(Host().encode), Model()
    clip = Clip(model)
    chosen(shelf, meanings, clip)
    gone = weakref.ref(model)
    del clip, model
    gc.collect()
    assert gone() is None


def test_an_encoder_that_cannot_is_told_and_the_next_one_is_asked(shelf: LoraShelf) -> None:
    meanings = Meanings(Host().encode)
    found = chosen(shelf, meanings, Clip(Model(-1)))
    assert found.problems == (
        "This text encoder cannot compare meanings (it has no vector for a whole text): "
        "LoRAs are found by their words alone.",
    )
    assert [use.record.name for use in chosen(shelf, meanings, Clip(Model())).chosen] == ["fox"]


def test_a_graph_without_a_clip_is_told_what_is_missing(shelf: LoraShelf) -> None:
    assert "No text encoder" in chosen(shelf, Meanings(Host().encode), None).report


def test_a_choice_by_meaning_is_made_anew_when_the_library_has_changed(shelf: LoraShelf, tmp_path: Path) -> None:
    choosing = Choosing(shelf.ready)
    before = choosing.fingerprint(OPTIONS)
    with Meanings(Host().encode).of(Clip(Model())) as phrases:
        assert isinstance(phrases, SemanticPhrases)
        choosing.choose(FOX, BaseModel(), OPTIONS, phrases)
    assert choosing.fingerprint(OPTIONS) == before
    shelf_of(tmp_path / "loras", owl="owlword")
    shelf.refresh()
    assert choosing.fingerprint(OPTIONS) != before
