"""A language model in the process of each real host, under its own memory manager; see ``llm_child.py``."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.bytecode import BYTECODE
from tests.hosts.comfyui import NoComfyUI, find_comfyui
from tests.hosts.forge import NoForge, find_forge
from tests.llm_server import MISSING, model_file

pytestmark = [pytest.mark.host, pytest.mark.slow]
CHILD = Path(__file__).with_name("llm_child.py")


def child(kind: str, *more: str, packages: Path | None = None) -> dict[str, Any]:
    """The facts of a run of ``llm_child.py`` in a host's Python."""
    try:
        host, python = find_comfyui() if kind == "comfyui" else find_forge()
    except (NoComfyUI, NoForge) as reason:
        pytest.skip(f"no {kind}: {reason}")
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"} | BYTECODE
    if packages is not None:
        environ["PYTHONPATH"] = str(packages)
    command = [str(python), str(CHILD), kind, str(host), *more]
    done = subprocess.run(command, capture_output=True, text=True, cwd=host, env=environ, timeout=300)
    found = [line for line in done.stdout.splitlines() if line.startswith("facts ")]
    assert found, done.stderr[-3000:]
    return dict(json.loads(found[0].removeprefix("facts ")))


@pytest.fixture(scope="module", params=["comfyui", "forge"])
def facts(request: pytest.FixtureRequest) -> dict[str, Any]:
    return child(request.param)


def test_the_host_knows_of_the_model_and_may_take_its_memory(facts: dict[str, Any]) -> None:
    memory = facts["memory"]
    assert memory["listed"] == ["LanguageModel"]
    assert memory["listed after unload"] == []
    assert memory["listed again"] == ["LanguageModel"]
    assert memory["text"] == memory["again"]


def test_there_is_never_a_second_copy_of_the_weights(facts: dict[str, Any]) -> None:
    memory = facts["memory"]
    assert memory["models"] == memory["models again"] == 1
    assert memory["same module"]


def test_after_a_batch_the_weights_are_let_go_where_that_is_wanted(facts: dict[str, Any]) -> None:
    memory = facts["memory"]
    assert memory["listed after the last"] == []
    assert memory["gone"]
    assert memory["after that"] == memory["text"]


def test_the_same_seed_gives_the_same_text_and_another_one_another(facts: dict[str, Any]) -> None:
    writing = facts["writing"]
    assert writing["text"] == writing["again"] != writing["another seed"]
    assert len(set(writing["greedy"])) == 1


def test_the_random_numbers_of_the_image_model_are_left_alone(facts: dict[str, Any]) -> None:
    assert facts["writing"]["left global random numbers alone"]


def test_the_text_comes_in_pieces(facts: dict[str, Any]) -> None:
    writing = facts["writing"]
    assert len(writing["pieces"]) > 3
    assert "".join(writing["pieces"]) == writing["text"]


def test_it_stops_when_cancelled(facts: dict[str, Any]) -> None:
    assert facts["writing"]["cancelled"][:2] == ["Cancelled", "cancelled"]
    assert facts["writing"]["seconds to cancel"] < 5


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("late", "slow", "writing took longer than 0 s"),
        ("too long", "refused", "The question has 202 tokens, and writing reads 200"),
        ("without a part", "missing", "1 of its weights are in no file, as lm_head.weight"),
        ("too large", "memory", "Choose a smaller model, or allow more"),
    ],
)
def test_what_cannot_be_answered_is_told(facts: dict[str, Any], name: str, kind: str, words: str) -> None:
    _, found, message = facts["writing"][name]
    assert found == kind
    assert words in message


def test_it_writes_no_more_than_the_model_reads(facts: dict[str, Any]) -> None:
    assert facts["writing"]["at the end of what it reads"] <= 5


def test_the_models_own_chat_template_is_used_where_it_has_one(facts: dict[str, Any]) -> None:
    assert facts["templates"] == {
        "plain": ["be brief\n\na castle\n\n"],
        "chat": ["<system>be brief<user>a castle<assistant>"],
        "no_system": ["<user>be brief\n\na castle<assistant>"],
        "broken": ["LanguageModelError", "refused", "The model's chat template cannot be used: no"],
    }


def test_a_real_model_is_read_from_one_gguf_file(tmp_path: Path) -> None:
    """Takes some forty seconds of computing, so only where somebody has put gguf beside pytest."""
    model, spec = model_file(), importlib.util.find_spec("gguf")
    if model is None:
        pytest.skip(MISSING)
    if spec is None or spec.origin is None:
        pytest.skip("no gguf, by which transformers reads such files: uv pip install --no-deps gguf")
    packages = Path(spec.origin).parents[1]
    for folder in packages.glob("gguf*"):
        (tmp_path / folder.name).symlink_to(folder)
    found = child("forge", str(model), packages=tmp_path)
    assert "knight" in found["text"].lower()
    assert found["identity"].startswith("transformers:SmolLM2-135M-Instruct.Q4_1.gguf ")
