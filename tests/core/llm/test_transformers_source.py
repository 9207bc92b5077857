from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator_core.errors import LanguageModelError
from orchestrator_core.llm.port import Ask, Message
from orchestrator_core.llm.transformers_model import TransformersModel
from orchestrator_core.llm.transformers_source import Source, source_of


def make_folder(folder: Path, size: int = 1000, dtype: str = "bfloat16") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"torch_dtype": dtype}))
    (folder / "model.safetensors").write_bytes(b"x" * size)
    return folder


def make_cache(hub: Path, name: str = "models--owner--small") -> Path:
    snapshot = make_folder(hub / name / "snapshots" / "c0ffee")
    (hub / name / "refs").mkdir()
    (hub / name / "refs" / "main").write_text("c0ffee")
    return snapshot


def test_a_folder_with_a_config_is_a_model(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "small")
    assert source_of(f" {folder} ") == Source(folder, "small")


def test_a_gguf_file_is_a_model_and_so_is_a_folder_with_only_one(tmp_path: Path) -> None:
    file = tmp_path / "Small-Q4_K.GGUF"
    file.write_bytes(b"GGUF")
    assert source_of(str(file)) == Source(tmp_path, file.name, file.name)
    file = file.rename(tmp_path / "small-q4_k.gguf")
    assert source_of(str(tmp_path)) == Source(tmp_path, file.name, file.name)
    (tmp_path / "other.gguf").touch()
    with pytest.raises(LanguageModelError, match=r"there are 2 \.gguf files; name one of them") as caught:
        source_of(str(tmp_path))
    assert caught.value.kind == "missing"


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"])
def test_a_name_is_found_in_the_local_cache_of_hugging_face(tmp_path: Path, variable: str) -> None:
    hub = {"HF_HUB_CACHE": tmp_path, "HF_HOME": tmp_path / "hub", "XDG_CACHE_HOME": tmp_path / "huggingface" / "hub"}
    snapshot = make_cache(hub[variable])
    assert source_of("owner/small", {variable: str(tmp_path)}) == Source(snapshot, "owner/small")


@pytest.mark.parametrize(
    "name", ["owner/other", "../owner/small", "nothing", "https://example.com/x", "~nobody-here/x", "x" * 5000]
)
def test_what_is_not_there_is_told_and_nothing_is_downloaded(tmp_path: Path, name: str) -> None:
    with pytest.raises(LanguageModelError, match=r"no language model is there.*nothing is downloaded") as caught:
        source_of(name, {"HF_HOME": str(tmp_path)})
    assert caught.value.kind == "missing"


def test_an_empty_name_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(LanguageModelError, match="No language model is named"):
        source_of("  ")
    with pytest.raises(LanguageModelError, match=r"there is no config\.json in it"):
        source_of(str(tmp_path))


def test_the_identity_changes_with_the_files(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "small")
    first = TransformersModel(str(folder)).identity
    assert first.startswith("transformers:small ")
    assert str(tmp_path) not in first
    assert TransformersModel(str(folder)).identity == first
    (folder / "model.safetensors").write_bytes(b"x" * 1001)
    assert TransformersModel(str(folder)).identity != first


def test_a_model_that_is_not_there_fails_when_it_is_asked_and_not_before(tmp_path: Path) -> None:
    model = TransformersModel(str(tmp_path / "gone"))
    assert model.identity == "transformers:"
    with pytest.raises(LanguageModelError, match="no language model is there"):
        model.generate(Ask((Message("user", "a castle"),)))


def test_the_identity_of_a_gguf_file_changes_with_its_head(tmp_path: Path) -> None:
    file = tmp_path / "small.gguf"
    file.write_bytes(b"GGUF 1")
    first = source_of(str(file)).identity
    file.write_bytes(b"GGUF 2")
    assert source_of(str(file)).identity != first


@pytest.mark.parametrize(
    ("stored", "wanted", "bytes_"),
    [
        ("bfloat16", "float32", 2000),
        ("bfloat16", "float16", 1000),
        ("float32", "float16", 500),
        ("odd", "float16", 1000),
    ],
)
def test_the_memory_is_told_from_the_files(tmp_path: Path, stored: str, wanted: str, bytes_: int) -> None:
    folder = make_folder(tmp_path / "small", 1000, stored)
    (folder / "pytorch_model.bin").write_bytes(b"x" * 5000)  # the same again, in another format
    assert source_of(str(folder)).memory(wanted) == bytes_


@pytest.mark.parametrize(
    ("name", "bytes_"), [("a-Q4_K_M.gguf", 9 * 4 * 8 / 4.5), ("a-f16.gguf", 9 * 4 * 8 / 16.5), ("a.gguf", 18)]
)
def test_the_memory_of_a_gguf_file_is_that_of_what_it_unpacks_to(tmp_path: Path, name: str, bytes_: float) -> None:
    (tmp_path / name).write_bytes(b"GGUF 1234")
    assert source_of(str(tmp_path / name)).memory("float32") == int(bytes_)
