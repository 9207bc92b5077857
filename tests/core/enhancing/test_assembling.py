from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.enhancing.assembling import appended, expanded, regions, rewritten, runs, unmarked_components
from orchestrator_core.enhancing.verifying import is_added_to, problems
from orchestrator_core.prompt import Choice, Component, Origin, render
from tests.core.enhancing.hostile import SNIPPETS, count, in_order, make_answer, make_case

CHOSEN = Component("crimson", Origin.wildcard, (Choice("colors#crimson", "colors"),), 1.1, (4, 14))


def one(text: str) -> tuple[Component, ...]:
    return (Component(text),) if text else ()


def added(text: str, *phrases: str, joiner: str = ", ", words: tuple[str, ...] = ()) -> str:
    return render(appended(one(text), phrases or ("NEW",), joiner, words))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a cat", "a cat, NEW"),
        ("a cat,", "a cat, NEW,"),
        ("a cat ", "a cat, NEW "),
        ("a cat.", "a cat. NEW"),
        ("森の少女。", "森の少女。 NEW"),
        ("", "NEW"),
        ("a cat, <lora:x:1>", "a cat, NEW, <lora:x:1>"),
        ("a cat<lora:x:1>", "a cat, NEW <lora:x:1>"),
        ("a cat <lora:x:1> <lora:y:1>\n", "a cat, NEW <lora:x:1> <lora:y:1>\n"),
        ("<lora:x:1>", "NEW <lora:x:1>"),
        ("<lora:x:1> a cat", "<lora:x:1> a cat, NEW"),
        ("a cat, (red cape:1.2)", "a cat, (red cape:1.2), NEW"),
        ("a cat BREAK a dog", "a cat, NEW BREAK a dog"),
        ("score_9, score_8_up BREAK a cat, hat", "score_9, score_8_up BREAK a cat, hat, NEW"),
        ("BREAK a cat", "BREAK a cat, NEW"),
        ("BREAK", "NEW BREAK"),
        ("(a:1.2) AND (b:1.1)", "(a:1.2), NEW AND (b:1.1)"),
        ("a cat :1.2 AND a dog :0.8", "a cat, NEW :1.2 AND a dog :0.8"),
        ("a cat :1.2 <lora:x:1>", "a cat, NEW :1.2 <lora:x:1>"),
        ("hat, a cat:1.2", "hat, NEW, a cat:1.2"),  # the weight of all, not to be cut from its word
        ("(a cat):1.2", "NEW, (a cat):1.2"),
        ("a cat # a note", "a cat, NEW # a note"),
        ("a cat, C# minor", "a cat, NEW, C# minor"),
        ("a cat // a note\nin rain", "a cat // a note\nin rain, NEW"),
        ("a cat, (red cape", "a cat, NEW, (red cape"),
        ("(a cat", "NEW, (a cat"),
        ("a cat, :)", "a cat, NEW, :)"),
        ("a cat, a hat\\", "a cat, NEW, a hat\\"),
        ("a (cat)", "a (cat), NEW"),
        ("[[expand: a cat]], [[keep: hat]]", "a cat, hat, NEW"),
    ],
)
def test_new_words_come_behind_the_words_and_before_what_must_end_the_prompt(before: str, after: str) -> None:
    assert added(before) == after
    assert problems(before, after) == ()


def test_sentences_are_joined_as_sentences() -> None:
    assert added("A cat sits", "Fog drifts", joiner=". ") == "A cat sits. Fog drifts"
    assert added("A cat sits.", "Fog drifts", "Rain falls.", joiner=". ") == "A cat sits. Fog drifts. Rain falls."


@pytest.mark.parametrize("end", ["embedding:x", "__w__", "$name"])
def test_a_full_stop_never_touches_what_it_would_become_part_of(end: str) -> None:
    assert added(f"a cat, {end}", "Fog", joiner=". ") == f"a cat, {end}, Fog"


def test_a_number_behind_a_colon_is_no_weight() -> None:
    assert added("a cat:", "5 hats", joiner=" ") == "a cat:, 5 hats"
    assert problems("a cat:", "a cat: 5 hats") != ()
    assert render(rewritten(one("<x:1>: dogs"), {"0": "5 dogs"})) == "<x:1>: dogs"


def test_words_that_stay_together_are_not_parted() -> None:
    assert added("a cat, a red cape (half", words=("cape (half",)) == "a cat, NEW, a red cape (half"
    for text in ("$cat dog/[[keep:", "(a:1.2)cat dog]|(a:1.2)<lora:a:1>", "big cat dog # note", "a cat dog:1.2"):
        assert problems(text, added(text, words=("cat dog",)), ("cat dog",)) == ()


def test_what_was_there_keeps_all_that_is_known_of_it() -> None:
    components = (Component("a ", span=(0, 2)), CHOSEN, Component(" cat <lora:x:1>", span=(14, 29)))
    assert appended(components, ["soft light", "fog"]) == (
        *components[:2],
        Component(" cat", span=(14, 29)),
        Component(", soft light, fog", Origin.llm),
        Component(" <lora:x:1>", span=(14, 29)),
    )


def test_a_component_that_is_not_cut_is_the_same_object() -> None:
    assert appended((CHOSEN,), ["fog"])[0] is CHOSEN
    assert appended((CHOSEN,), []) == (CHOSEN,)
    assert unmarked_components((CHOSEN,)) == (CHOSEN,)


def test_new_words_are_made_harmless_here_too() -> None:
    evil = ["<lora:evil:2> glow", "(deep:1.5)", "I'm sorry, but I can't help with that.", "BREAK"]
    assert added("a cat", *evil) == "a cat, glow, deep, break"
    assert render(rewritten(one("a cat"), {"0": "a {black|white} cat"})) == "a black white cat"
    assert render(expanded(one("[[expand: sea]]"), {"0": ["(wild:2)"]})) == "sea, wild"


def test_runs_are_the_free_text_between_what_stays() -> None:
    text = "a knight, red cape, (gold:1.2) mirawolf in rain , <lora:x:1>\n12, hat\nwith [[expand: a dog]]"
    assert runs(one(text), ["mirawolf"]) == {
        "0": "a knight, red cape",
        "1": "in rain",
        "2": "12, hat",
        "3": "with a dog",
    }
    assert runs(one(text), only_regions=True) == {"0": "a dog"}
    assert runs(one("(a), 12, ..."), ()) == {}


def test_a_rewritten_run_keeps_the_components_of_the_words_that_it_repeats() -> None:
    components = (Component("a "), CHOSEN, Component(" cat, (hat:1.2)"))
    assert rewritten(components, {"0": "a sleek crimson cat at night"}) == (
        Component("a"),
        Component(" sleek", Origin.llm),
        Component(" "),
        CHOSEN,
        Component(" cat"),
        Component(" at night", Origin.llm),
        Component(", (hat:1.2)"),
    )


def test_runs_without_an_answer_stay() -> None:
    components = one("a cat, (hat:1.2), a dog")
    assert rewritten(components, {}) == components
    assert rewritten(components, {"7": "x", "0": " , "}) == components
    assert render(rewritten(components, {"1": "a wolf"})) == "a cat, (hat:1.2), a wolf"


def test_an_answer_far_longer_than_the_run_is_taken_without_comparing_each_word() -> None:
    after = rewritten(one("a " * 900), {"0": "b " * 900})
    assert after[0] == Component(("b " * 900).strip(), Origin.llm)


def test_only_marked_regions_are_rewritten_where_that_is_asked() -> None:
    components = one("a cat, [[expand: a (red) hat]], a dog")
    answers = {"0": "one", "1": "tall hat"}
    assert render(rewritten(components, answers, only_regions=True)) == "a cat, one (red) tall hat, a dog"


@pytest.mark.parametrize(
    "text",
    [
        "([[expand: a]]:1.2)",
        "[[expand: a]]embedding:x",
        "BR[[expand: ]]EAK",
        "BREAK[[expand: ]]",
        "<lora:[[expand: a]]:1>",
    ],
)
def test_a_mark_whose_words_would_change_what_stands_beside_them_only_goes(text: str) -> None:
    assert regions(one(text)) == {}
    assert expanded(one(text), {"0": ["NEW"]}) == unmarked_components(one(text))


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("[[expand: sea]]<lora:x:1>", "sea, NEW <lora:x:1>"),
        ("(a)[[expand: sea]]", "(a)sea, NEW"),
        ("[[expand: (a:1.2)]] b", "(a:1.2), NEW b"),
        ("[[expand: sea]]side", "sea, NEW side"),
        ("BREAK [[expand: ]]", "BREAK NEW"),
        ("x,[[expand:embedding:a:1.1]] y", "x,embedding:a:1.1, NEW y"),
        ("x,[[expand:embedding:a:1.1]]", "x,NEW,embedding:a:1.1"),  # without a space ComfyUI does not know it
        ("x [[expand: cat]] :1.2", "x cat, NEW :1.2"),
    ],
)
def test_regions_beside_others_grow(text: str, after: str) -> None:
    assert render(expanded(one(text), {"0": ["NEW"]})) == after
    assert problems(text, after) == ()


def test_regions_grow_behind_their_own_words() -> None:
    components = one("a cat, [[expand: a sea (wild:1.2) ]], [[expand: ]]a dog [[expand: rain]]")
    assert regions(components) == {"0": "a sea (wild:1.2)", "1": "", "2": "rain"}
    after = render(expanded(components, {"0": ["waves", "foam"], "1": ["near"], "2": ["grey"]}))
    assert after == "a cat, a sea (wild:1.2), waves, foam, near, a dog rain, grey"


@given(
    st.lists(st.sampled_from([*SNIPPETS, "a cat", ", ", " ", "(a:1.2)", "<lora:x:1>", "# n", "\n"]), max_size=8).map(
        "".join
    )
)
def test_whatever_the_prompt_is_its_words_are_all_there(text: str) -> None:
    components = one(text)
    for after in (appended(components, ["NEW"]), expanded(components, {"0": ["NEW"]})):
        assert is_added_to(components, after)
    assert render(rewritten(components, {})) == render(unmarked_components(components))


@pytest.mark.parametrize("start", range(0, 2000, 1000))
def test_no_answer_costs_a_prompt_anything(start: int) -> None:
    for seed in range(start, start + 1000):
        random = Random(seed)
        case = make_case(random)
        before = render(unmarked_components(case.components))
        if seed % 2:
            after = appended(case.components, [make_answer(random) for _ in range(3)], ", ", case.words)
        elif seed % 4:
            answers = {str(number): [make_answer(random)] for number in range(3)}
            after = expanded(case.components, answers, ", ", case.words)
        else:
            told = {key: make_answer(random) for key in runs(case.components, case.words)}
            after = rewritten(case.components, told, case.words)
        text = render(after)
        assert problems(case.text, text, case.words) == (), (seed, case.text, text)
        assert in_order(case.pieces, text), (seed, case.text, text)
        assert all(count(piece, text) == count(piece, before) for piece in case.syntax), (seed, case.text, text)
        assert is_added_to(case.components, after) or seed % 4 == 0


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("a cat, (glowing eyes:1.2) <lora:x:1>", "a cat, (glowing eyes:1.2). Fog drifts. <lora:x:1>"),
        ("a cat, mira", "a cat, mira. Fog drifts."),
        ("a cat, embedding:x", "a cat, embedding:x, Fog drifts."),
        ("a cat, {x|y}", "a cat, {x|y}, Fog drifts."),
    ],
)
def test_a_sentence_begins_behind_a_full_stop_where_that_is_none_of_a_name(text: str, there: str) -> None:
    found = render(appended([Component(text, Origin.template)], ["Fog drifts."], ". ", ["mira"]))
    assert found == there
    assert problems(text, found, ["mira"]) == ()
