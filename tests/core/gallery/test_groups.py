"""Pictures by what they have in common, on SQLite and on PostgreSQL; and the pipeline that made a run."""

from __future__ import annotations

from pathlib import Path

from orchestrator_core.gallery.again import pipeline_of_run
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.gallery.stories import film_strips
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.store import Store, gallery_groups
from tests.core.gallery.test_finding import a_run
from tests.core.jobs.at_work import new_job, run_all


def test_stories_are_strips_of_what_is_there_the_newest_last(store: Store, tmp_path: Path):
    store.save_runs(a_run(tmp_path, number) for number in (5, 1, 3, 2, 7))  # odd ones tell a story
    (tmp_path / "7.png").unlink()
    Gallery(store).add_root(tmp_path)
    Gallery(store).index()
    (strip,) = film_strips(Gallery(store))
    assert (strip.name, strip.count) == ("The long winter", 3)
    assert [image.name for image in strip.images] == ["1.png", "3.png", "5.png"]
    assert [image.name for image in film_strips(Gallery(store), frames=2)[0].images] == ["3.png", "5.png"]


def test_names_that_images_were_made_with(store: Store, tmp_path: Path):
    store.save_runs([a_run(tmp_path, 1)])
    with store.reading() as connection:
        assert gallery_groups.names(connection, "model", 9) == ["Dream"]
        assert gallery_groups.names(connection, "lora", 9) == ["Ink"]
        assert gallery_groups.names(connection, "nothing", 9) == []


def test_the_pipeline_of_a_run_is_that_of_the_job_that_made_it(store: Store, tmp_path: Path):
    job = Queue(store).add(new_job(title="first"))
    run_all(store, tmp_path)
    again = Queue(store).rerun(job.id, "draw", {"seed": 9})
    assert again.run_id != job.run_id
    for run_id in (job.run_id, again.run_id):
        found = pipeline_of_run(store, run_id)
        assert found is not None and found.stages[0].id == "draw"
    assert pipeline_of_run(store, "of no job") is None
