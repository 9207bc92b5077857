from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from orchestrator_core.errors import ConfigError, GeneratorUnreachable, Interrupted, RenderFailed, RequestRefused
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.generators.comfy_http import ComfyGenerator
from orchestrator_core.generators.comfy_job import Timeouts
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, Progress
from tests.core.generators.stand_in_comfy import StandIn, png

pytestmark = pytest.mark.network

REQUEST = GenerationRequest("a fox", "bad", seed=7, steps=2)
NOTES = ImageNotes("0001", template="a {fox|owl}")
QUICK = Timeouts(connect=2.0, check=0.05, gone=0.3)


@pytest.fixture
def start() -> Iterator[Callable[..., StandIn]]:
    servers: list[StandIn] = []

    def start(*args: Any, **options: Any) -> StandIn:
        servers.append(StandIn(*args, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
        server.join()


class Recorder(list[Progress]):
    def __call__(self, progress: Progress) -> None:
        self.append(progress)


def render(
    server: StandIn, folder: Path, request: GenerationRequest = REQUEST, **options: Any
) -> tuple[GeneratedImage, ...]:
    options.setdefault("timeouts", QUICK)
    return ComfyGenerator(folder, server.url, **options).generate(request, NOTES, Recorder())


def test_an_image_is_rendered_and_carries_what_made_it(start: Any, tmp_path: Path) -> None:
    server = start()
    recorder = Recorder()
    (image,) = ComfyGenerator(tmp_path, server.url).generate(REQUEST, NOTES, recorder)
    assert image == GeneratedImage(tmp_path / "0001-001.png", REQUEST.replacing(checkpoint="sd15.safetensors"), "0001")
    found = read_image(image.path)
    assert (found.request, found.notes) == (image.request, NOTES)
    assert found.graph == server.bodies[0]["prompt"]
    assert found.workflow == server.bodies[0]["extra_data"]["extra_pnginfo"]["workflow"]
    assert json.loads(found.texts["orchestrator"])["run_id"] == "0001"
    assert Progress("sampler", 2, 2) in recorder
    assert server.calls[:3] == ["GET /object_info", "GET /ws", "POST /prompt"]


def test_the_picture_so_far_is_reported_with_the_step_that_it_is_of(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        server.emit("progress", prompt_id, node=server.node("KSampler"), value=1, max=2)
        server.emit_preview(png("blue"))
        server.emit_preview(b"what nobody knows", kind=9)
        server.finish(prompt_id)

    recorder = Recorder()
    ComfyGenerator(tmp_path, start(job).url, timeouts=QUICK).generate(REQUEST, NOTES, recorder)
    assert [progress for progress in recorder if progress.preview] == [Progress("sampler", 1, 2, png("blue"))]


def test_files_that_are_there_are_not_overwritten(start: Any, tmp_path: Path) -> None:
    server = start()
    assert [render(server, tmp_path / "new")[0].path.name for _ in range(2)] == ["0001-001.png", "0001-002.png"]


def test_without_the_websocket_the_history_is_asked(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    server.answers["ws"] = (404, b"")
    assert len(render(server, tmp_path)) == 1
    for name in ("websockets", "websockets.exceptions", "websockets.sync.client"):
        monkeypatch.setitem(sys.modules, name, None)  # the package is not installed
    del server.answers["ws"]
    assert len(render(server, tmp_path)) == 1
    assert server.calls.count("GET /ws") == 1


def test_names_are_found_in_folders_and_in_any_case(start: Any, tmp_path: Path) -> None:
    server = start()
    request = REQUEST.replacing(
        positive="a fox<lora:INK:0.5>", loras=(LoraUse("Mist"),), checkpoint="base", sampler="Euler"
    )
    (image,) = render(server, tmp_path, request)
    graph = server.bodies[0]["prompt"]
    names = [node["inputs"]["lora_name"] for node in graph.values() if node["class_type"] == "LoraLoader"]
    assert names == ["mist.safetensors", "style/ink.safetensors"]
    assert (image.request.checkpoint, image.request.sampler) == ("xl/base.safetensors", "euler")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sampler": "eulr"}, """KSampler "sampler" (node 5), input sampler_name: 'eulr' is not in the list; """),
        ({"sampler": "eulr"}, "did you mean 'euler'?"),
        ({"scheduler": "what"}, "input scheduler: 'what' is not in the list; there are 'normal', 'karras'."),
        ({"checkpoint": "sd14"}, "input ckpt_name: 'sd14.safetensors' is not in the list; did you mean 'sd15.safet"),
        ({"loras": (LoraUse("inc"),)}, "'inc.safetensors' is not in the list; did you mean 'style/ink.safetensors'?"),
        ({"extra": {"inputs": {"nowhere.text": 1}}}, '"nowhere.text" names no node of the graph'),
    ],
)  # fmt: skip
def test_names_that_the_server_has_not_are_refused_before_sending(
    start: Any, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    server = start()
    with pytest.raises(RequestRefused) as caught:
        render(server, tmp_path, REQUEST.replacing(**changes))
    assert problem in caught.value.problems[0]
    assert problem in str(caught.value)
    assert server.bodies == []


def test_a_model_that_was_added_since_is_found(start: Any, tmp_path: Path) -> None:
    server = start()
    generator = ComfyGenerator(tmp_path, server.url, timeouts=QUICK)
    generator.generate(REQUEST, NOTES, Recorder())
    server.info["LoraLoader"]["input"]["required"]["lora_name"][0].append("new.safetensors")
    generator.generate(REQUEST.replacing(loras=(LoraUse("new"),)), NOTES, Recorder())
    assert server.calls.count("GET /object_info") == 2


def test_a_name_in_two_folders_must_be_told_apart(start: Any, tmp_path: Path) -> None:
    server = start()
    server.info["LoraLoader"]["input"]["required"]["lora_name"][0] = ["a/ink.safetensors", "b\\ink.safetensors"]
    with pytest.raises(RequestRefused, match=r"may be 'a/ink.safetensors', 'b.*ink.safetensors': name its folder too"):
        render(server, tmp_path, REQUEST.replacing(loras=(LoraUse("ink"),)))
    render(server, tmp_path, REQUEST.replacing(loras=(LoraUse("B/Ink"),)))
    assert "b\\\\ink.safetensors" in json.dumps(server.bodies[0]["prompt"])


def test_a_server_without_checkpoints_says_so(start: Any, tmp_path: Path) -> None:
    server = start()
    server.info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0] = []
    with pytest.raises(RequestRefused, match="input ckpt_name: the server has no file to choose from"):
        render(server, tmp_path)


def node_error(message: str, details: str, name: str) -> dict[str, Any]:
    return {"type": "some_type", "message": message, "details": details, "extra_info": {"input_name": name}}


NODE_ERRORS = {
    "error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation", "details": ""},
    "node_errors": {
        "5": {
            "class_type": "KSampler",
            "dependent_outputs": ["7"],
            "errors": [
                node_error("Value 999 bigger than max of 100", "cfg", "cfg"),
                node_error("Return type mismatch", "x", "model"),
            ],
        }
    },
}


def test_what_the_server_refuses_is_told_by_node_and_input(start: Any, tmp_path: Path) -> None:
    server = start()
    server.answers["prompt"] = (400, json.dumps(NODE_ERRORS).encode())
    with pytest.raises(RequestRefused) as caught:
        render(server, tmp_path)
    assert caught.value.problems == (
        'KSampler "sampler" (node 5), input cfg: Value 999 bigger than max of 100 (cfg).',
        'KSampler "sampler" (node 5), link to model: Return type mismatch (x).',
    )
    server.answers["prompt"] = (
        400,
        json.dumps({"error": {"message": "Prompt has no outputs", "details": ""}}).encode(),
    )
    with pytest.raises(RequestRefused, match="Prompt has no outputs"):
        render(server, tmp_path)


def test_an_unknown_class_is_named(start: Any, tmp_path: Path) -> None:
    graph = text_to_image_graph(REQUEST)
    graph["90"] = {"class_type": "FancySave", "inputs": {}}
    graph["91"] = {"class_type": "KSamplr", "inputs": {}}
    server = start()
    del server.info["VAEDecode"]
    with pytest.raises(RequestRefused) as caught:
        render(server, tmp_path, graph=graph)
    assert [problem.split(": ")[1] for problem in caught.value.problems] == [
        "this ComfyUI is too old to have VAEDecode; update it.",
        "this ComfyUI has no FancySave; a custom node pack is missing or failed to load.",
        "this ComfyUI has no KSamplr; did you mean KSampler?",
    ]


def test_a_failure_in_the_middle_keeps_what_was_finished(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        server.save(prompt_id, "one.png", "two.png")
        server.fail(prompt_id, exception_type="torch.OutOfMemoryError", exception_message="no room\n")

    with pytest.raises(RenderFailed) as caught:
        render(start(job), tmp_path)
    expected = 'ComfyUI failed in KSampler "sampler" (node 5): OutOfMemoryError: no room Try a smaller size or batch.'
    assert str(caught.value) == expected
    assert [image.path.name for image in caught.value.images] == ["0001-001.png", "0001-002.png"]
    assert all(image.path.exists() for image in caught.value.images)


def test_images_that_earlier_jobs_left_in_the_history_are_not_taken(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        for name in ("old.png", "new.png"):
            server.files[name] = png()
        ref = {"subfolder": "", "type": "output"}
        server.end(prompt_id, [["execution_error", {"node_id": "5", "executed": ["8"], "exception_message": "x"}]])
        server.history[prompt_id]["outputs"] = {
            "7": {"images": [{"filename": "old.png", **ref}]},
            "8": {"images": [{"filename": "new.png", **ref}]},
        }

    server = start(job)
    server.answers["ws"] = (404, b"")
    with pytest.raises(RenderFailed) as caught:
        render(server, tmp_path)
    assert len(caught.value.images) == 1
    assert "GET /view" in server.calls


def test_an_interrupt_from_elsewhere_is_told(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        server.fail(prompt_id, "execution_interrupted")

    with pytest.raises(Interrupted, match=r'stopped at KSampler "sampler" \(node 5\)'):
        render(start(job), tmp_path)


def until_cancelled(server: StandIn, prompt_id: str) -> None:
    server.save(prompt_id, "one.png")
    server.emit("progress", prompt_id, node=server.node("KSampler"), value=1, max=2)
    assert server.cancelled.wait(10)
    server.fail(prompt_id, "execution_interrupted")


def test_cancelling_from_another_thread_interrupts(start: Any, tmp_path: Path) -> None:
    server = start(until_cancelled)
    generator = ComfyGenerator(tmp_path, server.url, timeouts=QUICK)

    def on_progress(progress: Progress) -> None:
        if progress.step:
            threading.Thread(target=generator.cancel).start()

    with pytest.raises(Interrupted) as caught:
        generator.generate(REQUEST, NOTES, on_progress)
    assert len(caught.value.images) == 1
    assert "POST /interrupt" in server.calls


def test_a_job_that_waits_is_taken_out_of_the_queue(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        server.running.remove(prompt_id)
        server.running.append("somebody else's")
        server.pending.append(prompt_id)

    server = start(job)
    generator = ComfyGenerator(tmp_path, server.url, timeouts=QUICK)
    recorder = Recorder()

    def on_progress(progress: Progress) -> None:
        recorder(progress)
        if "behind 1" in progress.what:
            generator.cancel()

    with pytest.raises(Interrupted, match="before it began"):
        generator.generate(REQUEST, NOTES, on_progress)
    assert "POST /interrupt" not in server.calls  # or it would stop the other one
    assert recorder[-1].what == "waiting in ComfyUI's queue behind 1"


def test_a_caller_that_gives_up_stops_the_server_too(start: Any, tmp_path: Path) -> None:
    server = start(until_cancelled)

    def on_progress(progress: Progress) -> None:
        if progress.step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ComfyGenerator(tmp_path, server.url, timeouts=QUICK).generate(REQUEST, NOTES, on_progress)
    assert "POST /interrupt" in server.calls


def test_a_job_that_takes_too_long_is_stopped(start: Any, tmp_path: Path) -> None:
    server = start(until_cancelled)
    with pytest.raises(RenderFailed, match=r"not done after 0\.3 seconds") as caught:
        render(server, tmp_path, timeouts=Timeouts(check=0.05, job=0.3))
    assert len(caught.value.images) == 1
    assert "POST /interrupt" in server.calls


def test_a_broken_socket_is_opened_again_in_mid_job(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        server.cut_sockets()
        for _ in range(200):
            if server.sockets:
                break
            time.sleep(0.02)
        server.finish(prompt_id)

    server = start(job)
    recorder = Recorder()
    ComfyGenerator(tmp_path, server.url, timeouts=QUICK).generate(REQUEST, NOTES, recorder)
    assert server.calls.count("GET /ws") >= 2  # more, where a slow machine lets one time out
    assert Progress("sampler", 2, 2) in recorder


def test_a_server_that_dies_is_given_up_and_finished_images_are_kept(start: Any, tmp_path: Path) -> None:
    died = threading.Event()

    def job(server: StandIn, prompt_id: str) -> None:
        server.save(prompt_id, "one.png")
        while "GET /view" not in server.calls:
            time.sleep(0.02)
        time.sleep(0.1)
        threading.Thread(target=lambda: (server.stop(), died.set())).start()

    server = StandIn(job)
    with pytest.raises(GeneratorUnreachable, match=r"does not answer.*Start ComfyUI, or give the address") as caught:
        render(server, tmp_path)
    assert died.wait(10)
    server.join()
    assert len(caught.value.images) == 1


def test_a_server_that_was_restarted_has_lost_the_job(start: Any, tmp_path: Path) -> None:
    def forget(server: StandIn, prompt_id: str) -> None:
        server.save(prompt_id, "one.png")
        while "GET /view" not in server.calls:
            time.sleep(0.02)
        server.running.clear()
        server.cut_sockets()

    with pytest.raises(RenderFailed, match="no longer knows this job: it was restarted") as caught:
        render(start(forget), tmp_path)
    assert len(caught.value.images) == 1


def test_a_slow_server_is_waited_for(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        time.sleep(0.8)  # longer than `gone`: the queue still says that it works
        server.finish(prompt_id)

    assert len(render(start(job), tmp_path)) == 1


def test_a_preview_counts_where_nothing_is_saved(start: Any, tmp_path: Path) -> None:
    graph = text_to_image_graph(REQUEST)
    save = next(key for key, node in graph.items() if node["class_type"] == "SaveImage")
    graph[save] = {"class_type": "PreviewImage", "inputs": {"images": graph[save]["inputs"]["images"]}}

    def job(server: StandIn, prompt_id: str) -> None:
        server.save(prompt_id, "t.png", kind="temp", node="PreviewImage")
        server.end(prompt_id)
        server.emit("execution_success", prompt_id)

    assert len(render(start(job), tmp_path, graph=graph)) == 1


def test_a_job_without_images_says_why(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        server.end(prompt_id)

    with pytest.raises(RenderFailed, match="finished without an image: its graph saves and previews no image"):
        render(start(job), tmp_path)


def test_an_image_that_is_gone_from_the_server_is_told(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        server.save(prompt_id, "one.png")
        server.files.clear()
        server.end(prompt_id)

    server = start(job)
    server.answers["ws"] = (404, b"")
    with pytest.raises(RenderFailed, match=r"no longer has the image one\.png"):
        render(server, tmp_path)


def test_the_images_of_a_batch_know_their_place(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        server.save(prompt_id, "one.png", "two.png")
        server.end(prompt_id)

    images = render(start(job), tmp_path, REQUEST.replacing(batch_size=2))
    assert [image.request.extra for image in images] == [{"batch_index": 0}, {"batch_index": 1}]
    assert [read_image(image.path).request for image in images] == [image.request for image in images]


def test_a_graph_of_ones_own_is_bound_and_its_settings_are_reported(start: Any, tmp_path: Path) -> None:
    server = start()
    own = text_to_image_graph(GenerationRequest("mine", "my negative", steps=33, cfg=2.5, checkpoint="base"))
    for node in own.values():
        del node["_meta"]
    (image,) = render(server, tmp_path, GenerationRequest("a fox", seed=7, width=64), graph=own)
    assert image.request == GenerationRequest(
        "a fox", seed=7, width=64, steps=33, cfg=2.5, checkpoint="xl/base.safetensors"
    )
    assert "my negative" in json.dumps(server.bodies[0]["prompt"])


def test_a_canvas_workflow_of_ones_own_is_converted(start: Any, tmp_path: Path) -> None:
    server = start()
    render(server, tmp_path, graph=workflow_from_graph(text_to_image_graph(REQUEST.replacing(positive="mine"))))
    assert server.bodies[0]["prompt"] == text_to_image_graph(REQUEST.replacing(checkpoint="sd15.safetensors"))


def test_a_graph_without_a_place_for_what_is_asked_is_refused(start: Any, tmp_path: Path) -> None:
    graph = {"1": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}, "_meta": {"title": "positive"}}}
    with pytest.raises(RequestRefused, match="no place for what the request sets: seed, steps"):
        render(start(), tmp_path, graph=graph)


def test_input_images_are_uploaded(start: Any, tmp_path: Path) -> None:
    server = start()
    own = text_to_image_graph(REQUEST)
    own["80"] = {"class_type": "LoadImage", "inputs": {"image": "x.png"}, "_meta": {"title": "pose"}}
    picture = tmp_path / 'my "pose".png'
    picture.write_bytes(png())
    render(server, tmp_path, REQUEST.replacing(extra={"images": {"pose.image": str(picture)}}), graph=own)
    assert server.bodies[0]["prompt"]["80"]["inputs"]["image"] == "orchestrator/my _pose_.png"
    assert png() in server.files["my _pose_.png"]


def test_a_file_that_has_no_place_for_texts_is_kept_as_it_is(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        server.save(prompt_id, "film.gif")
        server.files["film.gif"] = b"GIF89a..."
        server.end(prompt_id)

    server = start(job)
    server.answers["ws"] = (404, b"")
    (image,) = render(server, tmp_path)
    assert (image.path.suffix, image.path.read_bytes()) == (".gif", b"GIF89a...")


def test_a_jpeg_gets_at_least_its_parameters(start: Any, tmp_path: Path) -> None:
    picture = tmp_path / "x.jpg"
    Image.new("RGB", (8, 8)).save(picture)

    def job(server: StandIn, prompt_id: str) -> None:
        server.save(prompt_id, "x.jpg")
        server.files["x.jpg"] = picture.read_bytes()
        server.end(prompt_id)

    server = start(job)
    server.answers["ws"] = (404, b"")
    request = REQUEST.replacing(positive=" ".join(["fox"] * 6000))
    (image,) = render(server, tmp_path, request)
    found = read_image(image.path)
    same = found.request == request.replacing(checkpoint="sd15.safetensors")
    assert (same, found.workflow) == (True, None)


def test_a_folder_that_cannot_be_written_is_told(start: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RenderFailed, match=r"The image cannot be saved in .*file: "):
        render(start(), tmp_path / "file")


@pytest.mark.parametrize(
    ("path", "answer", "message"),
    [
        ("object_info", (200, b"<html>a router</html>"), "answered something that is no JSON: '<html>a router</html>'"),
        ("object_info", (200, b"[]"), "does not do so as ComfyUI"),
        ("object_info", (404, b""), "answered 404.*Is this the right address and port"),
        ("object_info", (302, b""), "answered 302"),
        ("object_info", (403, b""), "wants a login"),
        ("prompt", (200, b"{}"), "no prompt_id"),
        ("prompt", (400, b"<html>"), "does not do so as ComfyUI"),
        ("prompt", (500, b"oops"), "answered 500"),
        ("history", (200, b"nonsense"), "no JSON"),
        ("queue", (500, b""), "answered 500"),
    ],
)
def test_garbage_is_an_error_with_the_address(
    start: Any, tmp_path: Path, path: str, answer: tuple[int, bytes], message: str
) -> None:
    server = start(lambda server, prompt_id: None)
    server.answers[path] = answer
    with pytest.raises(GeneratorUnreachable, match=message) as caught:
        render(server, tmp_path)
    assert server.url in str(caught.value)


def test_answers_of_odd_shape_do_not_upset_it(start: Any, tmp_path: Path) -> None:
    def job(server: StandIn, prompt_id: str) -> None:
        for connection in server.sockets:
            for text in (b"nonsense", b"[]", b'{"type": 3}', b'{"type": "executed", "data": {"prompt_id": "x"}}'):
                connection.send(text)
        server.emit("executed", prompt_id, node=None, output={"images": [3, {"filename": 4}]})
        server.emit("progress", prompt_id, node="99", value="x", max=None)
        server.finish(prompt_id)

    assert len(render(start(job), tmp_path)) == 1


def test_a_port_where_nothing_listens(start: Any, tmp_path: Path) -> None:
    server = start()
    url = server.url
    server.stop()
    with pytest.raises(GeneratorUnreachable, match=f"{url} does not answer: nothing listens there. Start ComfyUI"):
        ComfyGenerator(tmp_path, url).generate(REQUEST, NOTES, Recorder())


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://a:port", "", "file:///etc/passwd"])
def test_an_address_that_is_none_is_a_setting_to_mend(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no address of a server"):
        ComfyGenerator(tmp_path, url)
