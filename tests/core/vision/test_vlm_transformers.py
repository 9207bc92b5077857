from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.errors import Cancelled, LanguageModelError, ScorerError
from orchestrator_core.vision.opening import ScorerSettings, open_scorer
from orchestrator_core.vision.port import Wanted
from orchestrator_core.vision.vlm_transformers import TransformersVlm
from tests.core.vision.tiny_blip import write_blip, write_llava

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

NOISE = np.random.default_rng(3).integers(0, 256, (24, 40, 3), dtype=np.uint8)
DARK = np.zeros((9, 5, 3), dtype=np.uint8)
YES, NO = (5, 7), (6,)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llava(tmp_path_factory.mktemp("llava"))


def by_transformers(folder: Path, image: np.ndarray) -> float:
    """The odds of yes in what transformers' own call gives."""
    import transformers
    from PIL import Image

    model = transformers.LlavaForConditionalGeneration.from_pretrained(folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    inputs = processor(images=[Image.fromarray(image)], text=["<image>\nYes or No"], return_tensors="pt")
    with torch.inference_mode():
        probabilities = model(**inputs).logits[0, -1].softmax(-1)
    yes, no = (float(probabilities[list(ids)].sum()) for ids in (YES, NO))
    return yes / (yes + no)


def test_yes_is_read_from_the_first_token_that_the_model_would_write(folder: Path) -> None:
    model = TransformersVlm(str(folder))
    found = [model.judge(image, "Yes or No") for image in (NOISE, DARK)]
    for verdict, image in zip(found, (NOISE, DARK), strict=True):
        assert verdict.has_odds
        assert verdict.probability == pytest.approx(by_transformers(folder, image), abs=1e-4)
    assert found[0].probability != pytest.approx(found[1].probability, abs=1e-4)


def test_it_scores_components_by_its_yes(folder: Path) -> None:
    scorer = open_scorer(ScorerSettings(model=str(folder)))
    (row,) = scorer.score([NOISE], [Wanted(0, "fox", "siblings", "animal#fox", ("fox", "owl"))])
    assert row[0].calibrated
    assert row[0].probability is not None
    assert row[0].low < row[0].probability < row[0].high
    assert scorer.identity.startswith(f"vqa:transformers:{folder.name}:")


def test_it_says_what_it_sees(folder: Path) -> None:
    text = TransformersVlm(str(folder)).say(NOISE, "Yes or No", 3)
    assert set(text.split()) <= {"Yes", "No", "yes"}


def test_a_released_model_is_loaded_again(folder: Path) -> None:
    model = TransformersVlm(str(folder))
    before = model.judge(NOISE, "Yes or No")
    model.release()
    assert model.judge(NOISE, "Yes or No") == before


def test_it_may_be_stopped_before_a_question(folder: Path) -> None:
    for call in (TransformersVlm(str(folder)).judge, TransformersVlm(str(folder)).say):
        with pytest.raises(Cancelled):
            call(NOISE, "?", is_cancelled=lambda: True)


def test_a_model_that_cannot_be_asked_about_images_is_refused(tmp_path: Path) -> None:
    folder = write_blip(tmp_path)
    with pytest.raises(ScorerError, match="this model cannot be loaded"):
        TransformersVlm(str(folder)).judge(NOISE, "?")


def test_a_gguf_file_is_no_model_that_sees_in_this_process(tmp_path: Path) -> None:
    (tmp_path / "seer.gguf").touch()
    with pytest.raises(ScorerError, match=r"run it with llama.cpp and name the server"):
        TransformersVlm(str(tmp_path / "seer.gguf")).judge(NOISE, "?")


def test_a_model_that_chats_is_asked_as_it_was_trained(folder: Path) -> None:
    model = TransformersVlm(str(folder))
    plain = model.judge(NOISE, "Yes or No")
    with model._held.resident() as (loaded, _):
        loaded.reader.chat_template = (
            "{% for part in messages[0].content %}{{ '<image>' if part.type == 'image' else part.text }}{% endfor %}"
            "{% if add_generation_prompt %} Yes{% endif %}"
        )
    assert model.judge(NOISE, "Yes or No") != plain
    assert model.judge(NOISE, "No Yes No").probability is not None


def test_an_image_that_the_chat_template_left_out_is_told(folder: Path) -> None:
    model = TransformersVlm(str(folder))
    model.judge(NOISE, "Yes or No")
    with model._held.resident() as (loaded, _):
        loaded.reader.chat_template = "Yes or No"
    with pytest.raises(LanguageModelError, match="cannot be asked about an image"):
        model.judge(NOISE, "?")


def test_a_model_that_fails_at_an_image_is_told(folder: Path) -> None:
    model = TransformersVlm(str(folder))
    model.judge(NOISE, "Yes or No")
    with model._held.resident() as (loaded, _):
        loaded.model.config.image_token_id = 5  # not what its processor writes
    for call in (model.judge, model.say):
        with pytest.raises(LanguageModelError, match="could not answer about this image"):
            call(NOISE, "No")


def test_a_chat_template_that_fails_is_told(folder: Path) -> None:
    model = TransformersVlm(str(folder))
    model.judge(NOISE, "Yes or No")
    with model._held.resident() as (loaded, _):
        loaded.reader.chat_template = "{{ raise_exception('no images here') }}"
    with pytest.raises(LanguageModelError, match="no images here"):
        model.judge(NOISE, "?")
