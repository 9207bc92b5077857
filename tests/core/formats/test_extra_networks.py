from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.formats.extra_networks import extract_loras, format_number, lora_tag
from orchestrator_core.prompt import LoraUse

STRENGTHS = st.floats(-10, 10, allow_nan=False)
NAMES = st.text(st.characters(exclude_characters="<>:", exclude_categories=("Cs",)), min_size=1).filter(str.strip)


@pytest.mark.parametrize(
    ("tag", "model", "clip"),
    [
        ("<lora:fox>", 1.0, 1.0),
        ("<lora:fox:0.8>", 0.8, 0.8),
        ("<lora:fox:0.6:0.8>", 0.8, 0.6),  # text encoder first, as in A1111
        ("<lora:fox:te=0.6:unet=0.8>", 0.8, 0.6),
        ("<lora:fox:0.5:unet=0.8>", 0.8, 0.5),
        ("<lora:fox:unet=0.8>", 0.8, 1.0),
        ("<lora:fox:0.6:0.8:dyn=4>", 0.8, 0.6),
        ("<lora:fox:0.6:0.8:4>", 0.8, 0.6),
        ("<lora:fox:-1>", -1.0, -1.0),
        ("<lyco:fox:.5>", 0.5, 0.5),
    ],
)
def test_strengths_are_read_in_a1111_order(tag: str, model: float, clip: float) -> None:
    assert extract_loras(f"a {tag}cat") == ("a cat", (LoraUse("fox", model, clip),))


@pytest.mark.parametrize(
    "text",
    [
        "<hypernet:old:0.3>", "<segment:face>", "a < b > c", "<lora>", "<lora:>", "<lora::1>", "<lora:a:strong>",
        "<lora:a:nan>", "<lora:a:1:inf>", "<LORA:a:1>", "<lora:a:0.8", "lora:a:0.8>", "(x:1.2) [a:b:0.5] BREAK",
    ],
)  # fmt: skip
def test_what_is_not_a_lora_tag_stays_as_it_is(text: str) -> None:
    assert extract_loras(text) == (text, ())


def test_underscores_and_dots_in_names_survive() -> None:
    assert extract_loras("<lora:a__b.v1 (x):1>")[1] == (LoraUse("a__b.v1 (x)"),)


@given(NAMES, STRENGTHS, STRENGTHS)
def test_a_written_tag_reads_back(name: str, model: float, clip: float) -> None:
    lora = LoraUse(name, model, clip)
    assert extract_loras(lora_tag(lora)) == ("", (lora,))


@given(st.lists(st.one_of(st.text(st.characters(exclude_characters="<>")), st.just("<x:1>"), st.just("<lora:n:0.5>"))))
def test_taking_tags_out_leaves_everything_else(pieces: list[str]) -> None:
    text, loras = extract_loras("".join(pieces))
    assert text == "".join(piece for piece in pieces if piece != "<lora:n:0.5>")
    assert len(loras) == pieces.count("<lora:n:0.5>")


@given(st.text())
def test_any_text_is_read_and_only_shortened(text: str) -> None:
    rest, loras = extract_loras(text)
    assert len(rest) <= len(text)
    assert loras or rest == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_short_and_exact(value: float) -> None:
    assert float(format_number(value)) == value
    assert format_number(2.0) == "2"
