from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core.errors import TemplateError
from orchestrator_core.template import Template, Wildcards
from tests.core.template.engine import NONE, cycled, listed, wildcards_in

FILES = {
    "a.txt": "one\ntwo\n",
    "b.txt": "x {y|z}\nw\n",
    "s/winter.txt": "coat\nscarf\n",
    "s/summer.txt": "dress\n",
    "neg.yaml": "neg:\n  - {text: p, negative: q}\n  - r\n",
}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Wildcards:
    return wildcards_in(tmp_path_factory.mktemp("pack"), FILES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a|b} {c|d}", ["a c", "a d", "b c", "b d"]),
        ("{1-2$$a|b|c}", ["a", "b", "c", "a,b", "a,c", "b,a", "b,c", "c,a", "c,b"]),
        ("{a|{b|c}}", ["a", "b", "c"]),
        ("{a|a|b}", ["a", "b"]),
        ("{2$${a|b}|{b|c}}", ["a,b", "a,c", "b,c", "b,a", "c,a", "c,b"]),
        ("{0-1$$a|b}!", ["!", "a!", "b!"]),
        ("__a__ {x|y}", ["one x", "one y", "two x", "two y"]),
        ("__b__", ["x y", "x z", "w"]),
        ("{2$$ and $$__a__}", ["one and two", "two and one"]),
        ("{__nope__|x}", ["__nope__", "x"]),
        ("${s=!{winter|summer}}__s/${s}__ ${s}", ["coat winter", "scarf winter", "dress summer"]),
        ("${s={a|b}}${s}${s}", ["aa", "ab", "ba", "bb"]),
        ("${s=!{1|2}}{if s eq 1::a|if s eq 2::b|c}", ["a", "c", "b", "c"]),
        ("{${f=!red}fox|${f=!grey}wolf} ${f}", ["fox red", "wolf grey"]),
        ("%{a ... b$${x|y}}", ["a x b", "a y b"]),
        ("A {@red|green} {ball|car}", ["A red ball", "A green car"]),
        ("A {red|{@green|blue}} {@ball|car}", ["A red ball", "A green car"]),
        ("plain", ["plain"]),
        ("", []),
    ],
)
def test_combinations_are_listed_in_order(pack: Wildcards, text: str, expected: list[str]) -> None:
    assert listed(text, pack) == expected


SLOT = st.sampled_from(
    [
        "x",
        "{a|b}",
        "{a|b|c}",
        "{1-2$$a|b}",
        "__a__",
        "__b__",
        "${v=!{1|2}}${v}",
        "{p {q|r}|s}",
        "{2$$__a__|t}",
        "__neg__",
    ]
)


@settings(max_examples=60)
@given(slots=st.lists(SLOT, min_size=1, max_size=4), data=st.data())
def test_they_are_counted_exactly_and_reached_from_any_number(
    pack: Wildcards, slots: list[str], data: st.DataObject
) -> None:
    template = Template(" ".join(slots), "${v:none}")
    found = [(draft.positive, draft.negative_prompt) for draft in islice(template.combinations(pack), 3000)]
    count = template.count(pack)
    assert min(count, 3000) == len(found)
    start = data.draw(st.integers(0, count - 1))
    rest = islice(template.combinations(pack, start), 5)
    assert [(draft.positive, draft.negative_prompt) for draft in rest] == found[start : start + 5] or count > 3000


def test_a_vast_space_is_counted_and_reached_at_once() -> None:
    template = Template(" ".join("{" + "|".join(map(str, range(10))) + "}" for _ in range(30)))
    assert template.count(NONE) == 10**30
    wanted = 123456789012345678901234567890
    assert next(template.combinations(NONE, wanted)).positive.replace(" ", "") == str(wanted)


def test_ordered_picks_are_counted_without_listing_them() -> None:
    template = Template("{5$$" + "|".join(f"o{n}" for n in range(100)) + "}")
    assert template.count(NONE) == 100 * 99 * 98 * 97 * 96
    assert next(template.combinations(NONE, template.count(NONE) - 1)).positive == "o99,o98,o97,o96,o95"


def test_the_negative_goes_along_with_the_variables_of_each_combination(pack: Wildcards) -> None:
    drafts = Template("${s=!{winter|summer}}a ${s}", "no ${s}").combinations(pack)
    assert [(draft.positive, draft.negative_prompt) for draft in drafts] == [
        ("a winter", "no winter"),
        ("a summer", "no summer"),
    ]


def test_a_value_that_writes_into_the_negative_does_so_in_its_combination_only(pack: Wildcards) -> None:
    found = [(draft.positive, draft.negative_prompt) for draft in Template("__neg__").combinations(pack)]
    assert found == [("p", "q"), ("r", "")]


def test_a_circle_does_not_keep_a_listing_from_ending(tmp_path: Path) -> None:
    wildcards = wildcards_in(tmp_path, {"x.txt": "__x__\n"})
    assert Template("__x__").count(wildcards) == 1
    assert listed("{__x__|a}", wildcards) == ["__x__", "a"]


def test_a_number_before_the_first_is_refused() -> None:
    with pytest.raises(TemplateError, match="from 0"):
        Template("{a|b}").combinations(NONE, -1)


# in turn


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a|b} {c|d|e}", ["a c", "b d", "a e", "b c", "a d", "b e"]),
        ("{a|{b|c}}", ["a", "b", "a", "c", "a", "b"]),
        ("{1-2$$a|b}", ["a", "b", "a,b", "b,a", "a", "b"]),
        ("__a__", ["one", "two", "one", "two", "one", "two"]),
        ("x", ["x"] * 6),
    ],
)
def test_elements_take_their_values_in_turn_and_in_step(pack: Wildcards, text: str, expected: list[str]) -> None:
    assert cycled(text, pack) == expected


def test_a_cyclical_element_counts_by_the_seed_where_the_rest_is_random() -> None:
    template = Template("{@a|b|c} {x|y}")
    assert [template.draw(NONE, seed).positive[0] for seed in range(4)] == ["a", "b", "c", "a"]
    assert template.draw(NONE, 7, index=2).positive[0] == "c"
