"""The CLIP, the judge and the tagger of the pack, on drawings of scenes that none of them was trained on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.tiny_world import MODELS
from orchestrator_app.tiny_world.captions import PICTURE, full_caption, tag, template_caption
from orchestrator_app.tiny_world.scenes import ATTRIBUTES, Scene, draw, held_out

pytest.importorskip("PIL")
np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

SCENES = random.Random(5).sample(sorted(held_out(), key=lambda scene: scene.values), 60)
MEGABYTES = {"clip": 8.1, "clip_early": 8.1, "judge": 1, "tagger": 1}


@pytest.fixture(scope="module")
def drawings() -> list[np.ndarray]:
    rng = random.Random(6)
    return [draw(scene, rng) for scene in SCENES]


class Clip:
    """As any user of open_clip opens it."""

    def __init__(self, name: str) -> None:
        open_clip = pytest.importorskip("open_clip")
        self.model, self.prepare = open_clip.create_model_from_pretrained(f"local-dir:{MODELS / name}")
        self.model.eval()
        self.tokenize = open_clip.get_tokenizer(f"local-dir:{MODELS / name}")

    def likeness(self, drawings: Sequence[np.ndarray], texts: Sequence[str]) -> Any:
        from PIL import Image

        images = torch.stack([self.prepare(Image.fromarray(drawing)) for drawing in drawings])
        with torch.inference_mode():
            seen = self.model.encode_image(images, normalize=True)
            return seen @ self.model.encode_text(self.tokenize(list(texts)), normalize=True).T

    def named(self, drawings: Sequence[np.ndarray], name: str, before: str = "") -> float:
        """The share of drawings of which it finds the right value of that attribute."""
        values = ATTRIBUTES[name]
        found = self.likeness(drawings, [before + tag(name, value) for value in values]).argmax(1).tolist()
        return share(values[place] == getattr(scene, name) for place, scene in zip(found, SCENES, strict=True))


def share(right: Any) -> float:
    told = list(right)
    return sum(told) / len(told)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return Clip("clip")


@pytest.fixture(scope="module")
def early() -> Clip:
    return Clip("clip_early")


@pytest.mark.parametrize("caption", [full_caption, template_caption])
def test_the_clip_finds_the_caption_of_a_drawing_among_those_of_all_scenes_held_out(
    clip: Clip, drawings: list[np.ndarray], caption: Any
):
    scenes = sorted(held_out(), key=lambda scene: scene.values)
    found = clip.likeness(drawings, [caption(scene) for scene in scenes]).argmax(1).tolist()
    assert share(scenes[place] == scene for place, scene in zip(found, SCENES, strict=True)) >= 0.95


@pytest.mark.parametrize("before", ["", PICTURE])
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_the_clip_tells_the_values_of_an_attribute_apart_by_one_word(
    clip: Clip, drawings: list[np.ndarray], name: str, before: str
):
    assert clip.named(drawings, name, before) >= 0.95


def test_its_bias_tells_what_is_there_from_what_is_not(clip: Clip, drawings: list[np.ndarray]):
    scenes = [*SCENES[1:], SCENES[0]]  # each drawing with its own caption, and with another's
    with torch.inference_mode():
        scale, bias = clip.model.logit_scale.exp(), clip.model.logit_bias
        right, wrong = (
            torch.sigmoid(
                clip.likeness(drawings, [full_caption(scene) for scene in told]).diagonal() * scale + bias
            ).tolist()
            for told in (SCENES, scenes)
        )
    assert share(probability > 0.5 for probability in right) >= 0.9
    assert share(probability < 0.5 for probability in wrong) >= 0.95


def test_the_early_clip_knows_backgrounds_and_confuses_shapes(early: Clip, drawings: list[np.ndarray]):
    assert early.named(drawings, "background") >= 0.95
    assert 0.3 <= early.named(drawings, "shape") <= 0.85
    assert 0.75 <= sum(early.named(drawings, name) for name in ATTRIBUTES) / len(ATTRIBUTES) <= 0.95


def test_the_judge_reads_all_five_attributes_off_a_drawing_and_off_a_blurred_one(drawings: list[np.ndarray]):
    from PIL import Image, ImageFilter

    from orchestrator_app.tiny_world.judge import Judge

    soft = [np.asarray(Image.fromarray(each).filter(ImageFilter.GaussianBlur(0.7))) for each in drawings]
    judge = Judge.open(MODELS / "judge")
    for images in (drawings, soft):
        found = judge.read(images)
        for name in ATTRIBUTES:
            right = share(each[name] == getattr(scene, name) for each, scene in zip(found, SCENES, strict=True))
            assert right >= 0.97, name


def test_the_judge_has_nothing_to_say_of_no_pictures():
    from orchestrator_app.tiny_world.judge import Judge

    assert Judge.open(MODELS / "judge").read([]) == []


def test_the_tagger_has_the_tags_of_a_drawing_and_no_others(drawings: list[np.ndarray]):
    pytest.importorskip("onnxruntime")
    from orchestrator_core.vision.tagger import Tagger

    right = found = 0
    for scene, seen in zip(SCENES, Tagger(MODELS / "tagger").tags(drawings), strict=True):
        tags = {each.name.name.replace("_", " ") for each in seen.above()}
        right += len(tags & tags_of(scene))
        found += len(tags)
    assert 2 * right / (found + len(SCENES) * len(ATTRIBUTES)) >= 0.9


def tags_of(scene: Scene) -> set[str]:
    return {tag(name, getattr(scene, name)) for name in ATTRIBUTES}


@pytest.mark.parametrize(("name", "most"), MEGABYTES.items())
def test_a_model_is_small(name: str, most: float):
    assert 0 < sum(size_of(path) for path in (MODELS / name).iterdir()) < most * 1e6


def size_of(path: Path) -> int:
    return path.stat().st_size
