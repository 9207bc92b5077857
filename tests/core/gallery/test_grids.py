"""LoRA tests as grids of the gallery: what is kept, and how rows are put in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.errors import GalleryError
from orchestrator_core.gallery import grids
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.testing import TestPlan, draw_prompts, plan_test
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from tests.core.gallery.images import picture, put

LORAS = (LoraRecord("styles/ink.safetensors", "/l/ink"), LoraRecord("fox.safetensors", "/l/fox"))


def plan() -> TestPlan:
    """A row without LoRA and one for each of two LoRAs; two images a row."""
    prompts = draw_prompts(["a <b>hill</b>, {trigger}"], Wildcards([]))
    return plan_test(LORAS, (0.5,), prompts, (1, 2), GenerationRequest("", width=64, height=48))


def rendered(store: Store, folder: Path, scores: list[float | None]) -> list[str]:
    """The runs of the test's images, "" for what is not rendered."""
    ids = []
    for number, score in enumerate(scores):
        run_id = f"{0x0199AABBCCDD + number:012x}" + "0" * 20
        path = put(folder / f"{number}.png", picture(colour=number))
        told = () if score is None else (Score(run_id, path.name, None, "fulfilment", score),)
        image = GeneratedImage(path, GenerationRequest("a hill"), run_id)
        store.save_run(Run(run_id, PromptDraft(()), (image,), told))
        ids.append(run_id)
    return ids


def test_rows_are_sorted_by_what_their_images_scored(store: Store, tmp_path: Path):
    ids = [*rendered(store, tmp_path, [0.5, 0.5, 0.2, None, 0.9]), ""]
    grids.keep(store, grids.kept_test(plan(), tmp_path, "Two <LoRAs>", ids))
    (listed,) = grids.listed(store)
    found = grids.grid(store, listed.id)
    assert found.test.title == listed.title == "Two <LoRAs>"
    assert found.test.prompts == ("a <b>hill</b>, {trigger}",)
    assert [(row.lora, row.strength, row.score) for row in found.rows] == [
        ("fox", 0.5, 0.9),
        ("", 0.0, 0.5),
        ("styles/ink", 0.5, 0.2),
    ]
    fox, plain, ink = found.rows
    assert (fox.low, fox.high, plain.low, plain.high) == (None, None, 0.5, 0.5)
    assert [cell.image is None for cell in fox.cells] == [False, True]
    assert ink.image is not None and ink.image.score == 0.2


def test_a_test_that_goes_on_is_the_same_test(store: Store, tmp_path: Path):
    ids = rendered(store, tmp_path, [None] * 2)
    grids.keep(store, grids.kept_test(plan(), tmp_path, "", [*ids, "", "", "", ""]))
    before = grids.listed(store)
    grids.keep(store, grids.kept_test(plan(), tmp_path, "", [*ids, *rendered(store, tmp_path, [0.3] * 4)]))
    assert grids.listed(store) == before
    assert [row.score for row in grids.grid(store, before[0].id).rows][-1] is not None


def test_images_that_are_gone_leave_an_empty_cell(store: Store, tmp_path: Path):
    grids.keep(store, grids.kept_test(plan(), tmp_path, "", ["of no run"] * 6))
    (listed,) = grids.listed(store)
    assert {row.image for row in grids.grid(store, listed.id).rows} == {None}


def test_what_is_no_test_is_told(sqlite_store: Store):
    from orchestrator_core.store import gallery_tests

    with pytest.raises(GalleryError, match="no LoRA test"):
        grids.grid(sqlite_store, "x")
    for number, document in enumerate(["", "[]", "{}", '{"schema_version": 1}', '{"schema_version": 2, "cells": []}']):
        row = {"id": f"{number}", "title": "", "made_ms": 1, "updated_ms": 1, "document": document}
        with sqlite_store.writing() as connection:
            gallery_tests.put(connection, row)
        with pytest.raises(GalleryError, match=r"cannot be read|newer version"):
            grids.grid(sqlite_store, f"{number}")


@pytest.mark.parametrize(("scores", "low", "high"), [([], None, None), ([0.4], None, None), ([0, 1, 1, 1], 0.34, 1.0)])
def test_the_interval_of_a_mean_stays_within_0_and_1(scores: list[float], low: float | None, high: float | None):
    assert grids.interval(scores) == (pytest.approx(low, abs=0.01), pytest.approx(high))


def test_images_from_a_canvas_come_one_by_one_and_in_any_order(store: Store, tmp_path: Path):
    one, two, three, again = rendered(store, tmp_path, [0.3, 0.6, None, 0.1])
    hill = "a hill, {trigger}"
    for image in (
        grids.NewImage("ink", 1.0, hill, 2, one),
        grids.NewImage("", 0.0, hill, 1, two),
        grids.NewImage("fox", 0.5, hill, 1, three),
        grids.NewImage("ink", 1.0, hill, 2, again),  # rendered anew: in place of the first
    ):
        grids.add(store, "t1", "Foxes", image)
    (listed,) = grids.listed(store)
    found = grids.grid(store, "t1")
    assert (listed.title, found.test.loras, found.test.strengths) == ("Foxes", ("fox", "ink"), (0.5, 1.0))
    assert (found.test.prompts, found.test.seeds) == ((hill,), (1, 2))
    assert [(row.lora, row.strength, row.score) for row in found.rows] == [
        ("", 0.0, 0.6),
        ("ink", 1.0, 0.1),
        ("fox", 0.5, None),
    ]
