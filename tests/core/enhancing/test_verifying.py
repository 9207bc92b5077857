from __future__ import annotations

from random import Random

import pytest

from orchestrator_core.enhancing.second_look import (
    a1111_weights,
    and_weights,
    comfy_weights,
    differences,
    embeddings,
    extra_networks,
)
from orchestrator_core.enhancing.spans import Kind, layout
from orchestrator_core.enhancing.verifying import is_added_to, problems
from orchestrator_core.prompt import Component, Origin
from tests.core.enhancing.hostile import make_case

BEFORE = "a knight, (red cape:1.2), __w__, mira BREAK [a:b:0.5], embedding:x, <lora:x:1>"
EVIL = (
    "<lora:evil:2>",
    "(b:1.3)",
    "[c]",
    "{d|e}",
    "__f__",
    "$g",
    "BREAK",
    "AND",
    "embedding:h",
    "\\(",
    '"i"',
    "# j",
    "x:2",
)


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        BEFORE.replace("mira", "mira, soft light"),
        BEFORE.replace("a knight", "an old knight in masterpiece armour, Mira"),
    ],
)
def test_a_prompt_with_more_words_is_fine(after: str) -> None:
    assert problems(BEFORE, after, ["mira"]) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(red cape:1.2)", "(red cape:1.3)"),
        ("(red cape:1.2)", "red cape"),
        ("__w__, ", ""),
        ("mira", "a girl"),
        ("mira", "miranda"),
        (" BREAK", ""),
        (" BREAK", " break"),
        (" BREAK", " BREAK BREAK"),
        ("embedding:x", "embedding:y"),
        ("(red cape:1.2), __w__", "__w__, (red cape:1.2)"),
        ("<lora:x:1>", "<lora:x:1> <lora:x:1>"),
        ("<lora:x:1>", "<lora:x:2>"),
        ("a knight", "[[keep: a knight]]"),
    ],
)
def test_what_is_lost_new_or_moved_is_found(old: str, new: str) -> None:
    assert problems(BEFORE, BEFORE.replace(old, new), ["mira"]) != ()


@pytest.mark.parametrize("evil", EVIL)
def test_new_syntax_is_found_wherever_it_stands(evil: str) -> None:
    for place in (0, 8, len(BEFORE)):
        assert problems(BEFORE, f"{BEFORE[:place]} {evil} {BEFORE[place:]}", ["mira"]) != ()


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (BEFORE.replace("__w__", "w"), "'__w__' is gone"),
        (BEFORE + " (b)", "'(b)' is new"),
        (BEFORE.replace("mira", "girl"), "'mira' is gone, or out of its order"),
        (BEFORE + " BREAK", "what is no plain word stands in another order, or more or less often"),
    ],
)
def test_what_is_wrong_is_said(after: str, told: str) -> None:
    assert told in problems(BEFORE, after, ["mira"])


def test_every_damage_to_a_made_prompt_is_found() -> None:
    found = 0
    for seed in range(200):
        random = Random(seed)
        case = make_case(random)
        spans = [span for span in layout(case.text, case.words).spans if span.kind is Kind.protected]
        plain = layout(case.text, case.words).text
        for span in random.sample(spans, min(2, len(spans))):
            if span.form is not None and span.is_syntax:
                without = plain[: span.start] + plain[span.end :]
                twice = f"{plain[: span.end]} {span.text} {plain[span.end :]}"
                assert problems(case.text, without, case.words), (case.text, without)
                assert problems(case.text, twice, case.words), (case.text, twice)
                found += 2
    assert found > 250


@pytest.mark.parametrize(
    "after",
    [
        BEFORE.replace("(red cape:1.2)", "(red cape:1.3)"),
        BEFORE.replace("(red cape:1.2)", "(red, cape:1.2)"),
        BEFORE.replace("__w__", "w"),
        BEFORE.replace("__w__", "__w, fog __"),
        BEFORE.replace(" BREAK", ""),
        BEFORE.replace("embedding:x", "embedding:y"),
        BEFORE.replace("<lora:x:1>", "<lora:x:2>"),
        BEFORE.replace("mira", "girl"),
        BEFORE.replace("[a:b:0.5]", "a"),
        BEFORE + " :1.3",
        BEFORE + " AND a dog",
        BEFORE + ", <lora:y:1>",
        BEFORE + ", # hidden",
    ],
)
def test_the_second_reader_sees_it_alone(after: str) -> None:
    assert differences(BEFORE, BEFORE + ", soft light", ["mira"]) == ()
    assert differences(BEFORE, after, ["mira"]) != ()


def test_emphasis_is_read_as_a1111_does() -> None:
    read = [(text, round(weight, 4)) for text, weight in a1111_weights("a ((b:1.5) [c] d:2) e, (f")]
    assert read == [("a ", 1.0), ("b", 3.0), (" ", 2.0), ("c", 1.8182), (" d", 2.0), (" e, ", 1.0), ("f", 1.1)]
    assert a1111_weights("(a BREAK b:1.5) \\(c\\]") == [("a", 1.5), ("BREAK", -1.5), ("b", 1.5), (" (c]", 1.0)]


def test_emphasis_is_read_as_comfyui_does() -> None:
    read = [(text, round(weight, 4)) for text, weight in comfy_weights("a ((b) c:1.5) \\(d\\) [e] (f")]
    assert read == [("a ", 1.0), ("b", 1.65), (" c", 1.5), (" (d) [e] ", 1.0), ("(f", 1.0)]
    assert comfy_weights("(" * 3000 + "a" + ")" * 3000)[0][0].strip("()") == "a"  # and in no time


def test_what_else_the_hosts_read() -> None:
    assert extra_networks("a <lora:x:0.5:1> <y> <z:") == [("lora", "x:0.5:1")]
    assert and_weights("a :1.2 <lora:x:1> AND b # :3\n AND c:.5") == [1.2, 1.0, 0.5]
    assert embeddings("embedding:a, xembedding:b (embedding:c:1.2)\nembedding:d") == ["a", "c", "d"]


def test_words_that_were_added_are_told_from_words_that_were_changed() -> None:
    before = (Component("a [[keep: cat]]"), Component(" b", Origin.wildcard))
    assert is_added_to(before, (Component("a cat"), Component(", new", Origin.llm), Component(" b", Origin.wildcard)))
    assert is_added_to(before, (Component("a "), Component("x", Origin.llm), Component("cat"), before[1]))
    assert not is_added_to(before, (Component("a cat"), Component(" b", Origin.llm)))
    assert not is_added_to(before, (Component("a cat"), Component(" c", Origin.wildcard)))
    assert not is_added_to(before, (before[1], Component("a cat")))
