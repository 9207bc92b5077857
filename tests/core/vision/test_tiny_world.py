"""The scorer with models that have learned to see: the tiny world's, on scenes that they were not trained with."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.tiny_world.captions import TEMPLATE, tag
from orchestrator_app.tiny_world.scenes import ATTRIBUTES, Scene, draw, held_out
from orchestrator_core.template import Template, Wildcards
from orchestrator_core.vision.contrastive import ContrastiveScorer
from orchestrator_core.vision.opening import ScorerSettings, open_scorer
from orchestrator_core.vision.port import Scorer, Wanted
from orchestrator_core.vision.readable import COUNT
from orchestrator_core.vision.wanted import wanted_in

np = pytest.importorskip("numpy")
pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("open_clip")

WORLD = Path(__file__).parents[3] / "orchestrator_app" / "tiny_world"
RNG = random.Random(7)
SCENES = [RNG.choice(sorted(held_out(), key=repr)) for _ in range(160)]


@pytest.fixture(scope="module")
def images() -> list[Any]:
    return [draw(scene, RNG) for scene in SCENES]


def scorer_of(name: str) -> Scorer:
    return open_scorer(ScorerSettings(model=str(WORLD / "models" / name), measures_counts=True))


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return scorer_of("clip")


def of_value(attribute: str, value: str) -> Wanted:
    texts = [tag(attribute, each) for each in ATTRIBUTES[attribute]]
    own = tag(attribute, value)
    told = ("unmeasurable", COUNT) if attribute == "count" else ("siblings", "")
    return Wanted(0, own, told[0], f"{attribute}#{value}", (own, *texts), told[1])  # type: ignore[arg-type]


VALUES = [(attribute, value) for attribute, values in ATTRIBUTES.items() for value in values]


def area(scores: Sequence[float], truths: Sequence[bool]) -> float:
    """AUC: how often a true one is above a false one."""
    ranks = np.argsort(np.argsort(scores, kind="stable"), kind="stable") + 1
    true = np.asarray(truths, bool)
    return float((ranks[true].sum() - true.sum() * (true.sum() + 1) / 2) / (true.sum() * (~true).sum()))


def expected_error(probabilities: Sequence[float], truths: Sequence[bool], bins: int = 15) -> float:
    """ECE: the mean distance of probability and share of truths, over equal bins, by size (Guo et al. 2017)."""
    told, true = np.asarray(probabilities, float), np.asarray(truths, float)
    places = np.minimum((told * bins).astype(int), bins - 1)
    gaps = [abs(told[places == at].mean() - true[places == at].mean()) * (places == at).mean() for at in set(places)]
    return float(sum(gaps))


@pytest.mark.parametrize(("name", "error"), [("clip", 0.02), ("clip_early", 0.035)])
def test_component_scores_agree_with_what_was_drawn(name: str, error: float, images: list[Any]) -> None:
    rows = scorer_of(name).score(images, [of_value(*each) for each in VALUES])
    found = [each for row in rows for each in row]
    truths = [getattr(scene, attribute) == value for scene in SCENES for attribute, value in VALUES]
    probabilities = [each.probability for each in found]
    assert all(each is not None for each in probabilities)
    assert area(probabilities, truths) >= 0.985
    assert expected_error(probabilities, truths) <= error
    assert area(probabilities, truths) >= area([each.raw for each in found], truths)
    inside = [each for each in found if each.low <= each.probability <= each.high]
    assert len(inside) == len(found)


def test_a_drafts_decisions_are_scored_and_the_one_that_was_not_drawn_is_found(scorer: Scorer) -> None:
    wildcards = Wildcards([WORLD / "wildcards"])
    found = 0
    for seed in range(12):
        draft = Template(TEMPLATE).draw(wildcards, seed=seed)
        wanted = [each for each in wanted_in(draft, wildcards) if each.key]
        assert len(wanted) == 5
        asked = Scene(
            **{each.key.partition("#")[0].rpartition("/")[2]: each.key.partition("#")[2].split()[0] for each in wanted}
        )
        other = "blue" if asked.color != "blue" else "red"
        right, wrong = scorer.score([draw(asked, RNG), draw(replace(asked, color=other), RNG)], wanted)
        color = next(place for place, each in enumerate(wanted) if "color" in each.key)
        assert all(each.probability is not None for each in (*right, *wrong))
        worst = min(range(5), key=lambda place: wrong[place].probability or 0.0)
        found += worst == color and (right[color].probability or 0.0) > 0.5
    assert found >= 11


def test_a_model_that_is_not_said_to_count_is_not_asked_to(images: list[Any]) -> None:
    scorer = open_scorer(ScorerSettings(model=str(WORLD / "models" / "clip")))
    (two,) = scorer.score(images[:1], [of_value("count", "two")])[0]
    assert (two.probability, two.reason) == (None, COUNT)


def test_scores_are_the_same_after_the_weights_were_let_go(scorer: Scorer, images: list[Any]) -> None:
    assert isinstance(scorer, ContrastiveScorer)
    wanted = [of_value("shape", "star")]
    first = scorer.score(images[:4], wanted)
    scorer.release()
    assert scorer_of("clip").score(images[:4], wanted) == first
