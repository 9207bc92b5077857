from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.errors import ScorerError
from orchestrator_core.vision.clip_vision_encoder import ClipVision, ClipVisionEncoder
from orchestrator_core.vision.contrastive import ContrastiveScorer
from orchestrator_core.vision.encoders import TowerEncoder
from orchestrator_core.vision.opening import ScorerSettings, backend_of, open_encoder, open_scorer
from orchestrator_core.vision.port import Wanted
from orchestrator_core.vision.preparing import prepared
from tests.core.vision.tiny_clip import write_open_clip, write_transformers

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")
pytest.importorskip("transformers")

IMAGES = [np.random.default_rng(n).integers(0, 256, (40 + n // 2, 24, 3), dtype=np.uint8) for n in range(3)]
WANTED = [Wanted(0, "fox", "siblings", "w#fox", ("fox", "owl"))]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    write_open_clip(place / "open_clip")
    write_transformers(place / "clip")
    return {"open_clip": place / "open_clip", "clip": place / "clip"}


def test_a_folder_says_itself_what_kind_of_model_is_in_it(folders: dict[str, Path], tmp_path: Path) -> None:
    assert backend_of(ScorerSettings(model=str(folders["open_clip"]))) == "open_clip"
    assert backend_of(ScorerSettings(model=f"local-dir:{folders['open_clip']}")) == "open_clip"
    assert backend_of(ScorerSettings(model=str(folders["clip"]))) == "transformers"
    assert backend_of(ScorerSettings(model="ViT-B-32")) == "open_clip"
    for kind, backend in (("blip", "blip"), ("qwen2_5_vl", "vqa"), ("siglip2", "transformers")):
        (tmp_path / "config.json").write_text(f'{{"model_type": "{kind}"}}', encoding="utf-8")
        assert backend_of(ScorerSettings(model=str(tmp_path))) == backend
    (tmp_path / "model.onnx").touch()
    assert backend_of(ScorerSettings(model=str(tmp_path))) == "tagger"


@pytest.mark.parametrize("kind", ["open_clip", "clip"])
def test_settings_open_a_scorer_that_scores(kind: str, folders: dict[str, Path]) -> None:
    scorer = open_scorer(ScorerSettings(model=str(folders[kind])))
    rows = scorer.score(IMAGES, WANTED)
    assert len(rows) == len(IMAGES)
    assert all(0 < row[0].probability < 1 for row in rows)
    assert scorer.identity.split(":")[1] == folders[kind].name


def test_a_model_that_is_not_named_or_tells_nothing_of_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScorerError, match="No model is named"):
        open_scorer(ScorerSettings())
    with pytest.raises(ScorerError, match=r"config\.json"):
        open_scorer(ScorerSettings(model=str(tmp_path)))


class FakeClipVision:
    """ComfyUI's CLIP_VISION, from the image tower of an encoder."""

    dtype = torch.float32

    def __init__(self, encoder: TowerEncoder, numbers: int = 16) -> None:
        self._encoder, self._numbers = encoder, numbers
        self.batches: list[tuple[int, ...]] = []
        self.cropped: list[bool] = []

    def encode_image(self, image: Any, crop: bool = True) -> dict[str, Any]:
        self.batches.append(tuple(image.shape))
        self.cropped.append(crop)
        pixels = prepared(
            [(each.numpy() * 255).round().astype(np.uint8) for each in image], self._encoder._told().image
        )
        return {"image_embeds": 3 * torch.from_numpy(self._encoder.prepared_vectors(pixels))[:, : self._numbers]}


def test_comfyuis_vision_model_sees_for_the_texts_of_the_same_clip(folders: dict[str, Path]) -> None:
    settings = ScorerSettings(model=str(folders["clip"]))
    vision = FakeClipVision(open_encoder(settings))
    scorer = open_scorer(settings, clip_vision=ClipVision(vision, "clip_vision_l"))
    assert isinstance(scorer, ContrastiveScorer)
    assert isinstance(scorer.encoder, ClipVisionEncoder)
    found = scorer.score(IMAGES, WANTED)
    plain = open_scorer(settings).score(IMAGES, WANTED)
    for ours, theirs in zip(found, plain, strict=True):
        assert ours[0].probability == pytest.approx(theirs[0].probability, abs=1e-3)
    assert not any(vision.cropped)
    assert vision.batches[1:] == [(2, 40, 24, 3), (1, 41, 24, 3)]
    assert scorer.identity.startswith("clip_vision:clip_vision_l:float32+transformers:")


@pytest.mark.parametrize("numbers", [16, 8])
def test_a_vision_model_of_another_clip_is_refused(numbers: int, folders: dict[str, Path]) -> None:
    vision = FakeClipVision(open_encoder(ScorerSettings(model=str(folders["open_clip"]))), numbers)
    scorer = open_scorer(ScorerSettings(model=str(folders["clip"])), clip_vision=ClipVision(vision))
    with pytest.raises(ScorerError, match="same CLIP"):
        scorer.score(IMAGES, WANTED)
