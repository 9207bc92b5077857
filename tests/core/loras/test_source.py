"""The library as the selection reads it: what changed is there at the next look, and digests change no choice."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from orchestrator_core.loras.digests import digests
from orchestrator_core.loras.library import Library
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.source import LibrarySource
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.stages.select_loras import select
from orchestrator_core.store import Store
from tests.core.loras.library_files import write_lora


@pytest.fixture
def library(tmp_path: Path) -> Library:
    for name in ("ink", "fox", "owl"):
        write_lora(tmp_path / f"{name}.safetensors", f"{name}word")
    found = Library([tmp_path])
    found.refresh()
    return found


@pytest.fixture
def source(library: Library) -> LibrarySource:
    return LibrarySource(library)


def chosen(source: LibrarySource, prompt: str) -> list[str]:
    return [use.record.name for use in select(PromptDraft((Component(prompt),)), source.index()).chosen]


def test_a_lora_that_comes_later_can_be_chosen(source: LibrarySource, tmp_path: Path) -> None:
    assert chosen(source, "an elkword") == []
    write_lora(tmp_path / "elk.safetensors", "elkword")
    source.library.refresh()
    assert chosen(source, "an elkword") == ["elk"]


def test_a_lora_that_is_gone_is_known_and_not_chosen(source: LibrarySource, tmp_path: Path) -> None:
    assert chosen(source, "an inkword") == ["ink"]
    (tmp_path / "ink.safetensors").unlink()
    source.library.refresh()
    assert chosen(source, "an inkword") == []
    assert source.records()[str(tmp_path / "ink.safetensors")].state == "missing"


def test_what_a_person_says_counts_at_the_next_look(source: LibrarySource, tmp_path: Path) -> None:
    assert chosen(source, "a heronword") == []
    record = source.records()[str(tmp_path / "owl.safetensors")]
    source.library.set_user(record, "trigger_words", "heronword")
    source.forget(record.path)
    assert chosen(source, "a heronword") == ["owl"]


def test_digests_are_seen_and_count_as_no_change_of_a_choice(source: LibrarySource) -> None:
    before = source.choices
    for entry in source.library.without_digests():
        source.library.set_digests(entry, digests(entry.path))
    assert source.choices == before
    assert all(len(record.sha256) == 64 for record in source.index().records)


def test_what_could_change_a_choice_is_counted(source: LibrarySource, tmp_path: Path) -> None:
    before = source.choices
    write_lora(tmp_path / "fox.safetensors", "another word")
    source.library.refresh()
    assert source.choices > before


def test_many_are_read_at_once(tmp_path: Path) -> None:
    for number in range(150):
        write_lora(tmp_path / f"lora{number}.safetensors", f"word{number}")
    library = Library([tmp_path])
    library.refresh()
    assert len(LibrarySource(library).index()) == len(LibrarySource(library).records()) == 150


def test_who_reads_while_a_refresh_writes_finds_a_record_of_every_entry(tmp_path: Path) -> None:
    folder = tmp_path / "loras"
    folder.mkdir()
    with Store.open(tmp_path / "store.sqlite3") as store:
        library = Library([folder], store)
        source, done, absent = LibrarySource(library), threading.Event(), set[str]()

        def read() -> None:
            while not done.is_set():
                absent.update(path for path in library.snapshot.entries if library.record(path) is None)
                source.records()

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(40):
            write_lora(folder / f"lora{number}.safetensors", f"word{number}")
            library.refresh()
        done.set()
        reader.join()
        assert absent == set()
        assert len(source.records()) == 40


def test_who_reads_during_the_first_look_hides_nothing_of_what_it_finds(tmp_path: Path) -> None:
    folder = tmp_path / "loras"
    write_lora(folder / "ink.safetensors", "inkword")
    for number in range(25):
        with Store.open(tmp_path / f"store{number}.sqlite3") as store:
            library = Library([folder], store)
            reader = threading.Thread(target=lambda library=library: library.snapshot)
            reader.start()
            library.refresh()
            reader.join()
            assert len(library.snapshot.entries) == 1


def test_who_only_lists_the_loras_does_not_wait_for_their_words(
    source: LibrarySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed: list[str] = []
    add = LoraIndex.add

    def noting(index: LoraIndex, record: LoraRecord) -> None:
        indexed.append(record.name)
        add(index, record)

    monkeypatch.setattr(LoraIndex, "add", noting)
    assert len(source.records()) > 0
    assert source.choices > 0
    assert indexed == []
    source.index()
    assert sorted(indexed) == sorted(record.name for record in source.records().values())
