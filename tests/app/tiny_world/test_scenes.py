"""The drawings show what their scenes say."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from orchestrator_app.tiny_world.scenes import BACKGROUNDS, COLORS, SIZE, Scene, all_scenes, draw, held_out

pytest.importorskip("PIL")
np = pytest.importorskip("numpy")

SQUARE = Scene("one", "solid", "red", "square", "white")


def near(drawing: np.ndarray, color: tuple[int, int, int]) -> int:
    """How many pixels have that colour, give or take what drawings vary by."""
    return int((np.abs(drawing.astype(int) - color).max(2) <= 12).sum())


def test_no_scene_is_there_twice_and_a_tenth_is_always_kept_from_training():
    scenes = all_scenes()
    assert len(set(scenes)) == len(scenes) == 2016
    assert held_out() == held_out() < set(scenes)
    assert len(held_out()) == 201


def test_every_value_is_shown_in_training():
    shown = set(all_scenes()) - held_out()
    assert {value for scene in shown for value in scene.values} == {
        value for scene in all_scenes() for value in scene.values
    }


def test_the_same_seed_draws_the_same_picture_and_another_seed_another():
    first, again, other = (draw(SQUARE, random.Random(seed)) for seed in (4, 4, 5))
    assert first.shape == (SIZE, SIZE, 3)
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("color", COLORS)
def test_shape_and_background_have_their_colors(color: str):
    for background, seen in BACKGROUNDS.items():
        drawing = draw(replace(SQUARE, color=color, background=background), random.Random(1))
        assert near(drawing, COLORS[color]) > 250
        assert near(drawing, seen) > 900


def test_an_outline_and_stripes_leave_the_background_to_be_seen_inside():
    inked = {
        style: near(draw(replace(SQUARE, style=style), random.Random(1)), COLORS["red"])
        for style in ("solid", "outlined", "striped")
    }
    assert inked["outlined"] < 0.6 * inked["solid"]
    assert inked["striped"] < 0.8 * inked["solid"]


@pytest.mark.parametrize(("count", "number"), [("one", 1), ("two", 2), ("three", 3)])
def test_as_many_shapes_are_drawn_as_the_scene_has_and_none_touches_another(count: str, number: int):
    for seed in range(5):
        drawing = draw(replace(SQUARE, count=count), random.Random(seed))
        assert islands(np.abs(drawing.astype(int) - drawing[0, 0].astype(int)).max(2) > 100) == number


def islands(inked: np.ndarray) -> int:
    left, found = {(int(y), int(x)) for y, x in zip(*inked.nonzero(), strict=True)}, 0
    while left:
        found, next_ones = found + 1, [left.pop()]
        while next_ones:
            y, x = next_ones.pop()
            around = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & left
            left -= around
            next_ones += around
    return found
