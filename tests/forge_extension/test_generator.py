"""The in-process generator with a host that renders nothing: what it sends, what it makes of what comes back."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from forge_extension.generator import InProcessGenerator
from forge_extension.rendered import Look, Rendered, RenderedImage
from orchestrator_core.errors import Interrupted, RenderFailed, RequestRefused
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, Progress
from tests.forge_extension.forge_fakes import FakeForge

NOTES = ImageNotes("0f", "a {fox|owl}", "{blurry|noisy}", "impact", 5)


@pytest.fixture
def host() -> FakeForge:
    return FakeForge()


def generate(host: FakeForge, request: GenerationRequest, folder: Path | None = None) -> tuple[GeneratedImage, ...]:
    return InProcessGenerator(host, folder).generate(request, NOTES, lambda progress: None)


def test_a_request_is_a_job_in_the_hosts_names(host: FakeForge, tmp_path: Path):
    request = GenerationRequest(
        "a fox", "blurry", (LoraUse("ink.safetensors", 0.5, 0.5),), "a", "dpmpp_2m", "karras", 12, seed=9, batch_size=2,
        clip_skip=2,
    )  # fmt: skip
    host.work = lambda forge: forge.images(2)
    images = generate(host, request, tmp_path)
    assert (images[0].request.positive, images[0].request.loras) == (request.positive, request.loras)
    (fields,) = host.fields
    assert fields["prompt"] == "a fox <lora:ink:0.5>"
    assert (fields["sampler_name"], fields["scheduler"], fields["seed"]) == ("DPM++ 2M", "Karras", 9)
    assert (fields["steps"], fields["batch_size"], fields["n_iter"]) == (12, 2, 1)
    assert fields["outpath_samples"] == str(tmp_path)
    assert fields["override_settings"] == {"CLIP_stop_at_last_layers": 2}
    assert not {"send_images", "save_images"} & fields.keys(), "these are for the API"


def test_the_notes_are_pairs_of_the_infotext(host: FakeForge):
    generate(host, GenerationRequest("a fox"))
    (pairs,) = host.infotexts
    assert pairs["Template"] == "a {fox|owl}"
    assert pairs["Negative Template"] == "{blurry|noisy}"
    assert pairs["Orchestrator"] == '{"schema_version":1,"run_id":"0f","dialect":"impact","prompt_seed":5}'


def test_each_image_has_the_request_that_renders_it_again(host: FakeForge):
    host.work = lambda forge: forge.images(forge.fields[-1]["batch_size"])
    images = generate(host, GenerationRequest("a fox", seed=9, batch_size=2, extra={"batch_index": 1, "mine": 1}))
    assert [image.request.seed for image in images] == [10]  # one of the two
    images = generate(host, GenerationRequest("a fox", seed=9, batch_size=2, extra={"mine": 1}))
    assert [(image.request.seed, image.request.batch_size) for image in images] == [(9, 1), (10, 1)]
    assert {image.request.checkpoint for image in images} == {"a.safetensors"}
    assert images[0].request.extra == {"mine": 1}


def test_settings_that_would_lose_images_or_words_are_the_jobs_own(host: FakeForge, monkeypatch: pytest.MonkeyPatch):
    generate(host, GenerationRequest("a #ff0000 fox"))
    assert host.fields[-1]["override_settings"]["enable_prompt_comments"] is False
    options = {**host.options(), "samples_save": False, "save_incomplete_images": True}
    monkeypatch.setattr(host, "options", lambda: options)
    generate(host, GenerationRequest("a fox"))
    assert host.fields[-1]["override_settings"] == {"samples_save": True, "save_incomplete_images": False}


def test_what_the_host_has_not_is_refused(host: FakeForge):
    with pytest.raises(RequestRefused, match="sampler: 'eulr' is not in the list; did you mean 'euler'") as caught:
        generate(host, GenerationRequest("a fox", sampler="eulr", extra={"inputs": {"txt2img.nonsense": 1}}))
    assert len(caught.value.problems) == 2
    assert host.fields == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("boom"), "Forge failed: ValueError: boom."),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory."), "Try a smaller size or batch"),
        (RuntimeError(""), "RuntimeError: no reason given."),
    ],
)
def test_what_breaks_in_the_host_is_a_failed_rendering(host: FakeForge, error: Exception, said: str):
    def fail(forge: FakeForge) -> Rendered:
        raise error

    host.work = fail
    with pytest.raises(RenderFailed) as caught:
        generate(host, GenerationRequest("a fox"))
    assert said in str(caught.value)


def test_a_black_image_is_a_failure_that_keeps_the_others(host: FakeForge):
    def work(forge: FakeForge) -> Rendered:
        good = forge.images(1).images
        return Rendered((*good, RenderedImage("black.png", good[0].infotext, 1, "a fox", True)), False)

    host.work = work
    with pytest.raises(RenderFailed, match=r"entirely black.*NaN.*--all-in-fp32") as caught:
        generate(host, GenerationRequest("a fox", batch_size=2))
    assert [image.path.name for image in caught.value.images] == ["0.png"]


def test_no_image_is_a_failure_with_what_scripts_said(host: FakeForge):
    host.work = lambda forge: Rendered((), False, "a script took it away")
    with pytest.raises(RenderFailed, match=r"without an image\. It says: a script took it away"):
        generate(host, GenerationRequest("a fox"))


def test_an_interrupt_of_the_hosts_own_button_keeps_what_was_finished(host: FakeForge):
    host.work = lambda forge: forge.images(1, interrupted=True)
    with pytest.raises(Interrupted) as caught:
        generate(host, GenerationRequest("a fox", batch_size=2))
    assert len(caught.value.images) == 1


def test_cancelling_interrupts_the_host_only_while_the_job_is_its_own(host: FakeForge):
    generator = InProcessGenerator(host)
    generator.cancel()
    assert host.interrupts == 0
    begun = threading.Event()

    def work(forge: FakeForge) -> Rendered:
        begun.set()
        end = time.monotonic() + 10
        while not forge.interrupts and time.monotonic() < end:
            time.sleep(0.01)
        return Rendered((), True)

    host.work = work
    threading.Thread(target=lambda: begun.wait(10) and generator.cancel()).start()
    with pytest.raises(Interrupted, match="was stopped"):
        generator.generate(GenerationRequest("a fox"), NOTES, lambda progress: None)
    generator.cancel()
    assert host.interrupts == 1


def test_a_job_that_waits_is_cancelled_at_once_and_never_begun(host: FakeForge):
    generator = InProcessGenerator(host)
    reports: list[Progress] = []

    def report(progress: Progress) -> None:
        reports.append(progress)
        generator.cancel()

    with host.lock, pytest.raises(Interrupted, match="before it began"):
        generator.generate(GenerationRequest("a fox"), NOTES, report)
    assert [progress.what for progress in reports] == ["waiting in Forge's queue"]
    time.sleep(0.1)  # its place in the queue comes
    assert (host.fields, host.interrupts) == ([], 0)


def test_progress_says_step_pass_and_picture(host: FakeForge):
    generator = InProcessGenerator(host)
    host.looks = Look(3, 8, (1, 2), 4, b"jpeg")
    reports: list[Progress] = []
    seen = threading.Event()
    host.work = lambda forge: forge.images(1) if seen.wait(10) else forge.images(0)

    def report(progress: Progress) -> None:
        reports.append(progress)
        seen.set()

    generator.generate(GenerationRequest("a fox"), NOTES, report)
    assert reports == [Progress("sampling, pass 2 of 2", 3, 8, b"jpeg")]


def test_an_error_of_the_page_stops_the_job(host: FakeForge):
    generator = InProcessGenerator(host)
    host.work = lambda forge: forge.images(1) if not time.sleep(0.5) else forge.images(0)

    def report(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generator.generate(GenerationRequest("a fox"), NOTES, report)
    assert host.interrupts == 1


def test_choices_are_in_comfyuis_names(host: FakeForge):
    found = InProcessGenerator(host).choices()
    assert found.samplers == ("euler", "dpmpp_2m")
    assert found.schedulers == ("normal", "karras")
    assert found.checkpoints == ("a.safetensors",)
