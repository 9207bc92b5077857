"""--embedder: LoRAs found by what words mean, with a text encoder from a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.app.conftest import Cli
from tests.app.lora_folder import make_loras
from tests.app.text_encoder import Encoder, encoder_folder

pytest.importorskip("numpy", reason="no numpy: vectors are compared with it")


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return encoder_folder(tmp_path / "encoder", monkeypatch)


@pytest.fixture
def loras(tmp_path: Path) -> Path:
    return make_loras(tmp_path / "loras")


def test_a_prompt_finds_a_lora_by_what_its_words_mean(cli: Cli, loras: Path, encoder: Path):
    asked = ("prompt", "sumi-e of a heron", "--select-loras", "--loras", loras, "--base-model", "xl")
    assert "<lora" not in cli(*asked).out
    done = cli(*asked, "--embedder", encoder)
    assert "<lora:ink_wash:0.7>" in done.out
    assert "means nearly 'sumi e'" in done.err


def test_the_phrases_of_loras_are_read_once(cli: Cli, loras: Path, encoder: Path):
    for prompt in ("sumi-e", "a hat"):
        cli("prompt", prompt, "--select-loras", "--loras", loras, "--embedder", encoder)
    assert Encoder.asked.count("ink wash") == 1


def test_a_pipeline_of_its_own_words_takes_the_encoder(cli: Cli, loras: Path, encoder: Path, tmp_path: Path):
    stages = [
        {"id": "draw", "type": "generatePrompt", "options": {"template": "sumi-e", "seed": 7}},
        {"id": "pick", "type": "selectLoras", "options": {"semantic": True}},
    ]
    (tmp_path / "pipeline.json").write_text(json.dumps(stages))
    for command in (("run", "pipeline.json", "-n", 1, "--no-render"), ("export", "pipeline.json")):
        done = cli(*command, "--loras", loras, "--base-model", "xl", "--embedder", encoder)
        assert "[1] styles/ink_wash at 0.7" in done.err


def test_evaluate_asks_by_meaning_too(cli: Cli, loras: Path, encoder: Path):
    asked = ("loras", "evaluate", "--loras", loras, "--json")
    plain, by_meaning = (json.loads(cli(*asked, *more).out) for more in ((), ("--embedder", encoder)))
    assert by_meaning["recall_1"] > plain["recall_1"]


def test_what_is_no_encoder_is_refused_with_what_to_do(cli: Cli, loras: Path, tmp_path: Path):
    done = cli("prompt", "a hat", "--select-loras", "--loras", loras, "--embedder", tmp_path / "nowhere")
    assert (done.status, "Name a folder with config.json and its weights" in done.err) == (2, True)


def test_an_encoder_that_cannot_be_loaded_is_refused(
    cli: Cli, loras: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
):
    def fails(self: Encoder, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        raise OSError("no weights are there")

    monkeypatch.setattr(Encoder, "embed", fails)
    done = cli("prompt", "a hat", "--select-loras", "--loras", loras, "--embedder", encoder)
    assert (done.status, "no weights are there" in done.err) == (2, True)


def test_an_encoder_without_the_selection_is_refused(cli: Cli, encoder: Path):
    done = cli("prompt", "a fox", "--embedder", encoder)
    assert (done.status, done.err) == (2, "error: --embedder is for choosing LoRAs: add --select-loras.\n")


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is here")
def test_without_torch_it_is_said_what_to_install(cli: Cli, loras: Path, tmp_path: Path):
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "config.json").write_text("{}")
    done = cli("prompt", "a hat", "--select-loras", "--loras", loras, "--embedder", tmp_path / "encoder")
    assert (done.status, "pip install transformers torch" in done.err) == (2, True)
