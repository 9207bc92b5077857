"""LoRAs into a model: what fails is told and the rest goes on; an unchanged choice is not put together again."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path

import pytest

from comfy_nodes.lora_loading import Loading, LoraFile
from tests.comfy_nodes.lora_shelves import FakeModel, FakePatching


@pytest.fixture
def host() -> FakePatching:
    return FakePatching()


@pytest.fixture
def loading(host: FakePatching) -> Loading:
    return Loading(host)


def lora(folder: Path, name: str, text: str = "", strength: float = 0.8) -> LoraFile:
    path = folder / f"{name}.safetensors"
    if not path.exists():
        path.write_text(text or name)
    return LoraFile(path.name, str(path), strength, strength / 2)


def test_each_lora_is_added_with_its_two_strengths_in_their_order(loading: Loading, tmp_path: Path) -> None:
    found = loading.apply(FakeModel(), FakeModel(), [lora(tmp_path, "ink"), lora(tmp_path, "fox", strength=0.5)])
    assert found.model.patches == (("ink", (0.8, 0.4)), ("fox", (0.5, 0.25)))
    assert found.problems == ()


def test_without_loras_model_and_clip_are_the_very_same(loading: Loading, tmp_path: Path) -> None:
    model, clip = FakeModel(), FakeModel()
    found = loading.apply(model, clip, [lora(tmp_path, "ink", strength=0)])
    assert (found.model, found.clip) == (model, clip)


def test_a_model_without_a_text_encoder(loading: Loading, tmp_path: Path) -> None:
    found = loading.apply(FakeModel(), None, [lora(tmp_path, "ink")])
    assert found.clip is None
    assert len(found.model.patches) == 1


def test_what_cannot_be_loaded_is_told_and_the_rest_is_used(loading: Loading, tmp_path: Path) -> None:
    gone = LoraFile("gone.safetensors", str(tmp_path / "gone.safetensors"), 1, 1)
    files = [lora(tmp_path, "broken", "bad"), gone, lora(tmp_path, "ink"), lora(tmp_path, "wan", "other")]
    model, clip = FakeModel(), FakeModel()
    found = loading.apply(model, clip, files)
    assert [name for name, _ in found.model.patches] == ["ink"]
    assert found.problems == (
        "gone.safetensors cannot be read, and is left out: No such file or directory.",
        "broken.safetensors cannot be loaded, and is left out: not a LoRA",
        "wan.safetensors: nothing in it fits this model, so it changes nothing.",
    )
    assert [file.name for file in found.files] == ["ink.safetensors"]
    assert loading.apply(model, clip, files).files == found.files  # also of those that are kept


def test_an_unchanged_choice_gives_the_very_same_model(loading: Loading, host: FakePatching, tmp_path: Path) -> None:
    model, clip = FakeModel(), FakeModel()
    first = loading.apply(model, clip, [lora(tmp_path, "ink")])
    again = loading.apply(model, clip, [lora(tmp_path, "ink")])
    assert (again.model, again.clip) == (first.model, first.clip)
    assert (host.patched_count, host.loaded) == (1, ["ink.safetensors"])


def test_a_model_that_was_let_go_comes_back_with_the_same_weights(
    loading: Loading, host: FakePatching, tmp_path: Path
) -> None:
    model = FakeModel()
    first = loading.apply(model, None, [lora(tmp_path, "ink")])
    mark = first.model.mark
    del first
    again = loading.apply(model, None, [lora(tmp_path, "ink")])
    assert again.model.mark is mark
    assert host.patched_count == 1


def test_two_nodes_that_take_turns_keep_both_choices(loading: Loading, host: FakePatching, tmp_path: Path) -> None:
    model = FakeModel()
    for _ in range(3):
        for name in ("ink", "fox"):
            loading.apply(model, None, [lora(tmp_path, name)])
    assert host.patched_count == 2


def test_another_strength_reads_no_file_again(loading: Loading, host: FakePatching, tmp_path: Path) -> None:
    model = FakeModel()
    for strength in (0.5, 0.6, 0.7):
        loading.apply(model, None, [lora(tmp_path, "ink", strength=strength)])
    assert host.loaded == ["ink.safetensors"]


def test_a_file_that_was_overwritten_is_read_again(loading: Loading, host: FakePatching, tmp_path: Path) -> None:
    model, file = FakeModel(), lora(tmp_path, "ink")
    loading.apply(model, None, [file])
    Path(file.path).write_text("new ink")
    os.utime(file.path, (1, 1))
    assert loading.apply(model, None, [file]).model.patches == (("new ink", (0.8, 0.4)),)


def test_what_the_last_choice_did_not_use_is_not_kept(loading: Loading, host: FakePatching, tmp_path: Path) -> None:
    model = FakeModel()
    for name, strength in (("ink", 0.8), ("fox", 0.8), ("ink", 0.7)):
        loading.apply(model, None, [lora(tmp_path, name, strength=strength)])
    assert host.loaded == ["ink.safetensors", "fox.safetensors", "ink.safetensors"]


def test_no_more_bytes_are_kept_than_allowed(host: FakePatching, tmp_path: Path) -> None:
    loading, model = Loading(host, most_bytes=4), FakeModel()
    for strength in (0.8, 0.7):
        loading.apply(model, None, [lora(tmp_path, "ink", strength=strength), lora(tmp_path, "fox")])
    assert host.loaded == ["ink.safetensors", "fox.safetensors", "fox.safetensors"]


def test_the_model_that_was_given_is_free_to_go(loading: Loading, tmp_path: Path) -> None:
    model = FakeModel()
    found = loading.apply(model, FakeModel(), [lora(tmp_path, "ink")])
    gone = weakref.ref(model)
    del model, found
    gc.collect()
    assert gone() is None
    assert loading._kept == []


def test_another_model_gets_its_own(loading: Loading, host: FakePatching, tmp_path: Path) -> None:
    for _ in range(2):
        loading.apply(FakeModel(), None, [lora(tmp_path, "ink")])
    assert host.patched_count == 2
