"""What pasting an infotext puts into the host's page."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from forge_extension.drawing import Plainly, ScriptOptions, draw_job
from forge_extension.notes import infotext_pairs
from forge_extension.pasting import FIELDS, restore
from forge_extension.writing import writing_for
from orchestrator_core.formats.infotext_pairs import quote
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.request import ImageNotes, notes_for
from orchestrator_core.stages import generate_prompt
from orchestrator_core.template import Template, Wildcards
from tests.forge_extension.forge_fakes import ROOT, FakeEnvironment, FakeForge, FakeJob

EMPTY = Wildcards([])
BUNDLED = ProfileLibrary((ROOT / "profiles",))
LINE = "Steps: 1, Sampler: Euler, CFG scale: 7.0, Seed: {seed}, Size: 64x64"


def pasted(infotext: str, **parameters: Any) -> dict[str, Any]:
    """The parameters that the host fills its page from."""
    found: dict[str, Any] = {"Prompt": "what the host read", "Negative prompt": "and this", **parameters}
    restore(infotext, found, lambda: EMPTY)
    return found


def written(prompt: str, negative: str, seed: int, pairs: dict[str, str]) -> str:
    """As the host writes it."""
    more = "".join(f", {key}: {quote(value)}" for key, value in pairs.items())
    middle = f"\nNegative prompt: {negative}" if negative else ""
    return f"{prompt}{middle}\n{LINE.format(seed=seed)}{more}"


def test_an_infotext_that_is_not_ours_is_left_alone():
    text = "a fox\nSteps: 1, Sampler: Euler, CFG scale: 7.0, Seed: 5"
    assert pasted(text) == {"Prompt": "what the host read", "Negative prompt": "and this"}


@given(
    seed=st.integers(0, 2**63),
    prompt_seed=st.sampled_from([-1, 0, 99]),
    method=st.sampled_from(["random", "combinatorial", "cyclical"]),
    dialect=st.sampled_from(["dynamicprompts", "impact"]),
    template=st.sampled_from(["a {b|c}", "{a|b}\n{c|d}, (e:1.2)", "{2$$, $$a|b|c}: \"d\"", "plain {a|b} <lora:x:1>"]),
    negative=st.sampled_from(["", "{x|y}", "z"]),
)  # fmt: skip
def test_what_the_script_drew_is_pasted_as_its_template(
    seed: int, prompt_seed: int, method: Any, dialect: Any, template: str, negative: str
):
    options = ScriptOptions(enabled=True, dialect=dialect, method=method, prompt_seed=prompt_seed)
    job = FakeJob(template, negative, seed, n_iter=2)
    draw_job(job, options, EMPTY)
    keys = ("Template", "Negative Template", "Orchestrator")
    pairs = {key: value for key in keys if (value := job.pair(key, 1))}
    found = pasted(written(job.all_prompts[1], job.all_negative_prompts[1], seed + 1, pairs))
    assert (found["Prompt"], found["Negative prompt"]) == (template, negative)
    expected_seed = prompt_seed + 1 if prompt_seed >= 0 and prompt_seed + 1 != seed + 1 else -1
    more = ["", "", "", "continue", False]  # no profiles, genre, story nor enhancing
    assert [found[key] for key in FIELDS] == [True, dialect, method, "keep", expected_seed, *more]
    again = FakeJob(found["Prompt"], found["Negative prompt"], seed + 1)
    draw_job(again, ScriptOptions(enabled=True, dialect=dialect, method=method, prompt_seed=expected_seed), EMPTY)
    assert again.all_prompts == [job.all_prompts[1]]


def test_a_prompt_of_another_host_that_was_drawn_again_stays_as_it_is():
    """The script has no element for rerolls."""
    template = Template("a {b|c|d|e|f|g}")
    options = generate_prompt.Options(template="a {b|c|d|e|f|g}", seed=5, rerolls={template.slots[0].id: 1})
    draft = generate_prompt.generate(options, EMPTY)
    assert draft.positive != template.draw(EMPTY, 5).positive
    found = pasted(written(draft.positive, "", 5, infotext_pairs(notes_for("0f", draft))))
    assert found == {"Prompt": "what the host read", "Negative prompt": "and this", FIELDS[0]: False}


def test_profiles_and_a_genre_come_back_with_the_template():
    options = ScriptOptions(enabled=True, profiles="mira", genre="film-noir")
    job = FakeJob("she {reads|writes}", "", 5)
    draw_job(job, options, EMPTY, Plainly(BUNDLED))
    assert "loose braid" in job.all_prompts[0]
    pairs = {key: value for key in ("Template", "Orchestrator") if (value := job.pair(key, 0))}
    text = written(job.all_prompts[0], job.all_negative_prompts[0], 5, pairs)
    found = {"Prompt": "", "Negative prompt": ""}
    restore(text, found, lambda: EMPTY, BUNDLED)
    assert found["Prompt"] == "she {reads|writes}"
    assert [found[f"Orchestrator {name}"] for name in ("enabled", "profiles", "genre")] == [True, "mira", "film-noir"]
    assert pasted(text)["Prompt"] == "what the host read", "where there are no such profiles"


def test_what_a_language_model_added_is_pasted_with_the_prompt_that_has_it():
    job = FakeJob("she {reads|writes}", "", 5)
    environment = FakeEnvironment(EMPTY)
    options = ScriptOptions(enabled=True, enhance=True)
    draw_job(job, options, EMPTY, writing_for(job, options, environment.settings(), FakeForge(), environment))
    pairs = {key: value for key in ("Template", "Orchestrator") if (value := job.pair(key, 0))}
    found = pasted(written(job.all_prompts[0], "", 5, pairs))
    assert found == {"Prompt": "what the host read", "Negative prompt": "and this", FIELDS[0]: False}


def test_what_an_unknown_wildcard_left_is_set_as_it_was():
    options = generate_prompt.Options(template="a {b|c} __nowhere__", seed=5, missing="remove")
    draft = generate_prompt.generate(options, EMPTY)
    found = pasted(written(draft.positive.strip(), "", 5, infotext_pairs(notes_for("0f", draft))))
    assert found["Prompt"] == options.template
    assert found[FIELDS[3]] == "remove"


def test_a_template_that_gives_something_else_today_stays_out():
    pairs = infotext_pairs(ImageNotes("0f", "a {b|c}"))
    found = pasted(written("a drawn prompt", "", 5, pairs))
    assert found == {"Prompt": "what the host read", "Negative prompt": "and this", FIELDS[0]: False}


def test_a_run_whose_prompt_was_not_drawn_switches_the_script_off():
    found = pasted(written("a {fox}", "", 5, infotext_pairs(ImageNotes("0f"))))
    assert found[FIELDS[0]] is False
    assert found["Prompt"] == "what the host read"


def test_styles_that_are_in_the_template_are_not_chosen_again():
    positive = Template("a {b|c}").draw(EMPTY, 5).positive
    text = written(positive, "", 5, infotext_pairs(ImageNotes("0f", "a {b|c}")))
    assert pasted(text, **{"Styles array": ["mine"]})["Styles array"] == []


@given(st.text(max_size=200))
def test_any_text_can_be_pasted(text: str):
    pasted(text)
    pasted(f"a\n{LINE.format(seed=1)}, Template: {quote(text)}, Orchestrator: {quote(text)}")
