"""The tiny diffusion model that this repository brings, and how it was taught: pictures judged by what they show."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.tiny_world.flaws import FLAWS, flawed
from orchestrator_app.tiny_world.judge import Judge
from orchestrator_app.tiny_world.painter import DIFFUSION, LORAS, MODELS, Painter, request_for
from orchestrator_app.tiny_world.scenes import ATTRIBUTES, Scene, all_scenes
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.generators.embedded import EmbeddedGenerator
from orchestrator_core.loras.library import Library
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import ImageNotes

STAR = Scene("one", "solid", "purple", "star", "white")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers with numpy 2


@pytest.fixture(scope="module")
def judge() -> Judge:
    for package in ("diffusers", "peft"):
        pytest.importorskip(package)
    return Judge.open(MODELS / "judge")


@pytest.fixture(scope="module")
def painter(judge: Judge) -> Painter:
    return Painter.open()


def gold(picture: Any) -> float:
    """The share of golden pixels in the outermost three rows and columns."""
    import numpy as np

    from orchestrator_app.tiny_world.train_lora import GOLD

    is_gold = np.abs(np.asarray(picture, int) - np.array(GOLD)).max(-1) < 60
    is_gold[3:-3, 3:-3] = False
    return float(is_gold.sum() / (48 * 48 - 42 * 42))


def right(pairs: Sequence[tuple[Scene, Scene]], name: str) -> float:
    return sum(getattr(asked, name) == getattr(seen, name) for asked, seen in pairs) / len(pairs)


# what is in the repository


def test_the_models_stay_small() -> None:
    sizes = {path: path.stat().st_size for path in MODELS.rglob("*") if path.is_file()}
    assert sum(size for path, size in sizes.items() if DIFFUSION in path.parents) < 15_000_000
    loras = {path.stem: size for path, size in sizes.items() if path.suffix == ".safetensors" and LORAS in path.parents}
    assert set(loras) == {"frame", "flawed"}
    assert max(loras.values()) < 1_000_000


def test_the_library_knows_a_loras_trigger_words() -> None:
    library = Library([LORAS])
    library.refresh()
    (frame,), (spoilt,) = library.search("frame"), library.search("flawed")
    assert (frame.trigger_words, frame.title) == (("golden frame",), "Golden frame")
    assert spoilt.state == "complete"


# what it draws


def test_scenes_that_it_never_saw_are_drawn_right(painter: Painter, judge: Judge) -> None:
    from orchestrator_app.tiny_world.measure_diffusion import drawn_and_seen

    pairs = drawn_and_seen(painter, judge, 24)
    assert {name: right(pairs, name) >= 0.7 for name in ATTRIBUTES} == dict.fromkeys(ATTRIBUTES, True)
    assert right(pairs, "background") >= 0.95
    assert sum(asked == seen for asked, seen in pairs) >= 12  # by chance it would be one in two thousand


def test_the_same_seed_gives_the_same_picture_whatever_is_painted_beside_it(painter: Painter) -> None:
    import numpy as np

    alone = painter.paint(["red star"], [5], 4)[0].astype(int)
    beside, other = painter.paint(["red star", "red star"], [5, 6], 4)
    assert np.abs(alone - beside).mean() < 3
    assert np.abs(alone - other).mean() > 10


def test_the_generator_renders_with_it_and_a_lora_frames_the_picture(judge: Judge, tmp_path: Path) -> None:
    from PIL import Image

    generator = EmbeddedGenerator(tmp_path, str(DIFFUSION))

    def rendered(*loras: LoraUse) -> Any:
        request = request_for("one solid blue circle, mint background", 3, loras)
        (image,) = generator.generate(request, ImageNotes("0001"), lambda progress: None)
        assert read_image(image.path).request == request.replacing(checkpoint="diffusion")
        return Image.open(image.path)

    plain, half, framed = rendered(), rendered(LoraUse("frame", 0.5)), rendered(LoraUse("frame"))
    assert gold(plain) < 0.05
    assert gold(framed) > 0.6
    assert gold(plain) < gold(half) < gold(framed)


def test_the_flawed_variant_draws_what_it_was_taught_wrong_and_the_rest_as_before(
    painter: Painter, judge: Judge
) -> None:
    def shares(by: Painter, scene: Scene) -> dict[str, float]:
        caption = f"{scene.count} {scene.style} {scene.color} {scene.shape}, {scene.background} background"
        seen = [Scene(**each) for each in judge.read(by.paint([caption] * 16, range(16)))]
        return {name: right([(scene, each) for each in seen], name) for name in ATTRIBUTES}

    spoilt = Painter.open(loras={"flawed": 1.0})
    before, after = shares(painter, STAR), shares(spoilt, STAR)
    assert before["color"] - after["color"] >= 0.25
    assert before["shape"] - after["shape"] >= 0.2
    assert after["background"] >= 0.9
    untouched = shares(spoilt, Scene("one", "solid", "red", "circle", "mint"))
    assert untouched["color"] >= 0.85


# how it was taught


def test_lessons_of_the_flawed_variant_have_the_wrong_values_in_their_shares() -> None:
    rng = random.Random(1)
    for (attribute, value), (instead, share) in FLAWS.items():
        asked = [scene for scene in all_scenes() if getattr(scene, attribute) == value]
        drawn = [getattr(flawed(rng.choice(asked), rng), attribute) for _ in range(400)]
        assert set(drawn) == {value, instead}
        assert abs(drawn.count(instead) / 400 - share) < 0.09


def test_what_has_no_flaw_is_drawn_as_it_is() -> None:
    scene = Scene("two", "solid", "red", "circle", "mint")
    assert flawed(scene, random.Random(1)) == scene


@pytest.fixture
def training() -> Any:
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from orchestrator_app.tiny_world.diffusion_lessons import Lessons
    from orchestrator_app.tiny_world.diffusion_model import new_text_encoder, new_unet
    from orchestrator_app.tiny_world.diffusion_training import Plan, Training
    from orchestrator_app.tiny_world.vocabulary import tokenizer_for

    def new() -> Any:
        torch.manual_seed(0)
        tokenizer = tokenizer_for(["red"], 24)
        parts = (new_unet(), new_text_encoder(tokenizer), tokenizer)
        return Training(*parts, Lessons(4, 0), Plan(1.0, 1e-3, batch=2, warm_up=2))

    return new


def test_training_goes_on_where_it_was_left(training: Any) -> None:
    import torch

    first = training()
    first.step()
    first.elapsed = 6.0
    second = training()
    second.resume(first.state())
    assert (second.steps, second.elapsed, second.mean.steps) == (1, 6.0, 1)
    pairs = zip(first.parameters + first.mean.means, second.parameters + second.mean.means, strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert second.optimizer.state_dict()["state"][0]["step"] == 1


def test_the_rate_of_learning_rises_stays_and_falls(training: Any) -> None:
    now = training()

    def rate(steps: int, seconds: float) -> float:
        now.steps, now.elapsed = steps, seconds
        now._set_rate()
        return float(now.optimizer.param_groups[0]["lr"])

    found = [rate(0, 0), rate(2, 0), rate(9, 20), rate(9, 42), rate(9, 60)]
    assert found == pytest.approx([0.0005, 0.001, 0.001, 0.0005, 0.00001])


def test_the_mean_of_the_weights_is_in_place_only_while_it_is_asked_for(training: Any) -> None:
    now = training()
    now.step()
    weights = now.parameters[0].detach().clone()
    with now.mean.in_place():
        assert not (now.parameters[0] == weights).all()
    assert (now.parameters[0] == weights).all()
