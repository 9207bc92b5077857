import math
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core.errors import TemplateError
from orchestrator_core.prompt import Origin
from orchestrator_core.template import Bias, Template, Wildcards
from tests.core.template.engine import NONE, counts, drawn, kinds, outcomes, wildcards_in

PACK = {
    "colors.txt": "red\n3::blue\ngreen\n",
    "animals.txt": "a {big|small} fox\n__colors__ owl\nhare\n",
    "pack.yaml": "hair:\n  - {text: blonde, negative: brown hair}\n  - strawberry <ppp:stn>strawberries<ppp:/stn>\n",
}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Wildcards:
    return wildcards_in(tmp_path_factory.mktemp("pack"), PACK)


# where the words come from


def test_a_choice_says_what_was_taken_from_what_and_where(pack: Wildcards) -> None:
    (component,) = Template("__colors__").draw(pack, 1).components
    (choice,) = component.choices
    assert component.origin is Origin.wildcard
    assert choice.key == f"colors#{component.text}"
    assert (choice.siblings, choice.file, choice.options) == ("colors", "colors.txt", 3)
    lines = PACK["colors.txt"].splitlines()
    assert lines[choice.line - 1].rpartition("::")[2] == component.text
    assert choice.probability == pytest.approx({"red": 0.2, "blue": 0.6, "green": 0.2}[component.text])


def test_choices_run_from_the_outside_in(pack: Wildcards) -> None:
    for seed in range(20):
        draft = Template("__animals__").draw(pack, seed)
        if "fox" in draft.positive:
            size = next(part for part in draft.components if part.text in ("big", "small"))
            assert [choice.key.partition("#")[0].partition(":")[0] for choice in size.choices] == ["animals", "inline"]
            assert size.choices[1].siblings == ("big", "small")
            return
    pytest.fail("no fox in twenty draws")


def test_the_key_of_an_option_outlives_its_weight() -> None:
    keys = [Template(text).draw(NONE, 0).components[0].choices[0].key for text in ("{fox|owl}", "{5::fox|0.1::owl}")]
    assert keys[0].split("#")[0] == keys[1].split("#")[0]
    other = Template("{fox|hare}").draw(NONE, 0).components[0].choices[0].key
    assert other.split("#")[0] != keys[0].split("#")[0]


def test_a_value_drawn_twice_is_two_components_with_one_key(tmp_path: Path) -> None:
    one = wildcards_in(tmp_path, {"a.txt": "x\n"})
    parts = [part for part in Template("__a__ __a__").draw(one, 0).components if part.choices]
    assert len(parts) == 2
    assert parts[0].choices[0].key == parts[1].choices[0].key == "a#x"
    assert parts[0].span != parts[1].span


def test_spans_lie_where_the_words_come_from(pack: Wildcards) -> None:
    text = "a __colors__ {fox|owl}, end"
    for part in Template(text).draw(pack, 3).components:
        assert part.span is not None
        written = text[slice(*part.span)]
        assert written == "__colors__" if part.origin is Origin.wildcard else written in (part.text, "{fox|owl}")


TEXT = st.sampled_from(["a ", "fox", ", ", "(b:1.3)", "[c]", "<lora:my__x__y:1>", "é", "\\{", "100%", "$5", " BREAK "])
PIECES = st.recursive(
    TEXT | st.sampled_from(["__colors__", "__animals__", "__hair__", "__nope__", "${v}", "${v:d}", "${v=!{x|y}}"]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("|".join).map("{{{}}}".format)
        | st.lists(inner, min_size=2, max_size=3).map("|".join).map("{{1-2$$, $${}}}".format)
        | st.tuples(inner, inner).map("".join)
    ),
    max_leaves=8,
)
TEMPLATES = st.lists(PIECES, max_size=5).map("".join)


@settings(max_examples=150)
@given(text=TEMPLATES, negative=TEMPLATES, seed=st.integers(0, 2**64 - 1))
def test_the_prompt_is_nothing_but_its_components(pack: Wildcards, text: str, negative: str, seed: int) -> None:
    draft = Template(text, negative).draw(pack, seed)
    assert "".join(part.text for part in draft.components) == draft.positive
    assert "".join(part.text for part in draft.negative) == draft.negative_prompt
    for part in draft.components:
        assert part.span is None or 0 <= part.span[0] <= part.span[1] <= len(text)
        for choice in part.choices:
            assert 0 < choice.probability <= 1
            assert "#" in choice.key
    assert draft == Template(text, negative).draw(pack, seed)


# the same seed


def test_prompts_of_these_seeds_never_change(pack: Wildcards) -> None:
    template = Template("a __colors__ {fox|2::owl|hare}, {2$$ and $$snow|rain|fog} __animals__")
    golden = [template.draw(pack, seed).positive for seed in (0, 1, 2, 2**64 - 1)]
    assert golden == GOLDEN


GOLDEN = [
    "a blue owl, rain and snow a small fox",
    "a green owl, rain and snow hare",
    "a blue fox, fog and snow hare",
    "a red owl, fog and rain blue owl",
]


def test_a_prompt_is_the_same_alone_in_any_batch_and_in_any_thread(pack: Wildcards) -> None:
    template = Template("__animals__ {a|b|c} __colors__")
    batch = [template.draw(pack, seed).positive for seed in range(40)]
    alone = [Template("__animals__ {a|b|c} __colors__").draw(pack, seed).positive for seed in reversed(range(40))]
    with ThreadPoolExecutor(4) as threads:
        threaded = list(threads.map(lambda seed: template.draw(pack, seed).positive, range(40)))
    assert batch == alone[::-1] == threaded
    assert len(set(batch)) > 10


def test_a_prompt_does_not_depend_on_the_processes_hash_seed() -> None:
    code = (
        "from orchestrator_core.template import Template, Wildcards;"
        "print([Template('{2$$, $$a|b|c|d} {x|y}').draw(Wildcards([]), s).positive for s in range(9)])"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3]), "SYSTEMROOT": "C:\\Windows"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(runs) == 1


def test_editing_one_part_leaves_the_draws_of_the_others(pack: Wildcards) -> None:
    for seed in range(20):
        before = Template("{a|b|c} and __colors__ and {x|y|z}").draw(pack, seed)
        after = Template("new {p|q}, {a|b|c} and a very __colors__ and {x|y|z}!").draw(pack, seed)
        chosen = [[part.text for part in draft.components if part.choices] for draft in (before, after)]
        assert chosen[1][1:] == chosen[0]


@pytest.mark.parametrize("seed", [-1, 2**64, 2**200, -(2**70)])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    assert drawn("{a|b|c|d|e|f|g|h}", NONE, seed) == drawn("{a|b|c|d|e|f|g|h}", NONE, seed)


def test_the_random_numbers_of_others_are_left_alone() -> None:
    random.seed(1)
    before = random.getstate()
    counts("{a|b} {c|d}", NONE, 50)
    assert random.getstate() == before


# probabilities


def near(found: Counter[str], expected: dict[str, float], draws: int) -> None:
    assert set(found) == set(expected)
    for text, chance in expected.items():
        assert abs(found[text] - chance * draws) <= 5 * math.sqrt(draws * chance * (1 - chance)), (text, found)


def test_weights_are_shares() -> None:
    near(counts("{1::a|2::b|3::c}", NONE, 6000), {"a": 1 / 6, "b": 1 / 3, "c": 1 / 2}, 6000)
    near(counts("{0.5::a|0.5::b}", NONE, 2000), {"a": 0.5, "b": 0.5}, 2000)
    assert outcomes("{0::a|b}") == {"b"}


def test_several_picks_have_the_odds_of_drawing_without_putting_back() -> None:
    weights = {"A": 1, "B": 5, "C": 1}
    expected = {
        f"{first},{second}": weights[first] / 7 * weights[second] / (7 - weights[first])
        for first in weights
        for second in weights
        if first != second
    }
    near(counts("{2$$1::A|5::B|1::C}", NONE, 8000), expected, 8000)


def test_several_values_of_a_wildcard_have_them_too(pack: Wildcards) -> None:
    weights = {"red": 1, "blue": 3, "green": 1}
    expected = {
        f"{first},{second}": weights[first] / 5 * weights[second] / (5 - weights[first])
        for first in weights
        for second in weights
        if first != second
    }
    near(counts("{2$$__colors__}", pack, 6000), expected, 6000)


def test_neighbouring_seeds_and_equal_parts_are_independent() -> None:
    near(counts("{a|b}{a|b}", NONE, 4000), dict.fromkeys(("aa", "ab", "ba", "bb"), 0.25), 4000)
    pairs = Counter(drawn("{a|b}", NONE, s) + drawn("{a|b}", NONE, s + 1) for s in range(4000))
    near(pairs, dict.fromkeys(("aa", "ab", "ba", "bb"), 0.25), 4000)


def test_an_empty_pick_leaves_no_separator_behind() -> None:
    assert outcomes("{2$$, $$a|}") == {"a"}


def test_when_no_option_is_left_the_prompt_goes_on_with_a_diagnostic() -> None:
    draft = Template("a {0::x|0::y} b").draw(NONE, 0)
    assert draft.positive == "a  b"
    assert kinds(draft) == ["no-option"]


# variables, and what goes to the negative


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${n=!{1|2}}${n}-${n}", {"1-1", "2-2"}),
        ("${n={1|2}}${n}-${n}", {"1-1", "1-2", "2-1", "2-2"}),
        ("${n=1}${n?=2}${n}", {"1"}),
        ("${n?=!2}${n}", {"2"}),
        ("${n=a}${n+=b}${n}", {"ab"}),
        ("${n:d}", {"d"}),
        ("${n} ${n=later}", {"later "}),
        ("{${f=!red}fox|${f=!grey}wolf} ${f}", {"fox red", "wolf grey"}),
        ("${n={a|b}}%{x ... y$$${n}}", {"x a y", "x b y"}),
        ("<ppp:set n>v<ppp:/set><ppp:if n eq 'V'>yes<ppp:else>no<ppp:/if>", {"yes"}),
        ("${n=!{1|2}}{if n eq 1::one|if n eq 2::two} ${n}", {"one 1", "two 2"}),
    ],
)
def test_variables(text: str, expected: set[str]) -> None:
    assert outcomes(text) == expected


def test_an_immediate_variable_is_drawn_for_each_prompt_not_once_for_a_batch() -> None:
    assert outcomes("${n=!{1|2|3|4|5}}${n}") == set("12345")


def test_a_circle_of_variables_ends() -> None:
    draft = Template("${a=${b}}${b=${a}}x ${a}").draw(NONE, 0)
    assert draft.positive.startswith("x ")
    assert "too-deep" in kinds(draft)


def test_parameters_hold_inside_their_wildcard_only(tmp_path: Path) -> None:
    wildcards = wildcards_in(tmp_path, {"coat.txt": "a ${fabric:wool} coat\n"})
    assert drawn("__coat(fabric=silk)__, __coat__", wildcards) == "a silk coat, a wool coat"


def test_the_negative_sees_what_the_positive_chose() -> None:
    template = Template("${t=!{day|night}}by ${t}", "{if t eq 'day'::stars|if t eq 'night'::sun}")
    pairs = {(d.positive, d.negative_prompt) for d in (template.draw(NONE, seed) for seed in range(30))}
    assert pairs == {("by day", "stars"), ("by night", "sun")}
    assert dict(template.draw(NONE, 0).variables)["t"] in ("day", "night")


def test_a_value_can_send_text_to_the_negative(pack: Wildcards) -> None:
    template = Template("__hair__", "blurry")
    pairs = {(d.positive.strip(), d.negative_prompt) for d in (template.draw(pack, seed) for seed in range(30))}
    assert pairs == {("blonde", "brown hair, blurry"), ("strawberry", "strawberries, blurry")}
    sent = template.draw(pack, 0).negative[0]
    assert sent.choices[0].key.startswith("hair#")


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("a __fox", ["unclosed-wildcard"]),
        ("__fox and owl\n__", ["unclosed-wildcard"]),
        ("snake__case", []),
        ("^__^ __ __", []),
        ("\\__fox", []),
    ],
)
def test_a_wildcard_that_is_never_closed_is_text_with_a_diagnostic(text: str, notes: list[str]) -> None:
    draft = Template(text).draw(NONE, 0)
    assert draft.positive == text
    assert kinds(draft) == notes


# circles and sizes


def test_a_circle_of_wildcards_is_named_and_ends(tmp_path: Path) -> None:
    wildcards = wildcards_in(tmp_path, {"x.txt": "__y__ __y__", "y.txt": "__z__", "z.txt": "__x__"})
    draft = Template("__x__").draw(wildcards, 0)
    assert any(note.kind == "cycle" and "x → y → z" in note.message for note in draft.diagnostics) or any(
        note.kind in ("cycle", "too-large") and "→" in note.message for note in draft.diagnostics
    )


def test_a_wildcard_may_refer_to_itself_if_it_ends(tmp_path: Path) -> None:
    wildcards = wildcards_in(tmp_path, {"x.txt": "a\n__x__ b\n"})
    assert {"a", "a b", "a b b"} <= outcomes("__x__", wildcards)


# bias


def test_a_weight_shifts_the_odds_of_its_value_and_nothing_else(pack: Wildcards) -> None:
    template = Template("__colors__ {x|y}")
    plain = [template.draw(pack, seed).positive for seed in range(300)]
    biased = [template.draw(pack, seed, {"colors#red": 10.0}).positive for seed in range(300)]
    assert [text.split()[1] for text in plain] == [text.split()[1] for text in biased]
    near(Counter(text.split()[0] for text in biased), {"red": 10 / 14, "blue": 3 / 14, "green": 1 / 14}, 300)


def test_a_weight_of_one_changes_nothing(pack: Wildcards) -> None:
    template = Template("__colors__ __animals__ {x|y}")
    for seed in range(40):
        assert template.draw(pack, seed, {"colors#red": 1.0}) == template.draw(pack, seed)


def test_weights_hold_for_options_and_through_globs(pack: Wildcards) -> None:
    key = Template("{x|y}").draw(NONE, 0).components[0].choices[0].key.split("#")[0]
    assert {Template("{x|y}").draw(NONE, s, {f"{key}#x": 0}).positive for s in range(30)} == {"y"}
    weights = {"colors#red": 0.0, "colors#blue": 0.0}
    found = {Template("__col*__").draw(pack, s, weights).positive for s in range(30)}
    assert found == {"green"}
    choice = Template("__col*__").draw(pack, 0, weights).components[0].choices[0]
    assert (choice.key, choice.probability) == ("colors#green", 1.0)


def test_forbidding_every_value_is_ignored(pack: Wildcards) -> None:
    weights = dict.fromkeys(("colors#red", "colors#blue", "colors#green"), 0.0)
    assert len({Template("__colors__").draw(pack, s, weights).positive for s in range(40)}) == 3


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_a_weight_that_is_none_is_refused_by_name(weight: float) -> None:
    with pytest.raises(TemplateError, match="colors#red"):
        Bias({"colors#red": weight})


# emphasis


@pytest.mark.parametrize(
    ("text", "strength"),
    [
        ("fox", 1.0),
        ("(fox:1.3)", 1.3),
        ("((fox))", 1.21),
        ("[fox]", 0.909091),
        ("(a (fox:1.5):2)", 3.0),
        ("\\(fox\\)", 1.0),
        ("[fox:owl:0.5]", 1.0),
        ("[fox|owl]", 1.0),
        ("(fox", 1.0),
        ("fox)", 1.0),
    ],
)
def test_the_emphasis_around_a_word_is_its_strength(text: str, strength: float) -> None:
    draft = Template(text.replace("fox", "{fox|fox}")).draw(NONE, 0)
    part = next(part for part in draft.components if part.text == "fox")
    assert part.strength == pytest.approx(strength)
    assert draft.positive == text


def test_a_reroll_changes_one_slot_and_leaves_the_others(tmp_path: Path):
    wildcards = Wildcards(tmp_path)
    template = Template("{a|b|c|d|e|f|g|h} and {a|b|c|d|e|f|g|h}, {0|1|2|3|4|5|6|7}", "{x|y|z|u|v|w}")
    before = template.draw(wildcards, 7)
    first, second, third, negative = template.slots
    assert (first.start, first.where, negative.where) == (0, "positive", "negative")
    assert first.id != second.id
    drawn = {template.draw(wildcards, 7, rerolls={second.id: times}).positive for times in range(40)}
    assert len({text[:5] for text in drawn}) == len({text[-1] for text in drawn}) == 1
    assert {text[6] for text in drawn} == set("abcdefgh")
    again = template.draw(wildcards, 7, rerolls={negative.id: 3})
    assert again.positive == before.positive
    assert (before.source.rerolls, again.source.rerolls) == ((), ((negative.id, 3),))
    assert template.draw(wildcards, 7, rerolls={third.id: 0}) == before
