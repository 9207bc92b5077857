"""LoRAs that are found by meaning in Forge: with the text encoder of the checkpoint that it has loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from forge_extension.environment import ForgeEnvironment
from forge_extension.lora_names import Listed
from orchestrator_app.studio.choosing import Wanted
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.stages.select_loras import Options, Selection
from tests.core.loras.library_files import write_lora
from tests.forge_extension.forge_fakes import FakeForge


class Clip:
    """What a checkpoint has when it is loaded."""


@pytest.fixture
def host(tmp_path: Path) -> FakeForge:
    """A Forge with a LoRA that is called by "zorblax fox"; to its text encoder that is "vulpine"."""
    pytest.importorskip("numpy", reason="no numpy: vectors are compared with it")
    path = write_lora(tmp_path / "loras" / "fox.safetensors", "zorblax fox")
    found = FakeForge(tmp_path)
    found.lora_dirs = [str(tmp_path / "loras")]
    found.listed = [Listed("fox", str(path))]
    found.encode = lambda texts: [(1.0, 0.0) if text in ("vulpine", "zorblax fox") else (0.0, 1.0) for text in texts]
    return found


@pytest.fixture
def live(host: FakeForge) -> Iterator[LiveEnvironment]:
    environment = ForgeEnvironment(host)
    yield LiveEnvironment(environment.studio())
    environment.close()


def chosen(live: LiveEnvironment, *, semantic: bool = True) -> Selection:
    live.loras.watcher.refresh()
    wanted = Wanted(True, Options(variety=0, semantic=semantic))
    choosing = live.choosing(wanted, live.target(None), "")
    assert choosing is not None
    return choosing(PromptDraft((Component("a vulpine shape"),)))


def test_the_encoder_of_the_loaded_checkpoint_finds_loras_by_meaning(host: FakeForge, live: LiveEnvironment):
    assert "No text encoder is loaded here" in chosen(live).report
    host.clip = Clip()
    found = chosen(live)
    assert [use.record.name for use in found.chosen] == ["fox"]
    assert "means nearly 'vulpine'" in found.report
    assert chosen(live, semantic=False).chosen == ()


def test_a_forge_that_renders_is_asked_again_when_it_has_finished(host: FakeForge, live: LiveEnvironment):
    def busy(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        raise RuntimeError("Forge is rendering")

    host.clip, host.encode, able = Clip(), busy, host.encode
    assert "(Forge is rendering): LoRAs are found by their words alone." in chosen(live).report
    host.encode = able
    assert [use.record.name for use in chosen(live).chosen] == ["fox"]


def test_the_vectors_of_forge_are_kept_beside_the_library(host: FakeForge, live: LiveEnvironment):
    asked: list[str] = []
    able = host.encode
    host.clip, host.encode = Clip(), lambda texts: [asked.extend(texts), able(texts)][1]
    chosen(live)
    host.clip = Clip()  # loaded anew
    chosen(live)
    again = ForgeEnvironment(host)
    chosen(LiveEnvironment(again.studio()))
    again.close()
    assert asked.count("zorblax fox") == 1
