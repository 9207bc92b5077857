"""Against a real Forge: what the stand-in of the unit tests only claims."""

from __future__ import annotations

import io
import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from orchestrator_app.cli import main
from orchestrator_core.errors import GeneratorError, Interrupted, RenderFailed, RequestRefused
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.formats.sampler_names import sampler_label
from orchestrator_core.generators.forge_http import ForgeGenerator
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, Progress
from tests.hosts.forge import CHECKPOINT, Forge

pytestmark = [pytest.mark.host, pytest.mark.slow]

REQUEST = GenerationRequest("a red fox", "blurry", seed=1, steps=2, width=64, height=64)
NOTES = ImageNotes("0001", template="a {red|blue} fox, standing", prompt_seed=1)
CLIP_SKIP = "CLIP_stop_at_last_layers"


class Recorder(list[Progress]):
    def __call__(self, progress: Progress) -> None:
        self.append(progress)


@pytest.fixture
def generator(forge: Forge, tmp_path: Path) -> ForgeGenerator:
    return ForgeGenerator(tmp_path, forge.url)


def render(generator: ForgeGenerator, request: GenerationRequest, notes: ImageNotes = NOTES) -> GeneratedImage:
    (image,) = generator.generate(request, notes, Recorder())
    return image


def pixels(image: GeneratedImage) -> bytes:
    with Image.open(io.BytesIO(image.path.read_bytes())) as picture:
        return picture.tobytes()


def test_four_requests_give_four_images_with_metadata(generator: ForgeGenerator, forge: Forge) -> None:
    before = set(forge.images.rglob("*.png"))  # of other tests
    images = []
    for number, color in enumerate(("red", "blue", "green", "ochre")):
        notes = ImageNotes(f"000{number}", template="a {red|blue|green|ochre} fox, 狐", prompt_seed=number)
        request = REQUEST.replacing(positive=f"a {color} fox, 狐", seed=number, sampler="dpmpp_2m", scheduler="karras")
        images.append(render(generator, request, notes))
        found = read_image(images[-1].path)
        assert found.request == images[-1].request == request.replacing(checkpoint=CHECKPOINT)
        assert (found.notes, found.software, found.width, found.problems) == (notes, "Orchestrator", 64, ())
    assert len({pixels(image) for image in images}) == 4
    assert set(forge.images.rglob("*.png")) == before  # they are saved here, and not there too


def test_forges_own_reader_reads_what_we_complete(generator: ForgeGenerator, forge: Forge) -> None:
    from base64 import b64encode

    image = render(generator, REQUEST.replacing(clip_skip=3))
    answer = forge.post("/sdapi/v1/png-info", {"image": b64encode(image.path.read_bytes()).decode()})
    read = answer["parameters"]
    assert (read["Prompt"], read["Negative prompt"]) == ("a red fox", "blurry")
    assert (read["Steps"], read["Sampler"], read["Schedule type"], read["Seed"]) == ("2", "Euler", "Normal", "1")
    assert read["Template"] == NOTES.template
    assert read.get("Clip skip", "3") == "3"  # the reader of a Forge Neo drops it
    assert json.loads(read["Orchestrator"])["run_id"] == "0001"


def test_the_same_request_gives_the_same_pixels(generator: ForgeGenerator) -> None:
    first = render(generator, REQUEST)
    render(generator, REQUEST.replacing(positive="an owl"))
    assert pixels(render(generator, REQUEST)) == pixels(first)


def test_one_image_of_a_batch_can_be_rendered_again(generator: ForgeGenerator) -> None:
    batch = generator.generate(REQUEST.replacing(batch_size=3), NOTES, Recorder())
    assert [image.request.seed for image in batch] == [1, 2, 3]
    assert len({pixels(image) for image in batch}) == 3
    again = pixels(render(generator, batch[2].request))
    # The processor adds up a batch in another order, so the last bits of a colour may differ.
    assert max(abs(a - b) for a, b in zip(again, pixels(batch[2]), strict=True)) <= 3


def test_loras_change_the_image_by_tag_or_by_name(generator: ForgeGenerator) -> None:
    plain = pixels(render(generator, REQUEST))
    ink = render(generator, REQUEST.replacing(loras=(LoraUse("styles/tiny_ink.safetensors", 0.8, 0.8),)))
    tagged = render(generator, REQUEST.replacing(positive="a red fox <lora:TINY_INK:0.8>"))
    fox = render(generator, REQUEST.replacing(loras=(LoraUse("tiny_fox", 0.8, 0.8),)))
    assert pixels(ink) == pixels(tagged)
    assert len({plain, pixels(ink), pixels(fox)}) == 3
    assert "<lora:tiny_ink:0.8>" in read_image(ink.path).texts["parameters"]


def test_what_the_server_offers_is_told_and_what_it_has_not_is_refused(generator: ForgeGenerator) -> None:
    choices = generator.choices()
    assert CHECKPOINT in choices.checkpoints
    assert {"euler", "dpmpp_2m", "uni_pc"} <= set(choices.samplers)
    assert {"normal", "karras", "ddim_uniform"} <= set(choices.schedulers)
    wrong = REQUEST.replacing(
        sampler="eulr", loras=(LoraUse("tiny_inc"),), extra={"inputs": {"txt2img.enable_hires": True}}
    )
    with pytest.raises(RequestRefused) as caught:
        generator.generate(wrong, NOTES, Recorder())
    assert caught.value.problems == (
        "sampler: 'eulr' is not in the list; did you mean 'euler'?",
        "LoRA: 'tiny_inc.safetensors' is not in the list; did you mean 'tiny_ink.safetensors'?",
        "txt2img.enable_hires: 'enable_hires' is not in the list; did you mean 'enable_hr'?",
    )


def test_every_sampler_that_is_offered_is_the_one_that_samples(generator: ForgeGenerator) -> None:
    for sampler in generator.choices().samplers:
        image = render(generator, REQUEST.replacing(sampler=sampler, steps=3, scheduler="karras"))
        assert image.request.sampler == sampler
        assert f"Sampler: {sampler_label(sampler)}," in read_image(image.path).texts["parameters"]


def test_a_lora_that_was_added_since_is_found(generator: ForgeGenerator, forge: Forge) -> None:
    generator.connect()
    loras = forge.folder / "models" / "Lora"
    shutil.copy(loras / "tiny_fox.safetensors", loras / "new_fox.safetensors")
    try:
        assert pixels(render(generator, REQUEST.replacing(loras=(LoraUse("new_fox"),)))) != pixels(
            render(generator, REQUEST)
        )
    finally:
        (loras / "new_fox.safetensors").unlink()


def test_the_servers_settings_are_its_own_again(generator: ForgeGenerator, forge: Forge) -> None:
    before = forge.get("/sdapi/v1/options")
    assert before[CLIP_SKIP] in (1, 2)  # as Forge and Forge Neo come
    skipped = render(generator, REQUEST.replacing(clip_skip=3))
    assert "Clip skip: 3, " in read_image(skipped.path).texts["parameters"]  # written by Forge
    assert read_image(skipped.path).request == REQUEST.replacing(clip_skip=3, checkpoint=CHECKPOINT)
    after = forge.get("/sdapi/v1/options")
    assert {name: after[name] for name in before} == before


def test_a_second_pass_is_asked_for_by_the_names_of_the_api(generator: ForgeGenerator, forge: Forge) -> None:
    offered = [
        mode["name"] for kind in ("latent-upscale-modes", "upscalers") for mode in forge.get(f"/sdapi/v1/{kind}")
    ]
    upscaler = next(name for name in offered if name != "None")
    inputs = {"txt2img.enable_hr": True, "txt2img.hr_scale": 2, "txt2img.hr_upscaler": upscaler}
    image = render(generator, REQUEST.replacing(denoise=0.6, extra={"inputs": inputs}))
    found = read_image(image.path)
    assert (found.width, found.height) == (128, 128)
    assert found.infotext is not None
    assert found.infotext.fields["Denoising strength"] == "0.6"


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"txt2img.steps": "many"}, "steps: Input should be a valid integer, unable to parse string as an integer, "),
        ({"txt2img.alwayson_scripts": {"nobody": {}}}, "Script 'nobody' not found"),
    ],
)
def test_what_the_server_itself_refuses_names_the_field(
    generator: ForgeGenerator, inputs: dict[str, Any], problem: str
) -> None:
    with pytest.raises(RequestRefused) as caught:
        generator.generate(REQUEST.replacing(extra={"inputs": inputs}), NOTES, Recorder())
    assert caught.value.problems[0].startswith(problem)


def test_a_rendering_that_fails_is_told_in_the_servers_words(generator: ForgeGenerator) -> None:
    inputs = {"txt2img.enable_hr": True, "txt2img.hr_upscaler": "nobody"}
    with pytest.raises(RenderFailed, match=r"(?i)Forge at .* failed: \w+: could not find upscaler") as caught:
        generator.generate(REQUEST.replacing(denoise=0.6, extra={"inputs": inputs}), NOTES, Recorder())
    assert caught.value.images == ()
    assert render(generator, REQUEST).path.exists()  # the server goes on


def test_progress_comes_with_previews_and_an_interrupt_stops_it(generator: ForgeGenerator) -> None:
    recorder = Recorder()

    def on_progress(progress: Progress) -> None:
        recorder(progress)
        if progress.step > 20:
            threading.Thread(target=generator.cancel).start()

    with pytest.raises(Interrupted) as caught:
        generator.generate(REQUEST.replacing(steps=500), NOTES, on_progress)
    assert caught.value.images == ()
    assert {progress.steps for progress in recorder if progress.step} == {500}
    previews = [progress.preview for progress in recorder if progress.preview]
    with Image.open(io.BytesIO(previews[-1])) as picture:
        assert picture.size[0] > 0
    assert render(generator, REQUEST).path.exists()


def test_a_job_that_waits_is_stopped_when_it_begins_and_the_one_before_it_goes_on(forge: Forge, tmp_path: Path) -> None:
    first, second = (ForgeGenerator(tmp_path / name, forge.url) for name in "ab")
    results: dict[str, Any] = {}
    seen = Recorder()
    runs = threading.Event()

    def run(name: str, generator: ForgeGenerator, steps: int, on_progress: Any) -> None:
        try:
            results[name] = generator.generate(REQUEST.replacing(steps=steps), NOTES, on_progress)
        except GeneratorError as error:
            results[name] = error

    threads = [threading.Thread(target=run, args=("a", first, 40, lambda progress: progress.step and runs.set()))]
    threads[0].start()
    assert runs.wait(60)
    threads.append(threading.Thread(target=run, args=("b", second, 400, seen)))
    threads[1].start()
    end = time.monotonic() + 60
    while not seen and time.monotonic() < end:
        time.sleep(0.05)
    second.cancel()
    for thread in threads:
        thread.join()
    assert seen[0] == Progress("waiting in Forge's queue behind 1")
    assert isinstance(results["b"], Interrupted)
    assert len(results["a"]) == 1


def test_the_command_line_renders_the_example_and_reads_it(
    forge: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--set", "width=64", "--set", "height=64", "--set", "steps=2"]
    assert main(["run", "--server", forge.url, "--seed", "21", *small]) == 0
    folder = Path(capsys.readouterr().out.strip().rpartition(": ")[2])
    rows = json.loads((folder / "prompts.json").read_text("utf-8"))["runs"]
    images = sorted(folder.glob("images/*.png"))
    assert len(rows) == len(images) == 4
    assert main(["read", *map(str, images)]) == 0
    shown = capsys.readouterr().out
    for row in rows:
        for text in (row["positive"], row["negative"], str(row["seed"]), row["run_id"], CHECKPOINT):
            assert text in shown
