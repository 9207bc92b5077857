from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator_core.errors import TemplateError
from orchestrator_core.request import notes_for
from orchestrator_core.stages.generate_prompt import Options, generate, kept, options_from_widgets
from orchestrator_core.template import Template, Wildcards

NONE = Wildcards([])


def test_a_seed_gives_what_the_template_itself_gives() -> None:
    options = Options(template="{a|b|c} {d|e}", negative_template="{x|y}", seed=7)
    expected = Template("{a|b|c} {d|e}", "{x|y}").draw(NONE, 7)
    assert generate(options, NONE) == expected


def test_weights_reach_the_draw(tmp_path: Path) -> None:
    (tmp_path / "colors.txt").write_text("red\nblue\n")
    wildcards = Wildcards([tmp_path])
    weights = {"colors#red": 0.0}
    drawn = {generate(Options(template="__colors__", seed=s), wildcards, weights).positive for s in range(30)}
    assert drawn == {"blue"}


def test_variables_reach_the_draw() -> None:
    draft = generate(Options(template="{if _is_sdxl::big|small}", seed=0), NONE, variables={"_is_sdxl": "true"})
    options = {generate(Options(template="{if _is_sdxl::big|small}", seed=s), NONE).positive for s in range(20)}
    assert options == {"small"}
    assert draft.positive in {"big", "small"}


@pytest.mark.parametrize("index", range(4))
def test_an_index_is_a_combination(index: int) -> None:
    options = Options(template="{a|b} {c|d}", method="combinatorial", index=index)
    assert generate(options, NONE).positive == ["a c", "a d", "b c", "b d"][index]


def test_without_an_index_the_seed_counts_combinations_round() -> None:
    prompts = [generate(Options(template="{a|b|c}", method="combinatorial", seed=s), NONE).positive for s in range(5)]
    assert prompts == ["a", "b", "c", "a", "b"]


def test_an_index_past_the_last_combination_is_an_error_that_names_the_count() -> None:
    with pytest.raises(TemplateError, match="has 3"):
        generate(Options(template="{a|b|c}", method="combinatorial", index=3), NONE)


def test_cyclical_takes_each_in_turn() -> None:
    prompts = [generate(Options(template="{a|b} {c|d|e}", method="cyclical", seed=s), NONE).positive for s in range(4)]
    assert prompts == ["a c", "b d", "a e", "b c"]


def test_a_missing_wildcard_can_be_an_error() -> None:
    with pytest.raises(TemplateError, match="nowhere"):
        generate(Options(template="__nowhere__", missing="error"), NONE)
    assert generate(Options(template="a __nowhere__ b", missing="remove"), NONE).positive == "a  b"


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": 2**64}, {"dialect": "klingon"}, {"colour": "red"}])
def test_options_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(wrong)


def test_rerolls_are_taken_as_the_text_that_a_workflow_keeps() -> None:
    slot = "9f3c07aa9f3c07aa"
    assert Options.model_validate({"rerolls": f"{slot}:2"}) == Options(rerolls={slot: 2})
    with pytest.raises(ValidationError, match="'nonsense' names no part"):
        Options.model_validate({"rerolls": f"{slot}:2 nonsense"})


def test_widgets_of_other_versions_and_linked_seeds_are_options() -> None:
    values = {"template": "a fox", "mode": "fixed", "seed": -1, "index": -1, "missing": None, "rerolls": ""}
    assert options_from_widgets(values) == Options(template="a fox", seed=2**64 - 1)


def test_a_kept_text_says_how_it_is_to_be_drawn_also_where_that_fails() -> None:
    options = Options(
        template="{a|b}", method="combinatorial", index=9, missing="remove", rerolls={"9f3c07aa9f3c07aa": 2}
    )
    source = kept(options, "x", "", NONE).source
    assert (source.method, source.index, source.missing) == ("combinatorial", 9, "remove")
    assert source.rerolls == (("9f3c07aa9f3c07aa", 2),)


def test_half_a_character_in_a_widget_is_a_question_mark() -> None:
    options = options_from_widgets({"template": "a \ud800 fox", "negative_template": "\udfff", "seed": 3})
    assert (options.template, options.negative_template, options.seed) == ("a ? fox", "?", 3)


def test_a_draft_says_which_learned_odds_it_was_drawn_by_and_a_text_is_explained_by_the_same():
    options = Options(template="a {red|blue|green} fox", seed=3)
    plain = generate(options, NONE)
    (choice,) = [choice for component in plain.components for choice in component.choices]
    name = choice.key.partition("#")[0]
    weights = {f"{name}#{text}": 1000.0 for text in ("red", "blue", "green") if text not in plain.positive}
    draft = generate(options, NONE, weights, odds=12)
    assert draft.source.odds == 12
    assert draft.positive != plain.positive
    again = kept(options, draft.positive, "", NONE, weights=weights, odds=12)
    assert again == draft
    assert notes_for("x", draft).source == draft.source
    assert [c.choices for c in kept(options, draft.positive, "", NONE).components] != [
        c.choices for c in draft.components
    ]
