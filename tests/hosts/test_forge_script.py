"""Wildcards in the ordinary runs of a real Forge: the always-visible script, by the API and beside other scripts."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.formats.image_metadata import read_image_data
from orchestrator_core.formats.infotext import Infotext, parse_infotext
from orchestrator_core.store import Store
from orchestrator_core.template import Template, Wildcards
from tests.hosts.forge import Forge

pytestmark = [pytest.mark.host, pytest.mark.slow]

TEMPLATE = "a __probe/colors__ {fox|owl|cat} in {the snow|a forest|rain}"
NEGATIVE = "{blurry|noisy}, __probe/colors__"
COLORS = ["red", "green", "blue", "(gold:1.2)", "black"]


@pytest.fixture(scope="module")
def wildcards(forge: Forge) -> Wildcards:
    """The person's own folder of that Forge, with files for these tests."""
    folder = forge.home / "wildcards" / "probe"
    folder.mkdir(parents=True)
    (folder / "colors.txt").write_text("\n".join(COLORS) + "\n", encoding="utf-8")
    (folder / "inked.txt").write_text("ink <lora:tiny_ink:1>\n", encoding="utf-8")
    (folder / "syntax.txt").write_text(
        "[day|night] (deep:1.3) BREAK [cat:dog:0.5] AND \\(plain\\) 1\n", encoding="utf-8"
    )
    time.sleep(2.1)  # how often the folders are looked at: another file's test may have drawn just now
    return Wildcards([forge.home / "wildcards"])


@pytest.fixture
def _remembering_nothing(forge: Forge) -> Iterator[None]:
    forge.post("/sdapi/v1/options", {"orchestrator_remember_runs": False})
    yield
    forge.post("/sdapi/v1/options", {"orchestrator_remember_runs": True})


def run(forge: Forge, kind: str = "txt2img", **body: Any) -> tuple[list[Infotext], list[bytes]]:
    """(what the infotexts say, the images)."""
    script = {"Orchestrator": {"args": body.pop("args", [True])}}
    if "how" in body:
        script["Stand-in"] = {"args": [body.pop("how")]}
    small = {"steps": 1, "width": 64, "height": 64, "sampler_name": "Euler", "scheduler": "Simple", "seed": 41}
    answer = forge.post(f"/sdapi/v1/{kind}", {**small, "alwayson_scripts": script, **body})
    images = [base64.b64decode(image) for image in answer["images"]]
    info = json.loads(answer["info"])
    first = info["index_of_first_image"]  # before it is a grid
    return [parse_infotext(text) for text in info["infotexts"][first:]], images[first:]


def drawn(wildcards: Wildcards, seed: int, template: str = TEMPLATE, negative: str = "") -> tuple[str, str]:
    draft = Template(template, negative).draw(wildcards, seed)
    return draft.positive, draft.negative_prompt


def test_each_image_has_its_own_draw_by_its_own_seed(forge: Forge, wildcards: Wildcards):
    found, images = run(forge, prompt=TEMPLATE, negative_prompt=NEGATIVE, batch_size=2, n_iter=2)
    expected = [drawn(wildcards, seed, TEMPLATE, NEGATIVE) for seed in (41, 42, 43, 44)]
    assert [(info.request.positive, info.request.negative) for info in found] == expected
    assert len(set(expected)) > 1
    assert [info.request.seed for info in found] == [41, 42, 43, 44]
    assert len(images) == 4
    for image, info in zip(images, found, strict=True):
        assert read_image_data(image).infotext == info


def test_the_infotext_says_template_dialect_and_run(forge: Forge, wildcards: Wildcards):
    args = [{"dialect": "impact"}]
    found, _ = run(forge, prompt="{fox|owl}", negative_prompt=NEGATIVE, n_iter=2, args=args)
    assert [info.notes.template for info in found] == ["{fox|owl}"] * 2
    assert [info.notes.negative_template for info in found] == [NEGATIVE] * 2
    assert {info.notes.dialect for info in found} == {"impact"}
    assert len({info.notes.run_id for info in found}) == 2


def test_it_does_nothing_unless_it_is_switched_on(forge: Forge, wildcards: Wildcards):
    for args in ([], [False], [{"enabled": False}]):
        found, _ = run(forge, prompt=TEMPLATE, args=args)
        assert found[0].request.positive == TEMPLATE
        assert found[0].notes.run_id == ""


@pytest.mark.usefixtures("wildcards")
def test_values_that_hold_loras_take_effect(forge: Forge):
    _, plain = run(forge, prompt="a fox, ink", args=[False])
    found, inked = run(forge, prompt="a fox, __probe/inked__")
    assert found[0].request.loras[0].name == "tiny_ink"
    assert inked != plain
    assert "tiny_ink" in found[0].fields["Lora hashes"]


@pytest.mark.usefixtures("wildcards")
def test_the_hosts_own_syntax_comes_through_unchanged(forge: Forge):
    found, _ = run(forge, prompt="a __probe/syntax__")
    assert found[0].request.positive == "a [day|night] (deep:1.3) BREAK [cat:dog:0.5] AND \\(plain\\) 1"


@pytest.mark.usefixtures("wildcards")
def test_the_grid_says_what_the_first_image_does(forge: Forge):
    body = {"prompt": TEMPLATE, "steps": 1, "width": 64, "height": 64, "seed": 41, "n_iter": 2, "save_images": True}
    answer = forge.post("/sdapi/v1/txt2img", {**body, "alwayson_scripts": {"Orchestrator": {"args": [True]}}})
    grid, first, second = (parse_infotext(text) for text in json.loads(answer["info"])["infotexts"])
    assert grid == first != second


def test_image_to_image_draws_as_well(forge: Forge, wildcards: Wildcards):
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.new("RGB", (64, 64), "grey").save(file, "PNG")
    source = base64.b64encode(file.getvalue()).decode()
    found, _ = run(forge, "img2img", prompt=TEMPLATE, init_images=[source], denoising_strength=0.5)
    assert found[0].request.positive == drawn(wildcards, 41)[0]


@pytest.mark.parametrize("hires_prompt", ["", TEMPLATE, f"{TEMPLATE}, detailed"])
def test_the_hires_pass_sees_the_same_choices(forge: Forge, wildcards: Wildcards, hires_prompt: str):
    hires = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": forge.upscaler, "denoising_strength": 0.6, "hr_cfg": 7}
    hires["hr_additional_modules"] = ["Use same choices"]  # without it Forge fails before the second pass
    found, _ = run(forge, prompt=TEMPLATE, n_iter=2, hr_prompt=hires_prompt, **hires)
    for info, seed in zip(found, (41, 42), strict=True):
        positive, _ = drawn(wildcards, seed)
        assert info.request.positive == positive
        more = hires_prompt.removeprefix(TEMPLATE)
        assert info.fields.get("Hires prompt", positive) == positive + more


@pytest.mark.parametrize("how", ["prompt", "all", "runner"])
def test_a_script_that_runs_a_job_of_its_own_sees_the_same_choices(forge: Forge, wildcards: Wildcards, how: str):
    forge.get("/probe/seen")
    found, _ = run(forge, prompt=TEMPLATE, negative_prompt=NEGATIVE, batch_size=2, n_iter=2, how=how)
    seen = forge.get("/probe/seen")
    expected = [drawn(wildcards, seed, TEMPLATE, NEGATIVE) for seed in (41, 42, 43, 44)]
    assert [(one["prompt"], one["negative"]) for one in seen] == expected
    assert [info.request.positive for info in found] == [positive for positive, _ in expected]


def test_an_inner_job_is_no_run_of_its_own(forge: Forge, wildcards: Wildcards):
    with Store.open(f"sqlite:///{forge.home}/orchestrator.sqlite3") as store:
        before = len(store.runs(1000))
        run(forge, prompt=TEMPLATE, how="runner", save_images=True)
        assert len(store.runs(1000)) == before + 1


def test_a_run_is_remembered_with_the_image_that_the_host_saved(forge: Forge, wildcards: Wildcards):
    found, _ = run(forge, prompt=TEMPLATE, n_iter=2, save_images=True)
    with Store.open(f"sqlite:///{forge.home}/orchestrator.sqlite3") as store:
        runs = [store.load_run(info.notes.run_id) for info in found]
    for stored, info in zip(runs, found, strict=True):
        (image,) = stored.images
        assert stored.draft.positive == info.request.positive
        assert stored.draft.source.template == TEMPLATE
        assert image.path.is_relative_to(forge.folder)
        assert read_image_data(Path(image.path).read_bytes()).infotext == info
        assert image.request == info.request


@pytest.mark.usefixtures("_remembering_nothing", "wildcards")
def test_nothing_is_remembered_where_the_person_does_not_want_it(forge: Forge):
    with Store.open(f"sqlite:///{forge.home}/orchestrator.sqlite3") as store:
        before = len(store.runs(1000))
        run(forge, prompt=TEMPLATE, save_images=True)
        assert len(store.runs(1000)) == before


@pytest.mark.usefixtures("_damaged_store")
def test_a_store_that_cannot_be_written_does_not_stop_the_image(forge: Forge, wildcards: Wildcards):
    found, images = run(forge, prompt=TEMPLATE, save_images=True)
    assert found[0].request.positive == drawn(wildcards, 41)[0]
    assert images
    assert "the run is not remembered" in forge.log


@pytest.fixture
def _damaged_store(forge: Forge) -> Iterator[None]:
    """Something else in its place. The real files are moved as they are: the host has them open for its LoRAs."""
    aside = forge.home / "aside"
    aside.mkdir(parents=True)
    for path in forge.home.glob("orchestrator.sqlite3*"):
        path.rename(aside / path.name)
    (forge.home / "orchestrator.sqlite3").write_bytes(b"no database, but long enough to be looked at" * 100)
    yield
    for path in forge.home.glob("orchestrator.sqlite3*"):
        path.unlink()
    for path in aside.iterdir():
        path.rename(forge.home / path.name)
    aside.rmdir()


def test_the_prompts_seed_can_be_another_than_the_images(forge: Forge, wildcards: Wildcards):
    found, _ = run(forge, prompt=TEMPLATE, n_iter=2, args=[{"prompt_seed": 7}])
    assert [info.request.positive for info in found] == [drawn(wildcards, seed)[0] for seed in (7, 8)]
    assert [info.request.seed for info in found] == [41, 42]
    assert [info.notes.prompt_seed for info in found] == [7, 8]


def test_combinations_and_turns_follow_the_seed(forge: Forge, wildcards: Wildcards):
    found, _ = run(forge, prompt="{a|b|c}", seed=3, n_iter=3, args=[{"method": "combinatorial"}])
    assert [info.request.positive for info in found] == ["a", "b", "c"]
    found, _ = run(forge, prompt="{a|b} {x|y}", seed=2, n_iter=2, args=[{"method": "cyclical"}])
    assert [info.request.positive for info in found] == ["a x", "b y"]


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ([{"missing": "error"}], "no-such-wildcard"),
        ([{"dialekt": "impact"}], "dialekt"),
        ([True, "esperanto"], "dialect"),
    ],
)
def test_what_cannot_be_drawn_is_not_rendered_and_said_in_the_console(forge: Forge, args: list[Any], reason: str):
    start = len(forge.log)
    _, images = run(forge, prompt="a __no-such-wildcard__", args=args)
    assert images == []
    lines = [line for line in forge.log[start:].splitlines() if line.startswith("sd-orchestrator:")]
    assert len(lines) == 1
    assert reason in lines[0] or reason in forge.log[start:]
    assert "Traceback" not in forge.log[start:]
    assert len(run(forge, prompt="a fox")[1]) == 1, "the next one is rendered"


def test_a_job_that_fails_leaves_nothing_behind(forge: Forge, wildcards: Wildcards):
    with pytest.raises(AssertionError, match="500"):
        run(forge, prompt=TEMPLATE, how="fail")
    found, _ = run(forge, prompt=TEMPLATE, seed=42)
    assert found[0].request.positive == drawn(wildcards, 42)[0]
    assert found[0].notes.run_id


def test_a_forge_that_renders_for_the_tab_leaves_the_drawn_prompt_alone(forge: Forge, wildcards: Wildcards):
    forge.post("/sdapi/v1/options", {"orchestrator_script_enabled": True})
    try:
        request = {"positive": "a {literal|brace}", "steps": 1, "width": 64, "height": 64}
        done = forge.post("/probe/generate", {"request": request})
        assert done["images"][0]["request"]["positive"] == "a {literal|brace}"
    finally:
        forge.post("/sdapi/v1/options", {"orchestrator_script_enabled": False})


def test_the_folders_are_the_persons_the_other_extensions_the_hosts_and_the_packs_own(forge: Forge):
    for folder in ("extensions/adetailer/wildcards", "wildcards", "scripts/wildcards"):
        (forge.folder / folder).mkdir(parents=True, exist_ok=True)
    roots = forge.get("/probe/folders")
    assert roots == [
        str(forge.home / "wildcards"),
        str(forge.folder / "extensions" / "adetailer" / "wildcards"),
        str(forge.folder / "wildcards"),
        str(forge.folder / "scripts" / "wildcards"),
        str(forge.folder / "extensions" / "sd-orchestrator" / "wildcards"),
    ]
