from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import orchestrator_app
from orchestrator_core.errors import ScorerError
from orchestrator_core.vision.contrastive import ContrastiveScorer
from orchestrator_core.vision.encoders import TowerEncoder
from orchestrator_core.vision.opening import ScorerSettings, open_encoder
from orchestrator_core.vision.style import ReferenceStyle, style_of, style_wanted, styles_in
from tests.core.vision.colour_encoder import ColourEncoder, filled

np = pytest.importorskip("numpy")


RED, BLUE = filled(255, 0, 0), filled(0, 0, 255)
ENCODER = ColourEncoder()


def bank(number: int) -> Any:
    """Vectors of colours by chance."""
    return ColourEncoder.unit(np.random.default_rng(4).uniform(0, 255, (number, 3)))


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
    assert "too few images of your own" in found.reason


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


@pytest.fixture(scope="module")
def drawn() -> Any:
    """``drawn(number, style="striped")``: scenes of the tiny world, with a drawing of each."""
    pytest.importorskip("PIL")
    from orchestrator_app.tiny_world.scenes import all_scenes, draw

    rng = random.Random(3)

    def pick(number: int, style: str = "") -> list[tuple[Any, Any]]:
        scenes = [scene for scene in all_scenes() if style in ("", scene.style)]
        return [(scene, draw(scene, rng)) for scene in rng.sample(scenes, number)]

    return pick


@pytest.fixture(scope="module")
def clip() -> TowerEncoder:
    pytest.importorskip("open_clip")
    folder = Path(orchestrator_app.__file__).parent / "tiny_world" / "models" / "clip"
    return open_encoder(ScorerSettings(model=str(folder)))


def test_a_real_model_tells_styles_apart_by_their_words(clip: TowerEncoder, drawn: Any) -> None:
    styles = ("solid", "outlined", "striped")
    scenes = drawn(40)
    rows = ContrastiveScorer(clip).score(
        [image for _, image in scenes], [style_wanted(style, styles) for style in styles]
    )
    found = [max(row, key=lambda each: each.probability or 0) for row in rows]
    assert {each.metric for each in found} == {"style"}
    right = [each.wanted.text == scene.style for each, (scene, _) in zip(found, scenes, strict=True)]
    assert sum(right) >= 0.95 * len(right)


def test_a_real_model_tells_a_style_by_its_examples(clip: TowerEncoder, drawn: Any) -> None:
    def images(number: int, style: str = "") -> list[Any]:
        return [image for _, image in drawn(number, style)]

    style = ReferenceStyle(clip, "striped", images(16, "striped"), clip.image_vectors(images(80)))
    there, elsewhere = (
        [each.probability or 0 for each in style.score(images(30, kind))] for kind in ("striped", "solid")
    )
    pairs = [one > other for one in there for other in elsewhere]
    assert sum(pairs) >= 0.9 * len(pairs)
