"""What is said of images beside fulfilment, by what settings name; each fails alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.errors import Cancelled, ConfigError, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.vision.contrastive import ContrastiveScorer
from orchestrator_core.vision.extra_settings import ExtraSettings
from orchestrator_core.vision.extras import ExtraModels, observer_settings, reference_style, style_in
from orchestrator_core.vision.looking import Extras, Looks, look
from orchestrator_core.vision.observing import CaptionObserver, TagObserver
from orchestrator_core.vision.port import Fulfilment, Wanted
from orchestrator_core.vision.tagger import Tagger, TaggerScorer
from tests.core.vision.colour_encoder import ColourEncoder, filled
from tests.core.vision.memory_bank import MemoryBank
from tests.core.vision.tiny_tagger import write_tagger

np = pytest.importorskip("numpy")
RED, BLUE = filled(255, 0, 0), filled(0, 0, 255)
DRAFT = PromptDraft((Component("red, "), Component("anime")))


class CountingEncoder(ColourEncoder):
    images = 0

    def image_vectors(self, images: Sequence[Any], is_cancelled: IsCancelled = never) -> Any:
        self.images += len(images)
        return super().image_vectors(images, is_cancelled)


class Blind:
    """A scorer without vectors of images."""

    identity = "blind:1"

    def score(self, images: Sequence[Any], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never) -> Any:
        return [[Fulfilment(each, 0.5, 0.4, 0.6, None, True) for each in wanted] for _ in images]


def seen(asked: ExtraSettings, images: Sequence[Any] = (RED,), scorer: Any = None, pictures: Any = None) -> Looks:
    scorer = scorer or ContrastiveScorer(ColourEncoder(), bank=MemoryBank())
    return look(images, DRAFT, scorer, extras=ExtraModels().extras(asked, DRAFT, scorer, pictures))


def styles(found: Looks) -> list[tuple[str, float | None]]:
    return [(each.wanted.text, each.probability) for each in found.images[0].fulfilments if each.metric == "style"]


def test_where_nothing_is_asked_nothing_is_said() -> None:
    found = seen(ExtraSettings())
    assert [each.wanted.text for each in found.images[0].fulfilments] == ["red", "anime"]
    assert (found.images[0].whole, found.images[0].observation, found.problems) == ((), None, ())


def test_the_style_is_that_which_is_named_or_that_which_the_prompt_asks_for() -> None:
    named = style_in(ExtraSettings(style=" red ", styles="red, blue\ngreen"), DRAFT)
    assert named == Wanted(0, "red", "style", alternatives=("red", "blue", "green"))
    asked = style_in(ExtraSettings(style="auto"), DRAFT)
    assert asked is not None
    assert (asked.text, asked.component) == ("anime", 1)
    assert style_in(ExtraSettings(style="auto"), PromptDraft((Component("a fox"),))) is None
    ((text, probability),) = styles(seen(ExtraSettings(style="red", styles="red, blue")))
    assert text == "red"
    assert probability is not None
    assert probability > 0.9


def test_likeness_to_pictures_is_against_the_persons_own_images_and_each_image_is_encoded_once() -> None:
    encoder, rng = CountingEncoder(), np.random.default_rng(1)
    scorer = ContrastiveScorer(encoder, bank=MemoryBank())
    scorer.score([filled(*rng.integers(0, 255, 3)) for _ in range(60)], [Wanted(0, "red", "free")])
    before = encoder.images
    found = seen(ExtraSettings(references="ink"), [filled(250, 9, 1), BLUE], scorer, lambda name: [RED])
    assert encoder.images == before + 3
    near, far = (image.fulfilments[-1] for image in found.images)
    assert near.probability is not None
    assert far.probability is not None
    assert near.probability > 0.9 > 0.1 > far.probability
    assert near.wanted.text == "ink"
    assert near.scorer.startswith("colours:reference-")
    assert near.scorer != scorer.identity


def test_a_reference_that_was_scored_before_does_not_count_as_another_image() -> None:
    scorer = ContrastiveScorer(ColourEncoder(), bank=MemoryBank())
    scorer.score([RED], [Wanted(0, "red", "free")])
    (found,) = reference_style("ink", [RED], scorer).score([RED])
    assert (found.probability, found.reason) == (
        None,
        "there are too few images of your own to compare with: score some first",
    )


def test_likeness_that_cannot_be_told_is_told_once_for_all_images() -> None:
    found = seen(ExtraSettings(references="ink"), [RED, BLUE], pictures=lambda name: [RED])
    assert found.problems == ("ink: there are too few images of your own to compare with: score some first.",)


def test_the_cosine_with_the_whole_prompt_and_a_rating_are_numbers_of_an_image(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"weight": torch.tensor([[5.0, 0.0, 0.0]]), "bias": torch.tensor([1.0])}, tmp_path / "head.pth")
    found = seen(ExtraSettings(whole=True, aesthetic=str(tmp_path / "head.pth")), [RED, BLUE])
    first, second = ({one.metric: round(one.value, 3) for one in image.whole} for image in found.images)
    assert first == {"prompt_cosine": 1.0, "aesthetic": 6.0}
    assert second == {"prompt_cosine": 0.0, "aesthetic": 1.0}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (ExtraSettings(references="ink"), "choose a CLIP or SigLIP model"),
        (ExtraSettings(aesthetic="gone.pth"), "choose a CLIP or SigLIP model"),
        (ExtraSettings(whole=True), "choose a CLIP or SigLIP model"),
        (ExtraSettings(compare="gone"), "gone"),
    ],
)
def test_what_cannot_be_had_is_told_and_the_rest_is_said(asked: ExtraSettings, said: str) -> None:
    found = seen(asked, scorer=Blind(), pictures=lambda name: [RED])
    assert [said in problem for problem in found.problems] == [True]
    assert found.images[0].fulfilments


def test_names_that_nothing_has_and_heads_that_are_not_there_are_told(tmp_path: Path) -> None:
    def none(name: str) -> list[Any]:
        raise ConfigError(f"{name}: no LoRA has that name.")

    missing = str(tmp_path / "gone.pth")
    found = seen(ExtraSettings(references="ink", aesthetic=missing, style="red", styles="red,blue"), pictures=none)
    assert found.problems == ("ink: no LoRA has that name.", f"{missing}: no aesthetic head is there. Name a file: "
                              ".safetensors, .pth, .pt.")  # fmt: skip
    assert styles(found)
    assert "no library" in seen(ExtraSettings(references="ink")).problems[0]
    (tmp_path / "broken.png").write_bytes(b"no image")
    broken = seen(ExtraSettings(references="ink"), pictures=lambda name: [tmp_path / "broken.png"])
    assert "broken.png" in broken.problems[0]


def test_a_tagger_says_what_is_there_missing_and_unasked_and_is_made_once(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    models, scorer = ExtraModels(), Blind()
    asked = ExtraSettings(compare=str(write_tagger(tmp_path)))
    extras = models.extras(asked, DRAFT, scorer)
    assert models.extras(asked, DRAFT, scorer).observer is extras.observer
    draft = PromptDraft((Component("blue, "), Component("red, "), Component("dragon")))
    (found,) = look([RED], draft, scorer, extras=extras).images
    assert found.observation is not None
    told = {name: [(part.text, part.component) for part in parts] for name, parts in found.observation.told}
    assert told["fulfilled"] == [("red", 1)]
    assert told["missing"] == [("blue", 0)]
    assert ("1girl", None) in told["unasked"]
    assert told["not known to the tagger"] == [("dragon", 2)]
    assert found.observation.report.startswith("fulfilled: red 100%\nmissing: blue 0%\nunasked: ")
    models.release()


def test_a_tagger_that_scores_and_compares_is_loaded_once(tmp_path: Path) -> None:
    scorer = TaggerScorer(Tagger(tmp_path))
    observer = ExtraModels().observer(observer_settings(str(tmp_path)), scorer)
    assert isinstance(observer, TagObserver)
    assert observer.tagger is scorer.tagger


class Failing:
    """An Observer that fails as it is told to."""

    identity = "failing"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def observe(self, images: Sequence[Any], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never) -> Any:
        raise self.error

    def release(self) -> None: ...


def test_an_observer_that_fails_costs_no_score_and_a_stop_stays_a_stop() -> None:
    found = look([RED], DRAFT, Blind(), extras=Extras(observer=Failing(ScorerError("It fell over."))))
    assert found.problems == ("It fell over.",)
    assert found.images[0].fulfilments
    with pytest.raises(Cancelled):
        look([RED], DRAFT, Blind(), extras=Extras(observer=Failing(Cancelled())))


class Saying:
    identity = "caption:1"

    def caption(self, image: Any, is_cancelled: IsCancelled = never) -> str:
        return "a red fox"

    def release(self) -> None: ...


def test_a_caption_is_told_with_what_it_mentions() -> None:
    wanted = [Wanted(0, "red", "free"), Wanted(2, "snow", "free")]
    (found,) = CaptionObserver(Saying()).observe([RED], wanted)
    assert found.report == "mentioned: red\nnot mentioned: snow\nnot asked for: fox\ncaption: a red fox"
    assert found.missing[0].component == 2


def test_a_name_means_a_folder_or_a_server_with_its_model() -> None:
    assert observer_settings(" models/wd ").model == "models/wd"
    server = observer_settings("http://127.0.0.1:11434/v1 qwen2.5vl:3b")
    assert (server.backend, server.url, server.model) == ("vqa", "http://127.0.0.1:11434/v1", "qwen2.5vl:3b")
    observer = ExtraModels().observer(server)
    assert observer.identity == "caption:openai:qwen2.5vl:3b"


def test_a_damaged_tagger_is_told(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ScorerError, match=r"selected_tags\.csv"):
        TagObserver(Tagger(tmp_path)).observe([RED], [])
