"""The folder of a test: what is kept, what counts as missing, and what a page says of it."""

from __future__ import annotations

import base64
import json
import re
from html import escape
from pathlib import Path

import pytest
from PIL import Image

from orchestrator_app.lora_test.folder import FILE, GRID, TestFolder
from orchestrator_app.lora_test.grid import grid_page
from orchestrator_core.config import data_folder
from orchestrator_core.errors import ConfigError, FormatError
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.testing import Cell, TestPlan, draw_prompts, plan_test
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards

INK = LoraRecord("styles/ink", "/l/ink", base_model="SD 1.5", trigger_words=("ink wash",), size=10, mtime_ns=1)
FOX = LoraRecord("fox", "/l/fox", title='Fox <script>alert("x")</script>', size=9)


def plan(*records: LoraRecord, seeds: tuple[int, ...] = (1, 2), prompt: str = "a hill, {trigger}") -> TestPlan:
    settings = GenerationRequest("", width=64, height=48, steps=2)
    return plan_test(records or (INK, FOX), (0.5, 1.0), draw_prompts([prompt], Wildcards([])), seeds, settings)


def rendered(folder: TestFolder, cell: Cell, level: int = 0, checkpoint: str = "tiny") -> Path:
    """An image as a generator leaves it, taken in."""
    path = folder.path / "images" / "0001-001.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), (level, level, level)).save(path)
    return folder.take(cell, GeneratedImage(path, cell.request.replacing(checkpoint=checkpoint), "run"), 1.5)


def full(path: Path, found: TestPlan | None = None) -> TestFolder:
    folder = TestFolder(path, found or plan(), "Foxes")
    for cell in folder.cells:
        rendered(folder, cell, 51 * (0 if cell.lora is None else 1 + cell.lora))
    return folder


def test_images_are_named_by_what_they_were_asked_with(tmp_path: Path):
    folder = full(tmp_path)
    assert {path.stem for path in (tmp_path / "images").iterdir()} == {cell.key for cell in folder.cells}
    assert folder.missing() == []
    assert folder.done == 10


def test_what_is_there_is_not_rendered_again_by_a_later_run(tmp_path: Path):
    full(tmp_path)
    again = TestFolder.reopened(tmp_path)
    assert again.missing() == []
    assert [cell.key for cell in again.cells] == [cell.key for cell in plan().cells()]
    assert again.checkpoint == "tiny"


@pytest.mark.parametrize("damage", ["deleted", "half", "empty", "text", "folder"])
def test_an_image_that_is_gone_or_half_is_missing_and_nothing_else_is(tmp_path: Path, damage: str):
    folder = full(tmp_path)
    path = folder.image(folder.cells[3])
    assert path is not None
    data = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "deleted":
        path.write_bytes({"half": data[: len(data) * 2 // 3], "empty": b"", "text": b"not an image"}[damage])
    assert [cell.key for cell in TestFolder.reopened(tmp_path).missing()] == [folder.cells[3].key]


def test_a_wider_test_keeps_what_it_has_in_common_with_the_earlier_one(tmp_path: Path):
    full(tmp_path, plan(INK))
    wider = TestFolder(tmp_path, plan(INK, FOX, seeds=(1, 2, 3)))
    assert len(wider.missing()) == 15 - 6
    assert all(cell.seed == 2 or cell.lora == 1 for cell in wider.missing())


def test_another_prompt_leaves_the_old_images_where_they_are(tmp_path: Path):
    full(tmp_path)
    other = TestFolder(tmp_path, plan(prompt="a sea"))
    other.save()
    assert len(other.missing()) == other.plan.count
    assert len(list((tmp_path / "images").iterdir())) == 10


def test_a_failure_is_kept_with_its_cell_until_an_image_comes(tmp_path: Path):
    folder = TestFolder(tmp_path, plan())
    folder.fail(folder.cells[2], "The host said no.")
    again = TestFolder.reopened(tmp_path)
    assert again.part(again.cells[2]).error == "The host said no."
    assert again.cells[2] in again.missing()
    rendered(again, again.cells[2])
    assert again.part(again.cells[2]).error == ""


def test_the_difference_from_the_baseline_is_the_mean_of_all_pixels_in_percent(tmp_path: Path):
    folder = full(tmp_path)
    assert [folder.part(cell).difference for cell in folder.cells[::2]] == [None, 20.0, 20.0, 40.0, 40.0]


def test_a_baseline_that_is_made_anew_is_compared_anew(tmp_path: Path):
    folder = full(tmp_path)
    rendered(folder, folder.cells[0], 51)
    folder.look_at_all()
    assert [folder.part(cell).difference for cell in folder.cells[::2]] == [None, 0.0, 0.0, 20.0, 20.0]
    assert TestFolder.reopened(tmp_path).part(folder.cells[2]).difference == 0.0


def test_an_image_from_a_folder_of_its_host_stays_there_too(tmp_path: Path):
    folder = TestFolder(tmp_path / "test", plan())
    Image.new("RGB", (64, 48)).save(tmp_path / "hosts.png")
    taken = folder.take(folder.cells[0], GeneratedImage(tmp_path / "hosts.png", folder.cells[0].request, "run"))
    assert taken.exists()
    assert (tmp_path / "hosts.png").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is no LoRA test of this pack"),
        ('{"schema_version": 2}', "newer version"),
        ('{"schema_version": 1, "loras": []}', "is no LoRA test of this pack: strengths"),
    ],
)
def test_a_file_that_is_no_test_is_refused_and_left_as_it_is(tmp_path: Path, text: str, message: str):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(FormatError, match=message):
        TestFolder(tmp_path, plan())
    assert (tmp_path / FILE).read_text() == text


@pytest.mark.parametrize(
    "name", ["../secret.png", "images/../../secret.png", "/etc/passwd", "images/.hidden.png", "\\x"]
)
def test_a_file_from_a_stranger_names_no_image_outside_of_the_folder(tmp_path: Path, name: str):
    folder = full(tmp_path / "test")
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    file = tmp_path / "test" / FILE
    data = json.loads(file.read_text())
    data["cells"][folder.cells[0].key]["image"] = name
    file.write_text(json.dumps(data))
    assert TestFolder.reopened(tmp_path / "test").image(folder.cells[0]) is None


def test_a_lora_whose_name_is_no_text_keeps_no_test_from_being_written(tmp_path: Path):
    odd = INK.replacing(name="caf\udce9", path="/l/caf\udce9")
    folder = TestFolder(tmp_path, plan(INK, odd))
    folder.save()
    assert [one.name for one in TestFolder.reopened(tmp_path).plan.refused] == ["caf\\udce9"]


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        TestFolder(tmp_path / "file", plan()).save()


# the page


def test_the_page_shows_each_image_once_and_the_baseline_in_the_head(tmp_path: Path):
    folder = full(tmp_path)
    page = folder.write_grid().read_text("utf-8")
    assert page == grid_page(folder)
    for cell in folder.cells:
        assert page.count(f'href="images/{cell.key}.png"') == 1
        assert page.count(f'src="thumbnails/{cell.key}.webp"') == 1
    head = page[page.index("<thead>") : page.index("</thead>")]
    assert head.count('class="cell"') == 2
    assert "Baseline" in head


def test_what_others_wrote_is_text_on_the_page(tmp_path: Path):
    record = FOX.replacing(trigger_words=("<b>fox</b>",))
    page = grid_page(full(tmp_path, plan(record, prompt='a "hill" & <i>snow</i>, {trigger}')))
    assert "<script>alert" not in page
    assert "<i>snow" not in page
    assert escape(FOX.title) in page
    assert "<b>fox" not in page


def test_the_page_forbids_the_network_and_every_script_but_its_own(tmp_path: Path):
    page = grid_page(full(tmp_path))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none'; img-src 'self' file: data:;")
    assert "script-src 'sha256-" in policy
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_says_what_failed_what_is_left_and_what_was_refused(tmp_path: Path):
    from orchestrator_core.base_models import BaseModel

    flux = LoraRecord("flux", "/f", base_model="Flux.1")
    drafts = draw_prompts(["a hill"], Wildcards([]))
    folder = TestFolder(tmp_path, plan_test([INK, flux], (1.0,), drafts, (1,), checkpoint=BaseModel("SD 1.5")))
    assert "2 images not rendered yet" in grid_page(folder)
    folder.fail(folder.cells[1], "Out of <memory>.")
    page = grid_page(folder)
    assert "1 image could not be rendered" in page
    assert "Out of &lt;memory&gt;." in page
    assert "the LoRA is for Flux.1, the checkpoint is SD 1.5" in page


def test_images_of_two_models_are_pointed_out(tmp_path: Path):
    folder = full(tmp_path)
    assert "cannot be compared" not in grid_page(folder)
    rendered(folder, folder.cells[4], checkpoint="other")
    assert "cannot be compared: other, tiny" in grid_page(folder)


def test_a_page_of_one_file_holds_its_images(tmp_path: Path):
    page = grid_page(full(tmp_path), within=True)
    assert page.count('href="data:image/webp;base64,') == 10
    assert "images/" not in page.replace("data:image/", "")
    assert GRID not in page


def test_rows_can_be_sorted_by_what_scorers_said_of_the_images(tmp_path: Path):
    folder = full(tmp_path)
    assert "score-down" not in grid_page(folder)
    with Store.open() as store:
        for number, cell in enumerate(folder.cells):
            run_id = f"{number:032x}"
            image = GeneratedImage(tmp_path / "images" / f"{cell.key}.png", cell.request, run_id)
            folder.take(cell, image)
            scores = [Score(run_id, image.path.name, None, "aesthetic", number / 10)]
            scores += [Score(run_id, image.path.name, 0, "clip", 9.0)] if number == 3 else []
            store.save_run(Run(run_id, cell.draft, (image,), tuple(scores)))
    again = TestFolder.reopened(tmp_path)
    again.read_scores()
    page = grid_page(again)
    assert '<option value="score-down">best aesthetic</option>' in page
    assert re.findall(r'data-score="([^"]*)"', page) == ["0.2500", "0.4500", "0.6500", "0.8500"]


def test_without_a_store_there_are_no_scores_and_none_is_made(tmp_path: Path):
    folder = full(tmp_path)
    folder.read_scores()
    assert folder.scores.values == {}
    assert not list(data_folder().glob("*.sqlite3"))


def test_a_page_of_one_file_with_many_images_holds_their_small_pictures(tmp_path: Path):
    folder = full(tmp_path, plan(seeds=tuple(range(13))))
    folder.thumbnail(folder.cells[0]).unlink()
    assert grid_page(folder, within=True).count('href="data:image/webp;base64,') == 65
    small = base64.b64encode(folder.thumbnail(folder.cells[1]).read_bytes()).decode()
    assert small in grid_page(folder, within=True)
