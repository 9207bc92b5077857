"""Against a real ComfyUI: what the stand-in of the unit tests only claims."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from orchestrator_core.errors import GeneratorError, Interrupted, RenderFailed, RequestRefused
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.core_nodes import CORE_NODES
from orchestrator_core.formats.image_metadata import read_image, read_image_data
from orchestrator_core.formats.node_definitions import node_definition
from orchestrator_core.generators.comfy_http import ComfyGenerator
from orchestrator_core.generators.comfy_job import Timeouts
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, Progress
from tests.core.jobs.at_work import eventually
from tests.hosts.comfyui import ComfyUI

pytestmark = [pytest.mark.host, pytest.mark.slow]

REQUEST = GenerationRequest("a red fox", "blurry", seed=1, steps=2, width=64, height=64)
NOTES = ImageNotes("0001", template="a {red|blue} fox", prompt_seed=1)
CHECKPOINT = "tiny-sd15.safetensors"


class Recorder(list[Progress]):
    def __call__(self, progress: Progress) -> None:
        self.append(progress)


@pytest.fixture
def generator(comfyui: ComfyUI, tmp_path: Path) -> ComfyGenerator:
    return ComfyGenerator(tmp_path, comfyui.url)


def render(generator: ComfyGenerator, request: GenerationRequest, notes: ImageNotes = NOTES) -> GeneratedImage:
    (image,) = generator.generate(request, notes, Recorder())
    return image


def pixels(image: GeneratedImage) -> bytes:
    with Image.open(io.BytesIO(image.path.read_bytes())) as picture:
        return picture.tobytes()


def test_four_requests_give_four_images_with_metadata(generator: ComfyGenerator, comfyui: ComfyUI) -> None:
    recorder = Recorder()
    images = []
    for number, color in enumerate(("red", "blue", "green", "ochre")):
        notes = ImageNotes(f"000{number}", template="a {red|blue|green|ochre} fox {in the snow|…}", prompt_seed=number)
        request = REQUEST.replacing(positive=f"a {color} fox, 狐", seed=number)
        images += generator.generate(request, notes, recorder)
        found = read_image(images[-1].path)
        assert found.request == request.replacing(checkpoint=CHECKPOINT)
        assert found.notes == notes
        assert (found.software, found.width, found.height, found.problems) == ("Orchestrator", 64, 64, ())
        assert found.graph == text_to_image_graph(found.request)
        assert found.workflow is not None
        assert graph_from_workflow(found.workflow, generator.object_info()) == found.graph
    assert len({pixels(image) for image in images}) == 4
    assert {progress.what for progress in recorder} >= {"positive", "sampler", "decode"}
    assert Progress("sampler", 2, 2) in recorder


def test_the_servers_own_copy_has_workflow_and_notes(generator: ComfyGenerator, comfyui: ComfyUI) -> None:
    image = render(generator, REQUEST.replacing(seed=11), ImageNotes("own"))
    copies = [read_image(path) for path in sorted((comfyui.folder / "output").glob("*.png"))]
    (copy,) = [found for found in copies if found.notes and found.notes.run_id == "own"]
    assert (copy.graph, copy.workflow) == (read_image(image.path).graph, read_image(image.path).workflow)
    assert copy.request == image.request


def test_the_same_request_gives_the_same_pixels(generator: ComfyGenerator) -> None:
    first = render(generator, REQUEST)
    render(generator, REQUEST.replacing(positive="an owl"))
    assert pixels(render(generator, REQUEST)) == pixels(first)
    assert pixels(render(generator, REQUEST)) == pixels(first)  # now from the server's cache


def test_one_image_of_a_batch_can_be_rendered_again(generator: ComfyGenerator) -> None:
    batch = generator.generate(REQUEST.replacing(batch_size=3), NOTES, Recorder())
    assert [image.request.extra for image in batch] == [{"batch_index": number} for number in range(3)]
    assert len({pixels(image) for image in batch}) == 3
    again = pixels(render(generator, batch[2].request))
    # The processor adds up a batch in another order, so the last bit of a colour may differ.
    assert max(abs(a - b) for a, b in zip(again, pixels(batch[2]), strict=True)) <= 3


def test_loras_change_the_image_by_tag_or_by_name(generator: ComfyGenerator) -> None:
    plain = pixels(render(generator, REQUEST))
    ink = render(generator, REQUEST.replacing(loras=(LoraUse("tiny_ink", 0.8, 0.8),)))
    tagged = render(generator, REQUEST.replacing(positive="a red fox<lora:tiny_ink:0.8>"))
    weak = render(generator, REQUEST.replacing(loras=(LoraUse("styles/tiny_ink", 0.2, 0.2),)))
    fox = render(generator, REQUEST.replacing(loras=(LoraUse("tiny_fox", 0.8, 0.8),)))
    assert pixels(ink) == pixels(tagged)
    assert len({plain, pixels(ink), pixels(weak), pixels(fox)}) == 4
    graph = json.dumps(read_image(ink.path).graph)
    assert '"styles/tiny_ink.safetensors"' in graph


def test_clip_skip_and_a_text_that_no_canvas_can_hold_are_rendered(generator: ComfyGenerator) -> None:
    plain = render(generator, REQUEST)
    odd = render(generator, REQUEST.replacing(positive="a fox, see https://example.org \\", clip_skip=2))
    assert pixels(odd) != pixels(plain)
    assert read_image(odd.path).request == odd.request
    assert "CLIPSetLastLayer" in json.dumps(read_image(odd.path).graph)


def test_a_wrong_name_is_refused_with_what_may_be_meant(generator: ComfyGenerator) -> None:
    with pytest.raises(RequestRefused) as caught:
        generator.generate(REQUEST.replacing(sampler="eulr", loras=(LoraUse("tiny_inc"),)), NOTES, Recorder())
    assert caught.value.problems == (
        "LoraLoader \"LoRA 1: tiny_inc\" (node 2), input lora_name: 'tiny_inc.safetensors' is not in the list; "
        "did you mean 'styles/tiny_ink.safetensors'?",
        "KSampler \"sampler\" (node 6), input sampler_name: 'eulr' is not in the list; did you mean 'euler'?",
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"width": 8}, 'EmptyLatentImage "size" (node 4), input width: Value 8 smaller than min of 16 (width).'),
        ({"cfg": 999.0}, 'KSampler "sampler" (node 5), input cfg: Value 999.0 bigger than max of 100.0 (cfg).'),
        (
            {"extra": {"inputs": {"decode.samples": ["1", 0]}}},
            'VAEDecode "decode" (node 6), link to samples: Return type mismatch between linked nodes (samples, '
            "received_type(MODEL) mismatch input_type(LATENT)).",
        ),
    ],
)
def test_what_the_server_itself_refuses_names_node_and_input(
    generator: ComfyGenerator, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(RequestRefused) as caught:
        generator.generate(REQUEST.replacing(**changes), NOTES, Recorder())
    assert caught.value.problems == (problem,)


def test_a_graph_without_an_output_is_refused(comfyui: ComfyUI, tmp_path: Path) -> None:
    own = text_to_image_graph(REQUEST)
    del own["7"]
    with pytest.raises(RequestRefused, match="Prompt has no outputs"):
        ComfyGenerator(tmp_path, comfyui.url, graph=own).generate(REQUEST, NOTES, Recorder())


def test_a_failure_in_a_node_is_told_with_its_place(generator: ComfyGenerator, comfyui: ComfyUI) -> None:
    (comfyui.folder / "models" / "loras" / "broken.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(
        RenderFailed, match=r'ComfyUI failed in LoraLoader "LoRA 1: broken" \(node 2\): \w+: '
    ) as caught:
        generator.generate(REQUEST.replacing(loras=(LoraUse("broken"),)), NOTES, Recorder())
    assert caught.value.images == ()


def test_an_interrupt_stops_the_sampling_and_old_images_are_not_taken(generator: ComfyGenerator) -> None:
    render(generator, REQUEST.replacing(seed=20))  # the server's history keeps naming this image for the same node

    def on_progress(progress: Progress) -> None:
        if progress.what == "sampler" and progress.step == 2:
            threading.Thread(target=generator.cancel).start()

    with pytest.raises(Interrupted, match=r'stopped at KSampler "sampler"') as caught:
        generator.generate(REQUEST.replacing(steps=500, seed=21), NOTES, on_progress)
    assert caught.value.images == ()
    assert render(generator, REQUEST.replacing(seed=22)).path.exists()  # the server goes on


def test_a_job_that_waits_is_taken_out_and_the_running_one_goes_on(comfyui: ComfyUI, tmp_path: Path) -> None:
    first, second = (ComfyGenerator(tmp_path / name, comfyui.url) for name in "ab")
    results: dict[str, Any] = {}

    def run(name: str, generator: ComfyGenerator, steps: int) -> None:
        try:
            results[name] = generator.generate(REQUEST.replacing(steps=steps, seed=33), NOTES, Recorder())
        except GeneratorError as error:
            results[name] = error

    threads = [threading.Thread(target=run, args=("a", first, 150))]
    threads[0].start()
    eventually(lambda: first.api.client.get_json("/queue")["queue_running"])
    threads.append(threading.Thread(target=run, args=("b", second, 2)))
    threads[1].start()
    eventually(lambda: first.api.client.get_json("/queue")["queue_pending"])
    second.cancel()
    for thread in threads:
        thread.join()
    assert isinstance(results["b"], Interrupted)
    assert len(results["a"]) == 1


def test_a_graph_of_ones_own_is_bound_by_titles(comfyui: ComfyUI, tmp_path: Path) -> None:
    own = text_to_image_graph(GenerationRequest("mine", "my negative", steps=3, width=128, checkpoint=CHECKPOINT))
    own["90"] = {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "x"}, "_meta": {"title": "Positive"}}
    own["2"] = {**own["2"], "inputs": {**own["2"]["inputs"], "text": ["90", 0]}, "_meta": {"title": "the encoder"}}
    own["4"]["_meta"]["title"] = "Size"
    own["5"]["_meta"]["title"] = "my sampler"
    own["91"] = {"class_type": "ImageScaleBy", "inputs": {"image": ["6", 0], "upscale_method": "area", "scale_by": 0.5}}
    own["7"]["inputs"]["images"] = ["91", 0]
    image = render(
        ComfyGenerator(tmp_path, comfyui.url, graph=own), GenerationRequest("a fox", seed=4, width=64, height=64)
    )
    assert image.request == GenerationRequest("a fox", "", seed=4, steps=3, width=64, height=64, checkpoint=CHECKPOINT)
    found = read_image(image.path)
    assert (found.width, found.height) == (32, 32)
    assert found.graph and found.graph["90"]["inputs"]["value"] == "a fox"


def test_an_uploaded_image_is_the_start_of_another(generator: ComfyGenerator, comfyui: ComfyUI) -> None:
    first = render(generator, REQUEST)
    own = text_to_image_graph(REQUEST.replacing(checkpoint=CHECKPOINT))
    own["80"] = {"class_type": "LoadImage", "inputs": {"image": "none.png"}, "_meta": {"title": "start"}}
    own["81"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["80", 0], "vae": ["1", 2]}}
    own["5"]["inputs"]["latent_image"] = ["81", 0]
    del own["4"]
    request = REQUEST.replacing(denoise=0.5, width=512, height=512, extra={"images": {"start.image": str(first.path)}})
    painted = render(ComfyGenerator(generator.output_folder, comfyui.url, graph=own), request)
    assert pixels(painted) != pixels(first)
    assert read_image(painted.path).width == 64


def test_our_definitions_of_core_nodes_are_the_servers(generator: ComfyGenerator) -> None:
    info = generator.object_info()
    for name in CORE_NODES:
        ours, theirs = node_definition(name, None), node_definition(name, info)
        assert ours is not None
        assert theirs is not None
        assert [(item.name, item.type, item.extra, item.dynamic_prompts, item.multiline) for item in ours.inputs] == [
            (item.name, item.type, item.extra, item.dynamic_prompts, item.multiline) for item in theirs.inputs
        ]
        assert (ours.outputs, ours.title, ours.module) == (theirs.outputs, theirs.title, theirs.module)


def test_every_class_of_the_server_is_understood(generator: ComfyGenerator) -> None:
    info = generator.object_info()
    graph = {
        str(number): {"class_type": name, "inputs": {}, "_meta": {"title": name}} for number, name in enumerate(info, 1)
    }
    workflow = json.loads(json.dumps(workflow_from_graph(graph, info)))
    assert graph_from_workflow(workflow, info).keys() == graph.keys()


def test_a_server_that_is_killed_and_restarted_in_mid_job(comfyui: ComfyUI, tmp_path: Path) -> None:
    generator = ComfyGenerator(tmp_path, comfyui.url, timeouts=Timeouts(check=0.5, gone=120))

    def on_progress(progress: Progress) -> None:
        if progress.what == "sampler" and progress.step == 2:
            comfyui.kill()
            comfyui.start()

    with pytest.raises(RenderFailed, match="no longer knows this job: it was restarted"):
        generator.generate(REQUEST.replacing(steps=500), NOTES, on_progress)
    assert render(generator, REQUEST).path.exists()


def test_a_preview_is_fetched_where_nothing_is_saved(comfyui: ComfyUI, tmp_path: Path) -> None:
    own = text_to_image_graph(REQUEST)
    own["7"] = {"class_type": "PreviewImage", "inputs": {"images": ["6", 0]}}
    image = render(ComfyGenerator(tmp_path, comfyui.url, graph=own), REQUEST.replacing(seed=44))
    assert read_image_data(image.path.read_bytes()).request == image.request
