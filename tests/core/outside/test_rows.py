"""Galleries elsewhere as rows, on both databases."""

from __future__ import annotations

from pathlib import Path

from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.outside.places import Places
from orchestrator_core.store import Store, outside
from tests.core.gallery.test_finding import a_run


def test_what_was_posted_is_known_until_its_place_is_forgotten(store: Store) -> None:
    digests = [f"{number:064x}" for number in range(6)]
    for name in ("Wall", "other"):
        Places(store).add(name, "https://example.org")
    with store.writing() as connection:
        for digest in digests[:3]:
            outside.remember(connection, " WALL", digest, 201)
            outside.remember(connection, "wall", digest, 409)
        outside.remember(connection, "nowhere", digests[0], 201)
    with store.reading() as connection:
        assert outside.there(connection, "wall", digests) == set(digests[:3])
        assert outside.there(connection, "other", digests) == set()
    Places(store).remove("wall")
    Places(store).add("wall", "https://example.org")
    with store.reading() as connection:
        assert outside.there(connection, "wall", digests) == set()


def test_what_is_read_of_the_gallery(store: Store, tmp_path: Path) -> None:
    run = a_run(tmp_path, 0, score=0.5)
    store.save_runs([run, a_run(tmp_path, 1)])
    Marking(Gallery(store)).mark(2, {"rating": 0, "favourite": True})
    with store.reading() as connection:
        assert outside.scores_of(connection, run.id, "0.png") == [("fulfilment", 0.5)]
        assert outside.scores_of(connection, run.id, "1.png") == []
        assert outside.files_of(connection, [1, 2, 3]) == [(n + 1, str(tmp_path / f"{n}.png")) for n in range(2)]
        assert outside.set_here(connection, [1, 2, 3])[1] == set()
        assert "favourite" in outside.set_here(connection, [2])[2]
