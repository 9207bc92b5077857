from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import GeneratorUnreachable, Interrupted, RenderFailed, RequestRefused
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.generators.embedded import EmbeddedGenerator
from orchestrator_core.generators.embedded_call import images_of, plain, problems_of
from orchestrator_core.generators.embedded_loading import Place, check
from orchestrator_core.generators.embedded_loras import find_loras, lora_files
from orchestrator_core.generators.embedded_sampling import offered
from orchestrator_core.generators.pixel_codec import patch_of
from orchestrator_core.prompt import MAX_SEED, LoraUse
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, Progress
from tests.core.generators.tiny_pipeline import save_tiny_lora, save_tiny_pipeline

REQUEST = GenerationRequest("a fox", "bad", seed=7, steps=2, width=32, height=32)
NOTES = ImageNotes("0001", template="a {fox|owl}", negative_template="bad")
FLOW = {"_class_name": "DPMSolverMultistepScheduler", "use_flow_sigmas": True}
PLAIN = {"_class_name": "PNDMScheduler"}

# what plainly cannot be


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GeneratorUnreachable, match=r"There is no folder .*nowhere\. Name one"):
        EmbeddedGenerator(tmp_path, str(tmp_path / "nowhere")).connect()


def test_a_checkpoint_file_is_told_how_to_become_a_folder(tmp_path: Path) -> None:
    (tmp_path / "sd15.safetensors").write_bytes(b"")
    with pytest.raises(GeneratorUnreachable, match=r"sd15.safetensors is a file; .*save_pretrained"):
        check(Place(str(tmp_path / "sd15.safetensors")))


@pytest.mark.parametrize(
    ("text", "said"), [(None, "it has no model_index.json"), ("{", "cannot be read"), ("[]", "no")]
)
def test_a_folder_without_a_readable_index_is_no_pipeline(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "model_index.json").write_text(text, "utf-8")
    with pytest.raises(GeneratorUnreachable, match=said):
        check(Place(str(tmp_path)))


def test_what_is_not_installed_is_said_with_the_line_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}", "utf-8")
    with pytest.raises(GeneratorUnreachable, match="peft must be installed: pip install diffusers peft"):
        check(Place(str(tmp_path)), lambda package: package != "peft")


def test_two_words_with_a_slash_are_of_the_hub_unless_such_a_folder_is_there(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert Place("owner/name").folder is None
    assert Place("owner/name/more").folder == Path("owner/name/more")
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert Place("owner/name").folder == Path("owner/name")
    assert Place("owner/name").name == "name"


# a request


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sampler": "eular"}, "sampler: 'eular' is not in the list; did you mean 'euler'?"),
        ({"checkpoint": "other"}, "checkpoint: there is 'tiny' alone, and not 'other'."),
        ({"vae": "x.pt"}, "VAE: the pipeline has its own; 'x.pt' cannot take its place."),
        ({"denoise": 0.5}, "denoise: all of an image is painted here; leave it at 1."),
        ({"width": 50}, "width: 50 is no multiple of 8; the nearest below is 48."),
        ({"extra": {"inputs": {}}}, "inputs: a pipeline of diffusers has no such thing."),
    ],
)
def test_what_a_pipeline_cannot_do_is_said_by_name(changes: dict[str, Any], problem: str) -> None:
    assert problems_of(REQUEST.replacing(**changes), "tiny", PLAIN) == (problem,)


def test_a_request_that_names_the_pipeline_as_a_file_is_taken(tmp_path: Path) -> None:
    named = REQUEST.replacing(checkpoint="Tiny.safetensors", sampler="DPM++ 2M", scheduler="Karras")
    assert problems_of(named, "tiny", PLAIN) == ()


def test_a_model_of_straight_noise_has_only_the_samplers_that_know_of_it() -> None:
    assert offered(FLOW) == (("euler", "dpmpp_2m", "dpmpp_2m_sde", "uni_pc"), ("normal",))
    assert offered({"_class_name": "FlowMatchEulerDiscreteScheduler"}) == (("euler",), ("normal",))
    assert "dpm_2" in offered(PLAIN)[0]


def test_each_image_of_a_batch_has_a_request_that_renders_it_alone() -> None:
    batch = REQUEST.replacing(batch_size=2, seed=MAX_SEED)
    assert [image.seed for image in images_of(batch, "tiny")] == [MAX_SEED, 0]
    (one,) = images_of(batch.replacing(extra={"batch_index": 1}), "tiny")
    assert (one.seed, one.batch_size, one.extra, one.checkpoint) == (0, 1, {}, "tiny")


def test_weights_and_breaks_are_no_words() -> None:
    assert plain(r"((red:1.2) fox) BREAK snow, \(1990\)") == "red fox, snow, (1990)"


@given(st.text(alphabet="ab ,:.1()[]\\", max_size=40))
def test_any_prompt_becomes_plain_without_losing_letters(text: str) -> None:
    assert [c for c in plain(text) if c in "ab"] == [c for c in text if c in "ab"]


def test_a_lora_is_found_by_any_of_its_names_and_counts_as_often_as_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "Ink.safetensors").write_bytes(b"")
    files = lora_files([tmp_path])
    uses = (LoraUse("ink", 0.5, 0.25), LoraUse("styles/Ink.safetensors", 1.0, 1.0), LoraUse("inc"))
    found, problems = find_loras(uses, files)
    assert found == {tmp_path / "styles" / "Ink.safetensors": LoraUse("styles/Ink.safetensors", 1.5, 1.25)}
    assert problems == ["LoRA: 'inc.safetensors' is not in the list; did you mean 'styles/Ink.safetensors'?"]


def test_channels_are_blocks_of_pixels_or_not() -> None:
    assert [patch_of(channels) for channels in (3, 48, 4, 16, 0, 24)] == [1, 4, 0, 0, 0, 0]


# a real pipeline


real = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers with numpy 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("diffusers")
    pytest.importorskip("peft")
    found = tmp_path_factory.mktemp("models") / "tiny"
    save_tiny_pipeline(found)
    save_tiny_lora(found, found.parent / "loras" / "ink.safetensors")
    (found.parent / "loras" / "broken.safetensors").write_bytes(b"no LoRA")
    return found


@pytest.fixture(scope="module")
def opened(folder: Path) -> EmbeddedGenerator:
    return EmbeddedGenerator(folder, str(folder))


@pytest.fixture
def generator(opened: EmbeddedGenerator, tmp_path: Path) -> Iterator[EmbeddedGenerator]:
    opened.output_folder = tmp_path / "out"
    yield opened


def pixels(image: GeneratedImage) -> bytes:
    from PIL import Image

    return Image.open(image.path).convert("RGB").tobytes()


def ignore(progress: Progress) -> None:
    pass


@real
def test_images_are_saved_with_what_made_them_and_each_can_be_had_again_alone(generator: EmbeddedGenerator) -> None:
    seen: list[Progress] = []
    first, second = generator.generate(REQUEST.replacing(batch_size=2), NOTES, seen.append)
    assert [image.path.name for image in (first, second)] == ["0001-001.png", "0001-002.png"]
    found = read_image(second.path)
    assert (found.request, found.notes) == (REQUEST.replacing(seed=8, checkpoint="tiny"), NOTES)
    assert json.loads(found.texts["orchestrator"])["run_id"] == "0001"
    assert seen[-2:] == [Progress("sampling", 1, 2), Progress("sampling", 2, 2)]
    (again,) = generator.generate(second.request, NOTES, ignore)
    assert pixels(again) == pixels(second) != pixels(first)


@real
def test_a_lora_changes_an_image_by_its_strength_and_is_gone_afterwards(generator: EmbeddedGenerator) -> None:
    def rendered(positive: str, *loras: LoraUse) -> bytes:
        return pixels(generator.generate(REQUEST.replacing(positive=positive, loras=loras), NOTES, ignore)[0])

    without = rendered("a fox")
    full = rendered("a fox", LoraUse("ink"))
    assert full != without
    assert rendered("a fox <lora:ink:1>") == full
    assert rendered("a fox", LoraUse("ink", 0.5)) not in (without, full)
    assert rendered("a fox", LoraUse("ink", 0.0)) == without
    assert rendered("a fox") == without


@real
def test_what_is_no_lora_fails_and_the_next_request_is_rendered(generator: EmbeddedGenerator) -> None:
    with pytest.raises(RenderFailed, match=r"broken.safetensors is no LoRA that fits this model"):
        generator.generate(REQUEST.replacing(loras=(LoraUse("broken"),)), NOTES, ignore)
    assert len(generator.generate(REQUEST, NOTES, ignore)) == 1


@real
def test_a_request_is_refused_with_all_that_is_wrong_before_anything_is_rendered(generator: EmbeddedGenerator) -> None:
    with pytest.raises(RequestRefused, match="The pipeline tiny refuses the request:\n- sampler") as caught:
        generator.generate(REQUEST.replacing(sampler="x", loras=(LoraUse("y"),)), NOTES, ignore)
    assert len(caught.value.problems) == 2
    assert not generator.output_folder.exists()


@real
def test_a_rendering_is_stopped_between_two_steps(generator: EmbeddedGenerator) -> None:
    steps: list[int] = []

    def stop(progress: Progress) -> None:
        steps.append(progress.step)
        if progress.step == 2:
            thread = threading.Thread(target=generator.cancel)
            thread.start()
            thread.join()

    with pytest.raises(Interrupted, match="stopped"):
        generator.generate(REQUEST.replacing(steps=20), NOTES, stop)
    assert max(steps) == 2
    assert len(generator.generate(REQUEST, NOTES, ignore)) == 1


@real
@pytest.mark.parametrize("sampler", ["euler_ancestral", "dpmpp_2m", "dpmpp_2m_sde", "ddim", "uni_pc", "heun", "lcm"])
def test_samplers_are_those_of_diffusers(generator: EmbeddedGenerator, sampler: str) -> None:
    other = generator.generate(REQUEST.replacing(sampler=sampler, steps=3), NOTES, ignore)
    assert pixels(other[0]) != pixels(generator.generate(REQUEST.replacing(steps=3), NOTES, ignore)[0])


@real
def test_a_scheduler_changes_the_image_or_is_refused_where_a_sampler_has_it_not(generator: EmbeddedGenerator) -> None:
    usual = generator.generate(REQUEST.replacing(steps=4), NOTES, ignore)[0]
    karras = generator.generate(REQUEST.replacing(steps=4, scheduler="karras"), NOTES, ignore)[0]
    assert pixels(usual) != pixels(karras)
    with pytest.raises(RenderFailed, match="DDIMScheduler has no use_karras_sigmas"):
        generator.generate(REQUEST.replacing(sampler="ddim", scheduler="karras"), NOTES, ignore)


def test_a_model_of_the_hub_that_is_not_on_this_disk_is_not_downloaded(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    pytest.importorskip("peft")
    with pytest.raises(GeneratorUnreachable, match="run: hf download owner/no-such-model"):
        EmbeddedGenerator(tmp_path, "owner/no-such-model").generate(REQUEST, NOTES, ignore)
