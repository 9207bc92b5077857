from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision.aesthetic import AestheticHead
from orchestrator_core.vision.style import ReferenceStyle, style_of, style_wanted, styles_in
from orchestrator_core.vision.whole import Aesthetic, PromptCosine

np = pytest.importorskip("numpy")


class ColourEncoder:
    """An encoder in whose space an image is its mean colour, and a text the colours that it names."""

    identity, scale, bias = "colours", 10.0, None

    def image_vectors(self, images: Sequence[Any], is_cancelled: IsCancelled = never) -> Any:
        if is_cancelled():
            raise Cancelled
        return self._unit([image.reshape(-1, 3).mean(axis=0) for image in images])

    def text_vectors(self, texts: Sequence[str], is_cancelled: IsCancelled = never) -> Any:
        return self._unit([[float(name in text) for name in ("red", "green", "blue")] for text in texts])

    def rest(self) -> None: ...

    def release(self) -> None: ...

    @staticmethod
    def _unit(rows: Any) -> Any:
        rows = np.asarray(rows, dtype=np.float32).reshape(-1, 3)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def filled(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((4, 4, 3), (red, green, blue), dtype=np.uint8)


RED, BLUE = filled(255, 0, 0), filled(0, 0, 255)
ENCODER = ColourEncoder()
HEAD = AestheticHead("head 0123", ((np.array([[2, 0, -1]], np.float32), np.array([5], np.float32)),))


def bank(number: int) -> Any:
    """Vectors of colours by chance."""
    return ColourEncoder._unit(np.random.default_rng(4).uniform(0, 255, (number, 3)))


def test_the_whole_prompt_is_a_cosine_for_information() -> None:
    found = PromptCosine(ENCODER).score_whole([RED, BLUE], "(red:1.3), <lora:green:1>")
    assert [(row[0].metric, row[0].value) for row in found] == [
        ("prompt_cosine", pytest.approx(1)),
        ("prompt_cosine", pytest.approx(0)),
    ]


def test_a_prompt_without_words_has_no_cosine() -> None:
    assert PromptCosine(ENCODER).score_whole([RED, BLUE], "<lora:red:1>") == [(), ()]
    assert PromptCosine(ENCODER).score_whole([], "red") == []


def test_an_image_is_rated_by_the_head_on_its_vector() -> None:
    scorer = Aesthetic(ENCODER, HEAD)
    assert [row[0].value for row in scorer.score_whole([RED, BLUE])] == pytest.approx([7, 4])
    assert scorer.identity == "colours:aesthetic-head 0123"
    assert scorer.score_whole([]) == []


def test_a_head_that_is_not_there_is_told_at_its_use(tmp_path: Path) -> None:
    with pytest.raises(ScorerError, match="no aesthetic head is there"):
        Aesthetic(ENCODER, tmp_path / "none.pth").score_whole([RED])


def test_whole_scores_may_be_stopped() -> None:
    for call in (PromptCosine(ENCODER).score_whole, Aesthetic(ENCODER, HEAD).score_whole):
        with pytest.raises(Cancelled):
            call([RED], "red", lambda: True)


def test_likeness_to_references_is_in_deviations_of_the_persons_own_images() -> None:
    style = ReferenceStyle(ENCODER, "reds", [RED, filled(250, 20, 0)], bank(200))
    near, far = style.score([filled(240, 10, 5), BLUE])
    assert near.probability is not None
    assert far.probability is not None
    assert near.probability > 0.9 > 0.1 > far.probability
    assert near.low < near.probability < near.high
    assert near.calibrated
    assert (near.metric, near.wanted.text, near.wanted.measure) == ("style", "reds", "style")
    assert near.reason.startswith("+")
    assert far.reason.endswith("σ")


def test_with_few_images_of_ones_own_nothing_is_learned_from_it() -> None:
    (found,) = ReferenceStyle(ENCODER, "reds", [RED], bank(20)).score([RED])
    assert found.probability is not None
    assert not found.calibrated
    assert "by 20 of your images; 30 are needed" in found.reason


@pytest.mark.parametrize("vectors", [None, np.zeros((0, 3), np.float32), bank(1), np.ones((5, 3), np.float32)])
def test_without_images_to_compare_with_there_is_only_the_cosine(vectors: Any) -> None:
    (found,) = ReferenceStyle(ENCODER, "reds", [RED], vectors).score([RED])
    assert (found.probability, found.calibrated, found.raw) == (None, False, pytest.approx(1))
    assert "no images of your own" in found.reason


def test_a_style_is_known_by_what_it_is_compared_with() -> None:
    styles = [
        ReferenceStyle(ENCODER, "reds", [RED]),
        ReferenceStyle(ENCODER, "reds", [BLUE]),
        ReferenceStyle(ENCODER, "reds", [RED], bank(40)),
    ]
    assert len({style.identity for style in styles}) == 3
    assert ReferenceStyle(ENCODER, "other", [RED]).identity == styles[0].identity


def test_references_without_anything_in_common_are_told() -> None:
    with pytest.raises(ScorerError, match="no reference image"):
        ReferenceStyle(ENCODER, "none", [])
    with pytest.raises(ScorerError, match="nothing in common"):
        ReferenceStyle(ENCODER, "black", [filled(0, 0, 0)]).score([RED])


def test_a_style_is_wanted_against_the_others_of_a_list() -> None:
    wanted = style_wanted("Oil Painting", ("oil painting", "anime", "photo"))
    assert (wanted.measure, wanted.text) == ("style", "Oil Painting")
    assert wanted.alternatives == ("Oil Painting", "anime", "photo")
    assert style_wanted(" ").reason == "no style is named"
    assert style_wanted("anime", ("anime",)).measure == "unscored"


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("a fox, oil painting, masterpiece", "oil painting"),
        ("oil paintings of a fox", "oil painting"),
        ("a digital painting", "digital painting"),
        ("a fox", ""),
        ("", ""),
    ],
)
def test_the_style_that_a_prompt_asks_for_is_found_in_the_list(prompt: str, style: str) -> None:
    assert style_of(prompt) == style


def test_a_list_of_styles_is_read_as_people_write_it() -> None:
    assert styles_in("anime, oil  painting\nphoto,, anime\n") == ("anime", "oil painting", "photo")
    assert len(styles_in(",".join(map(str, range(100))))) == 64
