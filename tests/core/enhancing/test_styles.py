"""Which style a checkpoint is spoken to in, and how many tokens its encoder has left."""

from __future__ import annotations

import pytest

from orchestrator_core.base_models.names import FAMILIES, UNKNOWN, BaseModel
from orchestrator_core.enhancing.budget import estimated_tokens, room, shortened, within
from orchestrator_core.enhancing.styles import STYLES, style_for


@pytest.mark.parametrize(
    ("checkpoint", "name", "tokens", "in_pieces"),
    [
        (UNKNOWN, "sdxl", 75, True),
        (BaseModel("SD 1.5"), "sd15", 75, True),
        (BaseModel("SDXL"), "sdxl", 75, True),
        (BaseModel("SDXL", "Pony"), "pony", 75, True),
        (BaseModel("SDXL", "Illustrious"), "illustrious", 75, True),
        (BaseModel("SDXL", "NoobAI"), "illustrious", 75, True),
        (BaseModel("Flux.1"), "natural", 512, False),
        (BaseModel("Qwen-Image"), "natural", 1024, False),
        (BaseModel("SD 3.5 Large"), "natural", 256, False),
    ],
)
def test_the_family_decides(checkpoint: BaseModel, name: str, tokens: int, in_pieces: bool):
    style = style_for("auto", checkpoint)
    assert (style.name, style.tokens, style.chunks) == (name, tokens, in_pieces)


def test_every_family_has_a_style():
    assert all(style_for("auto", BaseModel(family)).tokens > 0 for family in FAMILIES)


def test_a_person_may_choose_another_style_and_the_encoder_stays():
    style = style_for("pony", BaseModel("Flux.1"))
    assert (style.kind, style.tokens, style.chunks) == ("tags", 512, False)


@pytest.mark.parametrize(
    ("prompt", "most", "left"),
    [
        ("word " * 10, 0, 65),
        ("word " * 80, 0, 70),
        ("word " * 75, 0, 0),
        ("word " * 10 + "BREAK " + "word " * 60, 0, 65),
        ("word " * 10 + "<lora:a-very-long-name:1>", 0, 65),
        ("word " * 10, 12, 2),
        ("word " * 10, 5, 0),
        ("", 0, 75),
    ],
)
def test_the_room_is_what_is_left_of_the_last_piece_before_a_break(prompt: str, most: int, left: int):
    assert room(prompt, STYLES["sdxl"], most) == left


def test_phrases_that_do_not_fit_leave_their_place_to_shorter_ones():
    assert within(["one two three", "four", "five six"], STYLES["sdxl"], 5) == ("one two three",)
    assert within(["one two three four five", "six", "seven"], STYLES["sdxl"], 4) == ("six", "seven")


def test_a_text_is_cut_at_a_sentence_and_else_at_a_comma():
    assert shortened("One two. Three four. Five six.", 7) == "One two. Three four."
    assert shortened("one two, three four, five six", 5) == "one two, three four"
    assert shortened("one two three four", 3) == ""
    assert shortened("one", 3) == "one"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("a fox", 2), ("a red fox, 1girl", 6), ("photorealistic", 2), ("狐と雪", 3), ("<lora:x:1> (fox:1.2)", 7), ("", 0)],
)
def test_tokens_are_estimated_without_a_tokenizer(text: str, tokens: int):
    assert estimated_tokens(text) == tokens
