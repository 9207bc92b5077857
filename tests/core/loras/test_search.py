"""Full text search, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.loras.library import Library
from orchestrator_core.loras.metadata import LoraFiles
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.store import Store
from orchestrator_core.store.lora_search import words_of
from tests.core.loras.library_files import write_lora

KNOWN = {
    "ink_wash": LoraRecord("", "", trigger_words=("sumi-e style",), tags=("painting",), training_tags=(("forest", 9),)),
    "styles/forest": LoraRecord("", "", title="Dark Woods", notes="goes well with ink wash"),
    "café": LoraRecord("", "", trigger_words=("naïve art",), base_model="SDXL", sub_family="Pony"),
    "水墨画": LoraRecord("", "", trigger_words=("墨絵",)),
    "plain": LoraRecord("", "", description="a 'quoted' \"word\" & (more) * - : | ! <-> 50% \x00 ink"),
}


def read(files: LoraFiles) -> LoraRecord:
    return KNOWN[files.name].replacing(name=files.name, path=files.model, root=files.root, size=files.size)


@pytest.fixture
def library(tmp_path: Path, store: Store) -> Library:
    for name in KNOWN:
        write_lora(tmp_path / "loras" / f"{name}.safetensors", content=name.encode() * 9)
    made = Library([tmp_path / "loras"], store, read)
    made.refresh()
    return made


def found(library: Library, text: str) -> list[str]:
    return [record.name for record in library.search(text)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ink", ["ink_wash", "plain", "styles/forest"]),
        ("INK Wash", ["ink_wash", "styles/forest"]),
        ("in wa", ["ink_wash", "styles/forest"]),
        ("sumi-e", ["ink_wash"]),
        ("dark", ["styles/forest"]),
        ("pony", ["café"]),
        ("cafe", ["café"]),
        ("NAIVE", ["café"]),
        ("naïve art", ["café"]),
        ("水墨", ["水墨画"]),
        ("墨", ["水墨画"]),
        ("quoted", ["plain"]),
        ("ink nowhere", []),
        ("", []),
        ("   ", []),
    ],
)
def test_all_words_or_their_beginnings_are_found(library: Library, text: str, names: list[str]) -> None:
    assert sorted(found(library, text)) == sorted(names)


def test_a_name_weighs_more_than_trigger_words_and_these_more_than_notes(library: Library) -> None:
    assert found(library, "forest") == ["styles/forest", "ink_wash"]
    assert found(library, "ink wash")[0] == "ink_wash"


@pytest.mark.parametrize(
    "text", ['"', "'", "ink OR", "ink AND NOT", "NEAR(ink", "a:b", "(", "*", "-ink*", "\x00ink", "\udce9", "!&|"]
)
def test_signs_of_the_databases_are_no_commands(library: Library, text: str) -> None:
    found(library, text)


def test_a_change_is_found_and_what_was_is_not(library: Library) -> None:
    record, _ = library.find("ink_wash")
    assert record is not None
    library.set_user(record, "notes", "my marvellous find")
    assert found(library, "marvellous") == ["ink_wash"]
    library.set_user(record, "notes", None)
    assert found(library, "marvellous") == []


def test_what_is_renamed_is_found_once_under_its_new_name(library: Library, tmp_path: Path) -> None:
    old = tmp_path / "loras" / "plain.safetensors"
    known_after = {**KNOWN, "renamed": KNOWN["plain"]}
    library._read = lambda files: known_after[files.name].replacing(name=files.name, path=files.model)
    old.rename(tmp_path / "loras" / "renamed.safetensors")
    library.refresh()
    assert found(library, "quoted") == ["renamed"]
    assert found(library, "plain") == []


def test_a_limit_holds(library: Library) -> None:
    assert len(library.search("ink", limit=2)) == 2


def test_a_search_before_anything_was_indexed_finds_nothing(tmp_path: Path, store: Store) -> None:
    library = Library([tmp_path], store)
    assert library.search("ink") == []
    assert library.problem == ""


def test_words_are_the_same_for_texts_and_searches() -> None:
    assert words_of("Long_Hair, (café:1.2) 墨絵 1girl") == ["long", "hair", "cafe", "1", "2", "墨", "絵", "1girl"]
    assert len(words_of("x" * 5000)[0]) == 100


def test_whole_words_anywhere_come_before_longer_ones(tmp_path: Path, store: Store) -> None:
    said = {"a": "inkwell", "b": "ink", "c": "inkling", "d": "dry ink"}

    def notes(files: LoraFiles) -> LoraRecord:
        return LoraRecord(files.name, files.model, files.root, files.size, notes=said[files.name])

    for name in said:
        write_lora(tmp_path / "loras" / f"{name}.safetensors", content=name.encode() * 9)
    library = Library([tmp_path / "loras"], store, notes)
    library.refresh()
    assert set(found(library, "ink")[:2]) == {"b", "d"}
    assert sorted(found(library, "ink")) == ["a", "b", "c", "d"]
    assert {record.name for record in library.search("ink", 3)} > {"b", "d"}
