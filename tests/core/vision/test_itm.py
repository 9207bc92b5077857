from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.vision.itm import BlipJudge
from orchestrator_core.vision.judging import JudgeScorer
from orchestrator_core.vision.opening import ScorerSettings, open_scorer
from orchestrator_core.vision.port import Wanted
from tests.core.vision.tiny_blip import write_blip

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

NOISE = np.random.default_rng(3).integers(0, 256, (24, 40, 3), dtype=np.uint8)
DARK = np.zeros((9, 5, 3), dtype=np.uint8)
TEXTS = ["a red fox", "a blue owl in snow"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blip(tmp_path_factory.mktemp("blip"))


def by_transformers(folder: Path, image: np.ndarray, text: str) -> float:
    """What transformers' own whole forward pass says."""
    import transformers

    from orchestrator_core.vision.image_input import image_input_of

    model = transformers.BlipForImageTextRetrieval.from_pretrained(folder).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.inference_mode():
        found = model(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            pixel_values=image_input_of(folder, 16).tensor([image]),
        )
    return float(found.itm_score.softmax(-1)[0, 1])


def test_the_probability_is_that_of_the_matching_head_for_each_text_of_a_batch(folder: Path) -> None:
    judge = BlipJudge(str(folder))
    for image in (NOISE, DARK):
        found = [each.probability for each in judge.judge(image, TEXTS)]
        assert found == pytest.approx([by_transformers(folder, image, text) for text in TEXTS], abs=1e-5)
        assert found[0] != pytest.approx(found[1], abs=1e-4)


def test_a_score_says_which_weights_gave_it(folder: Path, tmp_path: Path) -> None:
    judge = BlipJudge(str(folder))
    assert judge.identity.startswith(f"itm:{folder.name}:")
    assert judge.identity.endswith(":float32")
    other = write_blip(tmp_path / folder.name, hidden_act="relu")
    file = other / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4] + b"\0\0\0?")  # one weight is another
    assert BlipJudge(str(other)).identity != judge.identity


class Lender:
    """A residence that notes what it lends and takes back."""

    def __init__(self) -> None:
        self.lent: list[object] = []
        self.taken: list[object] = []

    def dtype(self) -> str:
        return "bfloat16"

    @contextmanager
    def resident(self, module: object, spare: int) -> Iterator[object]:
        assert spare > 0
        self.lent.append(module)
        yield torch.device("cpu")

    def release(self, module: object) -> None:
        self.taken.append(module)


def test_a_model_that_is_loaded_keeps_its_name_whatever_is_put_in_its_place(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / folder.name)
    judge = BlipJudge(str(place))
    before = judge.identity
    judge.judge(NOISE, TEXTS)
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps({**config, "of": "another training"}))
    assert judge.identity == before
    judge.release()
    assert judge.identity != before


def test_its_memory_is_the_hosts_and_its_dtype_too(folder: Path) -> None:
    lender = Lender()
    judge = BlipJudge(str(folder), residence=lender)
    short = judge.judge(NOISE, TEXTS)
    judge.judge(DARK, TEXTS)
    assert len(lender.lent) == 2
    assert lender.lent[0] is lender.lent[1]
    judge.release()
    assert lender.taken == lender.lent[:1]
    assert judge.identity.endswith(":bfloat16")
    for found, exact in zip(short, BlipJudge(str(folder)).judge(NOISE, TEXTS), strict=True):
        assert found.probability == pytest.approx(exact.probability, abs=0.05)


def test_the_folder_says_what_scorer_it_is(folder: Path) -> None:
    scorer = open_scorer(ScorerSettings(model=str(folder)))
    assert scorer.identity == f"{BlipJudge(str(folder)).identity}:at-most-one:1"
    ((found,),) = scorer.score([NOISE], [Wanted(0, "a fox", "siblings", "animal#fox", ("a fox", "a blue owl"))])
    assert found.calibrated


def test_a_released_model_is_loaded_again_and_says_the_same(folder: Path) -> None:
    judge = BlipJudge(str(folder))
    before = judge.judge(NOISE, TEXTS)
    judge.release()
    assert judge.judge(NOISE, TEXTS) == before


def test_a_text_that_is_too_long_is_not_cut_silently_and_the_others_are_judged(folder: Path) -> None:
    long = " ".join(["red"] * 20)
    row = JudgeScorer(BlipJudge(str(folder))).score([NOISE], [Wanted(0, long, "free"), Wanted(1, "a fox", "free")])[0]
    assert row[0].probability is None
    assert row[0].reason == "it has 22 tokens, and this model reads 12: make it shorter"
    assert row[1].probability is not None


def test_it_is_stopped_between_batches_of_texts(folder: Path) -> None:
    looks = iter([False])
    texts = [f"{'red ' * n}fox" for n in range(1, 6)] * 10
    with pytest.raises(Cancelled, match="Scoring was stopped"):
        BlipJudge(str(folder)).judge(NOISE, texts, lambda: next(looks, True))


def test_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(ScorerError, match=r"no model that sees is there.*nothing is downloaded"):
        BlipJudge(str(tmp_path / "none")).judge(NOISE, TEXTS)


def test_a_folder_without_weights_has_no_scores_and_no_identity(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "model.safetensors").unlink()
    with pytest.raises(ScorerError, match="copy: there are no weights in it"):
        assert BlipJudge(str(copy)).identity
    with pytest.raises(ScorerError, match="copy: there are no weights in it"):
        BlipJudge(str(copy)).judge(NOISE, TEXTS)


def test_a_model_of_another_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip"}))
    with pytest.raises(ScorerError, match="is of the kind 'clip'; this scorer needs one of blip"):
        BlipJudge(str(tmp_path)).judge(NOISE, TEXTS)


def test_a_blip_without_a_matching_head_is_refused_and_never_scores_by_chance(tmp_path: Path) -> None:
    folder = write_blip(tmp_path, "BlipForConditionalGeneration")
    with pytest.raises(ScorerError, match="of its weights are in no file"):
        BlipJudge(str(folder)).judge(NOISE, TEXTS)


@pytest.mark.parametrize("text", ["{", "[]", '{"size": {"height": 0, "width": 4}, "image_std": [0, 0, 0]}'])
def test_a_damaged_folder_is_told(folder: Path, tmp_path: Path, text: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "preprocessor_config.json").write_text(text)
    with pytest.raises(ScorerError, match=r"preprocessor_config\.json"):
        BlipJudge(str(copy)).judge(NOISE, TEXTS)


def test_corrupt_weights_are_told(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ScorerError, match="copy: this model cannot be loaded"):
        BlipJudge(str(copy)).judge(NOISE, TEXTS)


def test_weights_that_are_no_numbers_give_no_scores(folder: Path) -> None:
    judge = BlipJudge(str(folder))
    judge.judge(NOISE, TEXTS)
    with judge._held.resident() as (loaded, _), torch.inference_mode(False), torch.no_grad():
        loaded.model.itm_head.weight.fill_(float("nan"))
    with pytest.raises(ScorerError, match="is no number"):
        judge.judge(NOISE, TEXTS)
