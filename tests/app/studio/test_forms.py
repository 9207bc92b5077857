"""Every option of every stage becomes a field, and what a page's elements hold becomes the options again."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.forms import element_id, fields_of, read, shown
from orchestrator_core.errors import ConfigError
from orchestrator_core.pipeline import STAGES
from orchestrator_core.prompt import MAX_SEED
from orchestrator_core.stages import dispatch, generate_prompt

DRAW, RENDER = fields_of(generate_prompt.Options), fields_of(dispatch.Options)


@pytest.mark.parametrize("stage", STAGES)
def test_each_option_has_a_field_with_its_description_and_limits(stage: str):
    for name, info in STAGES[stage].options.model_fields.items():
        field = fields_of(STAGES[stage].options)[name]
        assert field.description == info.description
        assert field.default == info.get_default(call_default_factory=True)
    assert RENDER["steps"].limits == "1 – 1,000"
    assert (RENDER["denoise"].low, RENDER["denoise"].high) == (0, 1)
    assert DRAW["method"].choices == ("random", "combinatorial", "cyclical")


def test_an_option_is_found_on_the_page_by_stage_and_name():
    assert element_id("generatePrompt", "negative_template") == "orchestrator_generate_prompt_negative_template"
    assert element_id("dispatch", "steps") == "orchestrator_dispatch_steps"


def test_labels_are_words_of_the_field():
    assert [RENDER[name].label for name in ("cfg", "vae", "clip_skip")] == ["CFG", "VAE", "CLIP skip"]
    assert fields_of(Settings)["comfy_url"].label == "ComfyUI address"


def test_defaults_come_back_from_the_elements():
    for model, fields in ((generate_prompt.Options, DRAW), (dispatch.Options, RENDER), (Settings, fields_of(Settings))):
        held = {name: shown(field, field.default) for name, field in fields.items()}
        assert read(model, held, fields) == model()


@given(st.integers(0, MAX_SEED), st.one_of(st.none(), st.integers(0, MAX_SEED)))
def test_every_seed_survives_the_page(seed: int, image_seed: int | None):
    held = shown(DRAW["seed"], seed)
    assert isinstance(held, str)  # a browser's numbers are exact up to 2**53 only
    assert read(generate_prompt.Options, {"seed": held}, DRAW).seed == seed
    assert read(dispatch.Options, {"seed": shown(RENDER["seed"], image_seed)}, RENDER).seed == image_seed


@given(st.dictionaries(st.text(max_size=9), st.one_of(st.integers(), st.text(max_size=9)), max_size=4))
def test_what_only_one_generator_understands_survives_the_page(extra: dict[str, object]):
    assert read(dispatch.Options, {"extra": shown(RENDER["extra"], extra)}, RENDER).extra == extra


def test_folders_are_lines():
    fields = fields_of(Settings)
    settings = read(Settings, {"wildcard_folders": " one/two \n\n three\n"}, fields)
    assert settings.wildcard_folders == ("one/two", "three")
    assert shown(fields["wildcard_folders"], settings.wildcard_folders) == "one/two\nthree"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("steps", 0, "Steps: Input should be greater than or equal to 1"),
        ("steps", None, "Steps is empty; it needs a number from 1 to 1,000"),
        ("steps", 2.5, "Steps is 2.5; it needs a whole number from 1 to 1,000"),
        ("cfg", math.nan, "CFG: Input should be"),
        ("cfg", "much", "CFG: Input should be a valid number"),
        ("seed", "abc", "Image seed is 'abc'; it needs a whole number"),
        ("seed", "-1", "Image seed: Input should be greater than or equal to 0"),
        ("extra", "{", "Extra is not valid JSON"),
        ("extra", "[1]", "Extra should be a JSON object"),
        ("extra", "[" * 100_000, "Extra is not valid JSON"),
        ("width", 10**30, "Width: Input should be less than or equal to 16384"),
    ],
)
def test_what_is_wrong_names_the_field(name: str, value: object, says: str):
    with pytest.raises(ConfigError) as error:
        read(dispatch.Options, {name: value}, RENDER)
    assert str(error.value).startswith(says)
