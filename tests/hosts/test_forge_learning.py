"""Scores in a real Forge: of its own runs and of its tab, by a scorer that is one more model of its memory manager."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.studio.learn_desk import Change
from orchestrator_app.studio.learning import StudioLearning
from orchestrator_core.llm.port import never
from orchestrator_core.run import COMPARED, Run, Score
from orchestrator_core.stages.score_images import problems_of
from orchestrator_core.store import Store
from orchestrator_core.template import Template, Wildcards
from orchestrator_core.vision.opening import ScorerSettings, open_scorer
from orchestrator_core.vision.pictures import pixels_of
from orchestrator_core.vision.wanted import wanted_in
from tests.hosts.forge import Forge

pytestmark = [pytest.mark.host, pytest.mark.slow]

TINY_WORLD = Path(__file__).parents[2] / "orchestrator_app" / "tiny_world" / "models" / "clip"
TAGGER = TINY_WORLD.with_name("tagger")
TEMPLATE = "a {red|green|blue} {circle|square|star} on a white background"
DRAWN = Template(TEMPLATE).draw(Wildcards([]), 1)


@pytest.fixture(scope="module")
def model(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CLIP of the tiny world; without open_clip, which Forge Neo has not, one that transformers reads."""
    has_open_clip = subprocess.run([forge.parts.python, "-c", "import open_clip"], capture_output=True).returncode == 0
    if TINY_WORLD.is_dir() and has_open_clip:
        return TINY_WORLD
    folder = tmp_path_factory.mktemp("scorer") / "clip"
    script = Path(__file__).with_name("tiny_clip.py")
    subprocess.run([forge.parts.python, script, folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def scoring(forge: Forge, model: Path) -> Iterator[None]:
    """Finished images are scored, and compared with their prompts by a tagger, for this test."""
    settings = {"score_images": True, "scorer_model": str(model), "scorer_measures_counts": True}
    settings |= {"score_compare": str(TAGGER), "score_style": "solid", "score_styles": "solid, striped"}
    forge.post("/sdapi/v1/options", {f"orchestrator_{name}": value for name, value in settings.items()})
    yield
    forge.post("/sdapi/v1/options", {"orchestrator_score_images": False})


def batch(forge: Forge, seed: int, count: int = 4) -> dict[str, Any]:
    """One job of the host's own with so many images; what it says of it."""
    body = {"prompt": TEMPLATE, "steps": 1, "width": 64, "height": 64, "seed": seed, "n_iter": count}
    script = {"Orchestrator": {"args": [{"enabled": True}]}}
    body |= {"sampler_name": "Euler", "scheduler": "Simple", "save_images": True, "alwayson_scripts": script}
    found: dict[str, Any] = json.loads(forge.post("/sdapi/v1/txt2img", body)["info"])
    return found


def runs_of(forge: Forge, info: dict[str, Any]) -> list[Run]:
    """The runs that the store has of a job, in the order of its images."""
    with Store.open(f"sqlite:///{forge.home}/orchestrator.sqlite3") as store:
        kept = {run.draft.seed: run for run in store.runs(100) if run.draft.source.template == TEMPLATE}
    return [kept[seed] for seed in info["all_seeds"]]


def offline(runs: list[Run], model: Path) -> list[list[Score]]:
    """What the same images come to in this process."""
    scorer = open_scorer(ScorerSettings(model=str(model), measures_counts=True))
    found = []
    for run in runs:
        pixels = pixels_of([image.path for image in run.images])
        (row,) = scorer.score(pixels, wanted_in(run.draft, Wildcards([])), never)
        found.append([each for each in row if each.probability is not None])
    return [[_as_score(run, each) for each in row] for run, row in zip(runs, found, strict=True)]


def _as_score(run: Run, found: Any) -> Score:
    wanted = found.wanted
    return Score(run.id, "", wanted.component, found.metric, found.probability, key=wanted.key, text=wanted.text)


def values(runs: list[Run]) -> list[tuple[str, str, float]]:
    """Of the scores of parts; that of a whole image is their mean."""
    scores = (score for run in runs for score in run.scores if score.metric == "fulfilment")
    return [(score.key, score.text, score.value) for score in scores if score.component is not None]


@pytest.mark.usefixtures("scoring")
def test_a_batch_of_the_hosts_own_is_scored_as_the_same_images_are_elsewhere(forge: Forge, model: Path):
    info = batch(forge, 501)
    runs = runs_of(forge, info)
    assert not any("not scored" in comment for comment in [info.get("comments") or ""])
    here = [(score.key, score.text) for row in offline(runs, model) for score in row]
    assert [found[:2] for found in values(runs)] == here
    assert [found[2] for found in values(runs)] == pytest.approx(
        [score.value for row in offline(runs, model) for score in row], abs=0.02
    )
    keys = {choice.key for run in runs for part in run.draft.components for choice in part.choices}
    assert {key for key, *_ in values(runs) if key} == keys
    for run in runs:
        metrics = {score.metric for score in run.scores}
        assert "style" in metrics
        is_compared = any(metric.startswith(COMPARED) for metric in metrics)
        assert is_compared or "onnxruntime" in " ".join(problems_of(run))  # which a host need not have


@pytest.mark.usefixtures("scoring")
def test_the_scorer_is_one_of_the_hosts_models_and_comes_back_after_it_was_unloaded(forge: Forge):
    before = values(runs_of(forge, batch(forge, 601, 2)))
    names = forge.get("/probe/resident")["listed"]
    assert len(names) > len(forge.get("/probe/resident?unload=true")["listed"])
    assert forge.get("/probe/resident")["listed"] == []
    with Store.open(f"sqlite:///{forge.home}/orchestrator.sqlite3") as store:
        for run in runs_of(forge, {"all_seeds": [601, 602]}):
            store.delete_run(run.id)
    after = values(runs_of(forge, batch(forge, 601, 2)))
    assert [found[:2] for found in after] == [found[:2] for found in before]
    # rendered anew, whose pixels need not be the same to the last bit
    assert [found[2] for found in after] == pytest.approx([found[2] for found in before], abs=0.002)
    # one that nobody has seen: where the same pixels come out again, what was made of them is known
    batch(forge, 651, 1)
    # what reads prompts need not be: the host remembers what it made of them
    again = set(forge.get("/probe/resident")["listed"])
    assert set(names) - again <= {"JointTextEncoder"}
    assert again & set(names)


@pytest.mark.usefixtures("scoring")
def test_the_odds_in_the_store_move_as_the_same_scores_predict(forge: Forge, tmp_path: Path):
    def learning(place: str, family: str = "") -> StudioLearning:
        return StudioLearning(lambda: Store.open(f"sqlite:///{place}"), lambda: Wildcards([]), lambda _: family)

    here = learning(f"{forge.home}/orchestrator.sqlite3")
    slots = {choice.key.partition("#")[0] for part in DRAWN.components for choice in part.choices}
    wishes = [Change("switch", value=True), Change("mode", value="fast")]
    wishes += [Change("direction", slot, value="prefer") for slot in sorted(slots)]
    for change in wishes:
        here.apply(change)
    try:
        runs = runs_of(forge, batch(forge, 901, 10))
        state = here.ledger.state()  # which may know of other tests' images too
        context = next(one for one in reversed(state.contexts()) if slots <= set(state.slots(one)))
        elsewhere = learning(f"{tmp_path}/other.sqlite3", context.rpartition("|")[2])
        for change in wishes:
            elsewhere.apply(change)
        elsewhere.learn(runs)
        found = here.ledger.odds(context).multipliers
        assert found
        assert found == pytest.approx(elsewhere.ledger.odds(context).multipliers)
        (after,) = runs_of(forge, batch(forge, 951, 1))
        assert after.draft.source.odds > 0  # noted, for whoever draws it again
    finally:
        here.apply(Change("switch", value=False))


def test_nothing_is_scored_until_somebody_wants_it(forge: Forge):
    assert values(runs_of(forge, batch(forge, 701, 1))) == []


def test_a_scorer_that_is_not_there_costs_no_image(forge: Forge, tmp_path: Path):
    forge.post(
        "/sdapi/v1/options", {"orchestrator_score_images": True, "orchestrator_scorer_model": str(tmp_path / "gone")}
    )
    try:
        info = batch(forge, 801, 1)
    finally:
        forge.post("/sdapi/v1/options", {"orchestrator_score_images": False})
    (run,) = runs_of(forge, info)
    assert run.images[0].path.is_file()
    assert run.scores == ()
    assert "the images are not scored" in forge.log
