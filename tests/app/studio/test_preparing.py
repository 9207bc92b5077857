"""From a drawn prompt to the one that is rendered: nobody is asked while one types, and a dead model loses nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator_app.studio.choosing import Wanted
from orchestrator_app.studio.environment import Settings, StudioEnvironment
from orchestrator_app.studio.job import Job, Prepare, Task
from orchestrator_app.studio.language_models import KeyFile, StudioModels
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.preparing import Preparer, Tools, Wishes, Written, accepted_draft, was_kept
from orchestrator_core.base_models.names import UNKNOWN
from orchestrator_core.enhancing.caching import RememberedAnswers
from orchestrator_core.enhancing.enhancer import Live
from orchestrator_core.errors import Cancelled, ConfigError, LanguageModelError
from orchestrator_core.llm.port import Ask, IsCancelled, LanguageModel, OnText
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.pipeline import new_run
from orchestrator_core.prompt import Component, Origin, PromptDraft
from orchestrator_core.run import Run
from orchestrator_core.stages import dispatch, follow_story, llm_enhance
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from tests.app.studio.studio_fakes import FakeHost, KeptSettings, target
from tests.core.llm.stand_in_llm import STREAM, StandIn, Write, said
from tests.fakes import FakeLanguageModel

ON = Wishes(enhance=llm_enhance.Options())
ANSWER = json.dumps({"add": ["soft light", "morning mist"]})
NOW = Live()


def draft(text: str = "a fox", seed: int = 1) -> PromptDraft:
    return PromptDraft((Component(text),), seed=seed)


def preparer(wishes: Wishes, model: LanguageModel | None = None, **tools: object) -> Preparer:
    return Preparer(wishes, Tools(model=model, **tools))  # type: ignore[arg-type]


def test_without_wishes_a_prompt_stays_as_it_is():
    found = preparer(Wishes()).known(draft(), UNKNOWN)
    assert found.draft == found.before == draft()
    assert not found.waits


def test_marks_for_the_model_are_never_sent_to_an_image_model():
    assert preparer(Wishes()).known(draft("a [[keep: red]] fox"), UNKNOWN).draft.positive == "a red fox"


def test_the_rules_answer_while_one_types():
    found = preparer(ON).known(draft(), UNKNOWN)
    assert found.draft.enhanced is not None
    assert found.draft.enhanced.status == "enhanced"
    assert found.draft.positive.startswith("a fox, ")
    assert not found.waits


def test_a_language_model_is_not_asked_while_one_types_and_its_answer_is_seen_once_it_was():
    model, written = FakeLanguageModel(ANSWER), Written()
    waiting = preparer(ON, model, written=written).known(draft(), UNKNOWN)
    assert (waiting.draft, waiting.waits, model.history) == (draft(), True, [])
    asked = preparer(ON, model, written=written).asked(draft(), UNKNOWN, NOW)
    assert asked.draft.positive == "a fox, soft light, morning mist"
    assert preparer(ON, model, written=written).known(draft(), UNKNOWN) == asked
    assert preparer(ON, model, written=written).asked(draft(), UNKNOWN, NOW) == asked
    assert len(model.history) == 1


def test_an_answer_of_another_day_is_found_without_asking():
    answers = RememberedAnswers()
    preparer(ON, FakeLanguageModel(ANSWER), answers=answers).asked(draft(), UNKNOWN, NOW)
    found = preparer(ON, silent := FakeLanguageModel(), answers=answers).known(draft(), UNKNOWN)
    assert found.draft.positive == "a fox, soft light, morning mist"
    assert found.draft.enhanced is not None
    assert found.draft.enhanced.status == "cached"
    assert silent.history == []


def test_a_prompt_that_was_kept_says_why_and_is_asked_for_again():
    model, written = FakeLanguageModel(LanguageModelError("It is away.", "unreachable"), ANSWER), Written()
    kept = preparer(ON, model, written=written).asked(draft(), UNKNOWN, NOW)
    assert was_kept(kept.draft)
    seen = preparer(ON, model, written=written).known(draft(), UNKNOWN)
    assert seen.draft.enhanced is not None
    assert seen.draft.enhanced.detail == "It is away."
    assert not was_kept(preparer(ON, model, written=written).asked(draft(), UNKNOWN, NOW).draft)


def test_a_prompt_that_was_enhanced_already_is_not_enhanced_twice():
    once = preparer(ON).known(draft(), UNKNOWN).draft
    assert preparer(ON).asked(once, UNKNOWN, NOW).draft == once


def test_what_a_person_does_not_accept_is_left_out_and_said():
    found = preparer(ON, FakeLanguageModel(ANSWER)).asked(draft(), UNKNOWN, NOW)
    left = accepted_draft(found, {"1": frozenset({"soft light"}), "2": frozenset({"morning mist"})})
    assert left.positive == "a fox, morning mist"
    assert left.enhanced is not None
    assert left.enhanced.detail == "left out by hand: soft light"
    assert accepted_draft(found, {"2": frozenset({"soft light"})}) is found.draft


# stories


@pytest.fixture
def stories(tmp_path: Path) -> Iterator[StoryLibrary]:
    with Store.open(tmp_path / "store.db") as store:
        yield StoryLibrary.of(store)


def telling(action: str = "continue", **options: object) -> Wishes:
    return Wishes(follow_story.Options.model_validate({"story": "Tale", "action": action, **options}))


def test_prompts_of_one_preview_are_scenes_one_after_the_other(stories: StoryLibrary):
    wanted = preparer(telling(where="old tavern"), stories=stories)
    first, second = wanted.known(draft("a fox"), UNKNOWN).draft, wanted.known(draft("a cup"), UNKNOWN).draft
    assert [one.story.scene for one in (first, second) if one.story] == [1, 2]
    assert "old tavern" in first.positive
    assert Origin.memory in {component.origin for component in first.components}
    assert stories.open("Tale").scenes == ()


def test_a_scene_that_is_a_scene_already_stays_that_scene(stories: StoryLibrary):
    told = preparer(telling(), stories=stories).known(draft(), UNKNOWN).draft
    assert preparer(telling(where="elsewhere"), stories=stories).asked(told, UNKNOWN, NOW).draft == told


def test_who_is_developed_by_a_model_is_only_known_once_it_was_asked(stories: StoryLibrary):
    model = FakeLanguageModel(
        '{"changes": [{"op": "add", "field": "fact", "subject": "Mira", "value": "owns a boat"}]}'
    )
    written, wishes = Written(), telling("develop", who="Mira")
    assert preparer(wishes, model, stories=stories, written=written).known(draft(), UNKNOWN).waits
    assert model.history == []
    found = preparer(wishes, model, stories=stories, written=written).asked(draft(), UNKNOWN, NOW)
    assert found.draft.story is not None
    assert "owns a boat" in found.draft.story.notes
    assert preparer(wishes, model, stories=stories, written=written).known(draft(), UNKNOWN) == found


def test_a_place_without_stories_says_so(tmp_path: Path):
    live = LiveEnvironment(StudioEnvironment(lambda _: (), lambda _: Wildcards([]), KeptSettings()))
    with pytest.raises(ConfigError, match="keeps no stories"):
        live.preparer(telling())


# a job


@dataclass
class Away:
    """A server that answers twice, then is gone and takes its time to say so, as a breaker lets it."""

    identity: str = "away"
    asked: int = 0
    answers: int = 2
    told: list[bool] = field(default_factory=list)

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        self.asked += 1
        self.told.append(ask.is_last)
        if self.asked > self.answers:
            raise LanguageModelError("Nothing listens there.", "unreachable")
        return ANSWER


def tasks(host: FakeHost, count: int) -> list[Task]:
    there = target("Forge", host)
    return [
        Task(number, there, new_run().replacing(draft=draft(f"a fox {number}", number)), dispatch.Options())
        for number in range(1, count + 1)
    ]


def rendered(job: Job) -> Job:
    for _ in job.start().watch(0.01):
        pass
    return job


def asking(wishes: Wishes, model: LanguageModel) -> Prepare:
    own = preparer(wishes, model)

    def prepare(task: Task, live: Live) -> Run:
        return task.run.replacing(draft=own.asked(task.run.draft, UNKNOWN, live).draft)

    return prepare


def test_a_batch_whose_model_dies_goes_on_and_says_which_prompts_were_kept(tmp_path: Path):
    host, model = FakeHost(tmp_path), Away()
    job = rendered(Job(tasks(host, 50), lambda run: None, asking(ON, model)))
    assert [state.phase for state in job.states] == ["done"] * 50
    assert len(host.requests) == 50
    assert [was_kept(state.run.draft) for state in job.states] == [False] * 2 + [True] * 48
    assert host.requests[-1].positive == "a fox 50"
    assert model.told == [False] * 49 + [True]


@pytest.mark.network
def test_a_server_that_dies_in_the_middle_of_fifty_prompts_delays_them_by_seconds_at_most(tmp_path: Path):
    host = FakeHost(tmp_path)
    there, settings = target("Forge", host), KeptSettings()

    def unplug(write: Write) -> None:
        write(STREAM)
        threading.Thread(target=server.stop).start()

    with StandIn(said(ANSWER), unplug) as server:
        settings.save(Settings(llm_backend="openai", llm_url=server.url, llm_model="tiny"))
        models = StudioModels(KeyFile(tmp_path / "key", {}))
        live = LiveEnvironment(StudioEnvironment(lambda _: (there,), lambda _: Wildcards([]), settings, models=models))
        began = time.monotonic()
        job = rendered(Job(tasks(host, 50), lambda run: None, live.preparation(ON, Wanted(), {})))
    assert time.monotonic() - began < 10
    assert [was_kept(state.run.draft) for state in job.states] == [False] + [True] * 49
    assert [request.positive for request in host.requests[1:]] == [f"a fox {number}" for number in range(2, 51)]


def test_a_prompt_that_must_be_enhanced_fails_alone(tmp_path: Path):
    wishes = Wishes(enhance=llm_enhance.Options(on_error="stop"))
    job = rendered(Job(tasks(FakeHost(tmp_path), 3), lambda run: None, asking(wishes, Away())))
    assert [state.phase for state in job.states] == ["done", "done", "failed"]
    assert job.states[2].error == "Nothing listens there."


def test_to_be_prepared_can_be_all_that_is_wanted(tmp_path: Path):
    host = FakeHost(tmp_path)
    job = rendered(Job(tasks(host, 2), lambda run: None, asking(ON, Away()), renders=False))
    assert [state.phase for state in job.states] == ["done", "done"]
    assert host.requests == []
    assert "soft light" in job.states[0].run.draft.positive


class Slow:
    """Writes a word and waits to be stopped."""

    identity = "slow"

    def __init__(self) -> None:
        self.began = threading.Event()

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        assert on_text is not None
        assert is_cancelled is not None
        on_text("soft ")
        on_text("light")
        self.began.set()
        while not is_cancelled():
            time.sleep(0.005)
        raise Cancelled


def test_text_is_seen_while_it_arrives_and_a_stop_stops_it(tmp_path: Path):
    host, model = FakeHost(tmp_path), Slow()
    job = Job(tasks(host, 2), lambda run: None, asking(ON, model)).start()
    assert model.began.wait(5)
    assert (job.states[0].phase, job.states[0].text) == ("writing", "soft light")
    job.stop()
    for _ in job.watch(0.01):
        pass
    assert [state.phase for state in job.states] == ["stopped", "stopped"]
    assert host.requests == []


def test_an_error_that_nobody_foresaw_ends_one_prompt_and_not_the_job(tmp_path: Path):
    def prepare(task: Task, live: Live) -> Run:
        raise RuntimeError("oh")

    job = rendered(Job(tasks(FakeHost(tmp_path), 1), lambda run: None, prepare))
    assert job.states[0].phase == "failed"
    assert "RuntimeError: oh" in job.states[0].error


def test_rows_get_story_words_parts_and_loras_in_this_order(tmp_path: Path, stories: StoryLibrary):
    there = target("Forge", FakeHost(tmp_path))
    environment = StudioEnvironment(lambda _: (there,), lambda _: Wildcards([]), KeptSettings(), stories=stories)
    wishes = Wishes(telling(where="old tavern").story, llm_enhance.Options())
    prepare = LiveEnvironment(environment).preparation(wishes, Wanted(), {})
    found = prepare(tasks(FakeHost(tmp_path), 1)[0], NOW).draft
    assert found.story is not None
    assert found.enhanced is not None
    origins = [component.origin for component in found.components]
    assert list(dict.fromkeys(origins)) == [Origin.template, Origin.memory, Origin.llm]
