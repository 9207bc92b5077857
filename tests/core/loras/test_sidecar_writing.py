from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.loras.metadata import with_user_facts
from orchestrator_core.loras.record import Fact, LoraRecord
from orchestrator_core.loras.sidecar_writing import _encoded, a1111_sidecar, write_sidecar
from tests.core.loras.lora_files import files_of, read, write_lora
from tests.strategies import json_values


def record_of(folder: Path, sidecar: Any = None, **said: str) -> LoraRecord:
    """A LoRA of SD 1.5, with a ``.json`` beside it, of which a person said this."""
    found = read(folder, None if sidecar is None else {".json": sidecar})
    return with_user_facts(found, [Fact(field, value, "user", 1.0) for field, value in said.items()])


def written(record: LoraRecord) -> dict[str, Any]:
    sidecar = a1111_sidecar(record)
    write_sidecar(sidecar)
    found: dict[str, Any] = json.loads(sidecar.path.read_bytes())
    return found


def test_a_new_file_has_what_is_known_in_a1111s_keys(tmp_path: Path):
    record = record_of(
        tmp_path,
        trigger_words="ghibli style\nghibli, watercolor",
        preferred_strength="0.7",
        notes="soft",
        negative="blurry",
        description="of a film",
    )
    assert written(record) == {
        "description": "of a film",
        "sd version": "SD1",
        "activation text": "ghibli style, ghibli, watercolor",
        "preferred weight": 0.7,
        "negative text": "blurry",
        "notes": "soft",
    }


def test_what_is_written_is_read_back(tmp_path: Path):
    record = record_of(tmp_path, trigger_words="größe, 猫", notes="ä", preferred_strength="0.7")
    written(record)
    again = read(tmp_path, {})
    assert (again.trigger_words, again.notes, again.preferred_strength) == (("größe, 猫",), "ä", 0.7)
    assert "猫" in (tmp_path / "foo.json").read_text("utf-8")


def test_other_keys_stay_where_they_are(tmp_path: Path):
    before = {"zeta": {"a": [1, 2.5, None]}, "activation text": "mine", "sha256": "AB", "alpha": True}
    record = record_of(tmp_path, before, notes="new")
    after = written(record)
    assert {key: after[key] for key in before} == before
    assert list(after)[:4] == list(before)
    assert after["notes"] == "new"


def test_a_value_that_is_there_is_changed_only_by_a_persons_own(tmp_path: Path):
    before = {"description": "<b>Rich</b> text", "activation text": "theirs", "preferred weight": 0.5}
    record = record_of(tmp_path, before, activation="x", trigger_words="mine")
    sidecar = a1111_sidecar(record)
    assert sidecar.changes == {"activation text": ("theirs", "mine"), "sd version": (None, "SD1")}
    assert written(record)["description"] == "<b>Rich</b> text"


def test_what_a_person_emptied_becomes_empty(tmp_path: Path):
    assert written(record_of(tmp_path, {"activation text": "theirs"}, trigger_words=""))["activation text"] == ""


@pytest.mark.parametrize("empty", [{"preferred weight": 0}, {"preferred weight": 0.0}, {}, {"preferred weight": ""}])
def test_a_weight_that_is_not_set_is_filled(tmp_path: Path, empty: dict[str, Any]):
    record = record_of(tmp_path, empty).replacing(preferred_strength=0.6)
    assert written(record)["preferred weight"] == 0.6


@pytest.mark.parametrize("version", ["SD1", "SD 1.5", "1.5"])
def test_a_version_in_other_words_is_no_change(tmp_path: Path, version: str):
    record = record_of(tmp_path, {"sd version": version}, base_model="SD 1.5")
    assert "sd version" not in a1111_sidecar(record).changes


def test_a_base_model_that_a1111_has_no_word_for_is_left_out(tmp_path: Path):
    assert "sd version" not in a1111_sidecar(record_of(tmp_path, {}).replacing(base_model="Wan 14B")).values


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{broken", "is not JSON"),
        (b"[1]", "holds no JSON object"),
        (b'{"ModelId": 5, "VersionId": 6}', "another tool's file"),
        (b'{"notes": "a", "notes": "b"}', "is in it twice"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_file_that_would_lose_something_is_left_as_it_is(tmp_path: Path, content: bytes, why: str):
    record = record_of(tmp_path, notes="new")
    (tmp_path / "foo.json").write_bytes(content)
    with pytest.raises(FormatError, match=why):
        a1111_sidecar(record)
    assert (tmp_path / "foo.json").read_bytes() == content


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_file_in_another_encoding_becomes_utf_8_without_a_mark(tmp_path: Path, encoding: str):
    before = json.dumps({"notes": "größe"}, ensure_ascii=False).encode(encoding)
    after = written(record_of(tmp_path, before, negative="x"))
    assert after["notes"] == "größe"
    assert (tmp_path / "foo.json").read_bytes().startswith(b"{")


def test_half_a_character_is_kept(tmp_path: Path):
    assert written(record_of(tmp_path, b'{"x": "\\ud800"}', notes="n"))["x"] == "\ud800"


def test_the_model_is_not_touched_and_nothing_else_is_left(tmp_path: Path):
    record = record_of(tmp_path, notes="n")
    model = tmp_path / "foo.safetensors"
    before = model.read_bytes(), model.stat().st_mtime_ns
    written(record)
    assert (model.read_bytes(), model.stat().st_mtime_ns) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foo.json", "foo.safetensors"]


def test_a_disk_that_is_full_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    record = record_of(tmp_path, {"notes": "old"}, notes="new")
    sidecar = a1111_sidecar(record)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_sidecar(sidecar)
    assert json.loads((tmp_path / "foo.json").read_bytes()) == {"notes": "old"}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(os.name == "nt", reason="links and modes are those of other systems")
def test_a_link_stays_a_link_and_a_mode_a_mode(tmp_path: Path):
    record = record_of(tmp_path, notes="new")
    real = tmp_path / "elsewhere.json"
    real.write_text("{}")
    real.chmod(0o640)
    (tmp_path / "foo.json").symlink_to(real)
    write_sidecar(a1111_sidecar(record))
    assert (tmp_path / "foo.json").is_symlink()
    assert json.loads(real.read_bytes())["notes"] == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_nothing_to_say_is_nothing_to_change(tmp_path: Path):
    record = record_of(tmp_path).replacing(base_model="")
    assert not a1111_sidecar(record).changes


@given(st.dictionaries(st.text(st.characters(exclude_categories=()), max_size=8), json_values, max_size=4))
def test_whatever_is_written_can_be_read(values: dict[str, Any]):
    assert json.loads(_encoded(values)) == values


def test_a_model_with_dots_in_its_name_has_its_own_file(tmp_path: Path):
    model = write_lora(tmp_path / "foo.v1.2.safetensors")
    from orchestrator_core.loras.metadata import read_lora

    assert a1111_sidecar(read_lora(files_of(model))).path == tmp_path / "foo.v1.2.json"
