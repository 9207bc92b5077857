"""Where every word came from: true of any template, any wildcard and every way of drawing."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator_core.prompt import Component, Origin, PromptDraft
from orchestrator_core.template import Template, Wildcards
from tests.core.template.engine import NONE, wildcards_in
from tests.core.template.grammar import PACK, mixed_templates, templates

seeds = st.integers(0, 2**64 - 1)
anywhere = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Wildcards:
    return wildcards_in(tmp_path_factory.mktemp("pack"), PACK)


def ways(text: str, negative: str, pack: Wildcards, seed: int) -> list[PromptDraft]:
    template = Template(text, negative)
    listing = islice(template.combinations(pack, seed=seed), 3)
    return [template.draw(pack, seed), template.cycle(pack, seed % 10), *listing]


def all_components(draft: PromptDraft) -> list[Component]:
    return [*draft.components, *draft.negative]


@anywhere
@given(mixed_templates, templates, seeds)
def test_the_text_is_its_components_joined_and_none_is_empty_of_origin(
    pack: Wildcards, text: str, negative: str, seed: int
):
    for draft in ways(text, negative, pack, seed):
        assert "".join([component.text for component in draft.components]) == draft.positive
        assert "".join([component.text for component in draft.negative]) == draft.negative_prompt
        for component in all_components(draft):
            assert component.origin in (Origin.template, Origin.wildcard)
            # a file's own count brings a separator that no choice led to
            chosen = any(choice.file for choice in component.choices) or component.text == " & "
            assert component.origin is Origin.template or chosen


@anywhere
@given(mixed_templates, seeds)
def test_every_span_lies_inside_the_template(pack: Wildcards, text: str, seed: int):
    for draft in ways(text, "", pack, seed):
        for component in all_components(draft):
            if component.span is None:
                assert component == Component(", ", Origin.template)  # between what was sent and the negative prompt
            else:
                assert 0 <= component.span[0] <= component.span[1] <= len(text)


@anywhere
@given(mixed_templates, seeds)
def test_a_templates_own_words_stand_in_it(pack: Wildcards, text: str, seed: int):
    for draft in ways(text, "", pack, seed):
        for component in draft.components:
            if component.origin is Origin.template and not component.choices:
                is_name = component.text.startswith("__")  # a missing name that was put together
                assert component.text in text or component.text in (",", ", ") or is_name


@anywhere
@given(mixed_templates, seeds)
def test_every_choice_of_a_wildcard_names_a_line_that_holds_it(pack: Wildcards, text: str, seed: int):
    for draft in ways(text, text, pack, seed):
        for component in all_components(draft):
            for choice in component.choices:
                assert 0 <= choice.probability <= 1 + 1e-9
                assert choice.options >= 1
                if choice.file:
                    name, _, value = choice.key.partition("#")
                    line = PACK[choice.file].split("\n")[choice.line - 1]
                    assert value.replace("__nested#", "") in line or value.split("#")[0] in line
                    assert isinstance(choice.siblings, str)
                    assert name
                else:
                    assert choice.key.startswith("inline:")
                    assert choice.key.partition("#")[2] in [sibling.strip() for sibling in choice.siblings]


def test_lines_are_those_of_the_file_in_every_format(tmp_path: Path):
    files = {
        "a.txt": "\ufeff# first\n\n  one\n2::two\r\n\nthree",
        "b.yaml": "b:\n  # note\n  - four\n\n  - 2::five\n  - {text: six,\n     weight: 2}\n",
        "c.json": '{"c": [\n "seven",\n\n "eight", {"text":\n "nine"}]}',
        "d.txt": "2$$, $$\nten\neleven\n",
    }
    wildcards = wildcards_in(tmp_path, files)
    lines = {value.text: (value.file, value.line) for name in "abcd" for value in wildcards.values(name) or ()}
    assert lines == {
        "one": ("a.txt", 3),
        "two": ("a.txt", 4),
        "three": ("a.txt", 6),
        "four": ("b.yaml", 3),
        "five": ("b.yaml", 5),
        "six": ("b.yaml", 6),
        "seven": ("c.json", 2),
        "eight": ("c.json", 4),
        "nine": ("c.json", 4),  # an object is where it begins
        "ten": ("d.txt", 2),
        "eleven": ("d.txt", 3),
    }


@pytest.mark.parametrize(
    "text", ["__plain__", "{x|2::y|0.5::z}", "__double__", "__tree/leaf__", "{2::__plain__|q}", "{0::a|b}"]
)
def test_the_probability_of_a_choice_is_its_share_of_the_draws(pack: Wildcards, text: str):
    template = Template(text)
    seen: Counter[tuple[str, int]] = Counter()
    claimed: dict[tuple[str, int], float] = {}
    draws = 3000
    for seed in range(draws):
        choice = template.draw(pack, seed).components[0].choices[0]
        seen[choice.key, choice.line] += 1
        claimed[choice.key, choice.line] = choice.probability
    assert sum(claimed.values()) == pytest.approx(1)
    for key, probability in claimed.items():
        spread = 5 * (draws * probability * (1 - probability)) ** 0.5
        assert abs(seen[key] - draws * probability) <= spread + 1


def test_choices_run_from_the_outside_in_through_files_and_braces(tmp_path: Path):
    files = {"outer.txt": "{big __inner__|big __inner__ too}\n", "inner.txt": "cat\n"}
    draft = Template("{a __outer__|a __outer__!}").draw(wildcards_in(tmp_path, files), 3)
    cat = next(component for component in draft.components if component.text == "cat")
    assert [choice.key.partition("#")[0].partition(":")[0] for choice in cat.choices] == [
        *["inline", "outer", "inline", "inner"]
    ]
    assert [choice.file for choice in cat.choices] == ["", "outer.txt", "", "inner.txt"]
    assert cat.span is not None
    assert "{a __outer__|a __outer__!}"[slice(*cat.span)] == "__outer__"


def test_a_value_knows_the_wildcard_that_defines_it_and_the_one_that_was_asked(pack: Wildcards):
    for seed in range(20):
        choice = Template("__tree/*__").draw(pack, seed).components[0].choices[0]
        assert choice.key.startswith(("deep/tree/leaf#", "deep/tree/one#"))
        assert choice.siblings == "tree/*"
        siblings = pack.values("tree/*")
        assert siblings is not None
        assert len(siblings) == choice.options == 4


def test_a_hash_in_a_name_does_not_confuse_its_keys(tmp_path: Path):
    draft = Template("__c#__").draw(wildcards_in(tmp_path, {"c#.txt": "major # minor\n"}), 1)
    assert draft.components[0].choices[0].key == "c%23#major # minor"


def test_text_that_a_choice_sends_to_the_negative_keeps_its_choice(pack: Wildcards):
    for seed in range(8):
        draft = Template("__sends__", "bad").draw(pack, seed)
        (positive,) = draft.components
        sent = draft.negative[0]
        assert (positive.text, sent.text) in (("day", "night"), ("dusk", "dawn"))
        assert sent.choices[0].key.startswith("sends#")
        assert sent.choices[0].key == positive.choices[0].key
        assert [component.text for component in draft.negative[1:]] == [", ", "bad"]


def test_a_variables_words_keep_the_choices_that_made_them():
    draft = Template("${v=!{fox|owl}}${v} and ${v}", "no ${v}").draw(NONE, 1)
    uses = [component for component in all_components(draft) if component.choices]
    assert len(uses) == 3
    assert len({component.choices[0].key for component in uses}) == 1


def test_what_was_set_inside_a_value_is_that_values_wherever_it_is_used(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"w.txt": "<ppp:set v>kept<ppp:/set>value\n"})
    text = "__w__ then <ppp:echo v/>"
    draft = Template(text).draw(wildcards, 1)
    assert draft.positive == "value then kept"
    kept = next(component for component in draft.components if component.text == "kept")
    assert kept.origin is Origin.wildcard
    assert kept.choices[0].file == "w.txt"
    assert kept.span is not None
    assert text[slice(*kept.span)] in ("__w__", "<ppp:echo v/>")


def test_a_persons_variables_are_theirs():
    draft = Template("${name} walks").draw(NONE, 1, variables={"name": "Ada"})
    assert draft.components[0] == Component("Ada", Origin.user)


def test_keys_are_plain_text_that_json_can_hold(pack: Wildcards):
    draft = Template("__*__ {a|b}").draw(pack, 5)
    for component in draft.components:
        for choice in component.choices:
            assert json.loads(json.dumps(choice.key)) == choice.key
