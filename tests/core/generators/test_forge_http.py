from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from orchestrator_core.errors import ConfigError, GeneratorUnreachable, Interrupted, RenderFailed, RequestRefused
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.generators.forge_http import ForgeGenerator
from orchestrator_core.generators.forge_job import Timeouts
from orchestrator_core.generators.forge_names import is_text_encoder
from orchestrator_core.prompt import MAX_SEED, LoraUse
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, Progress
from tests.core.generators.stand_in_forge import MODELS, StandIn, png

pytestmark = pytest.mark.network

REQUEST = GenerationRequest("a fox", "bad", seed=7, steps=2)
NOTES = ImageNotes("0001", template="a {fox|owl}, in snow", negative_template="{bad|worse}")
QUICK = Timeouts(connect=2.0, look=0.02, gone=0.3)


@pytest.fixture
def start() -> Iterator[Callable[..., StandIn]]:
    servers: list[StandIn] = []

    def start(*args: Any, **options: Any) -> StandIn:
        servers.append(StandIn(*args, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class Recorder(list[Progress]):
    def __call__(self, progress: Progress) -> None:
        self.append(progress)


def generator_for(server: StandIn, folder: Path, **options: Any) -> ForgeGenerator:
    options.setdefault("timeouts", QUICK)
    return ForgeGenerator(folder, server.url, **options)


def render(
    server: StandIn, folder: Path, request: GenerationRequest = REQUEST, **options: Any
) -> tuple[GeneratedImage, ...]:
    return generator_for(server, folder, **options).generate(request, NOTES, Recorder())


def refused(server: StandIn, folder: Path, request: GenerationRequest) -> tuple[str, ...]:
    with pytest.raises(RequestRefused) as caught:
        render(server, folder, request)
    assert str(caught.value).startswith(f"Forge at {server.url} refuses the request:\n- ")
    return caught.value.problems


# an image, and what it says


def test_an_image_is_rendered_and_carries_what_made_it(start: Any, tmp_path: Path) -> None:
    server = start()
    (image,) = render(server, tmp_path)
    made = REQUEST.replacing(checkpoint="sd15.safetensors")
    assert image == GeneratedImage(tmp_path / "0001-001.png", made, "0001")
    found = read_image(image.path)
    assert (found.request, found.notes) == (made, NOTES)
    assert json.loads(found.texts["orchestrator"])["run_id"] == "0001"
    body = server.bodies[0]
    assert (body["sampler_name"], body["scheduler"], body["batch_size"], body["save_images"]) == (
        "Euler", "Normal", 1, False,
    )  # fmt: skip


def test_the_servers_own_infotext_is_kept_word_for_word(start: Any, tmp_path: Path) -> None:
    server = start()
    (image,) = render(server, tmp_path)
    text = read_image(image.path).texts["parameters"]
    body = server.bodies[0]
    theirs = json.loads(server.answer(body)["info"])["infotexts"][0]
    assert text.startswith(
        f'{theirs}, Template: "a {{fox|owl}}, in snow", Negative Template: {{bad|worse}}, Orchestrator: '
    )
    found = read_image(image.path).infotext
    assert found is not None
    assert found.fields == {"Model hash": "0123456789", "Version": "f2.0.1v1.10.1"}


def test_a_server_that_sends_no_infotext_gets_ours(start: Any, tmp_path: Path) -> None:
    server = start(lambda server, body: server.finish(body, infotexts=[]))
    (image,) = render(server, tmp_path)
    found = read_image(image.path)
    assert (found.request, found.notes) == (REQUEST, NOTES)
    assert image.request == REQUEST


def test_an_image_of_a_batch_is_a_request_of_its_own(start: Any, tmp_path: Path) -> None:
    server = start()
    batch = render(server, tmp_path, REQUEST.replacing(batch_size=3))
    assert [(image.request.seed, image.request.batch_size) for image in batch] == [(7, 1), (8, 1), (9, 1)]
    assert [read_image(image.path).request for image in batch] == [image.request for image in batch]
    (again,) = render(server, tmp_path, batch[2].request)
    assert again.request == batch[2].request
    assert server.bodies[-1]["seed"] == 9


def test_one_of_a_batch_has_the_seed_of_its_place(start: Any, tmp_path: Path) -> None:
    server = start()
    (image,) = render(server, tmp_path, REQUEST.replacing(batch_size=4, extra={"batch_index": 2}))
    assert (image.request.seed, image.request.batch_size, image.request.extra) == (9, 1, {})
    render(server, tmp_path, REQUEST.replacing(seed=MAX_SEED, batch_size=4, extra={"batch_index": 1}))
    assert server.bodies[-1]["seed"] == 0


def test_grids_and_what_extensions_add_are_no_images_of_the_batch(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        status, answer = server.finish(body)
        info = json.loads(answer["info"])
        info |= {"index_of_first_image": 1, "infotexts": ["grid", *info["infotexts"]]}
        extra = base64.b64encode(png(size=16)).decode()
        return status, {"images": [extra, *answer["images"], extra], "info": json.dumps(info)}

    images = render(start(job), tmp_path, REQUEST.replacing(batch_size=2))
    assert [image.request.seed for image in images] == [7, 8]
    assert {read_image(image.path).width for image in images} == {8}


def test_a_prompt_that_an_extension_of_the_server_rewrote_is_told_as_it_was_rendered(
    start: Any, tmp_path: Path
) -> None:
    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        theirs = {**body, "prompt": "a red owl"}
        return server.finish(theirs)

    (image,) = render(start(job), tmp_path, REQUEST.replacing(positive="a {red|red} owl"))
    assert image.request.positive == read_image(image.path).request.positive == "a red owl"  # type: ignore[union-attr]


def test_files_that_are_there_are_not_overwritten(start: Any, tmp_path: Path) -> None:
    server = start()
    assert [render(server, tmp_path / "new")[0].path.name for _ in range(2)] == ["0001-001.png", "0001-002.png"]


def test_a_jpeg_is_kept_as_one(start: Any, tmp_path: Path) -> None:
    picture = tmp_path / "x.jpg"
    Image.new("RGB", (8, 8)).save(picture)

    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        status, answer = server.finish(body)
        return status, {**answer, "images": [base64.b64encode(picture.read_bytes()).decode()]}

    (image,) = render(start(job), tmp_path)
    assert image.path.suffix == ".jpg"
    assert read_image(image.path).notes == NOTES


# names


def test_names_are_translated_and_found_in_any_case_and_folder(start: Any, tmp_path: Path) -> None:
    server = start()
    request = REQUEST.replacing(
        positive="a fox<lora:INK:0.5>", loras=(LoraUse("a/mist.v1", 0.8, 0.6),), checkpoint="base", sampler="EULER A",
        scheduler="karras", vae="fine", clip_skip=2,
    )  # fmt: skip
    (image,) = render(server, tmp_path, request)
    body = server.bodies[0]
    assert body["prompt"] == "a fox <lora:mist.v1:0.6:0.8><lora:ink:0.5>"
    assert (body["sampler_name"], body["scheduler"]) == ("Euler a", "Karras")
    assert body["override_settings"] == {
        "CLIP_stop_at_last_layers": 2,
        "sd_model_checkpoint": "xl/base.safetensors",
        "forge_additional_modules": [f"{MODELS}/text_encoder/t5.safetensors", f"{MODELS}/VAE/fine.safetensors"],
    }
    made = request.replacing(checkpoint="xl/base.safetensors", sampler="euler_ancestral")
    assert image.request == read_image(image.path).request == made


@pytest.mark.parametrize("sampler", ["k_euler_ancestral", "Euler a", "euler_ancestral"])
def test_a_sampler_may_have_any_of_its_names(start: Any, tmp_path: Path, sampler: str) -> None:
    assert render(start(), tmp_path, REQUEST.replacing(sampler=sampler))[0].request.sampler == "euler_ancestral"


@pytest.mark.parametrize("checkpoint", ["sd15", "SD15.safetensors", "sd15.safetensors [0123456789]"])
def test_what_the_server_has_already_is_not_overridden(start: Any, tmp_path: Path, checkpoint: str) -> None:
    server = start()
    (image,) = render(server, tmp_path, REQUEST.replacing(checkpoint=checkpoint))
    assert server.bodies[0]["override_settings"] == {}
    assert image.request.checkpoint == "sd15.safetensors"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sampler": "eulr"}, "sampler: 'eulr' is not in the list; did you mean 'euler'?"),
        ({"sampler": "dpmpp_2m_sde"}, "sampler: 'dpmpp_2m_sde' is not in the list; did you mean 'dpmpp_2m'?"),
        ({"scheduler": "karas"}, "scheduler: 'karas' is not in the list; did you mean 'karras'?"),
        ({"checkpoint": "sd14"}, "checkpoint: 'sd14.safetensors' is not in the list; did you mean 'sd15.safetensors'?"),
        ({"loras": (LoraUse("inc"),)}, "LoRA: 'inc.safetensors' is not in the list; did you mean 'ink.safetensors'?"),
        ({"positive": "<lora:zzz:1>"}, "LoRA: 'zzz.safetensors' is not in the list; there are 'ink.safetensors', "),
        ({"vae": "fin"}, "VAE: 'fin.safetensors' is not in the list; did you mean 'fine.safetensors'?"),
        ({"extra": {"inputs": {"6.text": 1}}}, "6.text: Forge has no graph; its own fields are named as txt2img."),
        ({"extra": {"inputs": {"txt2img.enable_hires": 1}}}, "did you mean 'enable_hr'?"),
        ({"extra": {"inputs": {"txt2img.override_settings": 1}}}, "it should be an object of names and values."),
        ({"extra": {"images": {"1.image": "x.png"}}}, "images: text to image on Forge takes none"),
    ],
)  # fmt: skip
def test_what_the_server_has_not_is_refused_before_sending(
    start: Any, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    server = start()
    assert problem in refused(server, tmp_path, REQUEST.replacing(**changes))[0]
    assert server.bodies == []


def test_a_model_that_was_added_since_is_found(start: Any, tmp_path: Path) -> None:
    server = start()
    generator = generator_for(server, tmp_path)
    generator.generate(REQUEST, NOTES, Recorder())
    server.loras["new"] = "new.safetensors"
    server.answers["/sdapi/v1/refresh-checkpoints"] = (500, b"busy")
    generator.generate(REQUEST.replacing(loras=(LoraUse("new"),)), NOTES, Recorder())
    assert "POST /sdapi/v1/refresh-loras" in server.calls
    assert server.calls.count("GET /sdapi/v1/loras") == 2


def test_further_fields_go_to_the_server(start: Any, tmp_path: Path) -> None:
    server = start()
    settings = {"eta_noise_seed_delta": 31337}
    inputs = {"txt2img.enable_hr": True, "txt2img.hr_scale": 1.5, "txt2img.override_settings": settings}
    (image,) = render(server, tmp_path, REQUEST.replacing(extra={"inputs": inputs}, denoise=0.5))
    body = server.bodies[0]
    assert (body["enable_hr"], body["hr_scale"], body["denoising_strength"]) == (True, 1.5, 0.5)
    assert body["hr_additional_modules"] == ["Use same choices"]  # without which Forge fails
    assert body["override_settings"] == settings
    assert image.request.extra == {"inputs": inputs}
    assert image.request.denoise == 1  # which is what it says when only a second pass has another


def test_a_server_without_lora_list_gets_the_tags_as_they_are(start: Any, tmp_path: Path) -> None:
    server = start()
    server.answers["/sdapi/v1/loras"] = (404, b"{}")
    render(server, tmp_path, REQUEST.replacing(loras=(LoraUse("any"),)))
    assert server.bodies[0]["prompt"] == "a fox <lora:any:1>"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/models/VAE/a.safetensors", False),
        ("/models/text_encoder/flux/t5.safetensors", True),
        ("C:\\clip\\models\\VAE\\a.safetensors", False),
        ("a.safetensors", False),
    ],
)
def test_text_encoders_are_known_by_their_folder(path: str, expected: bool) -> None:
    assert is_text_encoder(path) is expected


def test_the_choices_are_in_comfyuis_names_and_asked_anew(start: Any, tmp_path: Path) -> None:
    server = start()
    generator = generator_for(server, tmp_path)
    assert asdict(generator.choices()) == {
        "checkpoints": ("sd15.safetensors", "xl/base.safetensors"),
        "vaes": ("old.safetensors", "fine.safetensors"),
        "samplers": ("dpmpp_2m", "euler_ancestral", "euler", "Restart"),
        "schedulers": ("karras", "normal", "ddim_uniform"),
        "loras": ("ink.safetensors", "mist.v1.safetensors"),
    }
    server.checkpoints.append("new.safetensors")
    assert generator.choices().checkpoints[-1] == "new.safetensors"


# servers without schedulers


def test_where_schedulers_are_part_of_samplers_they_are_joined(start: Any, tmp_path: Path) -> None:
    server = start(old=True)
    (image,) = render(server, tmp_path, REQUEST.replacing(sampler="dpmpp_2m", scheduler="karras", vae="fine"))
    body = server.bodies[0]
    assert (body["sampler_name"], "scheduler" in body) == ("DPM++ 2M Karras", False)
    assert body["override_settings"] == {"sd_vae": "fine.safetensors"}
    assert (image.request.sampler, image.request.scheduler) == ("dpmpp_2m", "karras")
    render(server, tmp_path, REQUEST)
    assert server.bodies[1]["sampler_name"] == "Euler"
    assert refused(server, tmp_path, REQUEST.replacing(scheduler="karras")) == (
        "scheduler: 'karras' is not in the list; there are 'normal'. (of euler)",
    )
    assert refused(server, tmp_path, REQUEST.replacing(sampler="dpmpp_2m", scheduler="kaaras")) == (
        "scheduler: 'kaaras' is not in the list; did you mean 'karras'? (of dpmpp_2m)",
    )
    assert refused(server, tmp_path, REQUEST.replacing(sampler="eulr"))[0].startswith("sampler: 'eulr' is not")


def test_the_normal_scheduler_is_found_by_its_older_name(start: Any, tmp_path: Path) -> None:
    server = start()
    server.answers["/sdapi/v1/schedulers"] = (200, b'[{"name": "uniform", "label": "Uniform"}, {"name": 3}, {}]')
    (image,) = render(server, tmp_path)
    assert server.bodies[0]["scheduler"] == "Uniform"
    assert image.request.scheduler == "normal"


# the server's settings


def test_what_a_job_leaves_changed_is_put_back(start: Any, tmp_path: Path) -> None:
    def fail(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        server.begin(body)
        server.end(body)
        return 500, {"error": "RuntimeError", "detail": "", "body": "", "message": "boom"}

    for job in (None, fail):
        server = start(job)
        server.sticky = {"CLIP_stop_at_last_layers", "sd_model_checkpoint"}
        before = dict(server.options)
        request = REQUEST.replacing(clip_skip=3, checkpoint="xl/base", vae="fine")
        if job:
            with pytest.raises(RenderFailed):
                render(server, tmp_path, request)
        else:
            render(server, tmp_path, request)
        assert server.options == before
        assert server.calls.count("POST /sdapi/v1/options") == 1


def test_what_the_next_job_overrides_is_not_put_back(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        answer = server.finish(body)
        server.state["job_count"] = 1  # somebody else's, with the same setting
        return answer

    server = start(job)
    server.sticky = {"CLIP_stop_at_last_layers"}
    render(server, tmp_path, REQUEST.replacing(clip_skip=2))
    assert server.options["CLIP_stop_at_last_layers"] == 2
    assert "POST /sdapi/v1/options" not in server.calls


def test_what_the_server_puts_back_itself_is_left_alone(start: Any, tmp_path: Path) -> None:
    server = start()
    render(server, tmp_path, REQUEST.replacing(clip_skip=2))
    assert "POST /sdapi/v1/options" not in server.calls


# progress and stopping


def in_steps(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
    """Two steps, each of which is waited for to be seen."""
    server.begin(body)
    server.preview = png()
    for step in (1, 2):
        server.step(step, 2)
        seen = len(server.calls)
        while len(server.calls) < seen + 4:
            time.sleep(0.005)
    return server.finish(body)


def test_progress_is_reported_with_the_picture_so_far(start: Any, tmp_path: Path) -> None:
    recorder = Recorder()
    generator_for(start(in_steps), tmp_path).generate(REQUEST, NOTES, recorder)
    assert [(progress.step, progress.steps) for progress in recorder if progress.what == "sampling"][-1] == (2, 2)
    pictures = [progress.preview for progress in recorder if progress.preview]
    assert pictures == [png()]  # it is sent once


def test_the_place_in_the_queue_is_told(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        server.queued = body["force_task_id"]
        seen = len(server.calls)
        while len(server.calls) < seen + 3:
            time.sleep(0.005)
        return server.finish(body)

    recorder = Recorder()
    generator_for(start(job), tmp_path).generate(REQUEST, NOTES, recorder)
    assert recorder[0] == Progress("waiting in Forge's queue behind 1")


def until_interrupted(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
    server.begin(body)
    server.step(1, 2)
    assert server.interrupts.wait(10)
    return server.finish(body)


def test_cancelling_from_another_thread_interrupts_and_keeps_no_half_painted_image(start: Any, tmp_path: Path) -> None:
    server = start(until_interrupted)
    generator = generator_for(server, tmp_path)

    def on_progress(progress: Progress) -> None:
        if progress.step:
            threading.Thread(target=generator.cancel).start()

    with pytest.raises(Interrupted, match="The rendering was stopped on Forge at") as caught:
        generator.generate(REQUEST, NOTES, on_progress)
    assert caught.value.images == ()
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_job_is_not_interrupted(start: Any, tmp_path: Path) -> None:
    other_runs = threading.Event()

    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        server.queued, server.active = body["force_task_id"], "somebody else's"
        assert other_runs.wait(10)
        time.sleep(0.1)
        assert not server.interrupts.is_set()
        return until_interrupted(server, body)

    server = start(job)
    generator = generator_for(server, tmp_path)
    recorder = Recorder()

    def on_progress(progress: Progress) -> None:
        recorder(progress)
        generator.cancel()
        other_runs.set()

    with pytest.raises(Interrupted):
        generator.generate(REQUEST, NOTES, on_progress)
    assert "waiting in Forge's queue behind 1, to be stopped when it begins" in [progress.what for progress in recorder]


def test_an_interrupt_by_somebody_else_is_told(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        server.begin(body)
        server.state["interrupted"] = True  # between two of our looks: only the state at the end says so
        return server.finish(body)

    with pytest.raises(Interrupted):
        render(start(job), tmp_path)


def test_an_older_interrupt_is_not_taken_for_ours(start: Any, tmp_path: Path) -> None:
    server = start()
    answer = server.answer

    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        result = answer(body)
        server.state |= {"interrupted": True, "job_timestamp": "another job's"}
        return 200, result

    server.on_job = job
    assert len(render(server, tmp_path)) == 1


def test_a_cancel_that_comes_too_late_keeps_the_images(start: Any, tmp_path: Path) -> None:
    server = start()
    generator = generator_for(server, tmp_path)

    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        generator.cancel()
        return 200, server.answer(body)

    server.on_job = job
    with pytest.raises(Interrupted, match="when the images were finished") as caught:
        generator.generate(REQUEST, NOTES, Recorder())
    assert [image.path.name for image in caught.value.images] == ["0001-001.png"]


def test_a_caller_that_gives_up_stops_the_server_too(start: Any, tmp_path: Path) -> None:
    server = start(until_interrupted)

    def on_progress(progress: Progress) -> None:
        if progress.step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generator_for(server, tmp_path).generate(REQUEST, NOTES, on_progress)
    assert server.interrupts.is_set()


def test_a_job_that_takes_too_long_is_stopped(start: Any, tmp_path: Path) -> None:
    server = start(until_interrupted)
    with pytest.raises(RenderFailed, match=r"is not done after 0\.2 seconds"):
        render(server, tmp_path, timeouts=Timeouts(look=0.02, job=0.2))
    assert server.interrupts.is_set()


def test_a_server_that_cannot_say_whose_job_runs_is_not_interrupted(start: Any, tmp_path: Path) -> None:
    done = threading.Event()

    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        server.begin(body)
        server.step(1, 2)
        assert done.wait(10)
        return server.finish(body)

    server = start(job)
    server.has_page = False
    generator = generator_for(server, tmp_path)
    with pytest.raises(Interrupted, match="cannot say which job is ours, and so goes on with it"):
        generator.generate(REQUEST, NOTES, lambda progress: generator.cancel())
    done.set()
    assert not server.interrupts.is_set()


def test_a_server_without_a_page_renders_and_tells_its_steps(start: Any, tmp_path: Path) -> None:
    server = start(in_steps)
    server.has_page = False
    recorder = Recorder()
    assert len(generator_for(server, tmp_path).generate(REQUEST, NOTES, recorder)) == 1
    assert Progress("sampling", 2, 2) in recorder


# what goes wrong


def test_a_server_that_dies_is_told(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        server.begin(body)
        return 0, None

    with pytest.raises(GeneratorUnreachable, match=r"broke off the connection. Start Forge with --api"):
        render(start(job), tmp_path)


def test_a_server_that_falls_silent_is_given_up(start: Any, tmp_path: Path) -> None:
    let_go = threading.Event()

    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        server.answers["/internal/progress"] = (500, b"")
        assert let_go.wait(10)
        return server.finish(body)

    try:
        with pytest.raises(GeneratorUnreachable, match="answered 500"):
            render(start(job), tmp_path)
    finally:
        let_go.set()


def test_a_slow_server_is_waited_for(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        server.begin(body)
        time.sleep(0.6)  # longer than `gone`: it still answers that it works
        return server.finish(body)

    assert len(render(start(job), tmp_path)) == 1


def answering(status: int, answer: Any) -> Callable[[StandIn, dict[str, Any]], tuple[int, Any]]:
    return lambda server, body: (status, answer)


FIELD = {"type": "int_parsing", "loc": ["body", "steps"], "msg": "Input should be a valid integer", "input": "many"}


@pytest.mark.parametrize(
    ("status", "answer", "problems"),
    [
        (422, {"detail": [FIELD]}, ("steps: Input should be a valid integer, not 'many'.",)),
        (422, {"detail": "Script 'nope' not found"}, ("Script 'nope' not found",)),
        (400, {"detail": "Sampler not found"}, ("Sampler not found",)),
        (404, {"error": "HTTPException", "detail": "Sampler not found", "errors": ""}, ("Sampler not found",)),
        (422, {"detail": [{"loc": 3}, "odd"]}, ("refused.", "odd")),
    ],
)
def test_what_the_server_refuses_names_the_field(
    start: Any, tmp_path: Path, status: int, answer: Any, problems: tuple[str, ...]
) -> None:
    assert refused(start(answering(status, answer)), tmp_path, REQUEST) == problems


def test_a_refusal_without_words_has_its_status(start: Any, tmp_path: Path) -> None:
    (problem,) = refused(start(answering(422, b"")), tmp_path, REQUEST)
    assert "/sdapi/v1/txt2img answered 422" in problem


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"error": "RuntimeError", "detail": "", "message": "boom"}, "failed: RuntimeError: boom"),
        ({"error": "ValueError", "detail": "", "errors": "no\nmodel"}, "failed: ValueError: no model"),
        (b"Internal Server Error", "failed: Internal Server Error. Its console says why."),
        (b"", "failed: no reason given. Its console says why."),
        (
            {"error": "OutOfMemoryError", "message": "CUDA out of memory."},
            "failed: OutOfMemoryError: CUDA out of memory. Try a smaller size or batch.",
        ),
    ],
)
def test_why_a_rendering_failed_is_told(start: Any, tmp_path: Path, answer: Any, message: str) -> None:
    server = start(answering(500, answer))
    with pytest.raises(RenderFailed) as caught:
        render(server, tmp_path)
    assert str(caught.value) == f"Forge at {server.url} {message}"


def test_an_image_that_is_none_is_told_and_the_finished_ones_are_kept(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        status, answer = server.finish(body)
        return status, {**answer, "images": [f"data:image/png;base64,{answer['images'][0]}", "no image!"]}

    with pytest.raises(RenderFailed, match=r"sent an image that is none \(number 2\)") as caught:
        render(start(job), tmp_path, REQUEST.replacing(batch_size=2))
    assert [image.path.name for image in caught.value.images] == ["0001-001.png"]


def test_a_job_without_images_is_told(start: Any, tmp_path: Path) -> None:
    with pytest.raises(RenderFailed, match="finished without an image"):
        render(start(answering(200, {"images": [], "info": "{}"})), tmp_path)


@pytest.mark.parametrize("info", ["nonsense", None, "[]", '{"all_seeds": "x", "infotexts": 3, "all_prompts": null}'])
def test_images_without_readable_info_are_kept_all_the_same(start: Any, tmp_path: Path, info: Any) -> None:
    picture = base64.b64encode(png()).decode()
    images = render(start(answering(200, {"images": [picture, picture], "info": info})), tmp_path)
    assert [image.request.seed for image in images] == [7, 8]
    assert read_image(images[1].path).request == images[1].request


def test_a_folder_that_cannot_be_written_is_told(start: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RenderFailed, match=r"The image cannot be saved in .*file: "):
        render(start(), tmp_path / "file")


@pytest.mark.parametrize(
    ("path", "answer", "message"),
    [
        ("/sdapi/v1/samplers", (200, b"<html>a router</html>"), "no JSON: '<html>a router</html>'"),
        ("/sdapi/v1/samplers", (200, b'{"a": 1}'), "its /sdapi/v1/samplers is no list"),
        ("/sdapi/v1/samplers", (302, b""), "answered 302"),
        ("/sdapi/v1/samplers", (502, b"<html>bad gateway</html>"), "answered 502"),
        ("/sdapi/v1/options", (200, b"[]"), "its /sdapi/v1/options are no object"),
        ("/sdapi/v1/txt2img", (200, b"<html>"), "no JSON"),
        ("/sdapi/v1/txt2img", (200, b"{}"), "its answer to /sdapi/v1/txt2img has no images"),
        ("/sdapi/v1/txt2img", (405, b"{}"), "answered 405"),
    ],
)
def test_garbage_is_an_error_with_the_address(
    start: Any, tmp_path: Path, path: str, answer: tuple[int, bytes], message: str
) -> None:
    server = start()
    server.answers[path] = answer
    with pytest.raises(GeneratorUnreachable, match=message) as caught:
        render(server, tmp_path)
    assert server.url in str(caught.value)


@pytest.mark.parametrize("path", ["/internal/progress", "/sdapi/v1/progress"])
@pytest.mark.parametrize("answer", [b"[]", b"nonsense", b'{"state": 1, "active": "yes", "id_live_preview": "x"}'])
def test_odd_progress_does_not_upset_a_rendering(start: Any, tmp_path: Path, path: str, answer: bytes) -> None:
    def job(server: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
        server.begin(body)
        server.answers[path] = (200, answer)
        time.sleep(0.1)
        return server.finish(body)

    assert len(render(start(job), tmp_path)) == 1


def test_a_server_without_its_api_is_told_apart_from_another_program(start: Any, tmp_path: Path) -> None:
    server = start()
    server.has_api = False
    with pytest.raises(GeneratorUnreachable, match=r"runs without its API, or is still starting. Start it with --api."):
        render(server, tmp_path)
    assert generator_for(server, tmp_path).api.answers()
    server.has_page = False
    with pytest.raises(GeneratorUnreachable, match="does not do so as Forge: it has no /sdapi/v1"):
        render(server, tmp_path)
    assert not generator_for(server, tmp_path).api.answers()


def test_a_login_is_asked_for_and_given_in_the_address_or_apart(start: Any, tmp_path: Path) -> None:
    server = start()
    server.login = "me:s3cret"
    with pytest.raises(GeneratorUnreachable, match="wants the login of its --api-auth"):
        render(server, tmp_path)
    assert generator_for(server, tmp_path).api.answers()
    assert len(render(server, tmp_path, auth="me:s3cret")) == 1
    generator = ForgeGenerator(tmp_path, server.url.replace("//", "//me:s3cret@"), timeouts=QUICK)
    assert len(generator.generate(REQUEST, NOTES, Recorder())) == 1
    server.answers["/sdapi/v1/txt2img"] = (500, b"")
    with pytest.raises(RenderFailed) as caught:
        generator.generate(REQUEST, NOTES, Recorder())
    assert "s3cret" not in str(caught.value)


def test_a_port_where_nothing_listens(start: Any, tmp_path: Path) -> None:
    server = start()
    url = server.url
    server.stop()
    generator = ForgeGenerator(tmp_path, url)
    with pytest.raises(GeneratorUnreachable, match=f"{url} does not answer: nothing listens there. Start Forge with"):
        generator.generate(REQUEST, NOTES, Recorder())
    assert not generator.api.answers()


def test_an_address_that_is_none_is_a_setting_to_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no address of a server"):
        ForgeGenerator(tmp_path, "ftp://x")


# what a queue asks before it sends


def test_what_a_server_lacks_is_told_without_asking_it(start: Any, tmp_path: Path) -> None:
    server = start()
    generator = generator_for(server, tmp_path)
    wanted = REQUEST.replacing(checkpoint="dream", loras=(LoraUse("rain"),))
    assert generator.lacks(wanted) == []  # not known yet
    generator.refresh()
    asked = list(server.calls)
    assert [line.partition(":")[0] for line in generator.lacks(wanted)] == ["LoRA", "checkpoint"]
    assert generator.lacks(REQUEST.replacing(checkpoint="base", loras=(LoraUse("ink"),))) == []
    assert server.calls == asked


def test_how_busy_a_server_is_with_whatever(start: Any, tmp_path: Path) -> None:
    server = start()
    generator = generator_for(server, tmp_path)
    assert generator.others() == 0
    server.state["job_count"] = 1
    server.answers["/internal/pending-tasks"] = (200, b'{"size": 2, "tasks": ["a", "b"]}')
    assert generator.others() == 3
    server.has_page = False
    del server.answers["/internal/pending-tasks"]
    assert generator.others() == 1
