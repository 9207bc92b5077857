"""With the tiny world's tagger, which is a real one: what was drawn is compared with what was asked for."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import orchestrator_app
from orchestrator_core.vision.comparing import compare_tags
from orchestrator_core.vision.port import Wanted
from orchestrator_core.vision.tagger import Tagger, TaggerScorer

pytest.importorskip("onnxruntime")
pytest.importorskip("PIL")
np = pytest.importorskip("numpy")

FOLDER = Path(orchestrator_app.__file__).parent / "tiny_world" / "models" / "tagger"
pytestmark = pytest.mark.skipif(not (FOLDER / "model.onnx").is_file(), reason="the tiny world's tagger is not there")

Drawn = list[tuple[Any, np.ndarray]]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """Scenes that the tagger never saw in its training, with a drawing of each."""
    from orchestrator_app.tiny_world.scenes import draw, held_out

    rng = random.Random(7)
    scenes = rng.sample(sorted(held_out(), key=lambda scene: scene.values), 60)
    return [(scene, draw(scene, rng)) for scene in scenes]


def goal_of(scene: Any) -> list[str]:
    """The scene as a prompt says it, part by part."""
    return [scene.count, scene.style, f"{scene.color} {scene.shape}", f"a {scene.background} background"]


def test_what_was_asked_for_is_found_and_nothing_else(drawn: Drawn) -> None:
    tagger = Tagger(FOLDER)
    found = [
        compare_tags(goal_of(scene), seen, tagger.vocabulary)
        for (scene, _), seen in zip(drawn, tagger.tags([image for _, image in drawn]), strict=True)
    ]
    right = sum(len(each.fulfilled) for each in found)
    wrong = sum(len(each.missing) + len(each.unasked) for each in found)
    assert 2 * right / (2 * right + wrong) >= 0.9
    assert all(not each.unknown for each in found)


def test_what_was_drawn_otherwise_is_missing_and_what_came_instead_is_unasked(drawn: Drawn) -> None:
    from orchestrator_app.tiny_world.scenes import COLORS

    tagger = Tagger(FOLDER)
    told = []
    for (scene, _), seen in zip(drawn, tagger.tags([image for _, image in drawn]), strict=True):
        other = next(color for color in COLORS if color != scene.color)
        found = compare_tags(goal_of(replace(scene, color=other)), seen, tagger.vocabulary)
        is_missing = [part.text for part in found.missing] == [f"{other} {scene.shape}"]
        told.append(is_missing and [tag.name.name for tag in found.unasked] == [scene.color])
    assert sum(told) >= 0.85 * len(told)


def test_its_scores_of_values_are_calibrated(drawn: Drawn) -> None:
    from orchestrator_app.tiny_world.scenes import COLORS

    colors = tuple(COLORS)
    wanted = [Wanted(0, color, "siblings", f"color#{color}", colors) for color in colors]
    rows = TaggerScorer(Tagger(FOLDER)).score([image for _, image in drawn], wanted)
    told = [
        (each.probability, each.wanted.text == scene.color)
        for (scene, _), row in zip(drawn, rows, strict=True)
        for each in row
    ]
    brier = sum((probability - right) ** 2 for probability, right in told if probability is not None) / len(told)
    assert len(told) == 60 * len(colors)
    assert brier < 0.02
