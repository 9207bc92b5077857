"""The generator in a real Forge's own process, called by a route of ``forge_probe.py`` as the tab calls it."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.formats.infotext import parse_infotext
from tests.hosts.forge import CHECKPOINT, Forge

pytestmark = [pytest.mark.host, pytest.mark.slow]

SMALL: dict[str, Any] = {"positive": "a fox", "steps": 2, "width": 64, "height": 64, "seed": 7}
NOTES = {
    "run_id": "0f0e0d",
    "template": "a {fox|owl}\nin __places__",
    "negative_template": "{blurry|noisy}",
    "dialect": "impact",
    "prompt_seed": 5,
}


def rendered(forge: Forge, **body: Any) -> dict[str, Any]:
    wanted = {**SMALL, **body.pop("request", {})}
    answer: dict[str, Any] = forge.post("/probe/generate", {"request": wanted, **body})
    return answer


def infotext(path: str) -> str:
    return read_image(Path(path)).texts["parameters"]


def pixels(path: str) -> bytes:
    image = pytest.importorskip("PIL.Image")
    with image.open(path) as opened:
        return bytes(opened.tobytes())


def difference(path: str, other: str) -> float:
    """On the average of all channels of all pixels, which go from 0 to 255."""
    pairs = list(zip(pixels(path), pixels(other), strict=True))
    return sum(abs(one - two) for one, two in pairs) / len(pairs)


def test_the_host_saves_the_image_with_our_notes_in_its_infotext(forge: Forge):
    done = rendered(forge, notes=NOTES, request={"sampler": "euler", "scheduler": "karras", "negative": "blurry"})
    (image,) = done["images"]
    assert Path(image["path"]).is_relative_to(forge.images)
    found = parse_infotext(infotext(image["path"]))
    assert found.notes.template == NOTES["template"]
    assert found.notes.negative_template == NOTES["negative_template"]
    assert (found.notes.dialect, found.notes.run_id, found.notes.prompt_seed) == ("impact", "0f0e0d", 5)
    assert (found.request.positive, found.request.negative, found.request.seed) == ("a fox", "blurry", 7)
    assert (found.request.sampler, found.request.scheduler, found.request.steps) == ("euler", "karras", 2)


def test_the_request_that_comes_back_renders_the_same_image_again(forge: Forge):
    first = rendered(forge, request={"batch_size": 2, "cfg": 3.5, "positive": "a fox <lora:tiny_ink:0.7>"})
    assert [image["request"]["seed"] for image in first["images"]] == [7, 8]
    again = rendered(forge, request=first["images"][1]["request"])
    # alone it is not quite the same to the last bit as beside another
    assert difference(again["images"][0]["path"], first["images"][1]["path"]) < 0.1
    assert difference(first["images"][0]["path"], first["images"][1]["path"]) > 10
    # nor after itself: the host keeps what it has encoded for the job before
    third = rendered(forge, request=first["images"][1]["request"])
    assert difference(third["images"][0]["path"], again["images"][0]["path"]) < 0.1
    assert again["images"][0]["request"] == first["images"][1]["request"]


def test_loras_have_their_effect_and_are_named_by_file_or_alias(forge: Forge):
    plain = rendered(forge)["images"][0]["path"]
    lora = {"strength_model": 1.0, "strength_clip": 1.0, "sha256": ""}
    by_file = rendered(forge, request={"loras": [{"name": "styles/tiny_ink.safetensors", **lora}]})
    assert not by_file["error"], by_file
    assert pixels(by_file["images"][0]["path"]) != pixels(plain)
    assert "<lora:tiny_ink:1>" in infotext(by_file["images"][0]["path"])


def test_the_loaded_text_encoder_says_what_texts_mean_and_loras_take_no_part(forge: Forge):
    texts = {"texts": ["a red fox", "a bridge", "a red fox"]}
    rendered(forge)
    before = forge.post("/probe/vectors", texts)["vectors"]
    assert before[0] == pytest.approx(before[2], abs=1e-4)
    assert sum(number * number for number in before[0]) == pytest.approx(1, abs=1e-3)
    assert before[0] != pytest.approx(before[1], abs=0.01)
    with_lora = [rendered(forge, request={"positive": "a fox <lora:tiny_ink:1>"})]
    assert forge.post("/probe/vectors", texts)["vectors"][1] == pytest.approx(before[1], abs=1e-4)
    # and it is back for the next image, of which nothing is encoded yet
    other = rendered(forge, request={"positive": "an owl <lora:tiny_ink:1>"})
    forge.post("/probe/vectors", texts)
    rendered(forge, request={"positive": "a hill <lora:tiny_ink:1>"})
    with_lora.append(rendered(forge, request={"positive": "an owl <lora:tiny_ink:1>"}))
    assert difference(with_lora[1]["images"][0]["path"], other["images"][0]["path"]) < 0.1


def test_names_that_the_host_has_not_are_refused_before_anything_is_rendered(forge: Forge):
    lora = {"name": "no such", "strength_model": 1.0, "strength_clip": 1.0, "sha256": ""}
    done = rendered(forge, request={"sampler": "eulr", "checkpoint": "gone.safetensors", "loras": [lora]})
    assert (done["error"], done["images"]) == ("RequestRefused", [])
    assert [problem.split(":")[0] for problem in done["problems"]] == ["sampler", "LoRA", "checkpoint"]
    assert "did you mean 'euler'" in done["message"]
    assert done["seconds"] < 5


def test_further_fields_of_the_host_are_understood_and_unknown_ones_refused(forge: Forge):
    hires = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": forge.upscaler, "denoising_strength": 0.6, "hr_cfg": 7}
    done = rendered(forge, request={"extra": {"inputs": {f"txt2img.{k}": v for k, v in hires.items()}}})
    assert not done["error"], done
    assert "Hires upscale: 2" in infotext(done["images"][0]["path"])
    assert any("pass 2 of 2" in what for what, *_ in done["progress"])
    refused = rendered(forge, request={"extra": {"inputs": {"txt2img.enable_hires": True}}})
    assert refused["error"] == "RequestRefused"
    assert "enable_hr" in refused["message"]


def test_the_checkpoint_of_a_request_is_the_hosts_for_that_job_alone(forge: Forge):
    rendered(forge)  # the host notes the hash of its own checkpoint when it first loads it
    before = forge.get("/sdapi/v1/options")
    done = rendered(forge, request={"checkpoint": CHECKPOINT.removesuffix(".safetensors"), "clip_skip": 2})
    assert not done["error"], done
    assert done["images"][0]["request"]["checkpoint"] == CHECKPOINT
    assert "Clip skip: 2" in infotext(done["images"][0]["path"])
    after = forge.get("/sdapi/v1/options")
    assert {name: value for name, value in after.items() if before[name] != value} == {}


def test_a_hash_in_a_drawn_prompt_is_no_comment(forge: Forge):
    done = rendered(forge, request={"positive": "a #ff0000 fox", "negative": "#1"})
    assert infotext(done["images"][0]["path"]).startswith("a #ff0000 fox\nNegative prompt: #1\n")
    assert forge.get("/sdapi/v1/options")["enable_prompt_comments"] is True


def test_images_are_saved_also_where_the_person_has_saving_switched_off(forge: Forge, tmp_path: Path):
    forge.post("/sdapi/v1/options", {"samples_save": False})
    try:
        done = rendered(forge, folder=str(tmp_path))
        assert Path(done["images"][0]["path"]).is_relative_to(tmp_path)
        assert forge.get("/sdapi/v1/options")["samples_save"] is False
    finally:
        forge.post("/sdapi/v1/options", {"samples_save": True})


def test_progress_has_steps_and_a_picture(forge: Forge):
    done = rendered(forge, request={"steps": 12, "width": 128, "height": 128})
    steps = [(step, of) for what, step, of, _ in done["progress"] if what == "sampling"]
    assert steps == sorted(steps)
    assert {of for _, of in steps} == {12}
    assert max(size for *_, size in done["progress"]) > 100


def test_cancelling_stops_our_job_after_its_step_and_keeps_no_half_image(forge: Forge):
    done = rendered(forge, request={"steps": 150}, cancel_at=2)
    assert (done["error"], done["images"]) == ("Interrupted", [])
    assert max(step for _, step, *_ in done["progress"]) < 100
    assert not rendered(forge)["error"], "the next job is not stopped"


def test_cancelling_a_job_that_waits_lets_the_other_one_finish(forge: Forge):
    others: list[dict[str, Any]] = []
    # long enough to be under way still when ours has waited and was cancelled
    body = {"prompt": "an owl", "steps": 400, "width": 64, "height": 64, "sampler_name": "Euler", "seed": 1}
    other = threading.Thread(target=lambda: others.append(forge.post("/sdapi/v1/txt2img", body)))
    other.start()
    end = time.monotonic() + 30
    while not forge.get("/sdapi/v1/progress?skip_current_image=true")["state"]["job"] and time.monotonic() < end:
        time.sleep(0.1)
    done = rendered(forge, cancel_after=0.5)
    assert other.is_alive(), "it gave up while the other was still under way"
    assert done["error"] == "Interrupted"
    assert done["progress"][0][0] == "waiting in Forge's queue"
    other.join()
    assert len(others[0]["images"]) == 1
    assert "Steps: 400" in others[0]["info"]
    assert not rendered(forge)["error"]


def test_jobs_from_several_threads_come_one_after_the_other(forge: Forge):
    found: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda seed=seed: found.append(rendered(forge, request={"seed": seed})))
        for seed in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done["images"][0]["request"]["seed"] for done in found) == [1, 2, 3]


def test_what_breaks_in_the_host_is_said_with_its_reason(forge: Forge):
    done = rendered(
        forge, request={"extra": {"inputs": {"txt2img.enable_hr": True, "txt2img.hr_upscaler": "None such"}}}
    )
    assert done["error"] == "RenderFailed"
    assert re.search("[Cc]ould not find upscaler named .?None such", done["message"])
    assert not rendered(forge)["error"]


def test_the_host_says_what_there_is_to_choose_from_in_comfyuis_names(forge: Forge):
    found = forge.get("/probe/choices")
    assert found["checkpoints"] == [CHECKPOINT]
    assert {"euler", "dpmpp_2m", "uni_pc"} <= set(found["samplers"])
    assert {"normal", "karras", "simple"} <= set(found["schedulers"])
