"""Images of finished runs are scored: what is kept, and what fails alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.scorers import StudioScorers, score_options, scorer_settings
from orchestrator_app.studio.scoring import RunScoring, Scores
from orchestrator_core.errors import Cancelled, ConfigError, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.pipeline import new_run
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.stages.score_images import problems_of
from orchestrator_core.store import Store
from orchestrator_core.template import Template, Wildcards
from orchestrator_core.vision.port import Fulfilment, Wanted
from orchestrator_core.vision.vlm_opening import Access
from tests.core.vision.tiny_tagger import write_tagger

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("numpy")
EMPTY = Wildcards([])


class FakeScorer:
    """Sees everything with a probability of .9, but for what ``blind`` names; raises what it was given."""

    identity = "fake:1:float32:1"

    def __init__(self, blind: str = "", error: Exception | None = None) -> None:
        self.blind, self.error = blind, error
        self.images = 0
        self.released = 0

    def score(
        self, images: Sequence[Any], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never
    ) -> list[list[Fulfilment]]:
        if self.error is not None:
            raise self.error
        self.images += len(images)
        return [[self._one(each) for each in wanted] for _ in images]

    def _one(self, wanted: Wanted) -> Fulfilment:
        if wanted.text == self.blind:
            return Fulfilment(wanted, None, 0.0, 1.0, None, False, reason="it is blind to that")
        return Fulfilment(wanted, 0.9, 0.8, 0.95, 0.3, True)

    def release(self) -> None:
        self.released += 1


class OneScorer(StudioScorers):
    def __init__(self, scorer: FakeScorer) -> None:
        super().__init__(None)
        self.scorer = scorer

    def get(self, settings: Settings) -> FakeScorer:  # type: ignore[override]
        return self.scorer


def run_with_image(folder: Path, seed: int = 1) -> Run:
    draft, run = Template("a {red|blue} {fox|owl}").draw(EMPTY, seed), new_run()
    path = folder / f"{run.id}.png"
    Image.new("RGB", (16, 16), "teal").save(path)
    return run.replacing(draft=draft, images=(GeneratedImage(path, GenerationRequest(draft.positive), run.id),))


def scoring(scorer: FakeScorer, keep: Callable[..., None] = lambda runs, settings: None, **more: Any) -> RunScoring:
    return RunScoring(OneScorer(scorer), lambda settings: EMPTY, keep, **more)


def test_each_decision_of_an_image_has_a_score_that_says_whose_it_is(tmp_path: Path):
    run = run_with_image(tmp_path)
    (found,) = scoring(FakeScorer()).rate(Settings())([run], never)
    keys = {choice.key for part in run.draft.components for choice in part.choices}
    assert {score.key for score in found.scores if score.key} == keys
    assert {(score.image, score.value, score.scorer) for score in found.scores} == {
        (run.images[0].path.name, 0.9, FakeScorer.identity)
    }


def test_what_was_not_measured_is_no_score(tmp_path: Path):
    run = run_with_image(tmp_path)
    (all_of,) = scoring(FakeScorer()).rate(Settings())([run], never)
    blind = all_of.scores[0].text
    (found,) = scoring(FakeScorer(blind)).rate(Settings())([run], never)
    assert [score.text for score in found.scores] == [score.text for score in all_of.scores[1:]]


def test_an_image_that_is_gone_costs_no_other_its_scores(tmp_path: Path):
    gone, fine = run_with_image(tmp_path, 1), run_with_image(tmp_path, 2)
    gone.images[0].path.unlink()
    first, second = scoring(FakeScorer()).rate(Settings())([gone, fine], never)
    assert (first.scores, bool(second.scores)) == ((), True)


def test_where_nothing_could_be_scored_it_is_said_why(tmp_path: Path):
    kept: list[Run] = []
    rate = scoring(FakeScorer(error=ScorerError("Its weights are corrupt.")), lambda runs, _: kept.extend(runs))
    with pytest.raises(ScorerError, match="corrupt"):
        rate.rate(Settings())([run_with_image(tmp_path)], never)
    assert kept == []


def test_a_model_of_this_process_works_while_the_host_waits(tmp_path: Path):
    order: list[str] = []

    @contextmanager
    def turn(is_cancelled: IsCancelled) -> Any:
        order.append("mine")
        yield
        order.append("the host's")

    def keep(runs: Sequence[Run], settings: Settings) -> None:
        order.append("kept")

    scoring(FakeScorer(), keep, turn=turn).rate(Settings())([run_with_image(tmp_path)], never)
    assert order == ["mine", "the host's", "kept"]


def test_who_waits_for_the_host_can_be_stopped(tmp_path: Path):
    @contextmanager
    def turn(is_cancelled: IsCancelled) -> Any:
        if is_cancelled():
            raise Cancelled
        yield

    with pytest.raises(Cancelled):
        scoring(FakeScorer(), turn=turn).rate(Settings())([run_with_image(tmp_path)], lambda: True)


def test_scores_are_in_the_store_where_runs_are_remembered(tmp_path: Path):
    run = run_with_image(tmp_path)

    def open_store() -> Store:
        return Store.open(tmp_path / "store.sqlite3")

    rate = scoring(FakeScorer(), Scores(open_store))
    rate.rate(Settings(remember_runs=False))([run], never)
    with open_store() as store:
        assert store.runs() == []
    rate.rate(Settings())([run], never)
    with open_store() as store:
        assert len(store.load_run(run.id).scores) == 3  # two decisions and their mean


def test_the_settings_of_the_scorer_are_those_of_the_page():
    found = scorer_settings(Settings(scorer_model="x", scorer_backend="blip", scorer_batch=4))
    assert (found.model, found.backend, found.batch) == ("x", "blip", 4)
    with pytest.raises(ScorerError, match="Scorer model"):
        StudioScorers(None).get(Settings())


def test_a_scorer_is_kept_while_settings_and_files_are_the_same_and_let_go_after(tmp_path: Path):
    made: list[FakeScorer] = []

    class Scorers(StudioScorers):
        def _opened(self, *wanted: object) -> FakeScorer:  # type: ignore[override]
            made.append(FakeScorer())
            return made[-1]

    scorers, settings = Scorers(None), Settings(scorer_model="x")
    assert scorers.get(settings) is scorers.get(replace_model(settings, "x"))
    in_folder = replace_model(settings, str(tmp_path))
    scorers.get(in_folder)
    assert [scorer.released for scorer in made] == [1, 0]
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"another training")
    scorers.get(in_folder)
    assert [scorer.released for scorer in made] == [1, 1, 0]
    scorers.close()
    assert [scorer.released for scorer in made] == [1, 1, 1]


def replace_model(settings: Settings, name: str) -> Settings:
    return settings.model_copy(update={"scorer_model": name, "comfy_url": "http://127.0.0.1:1"})


def test_what_is_asked_beside_fulfilment_is_told_of_each_image_and_what_cannot_be_had_of_none(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    tagger = write_tagger(tmp_path / "tagger")
    settings = Settings(score_compare=str(tagger), score_style="anime", score_references="ink")
    (found,) = scoring(FakeScorer()).rate(settings)([run_with_image(tmp_path)], never)
    assert {score.metric for score in found.scores} >= {"fulfilment", "compared:unasked"}
    assert ["choose a CLIP" in text or "no library" in text or "no LoRA" in text for text in problems_of(found)] == [
        True
    ]


def test_images_are_not_learned_from_where_a_person_wants_that(tmp_path: Path):
    learned: list[Run] = []
    keep = Scores(lambda: Store.open(tmp_path / "store.sqlite3"), learned.extend)
    for learn in (False, True):
        scoring(FakeScorer(), keep).rate(Settings(score_learn=learn))([run_with_image(tmp_path)], never)
        assert len(learned) == int(learn)


def test_the_library_of_loras_is_opened_where_one_is_named_alone(tmp_path: Path):
    opened: list[Settings] = []

    def library(settings: Settings) -> Any:
        opened.append(settings)
        raise ConfigError("No LoRA folder is known.")

    run = run_with_image(tmp_path)
    for settings in (Settings(), Settings(score_references="ink")):
        (found,) = scoring(FakeScorer(), library=library).rate(settings)([run], never)
        assert found.scores
    assert len(opened) == 1


def test_the_options_of_the_stage_are_those_of_the_page():
    found = score_options(Settings(score_style="auto", score_compare="wd", score_whole=True, score_learn=False))
    assert (found.style, found.compare, found.whole, found.learn) == ("auto", "wd", True, False)


def test_a_server_that_sees_is_asked_with_the_hosts_and_the_key_of_the_person():
    scorers = StudioScorers(None, key=lambda: "secret")
    settings = Settings(
        scorer_url="https://vision.example/v1", scorer_model="seer", llm_allowed_hosts=("vision.example",)
    )
    assert scorers.get(settings).identity.startswith("vqa:openai:seer")
    assert scorers._of is not None
    assert scorers._of[1] == Access(("vision.example",), "secret")
    with pytest.raises(ConfigError):
        scorers.get(Settings(scorer_url="ftp://x", scorer_model="seer"))


def test_what_opens_the_extras_is_kept_while_what_they_name_is_the_same():
    scorers = StudioScorers(None)
    first = scorers.extras(Settings(score_compare="wd"))
    assert scorers.extras(Settings(score_compare="wd", score_style="anime")) is first
    assert scorers.extras(Settings(score_compare="other")) is not first


def test_a_test_of_the_scorer_looks_for_the_tagger_too(tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(b"x")
    (tmp_path / "selected_tags.csv").write_text("tag_id,name,category\n1,1girl,0\n", encoding="utf-8")
    assert "tagger" in StudioScorers(None).tested(Settings(scorer_model=str(tmp_path), score_compare=str(tmp_path)))
    with pytest.raises(ScorerError, match="gone"):
        StudioScorers(None).tested(Settings(scorer_model=str(tmp_path), score_compare=str(tmp_path / "gone")))
