"""Combinations of random templates: counted, sought and listed alike, and all that a draw can give is among them."""

from __future__ import annotations

from itertools import islice, permutations, product
from math import prod

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from orchestrator_core.errors import TemplateError
from orchestrator_core.prompt import Component
from orchestrator_core.template import Template, Wildcards
from orchestrator_core.template.picking import arrangement, arrangements
from orchestrator_core.template.spaces import Listed, Ordered, Product, Sum
from orchestrator_core.template.tree import Count
from orchestrator_core.template.walk import walk
from tests.core.template.engine import NONE, wildcards_in
from tests.core.template.grammar import PACK, even_templates, mixed_templates, plain_templates, templates

MOST = 400
anywhere = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Wildcards:
    return wildcards_in(tmp_path_factory.mktemp("pack"), PACK)


def listing(text: str, pack: Wildcards, start: int = 0, negative: str = "") -> list[tuple[str, str]]:
    drafts = islice(Template(text, negative).combinations(pack, start), MOST + 1)
    return [(draft.positive, draft.negative_prompt) for draft in drafts]


@anywhere
@given(mixed_templates)
def test_as_many_are_counted_as_are_listed(pack: Wildcards, text: str):
    found = listing(text, pack)
    assume(len(found) <= MOST)
    assert Template(text).count(pack) == len(found)


@anywhere
@given(templates, templates, st.integers(0, 30))
def test_a_listing_from_a_number_on_is_the_rest_of_the_whole(pack: Wildcards, text: str, negative: str, start: int):
    whole = listing(text, pack, 0, negative)
    assert listing(text, pack, start, negative)[: MOST + 1 - start] == whole[start:]


@anywhere
@given(mixed_templates, st.integers(0, 30), st.integers(0, 99))
def test_parts_that_stay_random_or_take_turns_are_the_same_from_any_number_on(
    pack: Wildcards, text: str, start: int, seed: int
):
    template = Template(text, "${v:none} {~x|y}")
    whole = [draft.positive for draft in islice(template.combinations(pack, seed=seed), 60)]
    rest = [draft.positive for draft in islice(template.combinations(pack, start, seed=seed), 30)]
    assert rest == whole[start : start + 30]


def takes_several(text: str) -> bool:
    """Picks of equal text are drawn, since nobody looks at the text before it is drawn, but not listed."""
    return "$$" in text or "counted" in text or "*" in text


@anywhere
@given(templates, st.integers(0, 2**64))
def test_every_prompt_that_can_be_drawn_is_listed(pack: Wildcards, text: str, seed: int):
    assume(text and not takes_several(text))
    found = {positive for positive, _ in listing(text, pack)}
    assume(len(found) <= MOST)
    assert Template(text).draw(pack, seed).positive in found


@settings(anywhere, max_examples=40)
@given(even_templates)
def test_every_prompt_that_is_listed_can_be_drawn(pack: Wildcards, text: str):
    found = {positive for positive, _ in listing(text, pack)}
    assume(len(found) <= 8)
    template = Template(text)
    assert found <= {template.draw(pack, seed).positive for seed in range(1500)}


@anywhere
@given(plain_templates)
def test_a_cycle_gives_nothing_that_is_not_listed(pack: Wildcards, text: str):
    assume(text and not takes_several(text))
    found = {positive for positive, _ in listing(text, pack)}
    assume(len(found) <= MOST)
    template = Template(text)
    assert {template.cycle(pack, index).positive for index in range(20)} <= found


def test_a_pick_of_equal_texts_is_listed_where_there_is_no_other():
    assert listing("{2$$a|{a}}", NONE) == [("a,a", "")]
    assert [text for text, _ in listing("{2$$a|{a}|b}", NONE)] == ["a,b", "b,a"]


@anywhere
@given(
    st.lists(st.sampled_from(["a", "b", "c", "", "d e"]), min_size=1, max_size=5), st.integers(0, 4), st.integers(0, 4)
)
def test_picks_are_listed_by_size_then_in_the_order_of_the_options(options: list[str], low: int, high: int):
    low, high = min(low, high), max(low, high)
    distinct = list(dict.fromkeys(options))
    text = f"{{{low}-{high}$$;$${'|'.join(options)}}}"
    expected = [
        "".join(pick) if len(pick) == 1 else ";".join(pick).removeprefix(";").removesuffix(";")
        for size in range(min(low, len(distinct)), min(high, len(distinct)) + 1)
        for pick in permutations(distinct, size)
    ]
    assert [positive for positive, _ in listing(text, NONE)] == expected


@given(st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True), min_size=1, max_size=4))
def test_the_leftmost_part_varies_slowest(parts: list[list[str]]):
    text = "-".join("{" + "|".join(part) + "}" for part in parts)
    assert [positive for positive, _ in listing(text, NONE)] == ["-".join(pick) for pick in product(*parts)]


# spaces, against the plain way of saying what they are


def listed_space(texts: list[str]) -> Listed:
    return Listed([(Component(text),) for text in texts])


spaces = st.integers(1, 4).map(lambda size: listed_space([f"{size}.{number}" for number in range(size)]))


def text_of(parts: tuple[Component, ...]) -> str:
    return "".join([part.text for part in parts])


@given(st.lists(spaces, min_size=1, max_size=4), st.integers(0, 3), st.integers(0, 1), st.booleans())
def test_ordered_picks_are_counted_and_reached_by_number(options: list[Listed], low: int, more: int, repeats: bool):
    space = Ordered(options, Count(low, low + more, "", repeats), Component(";"))
    high = low + more if repeats else min(low + more, len(options))
    expected = []
    for size in range(min(low, high), high + 1):
        chosen = product(options, repeat=size) if repeats else permutations(options, size)
        for pick in chosen:
            expected += [";".join([text_of(parts) for parts in each]) for each in product(*[o.items() for o in pick])]
    assume(len(expected) <= 1000)
    assert space.size == len(expected)
    assert sorted(text_of(space.at(index)) for index in range(space.size)) == sorted(expected)
    assert [text_of(space.at(index + space.size)) for index in range(min(5, space.size))] == [
        text_of(space.at(index)) for index in range(min(5, space.size))
    ]


@given(st.lists(spaces, max_size=5), st.integers(0, 200))
def test_a_product_is_walked_from_any_number_as_it_is_reached(factors: list[Listed], start: int):
    space = Product(factors)
    assert space.size == prod(factor.size for factor in factors)
    expected = [text_of(space.at(index)) for index in range(space.size)]
    assert [text_of(parts) for parts in walk(space, start)] == expected[start:]
    assert len(set(expected)) == len(expected)


@given(st.lists(spaces, min_size=1, max_size=4), st.lists(spaces, min_size=1, max_size=3))
def test_sums_and_products_inside_one_another_agree_on_every_number(terms: list[Listed], factors: list[Listed]):
    space = Product([*factors, Sum(terms), Product([Sum([*terms, Product(factors)])])])
    assume(space.size <= 3000)
    assert len([space.at(index) for index in range(space.size)]) == space.size
    assert [text_of(parts) for parts in walk(space, 0)] == [text_of(space.at(index)) for index in range(space.size)]


@given(st.integers(0, 4), st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_arrangements_are_numbered_without_gaps(available: int, low: int, more: int, repeats: bool):
    count = Count(low, low + more, ",", repeats)
    total = arrangements(available, count)
    picks = [tuple(arrangement(available, count, index)) for index in range(total)]
    assert len(set(picks)) == total
    high = low + more if repeats else min(low + more, available)
    low = low if repeats else min(low, available)
    expected = [
        pick
        for size in range(low, high + 1)
        for pick in (product(range(available), repeat=size) if repeats else permutations(range(available), size))
    ]
    assert picks == expected


def test_nothing_has_no_combinations_and_a_comment_has_one():
    assert Template("").count(NONE) == 0
    assert list(Template("").combinations(NONE)) == []
    assert Template("# c").count(NONE) == 1


def test_a_vast_space_is_reached_in_its_middle():
    text = "".join("{" + "|".join(f"{letter}{n}" for n in range(50)) + "}" for letter in "abcdefghijklmno")
    template = Template(text)
    assert template.count(NONE) == 50**15
    number = 123_456_789_012_345_678_901_234
    expected = "".join(f"{letter}{number // 50 ** (14 - place) % 50}" for place, letter in enumerate("abcdefghijklmno"))
    assert next(template.combinations(NONE, number)).positive == expected
    assert list(template.combinations(NONE, 50**15)) == []


def test_a_number_before_the_first_is_refused():
    with pytest.raises(TemplateError, match="before the first"):
        Template("a").combinations(NONE, -1)
