from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.llm.residence import PlainResidence
from orchestrator_core.vision.encoders import TowerEncoder
from orchestrator_core.vision.open_clip_encoder import OpenClipSource
from orchestrator_core.vision.open_clip_files import files_of
from orchestrator_core.vision.preparing import padded, prepared
from orchestrator_core.vision.transformers_encoder import TransformersSource
from tests.core.vision.tiny_clip import (
    DIMENSIONS,
    LENGTH,
    RESNET,
    open_clip_config,
    write_open_clip,
    write_transformers,
)

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")
pytest.importorskip("transformers")

RNG = np.random.default_rng(3)
IMAGES = [RNG.integers(0, 256, shape, dtype=np.uint8) for shape in ((40, 24, 3), (8, 9, 3), (33, 64, 3))]
TEXTS = ["a red fox", "owl"]


def encoder_of(folder: Path, **options: Any) -> TowerEncoder:
    return TowerEncoder(OpenClipSource(files_of(str(folder))), **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models") / "tiny"
    write_open_clip(place)
    return place


@pytest.mark.parametrize(
    "config",
    [
        open_clip_config(),
        open_clip_config(RESNET, init_logit_scale=2.3, init_logit_bias=-6.0),
        open_clip_config(custom_text=True, quick_gelu=True),
    ],
    ids=["vit", "resnet with a bias", "a text tower of its own"],
)
def test_vectors_are_those_of_open_clip(config: dict[str, Any], tmp_path: Path) -> None:
    model = write_open_clip(tmp_path / "m", config)
    encoder = encoder_of(tmp_path / "m")
    tokens = open_clip.tokenize(TEXTS, context_length=LENGTH)
    with torch.inference_mode():
        pixels = prepared(IMAGES, encoder._told().image)
        images, texts = model.encode_image(pixels, normalize=True), model.encode_text(tokens, normalize=True)
    assert np.abs(encoder.image_vectors(IMAGES) - images.numpy()).max() < 1e-5
    assert np.abs(encoder.text_vectors(TEXTS) - texts.numpy()).max() < 1e-5
    assert encoder.scale == pytest.approx(float(model.logit_scale.detach().exp()))
    assert encoder.bias == (None if model.logit_bias is None else pytest.approx(-6.0))


@pytest.mark.parametrize("kind", ["CLIP", "Siglip"])
def test_vectors_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    model = write_transformers(tmp_path / "m", kind)
    source = TransformersSource(str(tmp_path / "m"))
    encoder = TowerEncoder(source)
    texts = ["a fox", "owl"]
    with torch.inference_mode():
        pixels = prepared(IMAGES, encoder._told().image)
        found = model(input_ids=source.tokens(texts), pixel_values=pixels)
    assert np.abs(encoder.image_vectors(IMAGES) - found.image_embeds.numpy()).max() < 1e-5
    assert np.abs(encoder.text_vectors(texts) - found.text_embeds.numpy()).max() < 1e-5
    assert (encoder.bias is None) == (kind == "CLIP")


def test_each_tower_is_loaded_when_it_is_needed_and_the_text_tower_goes_when_no_text_is(folder: Path) -> None:
    held: list[Any] = []

    class Watched(PlainResidence):
        @contextmanager
        def resident(self, module: Any, spare: int) -> Iterator[Any]:
            held.append(module)
            with super().resident(module, spare) as device:
                yield device

        def release(self, module: Any) -> None:
            held.remove(module)

    encoder = encoder_of(folder, residence=Watched("cpu"))
    encoder.identity  # noqa: B018  it is told without an image
    first = encoder.image_vectors(IMAGES[:1])
    encoder.text_vectors(TEXTS)
    assert len({id(each) for each in held}) == 2
    encoder.rest()
    assert len({id(each) for each in held}) == 1
    encoder.release()
    assert not held
    assert (encoder.image_vectors(IMAGES[:1]) == first).all()


def test_images_are_encoded_in_batches_between_which_it_can_be_stopped(folder: Path) -> None:
    encoder = encoder_of(folder, batch=1)
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        encoder.image_vectors(IMAGES, lambda: next(asked))
    with pytest.raises(Cancelled):
        encoder.text_vectors(TEXTS, lambda: True)
    assert encoder.image_vectors(IMAGES) == pytest.approx(encoder_of(folder).image_vectors(IMAGES), abs=1e-5)


def test_a_text_of_400_tokens_is_read_to_its_end(folder: Path) -> None:
    long = ", ".join(["a red fox"] * 100)
    encoder = encoder_of(folder)
    plain, other = encoder.text_vectors([long, f"{long}, in a storm of blue leaves"])
    assert plain.shape == (DIMENSIONS,)
    assert np.linalg.norm(plain) == pytest.approx(1, abs=1e-5)
    assert np.abs(plain - other).max() > 1e-4


def test_a_shorter_dtype_is_taken_where_it_agrees_and_told_in_the_identity(folder: Path, tmp_path: Path) -> None:
    short = encoder_of(folder, dtype="bfloat16")
    assert short.identity.endswith(":bfloat16")
    assert encoder_of(folder).identity.endswith(":float32")
    assert (short.image_vectors(IMAGES) * encoder_of(folder).image_vectors(IMAGES)).sum(axis=1).min() > 0.999
    model = write_open_clip(tmp_path / "m")
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    weights["visual.proj"] = weights["visual.proj"] * 1e6  # more than a float16 can hold
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(weights, tmp_path / "m" / "open_clip_model.safetensors")
    wide = encoder_of(tmp_path / "m", dtype="float16")
    assert wide.identity.endswith(":float32")
    assert np.isfinite(wide.image_vectors(IMAGES)).all()


def test_files_of_half_the_digits_are_read_as_well(tmp_path: Path) -> None:
    model = write_open_clip(tmp_path / "m", dtype="float16")
    encoder = encoder_of(tmp_path / "m")
    with torch.inference_mode():
        images = model.encode_image(prepared(IMAGES, encoder._told().image), normalize=True).numpy()
    assert (encoder.image_vectors(IMAGES) * images).sum(axis=1).min() > 0.999


def test_a_models_identity_changes_with_its_weights_and_not_with_its_place(folder: Path, tmp_path: Path) -> None:
    write_open_clip(tmp_path / folder.name)
    assert encoder_of(tmp_path / folder.name).identity == encoder_of(folder).identity
    other = tmp_path / folder.name / "open_clip_model.safetensors"
    other.write_bytes(other.read_bytes()[:-4] + b"\0\0\0?")
    assert encoder_of(tmp_path / folder.name).identity != encoder_of(folder).identity
    assert encoder_of(folder, fit="pad").identity != encoder_of(folder).identity


def test_a_model_that_is_missing_damaged_or_another_is_named_with_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    weights = (folder / "open_clip_model.safetensors").read_bytes()

    def made(name: str, config: dict[str, Any] | str | None, data: bytes | None) -> Path:
        place = tmp_path / name
        place.mkdir()
        if config is not None:
            told = config if isinstance(config, str) else json.dumps(config)
            (place / "open_clip_config.json").write_text(told, encoding="utf-8")
        if data is not None:
            (place / "open_clip_model.safetensors").write_bytes(data)
        return place

    wide = open_clip_config({"image_size": 32, "layers": 2, "width": 64, "patch_size": 16})
    strange = open_clip_config(unheard_of=3)
    cases = [
        (made("no-config", None, weights), "open_clip_config.json"),
        (made("bad-config", "{", weights), "cannot be read"),
        (made("no-weights", open_clip_config(), None), "weights are missing"),
        (made("cut", open_clip_config(), weights[:-100]), "damaged"),
        (made("empty", open_clip_config(), b""), "damaged"),
        (made("wide", wide, weights), "another architecture"),
        (made("resnet", open_clip_config(RESNET), weights), "another architecture"),
        (made("strange", strange, weights), "configuration"),
        (tmp_path / "gone", "neither a folder nor"),
    ]
    for place, said in cases:
        with pytest.raises(ScorerError, match=said):
            encoder_of(place).image_vectors(IMAGES)
    with pytest.raises(ScorerError, match=r"config\.json"):
        TowerEncoder(TransformersSource(str(made("no-hf", None, weights)))).image_vectors(IMAGES)


@pytest.mark.parametrize(
    ("part", "changes", "told"),
    [
        ("text_cfg", {"heads": 0}, "the model failed"),
        ("text_cfg", {"context_length": "long"}, "its configuration makes no model"),
        ("preprocess_cfg", {"std": [0, 0, 0]}, "no image can be of"),
        ("preprocess_cfg", {"mean": [0.5]}, "no image can be of"),
        ("preprocess_cfg", {"mean": "grey"}, "its configuration makes no model"),
    ],
)
def test_a_configuration_that_lies_is_told(
    part: str, changes: dict[str, Any], told: str, folder: Path, tmp_path: Path
) -> None:
    config = deepcopy(open_clip_config())
    (config if part in config else config["model_cfg"])[part].update(changes)
    shutil.copytree(folder, tmp_path / "m")
    (tmp_path / "m" / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    encoder = encoder_of(tmp_path / "m")
    with pytest.raises(ScorerError, match=told):
        encoder.text_vectors(TEXTS), encoder.image_vectors(IMAGES)


@pytest.mark.parametrize("numbers", [[], [math.nan], [1e4]], ids=["none", "nan", "too large"])
def test_a_scale_that_is_no_number_is_told(numbers: list[float], folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, tmp_path / "m")
    file = tmp_path / "m" / "open_clip_model.safetensors"
    save_file({**load_file(file), "logit_scale": torch.tensor(numbers)}, file)
    with pytest.raises(ScorerError, match="logit_scale or logit_bias is no number"):
        _ = encoder_of(tmp_path / "m").scale


def test_a_models_identity_changes_with_its_configuration(folder: Path, tmp_path: Path) -> None:
    """Other heads or another mean fit the same weights, and give other scores."""
    shutil.copytree(folder, tmp_path / folder.name)
    config = open_clip_config()
    config["preprocess_cfg"] = {"mean": [0.4, 0.4, 0.4]}
    (tmp_path / folder.name / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    assert encoder_of(tmp_path / folder.name).identity != encoder_of(folder).identity


def test_a_model_that_is_not_cached_is_not_downloaded_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ScorerError, match="not in the local cache"):
        files_of("owner/name")
    with pytest.raises(ScorerError, match="weights are missing"):
        files_of("ViT-B-32")
    with pytest.raises(ScorerError, match="not in the local cache"):
        files_of("ViT-B-32", "laion2b_s34b_b79k")


def test_a_built_in_name_takes_a_file_of_weights(folder: Path) -> None:
    found = files_of("ViT-B-32", str(folder / "open_clip_model.safetensors"))
    assert found.model["vision_cfg"]["patch_size"] == 32
    with pytest.raises(ScorerError, match="another architecture"):
        TowerEncoder(OpenClipSource(found)).image_vectors(IMAGES)


def test_padding_keeps_the_whole_image_and_its_shape(folder: Path) -> None:
    place = encoder_of(folder)._told().image
    tall = np.full((40, 10, 3), 255, np.uint8)
    found = padded(tall, place)
    assert found.shape == (40, 40, 3)
    assert (found[:, 15:25] == 255).all()
    assert (found[:, :15] == 128).all()
    assert prepared([tall], place, "pad").shape == (1, 3, 32, 32)
