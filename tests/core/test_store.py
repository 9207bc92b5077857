"""The store's methods, each on SQLite and on PostgreSQL."""

from __future__ import annotations

import hashlib
import math
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import event, func, select, text

from orchestrator_core.config import DATABASE_NAME
from orchestrator_core.errors import StoreError
from orchestrator_core.prompt import Choice, Component, LoraUse, Origin, PromptDraft, PromptSource
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score, new_run_id
from orchestrator_core.store import Store, file_sha256, queries, schema
from tests import strategies

CRIMSON = Choice("colors/warm#crimson", "colors/warm", "colors/warm.txt", 3, 2.0, 0.25, 4)
FOX = Choice("inline:1a2b#fox", ("fox", "owl"), options=2)


def draft(animal: str = "fox", template: str = "a __colors/warm__ {fox|owl}") -> PromptDraft:
    return PromptDraft(
        components=(
            Component("a ", span=(0, 2)),
            Component("crimson", Origin.wildcard, (CRIMSON,), 1.2, (2, 17)),
            Component(f" {animal}", Origin.template, (FOX,), span=(18, 27)),
        ),
        negative=(Component("blurry", Origin.profile),),
        loras=(LoraUse("Ink", 0.8, 0.5, "ab" * 32),),
        seed=2**64 - 1,
        source=PromptSource(template, "blurry"),
        variables=(("who", "fox"), ("who", "owl")),
    )


def a_run(run_id: str = "", **changes: object) -> Run:
    return Run(run_id or new_run_id(), draft()).replacing(**changes)


def an_image(path: Path, run_id: str, seed: int = 7) -> GeneratedImage:
    return GeneratedImage(path, GenerationRequest("a crimson fox", seed=seed), run_id)


def write_png(path: Path, width: int, height: int) -> Path:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)))
    return path


def count_rows(store: Store) -> dict[str, int]:
    tables = [table for table in schema.metadata.sorted_tables if table is not schema.migrations]
    with store.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
        }


@contextmanager
def recorded_statements(store: Store) -> Iterator[list[str]]:
    statements: list[str] = []

    def record(_c: object, _k: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(store.engine, "before_cursor_execute", record)
    yield statements
    event.remove(store.engine, "before_cursor_execute", record)


@given(run=strategies.runs)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_run_comes_back_equal(store: Store, run: Run) -> None:
    store.save_run(run)
    assert store.load_run(run.id) == run


def test_a_full_run_comes_back_equal(store: Store, tmp_path: Path) -> None:
    run = a_run("r1", scores=(Score("r1", "a.png", None, "clip", 0.3), Score("r1", "a.png", 1, "clip", math.inf)))
    run = run.replacing(images=(an_image(tmp_path / "a.png", "r1"), an_image(tmp_path / "b.png", "another run")))
    store.save_run(run)
    assert store.load_run("r1") == run


def test_a_score_that_is_not_a_number_stays_one(store: Store) -> None:
    store.save_run(a_run("r1", scores=(Score("r1", "a.png", None, "clip", math.nan),)))
    assert math.isnan(store.load_run("r1").scores[0].value)


def test_times_are_utc_milliseconds_and_the_first_one_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds in (1_700_000_000, 1_700_000_009):
        monkeypatch.setattr("orchestrator_core.store.database.time.time_ns", lambda s=seconds: s * 10**9)
        store.save_run(a_run("r1"))
    with store.reading() as connection:
        times = connection.execute(select(schema.runs.c.created_ms, schema.runs.c.updated_ms)).one()
    assert tuple(times) == (1_700_000_000_000, 1_700_000_009_000)


def test_saving_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    run = a_run("r1", images=(an_image(tmp_path / "a.png", "r1"),), scores=(Score("r1", "a.png", 0, "clip", 0.5),))
    store.save_run(run)
    before = count_rows(store)
    store.save_run(run)
    assert count_rows(store) == before
    assert store.load_run("r1") == run


def test_saving_under_the_same_id_replaces_the_run(store: Store) -> None:
    store.save_run(a_run("r1", scores=(Score("r1", "a.png", 0, "clip", 0.5),)))
    changed = Run("r1", draft("owl").replacing(loras=(), negative=()))
    store.save_run(changed)
    assert store.load_run("r1") == changed


def test_the_last_of_two_runs_with_one_id_is_saved(store: Store) -> None:
    store.save_runs([a_run("r1"), Run("r1", draft("owl"))])
    assert store.load_run("r1").draft.positive == "a crimson owl"


def test_an_unknown_run_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match="there is no run r404"):
        store.load_run("r404")


@pytest.mark.parametrize("run_id", ["", "x" * 201])
def test_an_id_that_cannot_be_a_key_is_refused(store: Store, run_id: str) -> None:
    with pytest.raises(StoreError, match="1 to 200 characters"):
        store.save_run(Run(run_id, draft()))


def test_a_request_that_json_cannot_hold_is_refused_before_anything_is_written(store: Store, tmp_path: Path) -> None:
    request = GenerationRequest("x", extra={"mask": object()})
    bad = a_run("r2", images=(GeneratedImage(tmp_path / "a.png", request, "r2"),))
    with pytest.raises(StoreError, match=r"image .*a\.png cannot be saved: its 'extra'"):
        store.save_runs([a_run("r1"), bad])
    assert store.runs() == []


def test_a_run_is_written_whole_or_not_at_all(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(text("DROP TABLE scores"))  # the last table that a run is written to
    with pytest.raises(StoreError):
        store.save_runs([a_run("r1"), a_run("r2", scores=(Score("r2", "a.png", None, "clip", 1.0),))])
    with store.reading() as connection:
        for table in (schema.runs, schema.components, schema.choices, schema.run_loras):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_a_thousand_runs_take_no_more_statements_than_ten(store: Store) -> None:
    with recorded_statements(store) as few:
        store.save_runs([a_run() for _ in range(10)])
    many = [a_run() for _ in range(1000)]
    with recorded_statements(store) as more:
        store.save_runs(many)
    newest_first = sorted(many, key=lambda run: run.id, reverse=True)
    assert len(more) <= len(few) + 4  # one more delete for each table whose ids do not fit in one statement
    assert store.runs(1000) == newest_first


def test_reading_many_runs_takes_as_many_statements_as_tables(store: Store) -> None:
    store.save_runs([a_run() for _ in range(50)])
    with recorded_statements(store) as statements:
        assert len(store.runs(50)) == 50
    assert len([s for s in statements if s.startswith("SELECT")]) == 7  # the ids, then six tables


def test_images_are_added_in_order(store: Store, tmp_path: Path) -> None:
    first, second, third = (an_image(tmp_path / f"{n}.png", "r1", seed=n) for n in range(3))
    store.save_run(a_run("r1", images=(first,)))
    store.add_images("r1", [second])
    store.add_images("r1", [third])
    assert store.load_run("r1").images == (first, second, third)


def test_adding_an_image_again_replaces_it_in_its_place(store: Store, tmp_path: Path) -> None:
    first, second = (an_image(tmp_path / f"{n}.png", "r1") for n in range(2))
    store.save_run(a_run("r1", images=(first, second)))
    again = an_image(first.path, "r1", seed=99)
    store.add_images("r1", [again, again])
    assert store.load_run("r1").images == (again, second)


def test_adding_no_images_is_fine(store: Store) -> None:
    store.save_run(a_run("r1"))
    store.add_images("r1", [])
    assert store.load_run("r1").images == ()


def test_images_cannot_be_added_to_a_run_that_is_not_there(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no run r404 to add images to"):
        store.add_images("r404", [an_image(tmp_path / "a.png", "r404")])


def test_what_is_known_of_an_image_file_is_stored(store: Store, tmp_path: Path) -> None:
    png, text_file = write_png(tmp_path / "a.png", 640, 480), tmp_path / "b.jpg"
    text_file.write_bytes(b"not a png")
    missing = tmp_path / "gone.png"
    store.save_run(a_run("r1", images=tuple(an_image(path, "r1") for path in (png, text_file, missing))))
    facts = [(i.index, i.sha256, i.width, i.height) for i in store.stored_images("r1")]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (png, text_file)]
    assert facts == [(0, digests[0], 640, 480), (1, digests[1], None, None), (2, None, None, None)]


def test_an_image_is_found_by_its_content_in_the_newest_run(store: Store, tmp_path: Path) -> None:
    png = write_png(tmp_path / "a.png", 8, 8)
    for run_id in ("r1", "r2"):
        store.save_run(a_run(run_id, images=(an_image(png, run_id),)))
    found = store.image_by_sha256(file_sha256(png).upper())
    assert found is not None
    assert (found.run_id, found.image.path) == ("r2", png)
    assert store.image_by_sha256("0" * 64) is None


def test_what_was_known_of_a_file_survives_the_file(store: Store, tmp_path: Path) -> None:
    png = write_png(tmp_path / "a.png", 8, 9)
    digest = file_sha256(png)
    run = a_run("r1", images=(an_image(png, "r1"),))
    store.save_run(run)
    png.unlink()
    store.save_run(run)
    store.add_images("r1", run.images)
    (stored,) = store.stored_images("r1")
    assert (stored.sha256, stored.width, stored.height) == (digest, 8, 9)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_place_of_an_image_does_not_block(store: Store, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    store.save_run(a_run("r1", images=(an_image(tmp_path / "pipe.png", "r1"),)))
    assert store.stored_images("r1")[0].sha256 is None


def ids(runs: Sequence[Run]) -> list[str]:
    return [run.id for run in runs]


def test_runs_come_newest_first_in_pages(store: Store) -> None:
    store.save_runs([a_run(run_id) for run_id in ("01", "03", "02", "0B", "0a")])
    assert ids(store.runs(3)) == ["0a", "0B", "03"]
    assert ids(store.runs(3, before="03")) == ["02", "01"]
    assert ids(store.runs(0)) == []


def test_a_page_can_begin_where_a_run_was_deleted(store: Store) -> None:
    store.save_runs([a_run(run_id) for run_id in ("01", "02", "03")])
    store.delete_run("02")
    assert ids(store.runs(3, before="02")) == ["01"]


def test_runs_are_found_by_words_whatever_their_case(store: Store) -> None:
    store.save_run(Run("r1", draft(template="a __colors/warm__ {fox|owl}, über Strasse")))
    words = ["CRIMSON fox", "BLURRY", "{Fox|owl}", "ÜBER straße", "__colors", "cr_mson", "cr%", "a\\ ", "teal"]
    assert [each for each in words if store.find_runs(each)] == words[:5]


def test_found_runs_come_in_pages(store: Store) -> None:
    store.save_runs([a_run(run_id) for run_id in ("01", "02", "03")])
    assert ids(store.find_runs("fox", 2)) == ["03", "02"]
    assert ids(store.find_runs("fox", 2, before="02")) == ["01"]


def test_runs_are_found_by_a_choice_of_either_prompt(store: Store) -> None:
    worse = Component("blurry", Origin.wildcard, (Choice("bad#blurry", "bad"),))
    store.save_runs([a_run("01"), Run("02", PromptDraft((), negative=(worse, worse)))])
    assert ids(store.runs_with_choice(CRIMSON.key)) == ["01"]
    assert ids(store.runs_with_choice("bad#blurry")) == ["02"]
    assert ids(store.runs_with_choice("colors/warm#crim")) == []


def test_choices_whose_long_keys_begin_alike_are_told_apart(store: Store) -> None:
    keys = [f"inline:00#{'very ' * 2000}{end}" for end in ("red", "blue")]
    for run_id, key in enumerate(keys):
        store.save_run(Run(str(run_id), PromptDraft((Component("x", choices=(Choice(key, ("red", "blue")),)),))))
    assert ids(store.runs_with_choice(keys[1])) == ["1"]


def test_a_choice_is_looked_up_through_the_index(store: Store) -> None:
    store.save_runs([a_run() for _ in range(3)])
    with recorded_statements(store) as statements:
        store.runs_with_choice("x", 5, before="y")
    statement = next(s for s in statements if "substr" in s)
    with store.writing() as connection:
        if connection.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("y", "x", "x", 5, 0))
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            values = {"id_1": "y", "substr_1": "x", "key_1": "x", "param_1": 5}
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", values)
        assert "choices_by_key" in str(plan.all()), statement


def test_a_deleted_run_leaves_only_its_image_files(store: Store, tmp_path: Path) -> None:
    png = write_png(tmp_path / "a.png", 8, 8)
    store.save_run(a_run("r1", images=(an_image(png, "r1"),), scores=(Score("r1", "a.png", 0, "clip", 0.5),)))
    assert store.delete_run("r1") is True
    left = {name for name, count in count_rows(store).items() if count}
    # The queue's one row says whether it waits; the files are still there to be seen in the gallery.
    assert {name for name in left if not name.startswith("gallery_")} <= {"job_queue"}
    assert png.exists()
    assert store.delete_run("r1") is False


def test_a_row_that_this_pack_never_wrote_gives_one_line(store: Store, tmp_path: Path) -> None:
    store.save_run(a_run("r1", images=(an_image(tmp_path / "a.png", "r1"),)))
    for table, change in (("components", "origin = 'magic'"), ("images", "request = '{}'"), ("images", "seed = '?'")):
        with store.writing() as connection:
            connection.execute(text(f"UPDATE {table} SET {change}"))
        with pytest.raises(StoreError, match="holds what this pack never writes") as caught:
            store.load_run("r1")
        assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match="holds what this pack never writes"):
        store.stored_images("r1")


def test_threads_share_one_store(store: Store) -> None:
    def work(name: int) -> None:
        for n in range(5):
            run = a_run(f"{name}-{n}")
            store.save_run(run)
            assert store.load_run(run.id) == run

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(store.runs(100)) == 20


def test_images_added_at_once_are_all_kept(store: Store, tmp_path: Path) -> None:
    store.save_run(a_run("r1"))
    images = [an_image(tmp_path / f"{n}.png", "r1") for n in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda image: store.add_images("r1", [image]), images))
    assert {image.path for image in store.load_run("r1").images} == {image.path for image in images}


def test_a_reader_sees_the_database_as_of_one_moment(store: Store) -> None:
    store.save_run(a_run("r1"))
    with store.reading() as connection:
        (before,) = queries.load(connection, ["r1"])
        store.save_run(Run("r1", draft("owl")))
        assert queries.load(connection, ["r1"]) == [before]
    assert store.load_run("r1") != before


def test_writers_of_one_run_take_turns(store: Store) -> None:
    versions = [Run("r1", draft(animal * 3, template=animal)) for animal in ("fox", "owl")]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(store.save_run, versions * 10))
    assert store.load_run("r1") in versions


def test_writers_of_the_same_runs_do_not_block_each_other_for_ever(store: Store) -> None:
    some = [a_run(f"{n:02}") for n in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(store.save_runs, [some, some[::-1]] * 5))
    assert store.runs(100) == some[::-1]


def test_all_runs_can_be_moved_to_another_database(sqlite_store: Store, postgres_url: str) -> None:
    """As docs/store.md shows it."""
    sqlite_store.save_runs([a_run(f"{n:02}") for n in range(7)])
    with Store.open(postgres_url) as new:
        page = sqlite_store.runs(3)
        while page:
            new.save_runs(page)
            page = sqlite_store.runs(3, before=page[-1].id)
        assert new.runs() == sqlite_store.runs()


def test_it_lives_in_the_data_folder_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "100% my own?"
    monkeypatch.setenv("ORCHESTRATOR_HOME", str(home))
    with Store.open() as store:
        store.save_run(a_run("r1"))
    assert (home / DATABASE_NAME).is_file()
    with Store.open(create=False) as store:
        assert ids(store.runs()) == ["r1"]


def test_a_score_keeps_what_it_was_measured_by(store: Store) -> None:
    of_a_part = Score("r1", "a.png", 0, "fulfilment", 0.8, 0.21, 0.6, 0.9, False, "clip:1", "colors#red", "a red star")
    store.save_run(a_run("r1", scores=(of_a_part, Score("r1", "a.png", None, "clip", 1.0))))
    assert store.load_run("r1").scores == (of_a_part, Score("r1", "a.png", None, "clip", 1.0))
