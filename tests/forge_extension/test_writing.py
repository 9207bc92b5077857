"""The script with profiles, a story and enhancing, without the host."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forge_extension.drawing import ELEMENTS, ScriptOptions, read_options
from forge_extension.pasting import FIELDS
from forge_extension.rendered import RenderedImage
from forge_extension.resolver import Resolver
from orchestrator_core.errors import Cancelled, ConfigError, LanguageModelError
from orchestrator_core.formats.infotext import parse_infotext
from orchestrator_core.formats.infotext_pairs import quote
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.prompt import Origin
from orchestrator_core.stages import follow_story, llm_enhance
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from tests.fakes import FakeLanguageModel
from tests.forge_extension.forge_fakes import FakeEnvironment, FakeForge, FakeJob, Processed

EMPTY = Wildcards([])
ADDS = json.dumps({"add": ["soft light"]})
LINE = "Steps: 1, Sampler: Euler, CFG scale: 7.0, Seed: {seed}, Size: 64x64"

OpenStore = Callable[[], Store]


@pytest.fixture
def host() -> FakeForge:
    return FakeForge()


@pytest.fixture
def open_store(tmp_path: Path) -> OpenStore:
    return lambda: Store.open(f"sqlite:///{tmp_path}/db")


def process(host: FakeForge, environment: FakeEnvironment, job: FakeJob, **options: Any) -> Resolver:
    resolver = Resolver(host, environment, host.told.append)
    resolver.process(job, [options])
    return resolver


def rendered(resolver: Resolver, job: FakeJob, folder: Path) -> None:
    """As the host ends a job whose images it has saved."""
    images = []
    for number, (text, seed) in enumerate(zip(job.all_prompts, job.all_seeds, strict=True)):
        path = folder / f"{number}-{seed}.png"
        path.write_bytes(b"png")
        images.append(RenderedImage(str(path), f"{text}\n{LINE.format(seed=seed)}", seed, text, False))
    resolver.finish(job, Processed(images))


# arguments


def test_the_elements_come_in_their_order_and_are_filled_from_pasted_texts():
    found = read_options([True, "impact", None, None, -1, "mira, ink", "film-noir", "The letter", "develop", True])
    assert (found.dialect, found.profiles, found.genre) == ("impact", "mira, ink", "film-noir")
    assert found.story == follow_story.Options(story="The letter", action="develop")
    assert found.enhance == llm_enhance.Options()
    assert len(FIELDS) == len(ELEMENTS)


def test_a_call_names_all_that_the_stages_can_be_told():
    found = read_options([{
        "profiles": ["mira", "ink"], "story": {"story": "The letter", "outfit": "Mira: grey coat"},
        "enhance": {"mode": "tags+natural", "amount": 2},
    }])  # fmt: skip
    assert found.enabled
    assert found.profiles == "mira, ink"
    assert found.story == follow_story.Options(story="The letter", outfit="Mira: grey coat")
    assert found.enhance == llm_enhance.Options(mode="tags+natural", amount=2)
    assert read_options([{"story": "The letter"}]).story.story == "The letter"
    assert read_options([{"enhance": True}]).enhance == llm_enhance.Options()
    assert read_options([{"enhance": False}]) == ScriptOptions(enabled=True)


@pytest.mark.parametrize(
    ("given", "place"),
    [({"enhance": {"modus": "append"}}, "enhance.modus"), ({"story": {"action": "end"}}, "story.action")],
)
def test_what_the_stages_do_not_know_is_refused_with_its_place(given: dict[str, Any], place: str):
    with pytest.raises(ConfigError, match=place):
        read_options([given])


# profiles


def test_profiles_and_a_genre_are_in_every_prompt_and_in_its_hires_pass(host: FakeForge):
    job = FakeJob("she {reads|writes}", "", seed=3, n_iter=2).with_hires("she {reads|writes}, detailed")
    process(host, FakeEnvironment(EMPTY), job, profiles="mira", genre="film-noir")
    assert job.all_hr_prompts is not None
    for prompt in (*job.all_prompts, *job.all_hr_prompts):
        assert "loose braid" in prompt
        assert "film noir" in prompt
    assert job.all_negative_prompts[0]
    assert json.loads(job.pair("Orchestrator", 1) or "")["profiles"] == "mira"


def test_a_job_within_a_job_gets_no_profile_beside_its_own_words(host: FakeForge):
    job = FakeJob("she reads", "", seed=3)
    resolver = process(host, FakeEnvironment(EMPTY), job, profiles="mira")
    for text, expected in (("she reads", job.all_prompts[0]), ("a {face|face}", "a face")):
        inner = FakeJob(text, "", seed=1000)
        resolver.process(inner, [{"profiles": "mira"}])
        assert inner.all_prompts == [expected]


def test_a_profile_that_is_not_there_is_told_and_the_image_is_rendered(host: FakeForge):
    job = FakeJob("a fox")
    process(host, FakeEnvironment(EMPTY), job, profiles="mirra")
    assert job.all_prompts == ["a fox"]
    assert "mirra" in job.comments[0]
    assert host.interrupts == 0


# enhancing


def test_an_infotext_says_what_was_added_by_whom(host: FakeForge):
    job = FakeJob("she {reads|reads} <lora:ink:0.8>", "blurry", seed=3)
    process(host, FakeEnvironment(EMPTY, model=FakeLanguageModel(ADDS)), job, profiles="mira", enhance=True)
    assert job.all_prompts[0].endswith(", soft light <lora:ink:0.8>")
    pairs = ", ".join(f"{key}: {quote(job.pair(key, 0) or '')}" for key in ("Template", "Orchestrator"))
    notes = parse_infotext(f"{job.all_prompts[0]}\n{LINE.format(seed=3)}, {pairs}").notes
    assert [origin for origin, _ in notes.added] == ["profile", "llm"]
    assert notes.added[1] == ("llm", "soft light")
    assert (notes.enhanced, notes.llm, notes.profiles) == ("enhanced", "fake:1", "mira")
    assert notes.template == "she {reads|reads} <lora:ink:0.8>"


def test_without_a_language_model_the_rules_write(host: FakeForge):
    job = FakeJob("a castle by the sea")
    process(host, FakeEnvironment(EMPTY), job, enhance={"amount": 2})
    assert job.all_prompts[0].startswith("a castle by the sea, ")
    assert json.loads(job.pair("Orchestrator", 0) or "")["llm"].startswith("rules")
    assert job.pair("Template", 0) == "a castle by the sea"


def test_a_prompt_without_anything_to_draw_says_that_it_was_kept_and_not_why(host: FakeForge):
    down = LanguageModelError("http://127.0.0.1:9 does not answer.", "unreachable")
    job = FakeJob("a fox")
    process(host, FakeEnvironment(EMPTY, model=FakeLanguageModel(down)), job, enhance=True)
    assert job.all_prompts == ["a fox"]
    ours = json.loads(job.pair("Orchestrator", 0) or "")
    assert (ours["enhanced"], job.pair("Template", 0)) == ("kept", None)
    assert "127.0.0.1" not in str(ours)
    assert job.comments[0].startswith("not enhanced: ")


def test_a_model_that_is_down_can_stop_the_job_instead(host: FakeForge):
    down = LanguageModelError("It does not answer.", "unreachable")
    job = FakeJob("a {fox|owl}")
    process(host, FakeEnvironment(EMPTY, model=FakeLanguageModel(down)), job, enhance={"on_error": "stop"})
    assert host.interrupts == 1
    assert job.all_prompts == ["a {fox|owl}"]
    assert job.comments == ["It does not answer."]


def test_the_host_says_what_is_waited_for_and_its_button_stops_it(host: FakeForge):
    class Stopped(FakeLanguageModel):
        def generate(self, ask: Any, on_text: Any = None, is_cancelled: Any = None) -> str:
            assert host.told[-1] == "Writing prompt 1 of 2"
            host.interrupted = True
            assert is_cancelled()
            raise Cancelled

    job = FakeJob("a fox", n_iter=2)
    process(host, FakeEnvironment(EMPTY, model=Stopped()), job, enhance=True)
    assert host.told == ["Writing prompt 1 of 2", "", "The language model was stopped."]
    assert job.all_prompts == ["a fox"] * 2


def test_the_model_hears_which_prompt_is_the_last_and_is_asked_once_for_each(host: FakeForge):
    model = FakeLanguageModel(ADDS, ADDS, ADDS)
    environment = FakeEnvironment(EMPTY, model=model)
    process(host, environment, FakeJob("a fox", seed=3, n_iter=3), enhance=True)
    assert [ask.is_last for ask in model.history] == [False, False, True]
    process(host, environment, FakeJob("a fox", seed=3, n_iter=3), enhance=True)
    assert len(model.history) == 3, "the same seeds are answered from what is kept"


def test_the_checkpoint_of_the_job_says_how_it_is_spoken_to(host: FakeForge):
    model = FakeLanguageModel(ADDS)
    job = FakeJob("a fox")
    job.override_settings = {"sd_model_checkpoint": "flux1-dev.safetensors"}
    process(host, FakeEnvironment(EMPTY, model=model), job, enhance=True)
    assert "Style: natural" in model.history[0].messages[-1].content


# stories


def test_images_of_a_job_are_scenes_of_a_story_in_their_order(host: FakeForge, open_store: OpenStore, tmp_path: Path):
    environment = FakeEnvironment(EMPTY, open_store)
    environment.remember_runs = False  # a scene is kept all the same
    job = FakeJob("Mira reads a letter in the old tavern, night", seed=3, n_iter=2)
    resolver = process(host, environment, job, profiles="mira", story="The letter")
    rendered(resolver, job, tmp_path)
    job = FakeJob("looking up", seed=9)
    rendered(process(host, environment, job, story="The letter"), job, tmp_path)
    assert "loose braid" in job.all_prompts[0]
    assert "old tavern" in job.all_prompts[0]
    story = StoryLibrary(open_store).open("The letter")
    assert [(scene.number, scene.seed) for scene in story.scenes] == [(1, 3), (2, 4), (3, 9)]
    assert (story.state.where, story.state.when) == ("old tavern", "night")
    with open_store() as store:
        draft = store.load_run(story.scenes[2].run_id).draft
    assert {Origin.memory, Origin.profile} <= {component.origin for component in draft.components}
    assert host.told == ["Writing prompt 1 of 2", "", "Writing prompt 2 of 2", "", "Writing prompt 1 of 1", ""]


def test_a_job_that_was_stopped_before_an_image_tells_no_scene(host: FakeForge, open_store: OpenStore):
    environment = FakeEnvironment(EMPTY, open_store)
    process(host, environment, FakeJob("Mira reads"), story="The letter").finish(FakeJob(), Processed())
    assert StoryLibrary(open_store).open("The letter").scenes == ()
