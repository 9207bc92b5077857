"""What is missing or contradictory: found, and said with what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.loras.metadata import with_user_facts
from orchestrator_core.loras.missing import KINDS, conflicting, flags
from orchestrator_core.loras.record import Fact, LoraRecord
from tests.core.loras.lora_files import read


def civitai(**values: Any) -> dict[str, Any]:
    return {"modelId": 1, **values}


def test_each_kind_says_what_is_the_matter_and_what_to_do():
    for kind, missing in KINDS.items():
        assert missing.kind == kind
        assert missing.sentence.endswith(".")
        assert missing.advice.endswith(".")


def test_a_bare_file_lacks_words_and_preview_and_no_more(tmp_path: Path):
    assert read(tmp_path).missing == ("trigger_words", "preview")


def test_a_well_kept_file_lacks_nothing(tmp_path: Path):
    record = read(tmp_path, {".civitai.info": civitai(baseModel="SD 1.5", trainedWords=["foo"]), ".png": b"x"})
    assert record.missing == ()


def test_an_accelerator_needs_no_trigger_words(tmp_path: Path):
    assert read(tmp_path, name="lcm_lora_sd15").missing == ("preview",)


@pytest.mark.parametrize("state", ["incomplete", "truncated", "unreadable"])
def test_the_state_of_the_file_is_a_kind(state: Any):
    assert state in flags(LoraRecord("foo", "/foo", state=state))


def test_the_library_says_what_is_a_duplicate():
    assert "duplicate" in flags(LoraRecord("foo", "/foo"), duplicate=True)


@pytest.mark.parametrize(
    ("info", "form", "field"),
    [
        ({"baseModel": "SD 1.5"}, {"sd version": "SDXL"}, "base_model"),
        ({"trainedWords": ["foo", "bar"]}, {"activation text": "baz"}, "trigger_words"),
        ({"trainedWords": ["foo", "bar"]}, {"activation text": "foo, baz"}, "trigger_words"),
    ],
)
def test_sources_that_say_different_things_are_a_conflict(tmp_path: Path, info: Any, form: Any, field: str):
    record = read(tmp_path, {".civitai.info": civitai(**info), ".json": form})
    assert field in conflicting(record)
    assert "conflict" in record.missing


@pytest.mark.parametrize(
    ("info", "form"),
    [
        ({"baseModel": "SD 1.5"}, {"sd version": "SD1"}),
        ({"baseModel": "SD 1.4"}, {"sd version": "Unknown"}),
        ({"trainedWords": ["foo", "red_hat"]}, {"activation text": "Foo, red hat"}),
        ({"trainedWords": ["foo", "bar"]}, {"activation text": "foo"}),
        ({"trainedWords": ["foo"]}, {"activation text": "foo, bar"}),
        ({"trainedWords": []}, {"activation text": "foo"}),
    ],
)
def test_the_same_in_other_words_is_none(tmp_path: Path, info: Any, form: Any):
    record = read(tmp_path, {".civitai.info": civitai(**info), ".json": form})
    assert conflicting(record) == ()


def test_strengths_are_compared_as_numbers(tmp_path: Path):
    tips = {"usage_tips": '{"strength": 0.80}'}
    assert conflicting(read(tmp_path, {".json": {"preferred weight": 0.8}, ".metadata.json": tips})) == ()
    other = read(tmp_path, {".json": {"preferred weight": 0.5}, ".metadata.json": tips})
    assert conflicting(other) == ("preferred_strength",)


def test_pony_and_illustrious_contradict_but_noobai_grew_out_of_illustrious(tmp_path: Path):
    def facts(*names: str) -> LoraRecord:
        return LoraRecord("x", "/x", facts=tuple(Fact("base_model", name, name, 0.9) for name in names))

    assert conflicting(facts("Pony", "Illustrious")) == ("base_model",)
    assert conflicting(facts("NoobAI", "Illustrious")) == ()
    assert conflicting(facts("Pony", "SDXL 1.0")) == ()


def test_a_guess_contradicts_nothing(tmp_path: Path):
    record = read(tmp_path, {".civitai.info": civitai(trainedWords=["foo"])}, {"ss_dataset_dirs": '{"5_bar": {}}'})
    assert conflicting(record) == ()


def test_a_persons_word_ends_a_conflict(tmp_path: Path):
    record = read(tmp_path, {".civitai.info": civitai(baseModel="SDXL 1.0"), ".json": {"sd version": "SD1"}})
    assert "conflict" in record.missing
    assert "conflict" not in with_user_facts(record, [Fact("base_model", "SD 1.5", "user", 1.0)]).missing


def test_a_sidecar_of_another_content_is_seen_once_the_file_is_hashed(tmp_path: Path):
    record = read(tmp_path, {".sha256": "ab" * 32})
    assert "other_hash" not in record.missing
    assert "other_hash" in flags(record.replacing(sha256="cd" * 32))
    assert "other_hash" not in flags(record.replacing(sha256="ab" * 32))
