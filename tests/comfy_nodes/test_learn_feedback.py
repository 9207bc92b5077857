"""What a Feedback Recorder keeps, whichever nodes of a graph keep the same run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.learn_feedback import names_of, recorded, unsaved_id
from comfy_nodes.learn_part import Learned, LearnServices
from comfy_nodes.recording import Recording
from comfy_nodes.score_types import Scored, ScoredImage
from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import COMPARED, Run
from orchestrator_core.store import Store
from orchestrator_core.vision.observing import Observation, Part
from orchestrator_core.vision.port import Fulfilment, Wanted, Whole

KEY = "colors/warm#crimson"
DRAFT = PromptDraft(
    (Component("crimson", Origin.wildcard, (Choice(KEY, "colors/warm", options=3),)), Component(" fox"))
)


@dataclass
class Saved:
    """As sockets.SavedImages, which needs a host to be imported."""

    run_id: str
    images: tuple[GeneratedImage, ...]


class Kept:
    """A Learning that keeps the runs that it was told of."""

    def __init__(self) -> None:
        self.runs: list[Run] = []

    def learn(self, run: Run, prompt: Any) -> Learned:
        self.runs.append(run)
        return Learned("careful", 1, ("crimson 1.2×",))


def scored(count: int = 2, probability: float | None = 0.9) -> Scored:
    parts = (
        Fulfilment(Wanted(0, "crimson", "siblings", KEY, ("crimson", "amber")), probability, 0.8, 0.95, 0.3, True),
        Fulfilment(Wanted(1, "three foxes", "unmeasurable", reason="a count"), None, 0, 1, None, False),
    )
    images = tuple(ScoredImage(f"digest{n}", parts, probability, (Whole("aesthetic", 5.0),)) for n in range(count))
    return Scored(DRAFT, "clip:tiny 0a:float32:1", 0.5, images)


def saved(folder: Path, count: int = 2) -> Any:
    paths = [folder / f"{n}.png" for n in range(count)]
    for path in paths:
        path.write_bytes(b"x")
    images = (GeneratedImage(path, GenerationRequest("crimson fox"), "1" * 32) for path in paths)
    return Saved("1" * 32, tuple(images))


@pytest.fixture
def services() -> LearnServices:
    return LearnServices(Recording(), Kept())


def stored(run_id: str) -> Run:
    with Store.open() as store:
        return store.load_run(run_id)


def test_scores_are_kept_under_their_images_and_what_was_not_measured_is_no_score(
    services: LearnServices, tmp_path: Path
):
    told = recorded(services, scored(), saved(tmp_path), {})
    scores = stored(told.run_id).scores
    assert [(s.image, s.component, s.metric, s.value) for s in scores] == [
        ("0.png", 0, "fulfilment", 0.9), ("0.png", None, "aesthetic", 5.0), ("0.png", None, "fulfilment", 0.9),
        ("1.png", 0, "fulfilment", 0.9), ("1.png", None, "aesthetic", 5.0), ("1.png", None, "fulfilment", 0.9),
    ]  # fmt: skip
    assert told.as_json() == {
        "kept": told.kept, "learned": 1, "lines": ["crimson 1.2×"], "learning": "careful"
    }  # fmt: skip
    assert "crimson 1.2×" in told.report


def test_the_run_that_is_learned_from_says_which_choice_and_which_scorer(services: LearnServices, tmp_path: Path):
    recorded(services, scored(1), saved(tmp_path, 1), {})
    (run,) = services.learning.runs  # type: ignore[attr-defined]
    first, _, whole = run.scores
    assert (first.key, first.text, first.scorer, first.calibrated) == (KEY, "crimson", "clip:tiny 0a:float32:1", True)
    assert not whole.calibrated  # information only


def test_images_that_nobody_saved_count_once_however_often_they_are_recorded(services: LearnServices):
    first, second = recorded(services, scored(), None, {}), recorded(services, scored(), None, {})
    assert first.run_id == second.run_id == unsaved_id(scored())
    assert len(stored(first.run_id).scores) == 6
    assert unsaved_id(scored(1)) != first.run_id


def test_what_several_nodes_keep_of_a_run_is_one_run_in_whatever_order(tmp_path: Path):
    recording, images = Recording(), saved(tmp_path)
    for order in (0, 1):
        services = LearnServices(recording, Kept())
        run = Run(f"{order}" * 32, DRAFT, images.images)
        steps = [lambda run=run: recording.record(run), lambda run=run, s=services: kept(s, run, images)]
        for step in steps[:: 1 if order else -1]:
            step()
        found = stored(run.id)
        assert (len(found.images), len(found.scores)) == (2, 6)


def kept(services: LearnServices, run: Run, images: Any) -> None:
    recorded(services, scored(), Saved(run.id, images.images), {})


def test_images_that_are_not_the_scored_ones_lend_no_name(tmp_path: Path):
    assert names_of(scored(2), saved(tmp_path, 1)) == ["digest0", "digest1"]


def test_what_is_missing_and_unasked_is_kept_and_where_learn_is_off_nothing_is_learned(
    services: LearnServices, tmp_path: Path
):
    observation = Observation("tagger:1", missing=(Part("crimson fox", 0.1, 0),), unasked=(Part("tree", 0.8),))
    images = tuple(replace(image, observation=observation) for image in scored(1).images)
    told = recorded(services, replace(scored(1), images=images, learns=False), saved(tmp_path, 1), {})
    compared = [score for score in stored(told.run_id).scores if score.metric.startswith(COMPARED)]
    assert [(one.metric, one.text, one.value, one.scorer) for one in compared] == [
        ("compared:missing", "crimson fox", 0.1, "tagger:1"), ("compared:unasked", "tree", 0.8, "tagger:1")
    ]  # fmt: skip
    assert services.learning.runs == []  # type: ignore[attr-defined]
    assert "learn is off" in told.report
