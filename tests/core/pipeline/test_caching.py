from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.base_models.names import BaseModel
from orchestrator_core.context import StageContext
from orchestrator_core.errors import LanguageModelError
from orchestrator_core.pipeline import new_run, options_of, run_pipeline
from orchestrator_core.pipeline.caching import FolderOfStages, RememberedStages, key_of
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.spec import StageSpec, pipeline_from
from orchestrator_core.template import Wildcards
from tests.fakes import FakeGenerator, FakeLanguageModel
from tests.strategies import runs

RICHER = '{"add": ["soft morning light"]}'
ENHANCE = StageSpec(id="enhance", type="llmEnhance", options={"max_tokens": 200})
PIPELINE = pipeline_from(
    [
        {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox"}},
        ENHANCE,
        {"id": "r", "type": "dispatch"},
    ]
)
RUN = Run("r1", PromptDraft((Component("a fox"),), seed=7))


# The key of RUN as another process finds it, without the imports of the tests.
ANOTHER = """
from orchestrator_core.context import StageContext
from orchestrator_core.pipeline import options_of
from orchestrator_core.pipeline.caching import key_of
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.run import Run
from orchestrator_core.spec import StageSpec
from orchestrator_core.template import Wildcards

class Model:
    identity = "fake:1"

spec = StageSpec(id="enhance", type="llmEnhance", options={"max_tokens": 200})
run = Run("r2", PromptDraft((Component("a fox"),), seed=7))
print(key_of(spec, options_of(spec), run, StageContext(Wildcards([]), llm=Model())))
"""


def context(*answers: str | Exception) -> StageContext:
    return StageContext(Wildcards([]), FakeGenerator(), llm=FakeLanguageModel(*answers))


def key(run: Run = RUN, spec: StageSpec = ENHANCE, place: StageContext | None = None) -> str | None:
    return key_of(spec, options_of(spec), run, place or context())


def test_a_stage_that_was_done_before_is_not_done_again():
    cache, given = RememberedStages(), context(RICHER)
    first = run_pipeline(PIPELINE, given, cache=cache)
    second = run_pipeline(PIPELINE, given, cache=cache)
    assert second.states == {"draw": "done", "enhance": "cached", "r": "done"}
    assert len(given.llm.history) == 1
    assert second.run.draft == first.run.draft
    assert second.run.id != first.run.id
    assert second.run.images[0].run_id == second.run.id


def test_what_is_the_same_has_the_same_key_and_what_is_not_has_another():
    assert key() == key(RUN.replacing(id="other"))
    assert key() == key(spec=StageSpec(id="x", type="llmEnhance", options={"max_tokens": 200, "temperature": 0.7}))
    others = [
        key(RUN.replacing(draft=RUN.draft.replacing(seed=8))),
        key(spec=StageSpec(id="enhance", type="llmEnhance", options={"max_tokens": 201})),
        key(place=replace(context(), llm=FakeLanguageModel(identity="fake:2"))),
        key(place=replace(context(), checkpoint=BaseModel("SDXL"))),
    ]
    assert len({key(), *others}) == 5


def test_the_content_of_an_image_is_a_part_of_the_key(tmp_path: Path):
    path = tmp_path / "a.png"
    run = RUN.replacing(images=(GeneratedImage(path, GenerationRequest("a fox"), "r1"),))
    assert key(run) is None  # an image that is gone
    path.write_bytes(b"one")
    first = key(run)
    path.write_bytes(b"two")
    assert None is not first != key(run)


def test_a_key_is_the_same_in_every_process():
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    done = subprocess.run([sys.executable, "-c", ANOTHER], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == key(), done.stderr


@pytest.mark.parametrize("kind", ["generatePrompt", "dispatch", "scoreImages", "followStory", "selectLoras"])
def test_what_depends_on_more_than_can_be_seen_is_not_cached(kind: str):
    assert key(spec=StageSpec(id="a", type=kind)) is None


def test_the_rules_without_a_model_are_not_cached():
    assert key(place=StageContext(Wildcards([]))) is None


def test_a_prompt_that_was_kept_because_no_model_answered_is_tried_again():
    cache, given = RememberedStages(), context(LanguageModelError("gone", "unreachable"), RICHER)
    run_pipeline(PIPELINE, given, cache=cache)
    assert run_pipeline(PIPELINE, given, cache=cache).states["enhance"] == "done"
    assert len(given.llm.history) == 2


def test_what_other_options_made_is_not_taken_for_what_these_make():
    falls_back = {"on_error": "fallback", "fallback": {"amount": 1}}
    enhance = {"id": "enhance", "type": "llmEnhance", "options": {"on_error": "stop"}, **falls_back}
    pipeline = pipeline_from([PIPELINE.stages[0].model_dump(), enhance])
    cache, given = RememberedStages(), context(LanguageModelError("gone", "unreachable"), RICHER, RICHER)
    assert run_pipeline(pipeline, given, cache=cache).states["enhance"] == "done"
    asked = len(given.llm.history)
    run_pipeline(pipeline, given, cache=cache)
    assert len(given.llm.history) > asked


def test_memory_keeps_what_was_used_last():
    cache, runs = RememberedStages(limit=2), [new_run() for _ in range(3)]
    cache.put("a", runs[0])
    cache.put("b", runs[1])
    cache.get("a")
    cache.put("c", runs[2])
    assert [cache.get(name) for name in "abc"] == [runs[0], None, runs[2]]


@given(runs)
def test_a_folder_keeps_any_run_whole(tmp_path_factory, run: Run):
    cache = FolderOfStages(tmp_path_factory.mktemp("cache"))
    cache.put("ab", run)
    assert FolderOfStages(cache.folder).get("ab") == run


def test_a_folder_is_bounded_and_forgets_what_was_unused_for_longest(tmp_path: Path):
    cache = FolderOfStages(tmp_path / "cache", limit=10)
    for number in range(10):
        cache.put(f"{number:02}", RUN)
        os.utime(cache.folder / f"{number:02}.json", (number, number))
    assert cache.get("00") == RUN  # and is the youngest now
    cache.put("10", RUN)
    names = sorted(path.stem for path in cache.folder.iterdir())
    assert names == ["00", *(f"{number:02}" for number in range(3, 11))]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"schema_version": 99}', b"[]", b"\xff\xfe"])
def test_a_damaged_file_is_as_none(tmp_path: Path, damage: bytes):
    (tmp_path / "ab.json").write_bytes(damage)
    assert FolderOfStages(tmp_path).get("ab") is None


def test_a_folder_that_cannot_be_made_costs_nothing(tmp_path: Path):
    (tmp_path / "file").write_text("")
    cache = FolderOfStages(tmp_path / "file" / "cache")
    cache.put("ab", RUN)
    assert cache.get("ab") is None


@given(st.lists(st.sampled_from("abcdef"), max_size=30))
def test_memory_never_holds_more_than_its_limit(keys: list[str]):
    cache = RememberedStages(limit=3)
    for name in keys:
        cache.put(name, RUN)
    assert sum(cache.get(name) is not None for name in "abcdef") <= 3
