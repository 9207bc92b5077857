"""The library: index against disk, what is kept, what a person said, names and hashes, and bad databases."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator_core.errors import StoreError
from orchestrator_core.loras import library_index
from orchestrator_core.loras.digests import Digests, digests
from orchestrator_core.loras.library import Library
from orchestrator_core.loras.library_diff import FULL
from orchestrator_core.loras.library_entries import decode, encode
from orchestrator_core.loras.metadata import LoraFiles, read_lora
from orchestrator_core.loras.missing import problems
from orchestrator_core.loras.record import ExamplePrompt, Fact, LoraRecord
from orchestrator_core.store import Store
from orchestrator_core.store.loras import LoraTables
from tests.core.loras.library_files import LONG_AGO, lora_bytes, names, write_lora


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "loras"
    write_lora(folder / "foo.safetensors", "foo style")
    write_lora(folder / "a" / "bar.safetensors", "bar style")
    return folder


def opened(root: Path, store: Store | None) -> Library:
    """As a start of the program finds it."""
    library = Library([root], store)
    library.refresh()
    return library


def hashed(library: Library) -> None:
    for entry in library.without_digests():
        assert library.set_digests(entry, digests(entry.path))


def one(library: Library, name: str) -> LoraRecord:
    record, named = library.find(name)
    assert record is not None, named.message
    return record


# What a start finds


def test_the_first_look_finds_all_and_the_second_nothing(root: Path, store: Store) -> None:
    library = Library([root], store)
    assert library.refresh().added == ("a/bar", "foo")
    assert library.refresh() == library.refresh(set())
    again = Library([root], store)
    assert not again.refresh()
    assert names(again) == ["a/bar", "foo"]
    assert one(again, "foo") == one(library, "foo")


def test_a_start_without_changes_reads_no_file(root: Path, store: Store) -> None:
    opened(root, store)

    def read(files: LoraFiles) -> LoraRecord:
        raise AssertionError(files.model)

    assert not Library([root], store, read).refresh()


def test_an_overwrite_in_place_is_seen_and_its_old_digests_are_forgotten(root: Path, store: Store) -> None:
    library = opened(root, store)
    hashed(library)
    path = root / "foo.safetensors"
    with path.open("r+b") as file:  # the same inode
        file.write(lora_bytes("new words", b"other content" * 99))
        file.truncate()
    again = Library([root], store)
    assert again.refresh().changed == ("foo",)
    assert (one(again, "foo").trigger_words, one(again, "foo").sha256) == (("new words",), "")
    assert [entry.name for entry in again.without_digests()] == ["foo"]


@pytest.mark.parametrize("restart", [True, False])
def test_a_sidecar_edited_by_somebody_else_is_read_anew(root: Path, store: Store, restart: bool) -> None:
    sidecar = root / "foo.json"
    sidecar.write_text(json.dumps({"activation text": "one"}))
    library = opened(root, store)
    sidecar.write_text(json.dumps({"activation text": "another"}))
    library = Library([root], store) if restart else library
    assert library.refresh().changed == ("foo",)
    assert "another" in one(library, "foo").trigger_words


def test_a_sidecar_that_comes_later_is_read(root: Path, store: Store) -> None:
    library = opened(root, store)
    (root / "foo.json").write_text(json.dumps({"activation text": "red hat", "sd version": "SDXL"}))
    assert library.refresh().changed == ("foo",)
    assert one(library, "foo").base_model == "SDXL"


def test_a_rename_without_its_sidecar_keeps_what_the_sidecar_said(root: Path, store: Store) -> None:
    (root / "foo.civitai.info").write_text(
        json.dumps({"id": 1, "modelId": 2, "baseModel": "Pony", "trainedWords": ["red hat"], "model": {"name": "Foo"}})
    )
    library = opened(root, store)
    before = one(library, "foo")
    assert (before.base_model, before.sub_family, before.trigger_words) == ("SDXL", "Pony", ("red hat",))
    (root / "foo.safetensors").rename(root / "renamed.safetensors")
    assert library.refresh().moved == (("foo", "renamed"),)
    for each in (library, opened(root, store)):
        after = one(each, "renamed")
        assert (after.base_model, after.sub_family, after.trigger_words) == ("SDXL", "Pony", ("red hat",))
        assert names(each) == ["a/bar", "renamed"]


def test_a_move_with_its_sidecar_is_a_move(root: Path, store: Store) -> None:
    (root / "foo.json").write_text(json.dumps({"activation text": "red hat"}))
    library = opened(root, store)
    for suffix in (".safetensors", ".json"):
        (root / f"foo{suffix}").rename(root / "a" / f"foo{suffix}")
    changes = library.refresh()
    assert (changes.moved, changes.message) == ((("foo", "a/foo"),), "1 moved")
    assert "red hat" in one(library, "a/foo").trigger_words


def test_a_move_to_another_drive_is_a_move(root: Path, store: Store, tmp_path: Path) -> None:
    """There it has another inode; its content tells."""
    library = Library([root, tmp_path / "drive"], store)
    (tmp_path / "drive").mkdir()
    library.refresh()
    shutil.copy2(root / "foo.safetensors", tmp_path / "drive" / "moved.safetensors")
    (root / "foo.safetensors").unlink()
    assert library.refresh().moved == (("foo", "moved"),)


def test_a_copy_is_no_move(root: Path, store: Store) -> None:
    library = opened(root, store)
    shutil.copy2(root / "foo.safetensors", root / "copy.safetensors")
    assert library.refresh().added == ("copy",)
    assert names(library) == ["a/bar", "copy", "foo"]


def test_copies_are_flagged_as_duplicates_while_both_are_there(root: Path, store: Store) -> None:
    shutil.copy2(root / "foo.safetensors", root / "copy.safetensors")
    library = opened(root, store)
    flagged = {record.name for record in library.records() if "duplicate" in record.missing}
    assert flagged == {"copy", "foo"}
    assert library.snapshot.names.twins(str(root / "copy.safetensors")) == (str(root / "foo.safetensors"),)
    (root / "copy.safetensors").unlink()
    library.refresh()
    assert "duplicate" not in one(library, "foo").missing


def test_a_half_copied_file_is_incomplete_until_it_is_whole(root: Path, store: Store) -> None:
    whole = lora_bytes("new style", b"n" * 500)
    path = root / "new.safetensors"
    path.write_bytes(whole[:-100])
    library = Library([root], store)
    changes = library.refresh()
    assert ("new" in changes.added, changes.incomplete) == (False, ("new",))
    assert one(library, "new").state == "incomplete"
    assert "new" not in names(library)
    path.write_bytes(whole)
    assert library.refresh().added == ("new",)
    assert one(library, "new").trigger_words == ("new style",)


def test_a_file_that_was_cut_long_ago_is_truncated(root: Path, store: Store) -> None:
    path = root / "cut.safetensors"
    path.write_bytes(lora_bytes("x")[:-10])
    os.utime(path, (LONG_AGO, LONG_AGO))
    library = Library([root], store)
    changes = library.refresh()
    assert changes.truncated == ("cut",)
    assert "1 truncated" in changes.message
    missing = one(library, "cut").missing
    assert "truncated" in missing
    assert "incomplete" not in missing


def test_what_is_removed_stays_known_as_missing_and_comes_back(root: Path, store: Store, tmp_path: Path) -> None:
    library = opened(root, store)
    library.set_user(one(library, "foo"), "favourite", "yes")
    away = (root / "foo.safetensors").rename(tmp_path / "away")
    assert library.refresh().removed == ("foo",)
    assert one(library, "foo").state == "missing"
    assert not library.refresh()
    library = opened(root, store)
    assert names(library) == ["a/bar"]
    away.rename(root / "foo.safetensors")
    assert library.refresh().added == ("foo",)
    assert one(library, "foo").favourite


def test_an_unplugged_root_is_offline_and_needs_no_reading_when_it_is_back(
    root: Path, store: Store, tmp_path: Path
) -> None:
    opened(root, store)
    root.rename(tmp_path / "unplugged")

    def read(files: LoraFiles) -> LoraRecord:
        raise AssertionError(files.model)

    library = Library([root], store, read)
    assert library.refresh().offline == (str(root),)
    assert {record.state for record in library.records(all_states=True)} == {"offline"}
    assert (len(library), names(library)) == (0, [])
    (tmp_path / "unplugged").rename(root)
    assert library.refresh().online == (str(root),)
    assert names(library) == ["a/bar", "foo"]


def test_a_drive_that_is_not_mounted_is_an_empty_folder_and_offline(store: Store, tmp_path: Path) -> None:
    for n in range(FULL):
        write_lora(tmp_path / "drive" / f"{n}.safetensors")
    library = opened(tmp_path / "drive", store)
    (tmp_path / "drive").rename(tmp_path / "unmounted")
    (tmp_path / "drive").mkdir()
    assert library.refresh().offline == (str(tmp_path / "drive"),)
    assert library.refresh().removed == ()


def test_files_that_appear_while_a_root_is_away_are_seen(root: Path, store: Store, tmp_path: Path) -> None:
    library = Library([root, tmp_path / "two"], store)
    assert library.refresh().offline == (str(tmp_path / "two"),)
    write_lora(tmp_path / "two" / "new.safetensors")
    assert library.refresh().added == ("new",)


def test_one_store_serves_hosts_with_different_roots(root: Path, store: Store) -> None:
    """Forge may know a folder inside of ComfyUI's, and each calls the files in its own way."""
    outer, inner, both = Library([root], store), Library([root / "a"], store), Library([root, root / "a"], store)
    for library in (outer, inner, both):
        library.refresh()
    for _ in range(2):
        assert [library.refresh().message for library in (outer, inner, both)] == ["", "", ""]
    assert [names(library) for library in (outer, inner, both)] == [["a/bar", "foo"], ["bar"], ["a/bar", "foo"]]
    assert [not Library(library.roots, store).refresh() for library in (outer, inner, both)] == [True] * 3


def test_messages_say_what_is_without_trigger_words(root: Path) -> None:
    write_lora(root / "plain.safetensors")
    assert Library([root]).refresh().message == "3 new LoRAs, 1 without trigger words, 3 without a base model"


def test_a_file_that_nobody_may_read_is_flagged_and_the_rest_goes_on(root: Path, store: Store) -> None:
    def read(files: LoraFiles) -> LoraRecord:
        return read_lora(LoraFiles("/nowhere/gone.safetensors", files.root, files.name, files.size, files.mtime_ns))

    library = Library([root], store, lambda files: read(files) if files.name == "foo" else read_lora(files))
    library.refresh()
    assert names(library) == ["a/bar"]
    assert one(library, "foo").state != "complete"


# What a person said


@pytest.mark.parametrize("breaks", ["reading", "encoding"])
def test_a_file_that_a_reader_fails_on_is_named_and_the_rest_goes_on(root: Path, store: Store, breaks: str) -> None:
    def read(files: LoraFiles) -> LoraRecord:
        if files.name == "foo" and breaks == "reading":
            raise RecursionError("maximum recursion depth exceeded")
        record = read_lora(files)
        return record.replacing(notes=object()) if files.name == "foo" else record

    library = Library([root], store, read=read)
    assert library.refresh().added == ("a/bar", "foo")
    assert names(library) == ["a/bar"]
    broken = one(library, "foo")
    assert (broken.state, broken.missing) == ("unreadable", ("unreadable",))
    (said,) = problems(broken)
    assert "It could not be read (" in said
    assert not library.refresh(), "it is not read again and again"


def test_what_a_person_said_wins_and_is_there_after_a_restart(root: Path, store: Store) -> None:
    library = opened(root, store)
    assert library.set_user(one(library, "foo"), "trigger_words", "mine").trigger_words == ("mine",)
    again = opened(root, store)
    assert one(again, "foo").trigger_words == ("mine",)
    assert again.set_user(one(again, "foo"), "trigger_words", None).trigger_words == ("foo style",)
    assert one(opened(root, store), "foo").trigger_words == ("foo style",)


def test_what_a_person_said_survives_a_lost_index(root: Path, store: Store) -> None:
    library = opened(root, store)
    library.set_user(one(library, "foo"), "notes", "mine")
    with store.writing() as connection:
        for table in ("loras", "lora_folders", "lora_search"):
            connection.exec_driver_sql(f"DROP TABLE {table}" if table == "lora_search" else f"DELETE FROM {table}")
    again = Library([root], store)
    assert len(again.refresh().added) == 2
    assert one(again, "foo").notes == "mine"
    assert [record.name for record in again.search("mine")] == ["foo"]


def test_what_a_person_said_survives_an_edit_of_the_header_by_digest(root: Path, store: Store) -> None:
    """SwarmUI writes into the header: then the path may be another and the stamp is, but the tensors are the same."""
    library = opened(root, store)
    hashed(library)
    library.set_user(one(library, "foo"), "notes", "mine")
    (root / "foo.safetensors").unlink()
    library.refresh()
    write_lora(root / "renamed.safetensors", "an edited header", content=b"foo.safetensors" * 40)
    library.refresh()
    assert one(library, "renamed").notes == ""  # not before it is hashed
    hashed(library)
    assert one(library, "renamed").notes == "mine"


def test_the_newer_of_two_values_for_copies_wins(root: Path, store: Store) -> None:
    shutil.copy2(root / "foo.safetensors", root / "copy.safetensors")
    times = iter(range(1, 100))
    library = Library([root], store, now=lambda: LONG_AGO + next(times))
    library.refresh()
    library.set_user(one(library, "foo"), "notes", "old")
    library.set_user(one(library, "copy"), "notes", "new")
    assert (one(library, "foo").notes, one(library, "copy").notes) == ("new", "new")
    library.set_user(one(library, "foo"), "notes", None)
    assert (one(library, "foo").notes, one(library, "copy").notes) == ("", "")


def test_a_value_for_a_lora_that_is_gone_says_so(root: Path, store: Store) -> None:
    with pytest.raises(StoreError, match="not in the library any more"):
        opened(root, store).set_user(LoraRecord("x", "/x.safetensors"), "notes", "mine")


# Digests


def test_digests_stay_over_a_restart_a_rename_and_a_lost_index(root: Path, store: Store) -> None:
    library = opened(root, store)
    hashed(library)
    sha256 = one(library, "foo").sha256
    assert len(sha256) == 64
    (root / "foo.safetensors").rename(root / "renamed.safetensors")
    assert not opened(root, store).without_digests()
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM loras")
        connection.exec_driver_sql("DELETE FROM lora_folders")
    again = opened(root, store)
    assert one(again, "a/bar").sha256 == one(library, "a/bar").sha256
    assert {entry.name for entry in again.without_digests()} <= {"renamed"}


def test_digests_of_a_file_that_changed_meanwhile_are_not_kept(root: Path, store: Store) -> None:
    library = opened(root, store)
    (entry,) = (entry for entry in library.without_digests() if entry.name == "foo")
    write_lora(root / "foo.safetensors", "other words", at=LONG_AGO + 1)
    library.refresh()
    assert not library.set_digests(entry, Digests("0" * 64, "1" * 64, "2" * 8))
    assert one(library, "foo").sha256 == ""


@pytest.mark.parametrize("length", [8, 10, 12, 64])
def test_a_lora_is_found_by_its_hashes_of_any_length_and_case(root: Path, store: Store, length: int) -> None:
    library = opened(root, store)
    hashed(library)
    record = one(library, "foo")
    for hash_ in (record.sha256, record.tensor_sha256):
        assert [found.name for found in library.find_hash(hash_[:length].upper())] == ["foo"]
        assert [found.name for found in library.find_hash("0x" + hash_[:length])] == ["foo"]
    assert library.find_hash("e3b0c44298fc") == library.find_hash("12") == []


# Names


def test_names_are_found_as_hosts_write_them(root: Path, store: Store) -> None:
    library = opened(root, store)
    for name in (
        "a/bar",
        "a\\bar",
        "a/bar.safetensors",
        "bar",
        "bar.safetensors",
        "A/BAR",
        str(root / "a/bar.safetensors"),
    ):
        assert one(library, name).name == "a/bar"
    record, named = library.find("nothing")
    assert record is None
    assert 'No LoRA is called "nothing"' in named.message


def test_a_name_that_means_two_says_so(root: Path, store: Store) -> None:
    write_lora(root / "b" / "bar.safetensors")
    record, named = opened(root, store).find("bar")
    assert record is not None
    assert record.name == "a/bar"
    assert "names 2 LoRAs: a/bar, b/bar" in named.message


def test_what_is_missing_never_hides_what_is_there(root: Path, store: Store) -> None:
    write_lora(root / "b" / "bar.safetensors", content=b"another")
    library = opened(root, store)
    (root / "a" / "bar.safetensors").unlink()
    library.refresh()
    assert one(library, "bar").name == "b/bar"


def test_a_link_is_another_name(root: Path, store: Store) -> None:
    (root / "link").symlink_to(root / "a")
    (root / "alias.safetensors").symlink_to(root / "foo.safetensors")
    library = opened(root, store)
    assert len(library) == 2
    assert (one(library, "link/bar").name, one(library, "alias").name) == ("a/bar", "foo")


def test_a_title_is_a_name(root: Path, store: Store) -> None:
    library = opened(root, store)
    (root / "foo.civitai.info").write_text(json.dumps({"id": 1, "modelId": 2, "model": {"name": "The Foo"}}))
    library.refresh()
    assert one(library, one(library, "foo").title).name == "foo"


# Databases that are not as they should be


def damage(path: Path, table: str = "loras") -> None:
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


@pytest.mark.parametrize("changed", [True, False])
def test_a_damaged_index_is_made_again_and_what_a_person_said_is_kept(
    root: Path, sqlite_path: Path, changed: bool
) -> None:
    with Store.open(sqlite_path) as store:
        library = opened(root, store)
        library.set_user(one(library, "foo"), "notes", "mine")
    damage(sqlite_path)
    if changed:
        (root / "new.safetensors").write_bytes(lora_bytes("new"))
    with Store.open(sqlite_path) as store:
        library = Library([root], store)
        changes = library.refresh()
        assert names(library) == ["a/bar", "foo", *(["new"] if changed else [])]
        assert one(library, "foo").notes == "mine"
        assert "new" in changes.added or not changed


def ruin(path: Path, whole: bool) -> bytes:
    """Overwrite a database's beginning, or all but its first page, which lists the tables; the new content."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    content = b"\xff" * 4096 + content[4096:] if whole else content[:4096] + b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    return content


def opened_anyway(root: Path, path: Path) -> Library:
    """As the hosts open a library: whatever is wrong with the database."""
    try:
        return Library([root], Store.open(path))
    except StoreError as error:
        return Library([root], problem=str(error))


@pytest.mark.parametrize("whole", [True, False], ids=["no database any more", "damaged behind its first page"])
def test_a_ruined_database_is_kept_as_it_is_and_the_loras_go_on_in_memory(
    root: Path, sqlite_path: Path, whole: bool
) -> None:
    with Store.open(sqlite_path) as store:
        library = opened(root, store)
        library.set_user(one(library, "foo"), "notes", "mine")
    content = ruin(sqlite_path, whole)
    library = opened_anyway(root, sqlite_path)
    assert "Nothing was overwritten" in library.refresh().problem
    assert names(library) == ["a/bar", "foo"]
    assert [record.name for record in library.search("bar")] == ["a/bar"]
    with pytest.raises(StoreError, match="Nothing was overwritten"):
        library.set_user(one(library, "foo"), "notes", "new")
    assert one(library, "foo").notes == "new"
    write_lora(root / "new.safetensors")
    changes = library.refresh()
    assert (changes.added, changes.problem) == (("new",), ""), "a problem is told once"
    assert "Nothing was overwritten" in library.problem
    assert sqlite_path.read_bytes() == content


def test_what_people_said_and_cannot_be_read_is_a_problem_that_lasts(root: Path, sqlite_path: Path) -> None:
    with Store.open(sqlite_path) as store:
        library = opened(root, store)
        library.set_user(one(library, "foo"), "notes", "mine")
    damage(sqlite_path, "lora_user")
    with Store.open(sqlite_path) as store:
        library = Library([root], store)
        write_lora(root / "new.safetensors")
        assert "damaged" in library.refresh().problem
        assert "damaged" in library.problem, "the index itself was written without an error"
        assert names(Library([root], store)) == ["a/bar", "foo", "new"], "and kept"


def test_what_people_said_is_read_once_it_can_be(root: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = opened(root, store)
    before.set_user(one(before, "foo"), "notes", "mine")

    def locked(self: LoraTables) -> list[tuple[object, ...]]:
        raise StoreError("another program keeps the database locked")

    with monkeypatch.context() as patch:
        patch.setattr(LoraTables, "facts", locked)
        library = opened(root, store)
        assert "locked" in library.problem
        library.set_user(one(library, "a/bar"), "notes", "said meanwhile")
    library.refresh()
    assert library.problem == ""
    assert (one(library, "foo").notes, one(library, "a/bar").notes) == ("mine", "said meanwhile")


def test_a_deleted_database_is_made_again(root: Path, sqlite_path: Path) -> None:
    with Store.open(sqlite_path) as store:
        opened(root, store)
    for file in sqlite_path.parent.iterdir():
        file.unlink()
    with Store.open(sqlite_path) as store:
        assert names(opened(root, store)) == ["a/bar", "foo"]


def test_a_row_that_cannot_be_understood_does_not_hide_the_others(root: Path, store: Store) -> None:
    opened(root, store)
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE loras SET record = '{' WHERE name = 'foo'")
    assert names(opened(root, store)) == ["a/bar", "foo"]


def test_a_locked_database_keeps_nobody_from_their_loras(root: Path, sqlite_path: Path) -> None:
    with Store.open(f"sqlite:///{sqlite_path}?timeout=0.1") as store:
        library = Library([root], store)
        with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            changes = library.refresh()
            assert "another program keeps the database locked" in changes.problem
            assert names(library) == ["a/bar", "foo"]
            assert [record.name for record in library.search("foo")] == ["foo"]
            with pytest.raises(StoreError, match="locked"):
                library.set_user(one(library, "foo"), "notes", "mine")
            other.execute("ROLLBACK")
        write_lora(root / "new.safetensors")
        assert library.refresh().problem == ""
        assert one(library, "foo").notes == "mine"
        again = opened(root, store)
        assert names(again) == ["a/bar", "foo", "new"]


def test_a_refresh_waits_once_for_a_locked_database(root: Path, sqlite_path: Path) -> None:
    with Store.open(f"sqlite:///{sqlite_path}?timeout=1") as store:
        library = opened(root, store)
        write_lora(root / "new.safetensors")
        (root / "foo.safetensors").rename(root / "renamed.safetensors")
        with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            assert "locked" in library.refresh().problem
            assert time.monotonic() - began < 1.9, "there are three writes and more"
            other.execute("ROLLBACK")
        library.refresh()
        assert (library.problem, names(opened(root, store))) == ("", ["a/bar", "new", "renamed"])
        assert not Library([root], store).refresh()


def test_a_persons_word_that_is_not_kept_is_told_though_another_table_takes_what_follows(
    root: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = opened(root, store)

    def locked(self: LoraTables, *rows: object) -> None:
        raise StoreError("another program keeps the database locked")

    monkeypatch.setattr(LoraTables, "set_facts", locked)
    with pytest.raises(StoreError, match="locked"):
        library.set_user(one(library, "foo"), "notes", "mine")


def test_what_is_written_to_a_locked_database_waits_a_moment_once_and_then_not_at_all(
    root: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page waits for it. Until the database is free all is read and kept in memory, and that is told."""
    monkeypatch.setattr(library_index, "WAIT_S", 0.5)
    library = opened(root, store)
    foo = one(library, "foo")
    with store.writing() as other:
        other.exec_driver_sql("DELETE FROM lora_user")
        if store.engine.dialect.name == "postgresql":
            other.exec_driver_sql("LOCK TABLE lora_user, loras IN EXCLUSIVE MODE")
        waited = []
        for notes in ("first", "second"):
            began = time.monotonic()
            with pytest.raises(StoreError, match="locked"):
                library.set_user(foo, "notes", notes)
            waited.append(time.monotonic() - began)
        assert one(library, "foo").notes == "second"
        assert 0.4 < waited[0] < 5
        assert waited[1] < 0.3
    library.set_user(foo, "favourite", "yes")
    assert library.problem == ""
    assert (one(opened(root, store), "foo").notes, one(library, "foo").favourite) == ("second", True)


@pytest.mark.parametrize("table", ["loras", "lora_folders", "lora_search"])
@pytest.mark.parametrize("first", ["search", "list"])
def test_a_lost_table_of_the_index_is_made_again(root: Path, store: Store, table: str, first: str) -> None:
    library = opened(root, store)
    library.set_user(one(library, "foo"), "notes", "mine")
    with store.writing() as connection:
        connection.exec_driver_sql(f"DROP TABLE {table}")
    library = opened(root, store)
    if first == "list":
        assert names(library) == ["a/bar", "foo"]
    assert [record.notes for record in library.search("foo")] == ["mine"]
    assert library.problem == ""
    again = Library([root], store)
    assert not again.refresh()
    assert [record.name for record in again.search("bar")] == ["a/bar"]


def test_a_full_disk_loses_nothing(root: Path, sqlite_store: Store) -> None:
    for n in range(200):
        write_lora(root / f"{n}.safetensors", "word " * 50)
    with sqlite_store.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    library = Library([root], sqlite_store)
    assert "the disk is full" in library.refresh().problem
    assert len(library) == 202
    with sqlite_store.reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    library.refresh()
    assert not Library([root], sqlite_store).refresh()


def test_without_a_store_all_is_in_memory(root: Path) -> None:
    library = opened(root, None)
    library.set_user(one(library, "foo"), "notes", "mine")
    assert (one(library, "foo").notes, library.problem) == ("mine", "")
    assert [record.name for record in library.search("bar")] == ["a/bar"]


def test_a_record_is_the_same_after_the_store() -> None:
    record = LoraRecord(
        "a/\udce9",
        "/loras/a/\udce9.safetensors",
        trigger_words=("one, two", "three"),
        training_tags=(("tag", 3),),
        examples=(ExamplePrompt("a prompt", 0.8), ExamplePrompt("another")),
        strength_range=(0.3, 0.8),
        missing=("preview",),
        facts=(Fact("notes", "x\x00y", "user", 1.0),),
    )
    assert decode(encode(record)) == record


def test_a_name_that_is_no_text_is_kept(root: Path, store: Store) -> None:
    name = os.fsdecode(b"caf\xe9")
    try:
        write_lora(root / f"{name}.safetensors", content=b"x")
    except OSError:
        pytest.skip("this file system has only names that are text")
    opened(root, store)
    again = Library([root], store)
    assert not again.refresh()
    assert one(again, name).name == name
