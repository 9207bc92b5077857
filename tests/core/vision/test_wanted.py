from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft
from orchestrator_core.template import Template, Wildcards
from orchestrator_core.vision.port import Wanted
from orchestrator_core.vision.readable import BINDING, COUNT, EMPTY, NEGATION, QUALITY, literal, readable
from orchestrator_core.vision.wanted import MOST_ALTERNATIVES, wanted_in


def wanted(template: str, folder: Path | None = None, seed: int = 1) -> tuple[Wanted, ...]:
    wildcards = Wildcards([folder] if folder else [])
    return wanted_in(Template(template).draw(wildcards, seed=seed), wildcards)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def test_a_wildcards_value_is_wanted_against_all_others_of_it(tmp_path: Path) -> None:
    write(tmp_path, warm="crimson\n2::amber\n# a comment\nochre")
    (found,) = wanted("__warm__", tmp_path)
    assert found.measure == "siblings"
    assert found.key == f"warm#{found.text}"
    assert found.alternatives[0] == found.text
    assert sorted(found.alternatives) == ["amber", "crimson", "ochre"]


def test_an_option_is_wanted_against_the_other_options() -> None:
    (found,) = wanted("{fox|owl|0.5::(badger:1.2)}")
    assert (found.measure, sorted(found.alternatives)) == ("siblings", ["badger", "fox", "owl"])
    assert found.key.startswith("inline:")


def test_words_beside_a_decision_tell_two_decisions_of_one_kind_apart() -> None:
    found = [each for each in wanted("a ({red|blue}:1.2) star on a {red|white} background, night") if each.key]
    assert [each.text.split()[-1] for each in found] == ["star", "background"]
    assert sorted(found[0].alternatives) == ["blue star", "red star"]
    assert sorted(found[1].alternatives) == ["red background", "white background"]


def test_one_wildcard_drawn_twice_is_wanted_twice(tmp_path: Path) -> None:
    write(tmp_path, animal="fox\nowl")
    found = wanted("__animal__ and __animal__", tmp_path)
    assert [each.component for each in found] == [0, 2]


def test_credit_goes_to_the_innermost_choice_and_to_an_outer_one_only_for_words_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, animal="fox\nowl")
    inner = [each.key for each in wanted("{__animal__|__animal__}", tmp_path)]
    assert [key.partition("#")[0] for key in inner] == ["animal"]
    both = wanted("{wild __animal__|tame __animal__}", tmp_path)
    assert len(both) == 2
    assert both[0].text.split()[0] in ("wild", "tame")
    assert {each.split()[0] for each in both[0].alternatives} == {"wild", "tame"}
    assert both[1].key == f"animal#{both[1].text.split()[-1]}"


def test_free_text_is_wanted_part_by_part_and_said_once() -> None:
    found = wanted("a knight on a horse, <lora:x:1>, (storm:1.3) BREAK embedding:easy, [mist], storm")
    assert [(each.text, each.measure, each.key) for each in found] == [
        ("knight on a horse", "free", ""),
        ("storm", "free", ""),
        ("mist", "free", ""),
    ]


@pytest.mark.parametrize(
    "text", ["masterpiece", "best quality", "8k", "score_9", "score_8_up", "highly detailed", "trending on artstation"]
)
def test_quality_words_are_not_scored(text: str) -> None:
    assert [(each.measure, each.reason) for each in wanted(f"({text}:1.2)")] == [("unscored", QUALITY)]
    assert [each.measure for each in wanted(f"{{{text}|{text}, {text}}}")] == ["unscored"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("two foxes", COUNT),
        ("3girls", COUNT),
        ("multiple swords", COUNT),
        ("without a hat", NEGATION),
        ("no people", NEGATION),
        ("a fox to the left of an owl", BINDING),
        ("a red hat and blue shoes", BINDING),
    ],
)
def test_what_clip_cannot_see_is_marked_so(text: str, reason: str) -> None:
    assert [(each.measure, each.reason) for each in wanted(text)] == [("unmeasurable", reason)]


@pytest.mark.parametrize("text", ["1girl", "one fox", "a 1980s car", "35mm film", "a red fox"])
def test_what_only_looks_like_a_count_is_measured(text: str) -> None:
    assert [each.measure for each in wanted(text)] == ["free"]


def test_values_that_differ_in_nothing_but_a_count_are_unmeasurable_with_their_alternatives() -> None:
    (found,) = wanted("{two foxes|three foxes|one fox}")
    assert (found.measure, found.reason, len(found.alternatives)) == ("unmeasurable", COUNT, 3)
    assert [each.measure for each in wanted("{two foxes|two owls}")] == ["siblings"]
    assert wanted("{fox above owl|owl above fox}")[0].reason == BINDING


def test_kinds_and_negations_of_a_value_are_not_held_against_it() -> None:
    for seed in range(6):
        (found,) = wanted("{fox|red fox|no fox|the foxes|owl}", seed=seed)
        if found.text == "owl":
            assert sorted(found.alternatives) == ["fox", "owl", "red fox", "the foxes"]
        elif found.text != "no fox":
            assert found.alternatives == (found.text, "owl")


def test_a_value_with_nothing_to_be_compared_with_counts_as_free(tmp_path: Path) -> None:
    write(tmp_path, hat="hat\nno hat\n__gone__")
    draft = Template("__hat__").draw(Wildcards([tmp_path]), seed=1)
    (found,) = wanted_in(draft, None)
    assert (found.measure, bool(found.reason)) == ("free", True) if found.text == "hat" else ("unmeasurable", True)


def test_of_a_long_wildcard_64_values_stand_against_one_and_are_the_same_each_time(tmp_path: Path) -> None:
    write(tmp_path, long="\n".join(f"thing{n} of kind{n % 50}" for n in range(3000)))
    found = [wanted("__long__", tmp_path, seed)[0] for seed in range(2)]
    for each in found:
        assert len(each.alternatives) == MOST_ALTERNATIVES
        assert each.alternatives[0] == each.text
    assert found[0].alternatives == wanted("__long__", tmp_path, 0)[0].alternatives
    assert len(set(found[0].alternatives) & set(found[1].alternatives)) > MOST_ALTERNATIVES / 2


def test_what_a_language_model_wrote_is_scored_and_never_credited() -> None:
    choice = Choice("w#fox", ("fox", "owl"), options=2)
    draft = PromptDraft(
        (Component("fox", Origin.wildcard, (choice,)), Component(", mossy stones", Origin.llm, (choice,)))
    )
    assert [(each.text, each.key) for each in wanted_in(draft)] == [("fox", "w#fox"), ("mossy stones", "")]


def test_a_choice_that_says_nothing_to_be_seen_is_unscored() -> None:
    choice = Choice("w#x", ("x", "y"), options=2)
    draft = PromptDraft((Component("<lora:film:0.5>", Origin.wildcard, (choice,)),))
    assert [(each.measure, each.reason) for each in wanted_in(draft)] == [("unscored", EMPTY)]
    assert wanted_in(PromptDraft(())) == ()


def test_nested_syntax_of_a_sibling_leaves_its_words() -> None:
    assert literal("a red __animals/*__ in {snow|{rain|__w__}}, ${x} (mist:1.1)") == "a red in, mist"


@given(st.text(st.sampled_from("ab ,()[]{}<>:|_.19\\BREAK\n")))
def test_whatever_stands_in_a_prompt_can_be_read(text: str) -> None:
    once = readable(text)
    assert "\n" not in once
    assert "<" not in once or ">" not in once.partition("<")[2]
    draft = PromptDraft((Component(text),))
    assert all(each.text for each in wanted_in(draft))
