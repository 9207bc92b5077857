"""An image of a LoRA test on the canvas: its run, and its place in the gallery's grid."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfy_nodes.lora_test_cell import cell_of
from comfy_nodes.recording import Recording
from orchestrator_core.gallery import grids
from orchestrator_core.loras.testing_note import NOTE, CellNote
from orchestrator_core.prompt import LoraUse, Origin
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import new_run_id
from orchestrator_core.store import Store
from tests.core.gallery.images import picture, put

INK = CellNote("t1", "ink", "styles/ink", "styles/ink.safetensors", "a hill, {trigger}", "inkword")
LORA = LoraUse("styles/ink.safetensors", 0.7, 0.7)


def info(note: CellNote) -> dict[str, object]:
    return {
        "workflow": {"nodes": [{"id": 9, "type": "OrchestratorSaveImage", "properties": {NOTE: note.as_property()}}]}
    }


def kept(folder: Path, note: CellNote, *loras: LoraUse) -> str:
    request = GenerationRequest("a hill, inkword", "blurry", loras, seed=4)
    cell = cell_of(info(note), "9")
    assert cell is not None
    path = put(folder / "x.png", picture())
    return cell.keep(Recording(), None, GeneratedImage(path, request, new_run_id()))


def test_the_image_is_kept_and_in_the_grid_at_the_strength_that_it_was_rendered_with(tmp_path: Path):
    assert kept(tmp_path, INK, LORA).endswith("with 1 image.")
    with Store.open() as store:
        (row,) = grids.grid(store, "t1").rows
        (cell,) = row.cells
        assert (row.lora, row.strength) == ("styles/ink", 0.7)
        assert cell.image is not None
        run = store.load_run(cell.image.run_id)
    assert [(part.text, part.origin) for part in run.draft.components] == [
        ("a hill, ", Origin.user),
        ("inkword", Origin.trigger_words),
    ]
    assert (run.draft.negative_prompt, run.draft.loras, run.draft.seed) == ("blurry", (LORA,), 4)


def test_an_image_without_the_lora_is_kept_and_is_no_row_of_the_test(tmp_path: Path):
    assert kept(tmp_path, INK).endswith("It is not in the LoRA test: styles/ink was not loaded.")
    with Store.open() as store:
        assert grids.listed(store) == []


@pytest.mark.parametrize("info", [None, {}, {"workflow": {"nodes": [{"id": 9}]}}])
def test_other_images_are_of_no_test(info: object):
    assert cell_of(info, "9") is None
