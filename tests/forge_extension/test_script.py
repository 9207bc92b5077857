"""What the script does to a job of the host's, without the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forge_extension import marks
from forge_extension.drawing import ScriptOptions, draw_job, read_options
from forge_extension.rendered import RenderedImage
from forge_extension.resolver import Resolver
from orchestrator_app.studio.odds import Odds
from orchestrator_core.errors import ConfigError, StoreError
from orchestrator_core.store import Store
from orchestrator_core.template import Template, Wildcards
from tests.forge_extension.forge_fakes import FakeEnvironment, FakeForge, FakeJob, Processed

TEMPLATE, NEGATIVE = "a {red|green|blue} {fox|owl|cat}", "{blurry|noisy}"
EMPTY = Wildcards([])
ON = ScriptOptions(enabled=True)


def drawn(seed: int, template: str = TEMPLATE, negative: str = NEGATIVE) -> tuple[str, str]:
    draft = Template(template, negative).draw(EMPTY, seed)
    return draft.positive, draft.negative_prompt


class Console(list[str]):
    """What the host's console was told."""


@pytest.fixture
def host() -> FakeForge:
    return FakeForge()


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def resolver(host: FakeForge, console: Console) -> Resolver:
    return Resolver(host, FakeEnvironment(EMPTY), console.append)


def test_half_a_character_is_one_that_the_host_can_write():
    job = FakeJob("a \ud800 {fox|owl}", "\udfff", 5)
    draw_job(job, ON, EMPTY)
    texts = [*job.all_prompts, *job.all_negative_prompts, job.pair("Template", 0), job.pair("Negative Template", 0)]
    assert "".join(map(str, texts)).encode()
    assert job.all_prompts[0].startswith("a ? ")


def test_learned_odds_decide_what_is_drawn_and_each_image_notes_which(host: FakeForge, console: Console):
    fox = next(
        choice.key for part in Template("{fox|owl}").draw(EMPTY, 0).components for choice in part.choices
    ).partition("#")[0]
    environment = FakeEnvironment(EMPTY)
    environment.learned = Odds({f"{fox}#owl": 0.0}, 41)
    job = FakeJob("{fox|owl}", "plain", 1, batch_size=8)
    Resolver(host, environment, console.append).process(job, [{"enabled": True}])
    assert job.all_prompts == ["fox"] * 8
    assert '"odds":41' in str(job.pair("Orchestrator", 7))


def test_a_prompt_in_which_nothing_was_drawn_notes_no_odds(host: FakeForge, console: Console):
    environment = FakeEnvironment(EMPTY)
    environment.learned = Odds({}, 41)
    job = FakeJob("a fox", "", 1)
    Resolver(host, environment, console.append).process(job, [{"enabled": True}])
    assert "odds" not in str(job.pair("Orchestrator", 0))


# arguments


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ScriptOptions()),
        ([True], ON),
        ([True, "impact", "cyclical", "remove", 7.0], ScriptOptions(
            enabled=True, dialect="impact", method="cyclical", missing="remove", prompt_seed=7)),
        ([True, None, "", None, None], ON),
        ([{}], ON),
        ([{"enabled": False, "dialect": "impact"}], ScriptOptions(dialect="impact")),
    ],
)  # fmt: skip
def test_arguments_come_in_order_or_by_name(arguments: list[Any], expected: ScriptOptions):
    assert read_options(arguments) == expected


@pytest.mark.parametrize("arguments", [[{"dialekt": "impact"}], [True, "esperanto"], [True, None, None, None, -2]])
def test_arguments_that_mean_nothing_are_refused(arguments: list[Any]):
    with pytest.raises(ConfigError, match="The script Orchestrator cannot use its arguments: "):
        read_options(arguments)


# drawing


def test_each_image_is_drawn_by_its_seed():
    job = FakeJob(TEMPLATE, NEGATIVE, seed=41, batch_size=2, n_iter=2)
    draw_job(job, ON, EMPTY)
    assert list(zip(job.all_prompts, job.all_negative_prompts, strict=True)) == [drawn(41 + n) for n in range(4)]
    assert (job.main_prompt, job.main_negative_prompt) == drawn(41)


def test_prompts_of_a_list_are_templates_of_their_own():
    job = FakeJob(["{a|b} one", "{a|b} two"], "", seed=3, n_iter=2)
    draw_job(job, ON, EMPTY)
    assert job.all_prompts == [drawn(3, "{a|b} one", "")[0], drawn(4, "{a|b} two", "")[0]]


@given(
    seed=st.integers(0, 2**64 - 10),
    batch_size=st.integers(1, 3),
    n_iter=st.integers(1, 3),
    tail=st.sampled_from(["", ", detailed", " {x|y}"]),
)
def test_whatever_the_batch_each_image_says_its_own_template_and_choices(
    seed: int, batch_size: int, n_iter: int, tail: str
):
    job = FakeJob(TEMPLATE, NEGATIVE, seed, batch_size, n_iter).with_hires(TEMPLATE + tail, NEGATIVE)
    found = draw_job(job, ON, EMPTY)
    assert job.all_hr_prompts is not None
    for place, notes in enumerate(found.notes):
        assert job.pair("Template", place) == TEMPLATE
        assert job.pair("Negative Template", place) == NEGATIVE
        assert notes.run_id in str(job.pair("Orchestrator", place))
        assert job.all_prompts[place] == drawn(seed + place)[0]
        assert job.all_hr_prompts[place].startswith(job.all_prompts[place])


def test_a_prompt_without_anything_to_draw_has_no_template_in_its_infotext():
    job = FakeJob("a fox", "blurry")
    draw_job(job, ON, EMPTY)
    assert job.all_prompts == ["a fox"]
    assert (job.pair("Template", 0), job.pair("Negative Template", 0)) == (None, None)


def test_a_seed_of_the_prompts_own_is_noted():
    job = FakeJob(TEMPLATE, NEGATIVE, seed=41, n_iter=2)
    found = draw_job(job, ScriptOptions(enabled=True, prompt_seed=7), EMPTY)
    assert job.all_prompts == [drawn(7)[0], drawn(8)[0]]
    assert [notes.prompt_seed for notes in found.notes] == [7, 8]


def test_an_empty_prompt_can_be_combined():
    job = FakeJob("", NEGATIVE)
    draw_job(job, ScriptOptions(enabled=True, method="combinatorial"), EMPTY)
    assert job.all_prompts == [""]


# a job from its beginning to its end


def test_it_does_nothing_where_it_is_off_or_the_prompt_is_final(resolver: Resolver):
    job = FakeJob(TEMPLATE)
    resolver.process(job, [False])
    marks.mark_as_final(job)
    resolver.process(job, [True])
    resolver.finish(job, Processed())
    assert job.all_prompts == [TEMPLATE]
    assert job.extra_generation_params == {}


def test_while_it_runs_the_job_has_the_prompt_of_the_image_and_then_its_template_again(resolver: Resolver):
    job = FakeJob(TEMPLATE, NEGATIVE, seed=41, n_iter=2)
    resolver.process(job, [True])
    assert (job.prompt, job.negative_prompt) == drawn(41)
    resolver.at_image(job, 1)
    assert (job.prompt, job.negative_prompt) == drawn(42)
    resolver.finish(job, Processed())
    assert (job.prompt, job.negative_prompt) == (TEMPLATE, NEGATIVE)


def test_a_job_that_is_run_again_is_drawn_again(resolver: Resolver):
    job = FakeJob(TEMPLATE, NEGATIVE, seed=41)
    for seed in (41, 50):
        job.all_seeds, job.all_prompts, job.all_negative_prompts = [seed], [job.prompt], [job.negative_prompt]
        resolver.process(job, [True])
        assert job.all_prompts == [drawn(seed)[0]]
        resolver.finish(job, Processed())


@pytest.mark.parametrize("copied", ["template", "drawn", "other"])
def test_a_job_within_a_job_sees_its_choices(resolver: Resolver, copied: str):
    job = FakeJob(TEMPLATE, NEGATIVE, seed=41, n_iter=2)
    resolver.process(job, [True])
    job.iteration = 1
    resolver.at_image(job, 1)
    text = {"template": TEMPLATE, "drawn": job.prompt, "other": "just {red|green|blue}"}[copied]
    inner = FakeJob(text, NEGATIVE if copied == "template" else job.negative_prompt, seed=1000)
    resolver.process(inner, [True])
    expected = drawn(42, text)[0] if copied == "other" else drawn(42)[0]
    assert inner.all_prompts == [expected]
    assert inner.all_negative_prompts == [drawn(42)[1]]
    resolver.finish(inner, Processed())
    resolver.finish(job, Processed())
    assert job.prompt == TEMPLATE


def test_a_job_that_failed_is_not_taken_for_one_that_runs(resolver: Resolver, host: FakeForge):
    resolver.process(FakeJob(TEMPLATE, NEGATIVE, seed=41), [True])
    host.time += 1  # the next task has begun; the first was never finished
    job = FakeJob(TEMPLATE, NEGATIVE, seed=50)
    resolver.process(job, [True])
    assert job.all_prompts == [drawn(50)[0]]


def test_hires_prompts_are_those_of_their_own_image(resolver: Resolver):
    job = FakeJob(TEMPLATE, NEGATIVE, seed=41, n_iter=2).with_hires(f"{TEMPLATE}, detailed", NEGATIVE)
    resolver.process(job, [True])
    resolver.at_image(job, 1)
    assert job.pair("Hires prompt", 0) == f"{drawn(41)[0]}, detailed"
    assert job.pair("Hires prompt", 1) == f"{drawn(42)[0]}, detailed"
    assert job.pair("Hires negative prompt", 1) is None  # the same as the image's


def test_what_cannot_be_drawn_is_not_rendered(resolver: Resolver, host: FakeForge, console: Console):
    job = FakeJob("a __gone__")
    resolver.process(job, [{"missing": "error"}])
    assert host.interrupts == 1
    assert job.all_prompts == ["a __gone__"]
    assert "gone" in job.comments[0]
    assert console == job.comments


def test_what_a_person_should_know_is_a_comment_once(resolver: Resolver):
    job = FakeJob("a __gone__", n_iter=4)
    resolver.process(job, [True])
    assert len(job.comments) == 1
    assert "gone" in job.comments[0]
    resolver.finish(job, Processed())
    many = FakeJob(" ".join(f"__gone{n}__" for n in range(9)))
    resolver.process(many, [True])
    assert many.comments[-1] == "… and 4 more."


def test_runs_are_remembered_with_their_images(host: FakeForge, tmp_path: Path, console: Console):
    (tmp_path / "1.png").write_bytes(b"png")
    resolver = Resolver(host, FakeEnvironment(EMPTY, lambda: Store.open(f"sqlite:///{tmp_path}/db")), console.append)
    job = FakeJob(TEMPLATE, NEGATIVE, seed=41)
    resolver.process(job, [True])
    (text,) = job.all_prompts
    resolver.finish(job, Processed([RenderedImage(str(tmp_path / "1.png"), f"{text}\nSteps: 1", 41, text, False)]))
    with Store.open(f"sqlite:///{tmp_path}/db") as store:
        (run,) = store.runs()
    assert run.draft.positive == text
    assert run.images[0].path == tmp_path / "1.png"
    assert console == []


def test_a_store_that_does_not_open_is_a_line_in_the_console(host: FakeForge, console: Console):
    def fail() -> Store:
        raise StoreError("The database is busy.")

    resolver = Resolver(host, FakeEnvironment(EMPTY, fail), console.append)
    job = FakeJob(TEMPLATE)
    resolver.process(job, [True])
    resolver.finish(job, Processed())
    assert console == ["the run is not remembered: The database is busy."]


def test_finished_images_are_scored_where_a_person_wants_that(host: FakeForge, console: Console):
    environment = FakeEnvironment(EMPTY)
    environment.score_images = True
    resolver = Resolver(host, environment, console.append)
    job = FakeJob(TEMPLATE, NEGATIVE, seed=41)
    resolver.process(job, [True])
    (text,) = job.all_prompts
    resolver.finish(job, Processed([RenderedImage("1.png", f"{text}\nSteps: 1", 41, text, False)]))
    assert [run.draft.positive for run in environment.scored] == [text]
    assert host.told == ["Scoring 1 image", ""]
    assert console == []


def test_images_that_cannot_be_scored_are_a_line_and_nothing_more(host: FakeForge, console: Console):
    environment = FakeEnvironment(EMPTY)
    environment.score_images, environment.scoring_fails = True, "No scorer is set."
    resolver = Resolver(host, environment, console.append)
    job = FakeJob(TEMPLATE)
    resolver.process(job, [True])
    resolver.finish(job, Processed())
    assert job.comments == console == ["the images are not scored: No scorer is set."]
    assert host.told[-1] == ""
