from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.enhancing.marks import find_marks, unmarked
from orchestrator_core.enhancing.spans import Kind, Span, layout, split
from orchestrator_core.enhancing.syntax import Form, find_syntax
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.template import Wildcards
from tests.core.enhancing.hostile import SYNTAX, in_order, make_case

SIGNS = st.lists(
    st.sampled_from(
        [*'()[]{}<>:|\\_$#"/*, ab\n', "BREAK", "[[keep:", "[[expand: ", "]]", "__", "(a:1.2)", "mira", "“", ":1"]
    )
).map("".join)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=40) | SIGNS


def protected(text: str, *words: str) -> list[str]:
    return [span.text for span in split(text, words) if span.kind is Kind.protected]


def free(text: str, *words: str) -> list[str]:
    return [span.text for span in split(text, words) if span.kind is Kind.free]


@given(TEXTS)
def test_spans_joined_are_the_text_and_know_their_places(text: str) -> None:
    spans = split(text, ("mira", "a b"))
    assert "".join(span.text for span in spans) == text
    assert all(text[span.start : span.end] == span.text and span.text for span in spans)


@given(TEXTS)
def test_no_free_text_holds_anything_that_a_host_reads(text: str) -> None:
    for span in layout(text).spans:
        if span.kind is not Kind.protected:
            assert not set(span.text) & set('()[]{}<>|\\$#"“”')
            assert "__" not in span.text


@pytest.mark.parametrize("piece", SYNTAX)
def test_syntax_between_words_is_kept_from_its_first_to_its_last_character(piece: str) -> None:
    text = f"a cat, {piece} in rain, a dog"
    assert "".join(protected(text)) == piece
    assert free(text) == ["a cat", "in rain", "a dog"]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a cat, (red cape", "(red cape"),
        ("a cat, red) cape, dog", "red) cape, dog"),
        ("a cat, [half, (b:1.2)", "[half, (b:1.2)"),
        ("a cat, <lora:half, more", "<lora:half, more"),
        ("a cat, <lora:a(b:1>, dog", "<lora:a(b:1>, dog"),
        ("a cat, \\\\(b), dog", "\\\\(b), dog"),  # ComfyUI reads a literal bracket, A1111 an opening one
        ("a cat, dog\\", "dog\\"),
        ("a cat, (a # b) c\nd) dog", "(a # b) c\nd) dog"),  # what Forge hides closes the bracket in ComfyUI
        ("a cat # :) note\nin rain", "# :) note\nin rain"),
    ],
)
def test_what_nobody_can_tell_keeps_the_rest_of_the_prompt(text: str, rest: str) -> None:
    assert "".join(span.text for span in split(text))[text.index(rest) :] == rest
    assert free(text) == ["a cat"]
    assert split(text)[-1].form is Form.rest


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a cat<lora:x:1>, dog", ["cat", "<lora:x:1>"]),
        ("very(red:1.2)ish, dog", ["very", "(red:1.2)", "ish"]),
        ("pre__w__post, dog", ["pre", "__w__", "post"]),
        ("100% cotton, dog", ["100", "%"]),
    ],
)
def test_what_is_glued_to_syntax_stays(text: str, kept: list[str]) -> None:
    assert protected(text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a cat :1.2", ":1.2"),
        ("a cat : 1.2", ": 1.2"),
        ("at 5:30, dog", "5:30"),
        ('5" tall, a "sign"', '" tall, a "sign"'),  # one sign too many: who knows which belong together
        ("a | b", "|"),
        ("a > b", ">"),
        ("I <3 cats", "<"),
        ("a __x__ cat __y/z__, b", "__y/z__"),
        ("a __w(x=1, y=2)__ cat", "__w(x=1, y=2)__"),
        ("a <lora:my__x:1>, __y__ b", "__y__"),
        ("__half, __colors/warm__ , b", "__half, __colors/warm__"),  # whose underscores are whose?
        ("__half, __x__, half__\n__y__", "__half, __x__, half__"),
        ("a // b\nc", "// b"),
        ("a /* b\nc */ d", "/* b\nc */"),
    ],
)
def test_signs_with_a_meaning_stay(text: str, kept: str) -> None:
    assert kept in protected(text)


def test_a_colon_before_words_is_free() -> None:
    assert free("a portrait of: a cat") == ["a portrait of: a cat"]


def test_dividers_are_words_in_capitals_alone() -> None:
    assert protected("BREAKFAST and brandy, Break, AND, BREAK") == ["AND", "BREAK"]


def test_words_of_quality_stay_and_are_no_syntax() -> None:
    spans = split("score_8_up, Best  quality, masterpiece, a cat")
    assert [span.text for span in spans if span.kind is Kind.protected] == ["score_8_up", "masterpiece"]
    assert protected("best quality, a cat") == ["best quality"]
    assert not any(span.is_syntax for span in spans)


@pytest.mark.parametrize(
    ("text", "word", "kept"),
    [
        ("portrait of MiraWolf, cat", "mirawolf", ["MiraWolf"]),
        ("a red \n velvet coat", "red velvet coat", ["red \n velvet coat"]),
        ("marten, art", "art", ["art"]),
        ("赤い髪の少女、森", "赤い髪", ["赤い髪", "の少女"]),
        ("o'brien (x), a.b", "a.b", ["(x)", "a.b"]),
        ("a cat, (dog:1.2), hat", "cat, (dog", ["cat, ", "(dog:1.2)"]),  # they take nothing from syntax
    ],
)
def test_named_words_stay_in_any_case_and_as_wholes(text: str, word: str, kept: list[str]) -> None:
    assert protected(text, word) == kept


def test_empty_words_protect_nothing() -> None:
    assert protected("a cat", "", "  ") == []


def test_what_a_person_marks_stays_or_may_grow() -> None:
    text = "a knight, [[keep: red cape ]], [[ Expand:a [dark] forest]] end"
    assert split(text) == (
        Span(Kind.free, "a knight", 0),
        Span(Kind.separator, ", ", 8),
        Span(Kind.mark, "[[keep: ", 10),
        Span(Kind.protected, "red cape", 18, form=Form.words),
        Span(Kind.mark, " ]]", 26),
        Span(Kind.separator, ", ", 29),
        Span(Kind.mark, "[[ Expand:", 31),
        Span(Kind.free, "a", 41, region=True),
        Span(Kind.separator, " ", 42, region=True),
        Span(Kind.protected, "[dark]", 43, region=True, form=Form.group),
        Span(Kind.separator, " ", 49, region=True),
        Span(Kind.free, "forest", 50, region=True),
        Span(Kind.mark, "]]", 56),
        Span(Kind.free, " end", 58),
    )


@pytest.mark.parametrize("text", ["[[keep: a", "[[keep a]]", "[[keep: a ] b]]", "[keep: a]", "\\[[keep: a]]"])
def test_a_mark_that_is_not_closed_is_ordinary_text(text: str) -> None:
    assert find_marks(text) == ()
    assert unmarked(text).text == text


def test_a_mark_inside_of_emphasis_goes_but_the_group_stays_whole() -> None:
    found = layout("(a [[expand: sea]]:1.2), [[keep: [[expand: b]] c]]")
    assert found.text == "(a sea:1.2), b c"
    assert [span.text for span in found.spans if span.kind is Kind.protected] == ["(a sea:1.2)", "b c"]
    assert found.regions == ()


@pytest.mark.parametrize("dialect", ["dynamicprompts", "impact"])
def test_templates_pass_the_marks_through_and_draw_what_is_in_them(dialect: str) -> None:
    options = Options(
        template="{[[keep: {red|red} cape]]|[[keep: red cape]]}, [[expand: a {sea|sea}]]", dialect=dialect
    )
    draft = generate(options, Wildcards([]))
    assert draft.positive == "[[keep: red cape]], [[expand: a sea]]"


def test_made_prompts_keep_what_they_were_made_of() -> None:
    for seed in range(300):
        case = make_case(Random(seed))
        assert in_order(case.pieces, "".join(protected(unmarked(case.text).text, *case.words))), case.text


def test_syntax_never_overlaps() -> None:
    found = find_syntax('"a (b" c) # <x:y> __d\n__ e:f\\( {g|h}')
    assert all(end <= start for (_, end, _), (start, _, _) in pairwise(found))
