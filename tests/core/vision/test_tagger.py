from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.vision.comparing import compare_tags
from orchestrator_core.vision.opening import ScorerSettings, open_scorer
from orchestrator_core.vision.port import Fulfilment, Wanted
from orchestrator_core.vision.readable import COUNT
from orchestrator_core.vision.tagger import Seen, Tagger, TaggerScorer
from tests.core.vision.tiny_tagger import TAGS, write_tagger

np = pytest.importorskip("numpy")
pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

HUES = ("red", "green hair", "blue")


def filled(red: int, green: int, blue: int, height: int = 12, width: int = 12) -> np.ndarray:
    return np.full((height, width, 3), (red, green, blue), dtype=np.uint8)


RED, GREEN, BLUE = filled(255, 0, 0), filled(0, 255, 0), filled(0, 0, 255)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tagger(tmp_path_factory.mktemp("tagger"))


def probabilities(seen: Seen) -> dict[str, float]:
    return {tag.name.name: tag.probability for tag in seen.tags}


def score(folder: Path, image: np.ndarray, *wanted: Wanted) -> list[Fulfilment]:
    (row,) = open_scorer(ScorerSettings(model=str(folder))).score([image], wanted)
    return row


@pytest.mark.parametrize("channels_first", [False, True])
def test_it_is_fed_as_it_was_trained_and_keeps_all_probabilities(tmp_path: Path, channels_first: bool) -> None:
    tagger = Tagger(write_tagger(tmp_path, channels_first))
    found = [probabilities(seen) for seen in tagger.tags([RED, BLUE])]
    assert list(found[0]) == [name for name, *_ in TAGS]
    for row, hue in zip(found, ("red", "blue"), strict=True):
        assert row[hue] == pytest.approx(1 / (1 + np.exp(-8)), abs=1e-4)
        assert row["1girl"] == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-4)


def test_a_portrait_is_padded_with_white_and_not_cut(folder: Path) -> None:
    (seen,) = Tagger(folder).tags([filled(255, 0, 0, height=20, width=10)])
    mean = 0.5 * 12 + 0.5 * (12 - 6 - 6) - 4
    assert probabilities(seen)["red"] == pytest.approx(1 / (1 + np.exp(-mean)), abs=0.02)


def test_tags_are_there_above_their_kinds_threshold_the_surest_first_and_ratings_are_none(folder: Path) -> None:
    (seen,) = Tagger(folder).tags([RED])
    assert [tag.name.name for tag in seen.above()] == ["red", "1girl"]
    assert [tag.name.name for tag in seen.above(character=0.7)] == ["red", "1girl", "alice_(wonderland)"]
    assert seen.above(general=1.1) == ()


def test_many_images_go_in_batches_and_come_back_in_order(folder: Path) -> None:
    images = [RED, GREEN, BLUE] * 7
    found = Tagger(folder).tags(images)
    assert [max(("red", "green_hair", "blue"), key=probabilities(seen).__getitem__) for seen in found] == [
        "red",
        "green_hair",
        "blue",
    ] * 7


def test_the_session_is_kept_until_it_is_released(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda *given, **more: opened.append(1) or real(*given, **more)
    )
    tagger = Tagger(folder)
    first = tagger.tags([RED])
    tagger.tags([BLUE])
    assert len(opened) == 1
    tagger.release()
    assert tagger.tags([RED]) == first
    assert len(opened) == 2


def test_values_are_compared_with_one_another(folder: Path) -> None:
    wanted = [Wanted(n, hue, "siblings", f"hue#{hue}", HUES) for n, hue in enumerate(HUES)]
    row = score(folder, GREEN, *wanted)
    found = [each.probability for each in row]
    assert found == pytest.approx([0, 1, 0], abs=0.01)
    assert all(each.calibrated and each.metric == "fulfilment" for each in row)


def test_of_several_tags_the_least_probable_decides(folder: Path) -> None:
    both, one = score(folder, RED, Wanted(0, "a girl, blue", "free"), Wanted(1, "one girl", "free"))
    assert both.probability == pytest.approx(0, abs=0.01)
    assert one.probability == pytest.approx(0.9526, abs=0.001)
    assert not one.calibrated


def test_what_no_tag_means_is_not_measured_and_told(folder: Path) -> None:
    (found,) = score(folder, RED, Wanted(0, "a red dragon", "free"))
    assert (found.probability, found.calibrated) == (None, False)
    assert found.reason == 'the tagger has no tag for "dragon"'


def test_a_value_without_a_tag_leaves_its_siblings_uncalibrated(folder: Path) -> None:
    (found,) = score(folder, RED, Wanted(0, "red", "siblings", "hue#red", ("red", "puce")))
    assert found.probability == pytest.approx(1, abs=0.01)
    assert not found.calibrated


def test_values_that_are_the_same_tags_do_not_exclude_one_another(folder: Path) -> None:
    (found,) = score(folder, RED, Wanted(0, "a girl", "siblings", "who#girl", ("a girl", "one girl", "two girls")))
    assert found.calibrated
    assert found.probability == pytest.approx(0.952, abs=0.002)


def test_what_cannot_be_measured_keeps_its_reason(folder: Path) -> None:
    (found,) = score(folder, RED, Wanted(0, "no red", "unmeasurable", reason="a negation"))
    assert (found.probability, found.reason) == (None, "a negation")


def test_a_count_is_measured_where_there_are_tags_for_it(folder: Path) -> None:
    counts = ("one girl", "two girls")
    one, two = score(folder, RED, *(Wanted(0, each, "unmeasurable", "n", counts, COUNT) for each in counts))
    assert one.probability == pytest.approx(0.952, abs=0.002)
    assert two.probability == pytest.approx(0.0003, abs=0.001)
    assert one.calibrated
    (found,) = score(folder, RED, Wanted(0, "two reds", "unmeasurable", reason=COUNT))
    assert (found.probability, found.reason) == (None, 'the tagger has no tag for "two"')


def test_goal_and_image_are_compared(folder: Path) -> None:
    tagger = Tagger(folder)
    (seen,) = tagger.tags([GREEN])
    found = compare_tags(["green hair", "blue", "a dragon"], seen, tagger.vocabulary)
    assert [part.text for part in found.fulfilled] == ["green hair"]
    assert [part.text for part in found.missing] == ["blue"]
    assert [tag.name.name for tag in found.unasked] == ["1girl"]
    assert found.unknown == ("a dragon",)


def test_identity_is_of_the_weights(folder: Path, tmp_path: Path) -> None:
    before = Tagger(folder).identity
    assert before.startswith(f"tagger:{folder.name}:")
    other = write_tagger(tmp_path / folder.name, channels_first=True)
    assert Tagger(other).identity != before
    assert TaggerScorer(Tagger(folder)).identity == f"{before}:at-most-one:1"


def test_a_tagger_that_is_open_keeps_its_name_and_other_names_of_tags_make_another_of_it(
    folder: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(folder, tmp_path / folder.name)
    tagger = Tagger(place)
    tagger.tags([GREEN])
    before, names = tagger.identity, place / "selected_tags.csv"
    assert before == Tagger(folder).identity
    names.write_text(names.read_text(encoding="utf-8").replace("1girl", "1boy"), encoding="utf-8")
    assert tagger.identity == before
    tagger.release()
    assert tagger.identity != before


def test_it_is_stopped_between_batches(folder: Path) -> None:
    looks = iter([False])
    with pytest.raises(Cancelled, match="Tagging was stopped"):
        Tagger(folder).tags([RED] * 20, lambda: next(looks, True))


@pytest.mark.parametrize("missing", ["model.onnx", "selected_tags.csv"])
def test_a_missing_file_is_named(folder: Path, tmp_path: Path, missing: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / missing).unlink()
    with pytest.raises(ScorerError, match=r"model\.onnx and selected_tags\.csv|selected_tags\.csv: the tagger's list"):
        Tagger(copy).tags([RED])


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScorerError, match="no tagger is there"):
        Tagger(tmp_path / "none").tags([RED])


def test_several_models_in_a_folder_are_told_apart_by_name(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    shutil.copy(copy / "model.onnx", copy / "other.onnx")
    assert len(Tagger(copy).tags([RED])) == 1
    (copy / "model.onnx").rename(copy / "another.onnx")
    with pytest.raises(ScorerError, match=r"there are 2 \.onnx files in it; name one of them model\.onnx"):
        Tagger(copy).tags([RED])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no tag in it"),
        ("tag_id,name,category,count\n", "there is no tag in it"),
        ("a,b\n1,2\n", "line 2: there should be the columns name and category"),
        ("tag_id,name,category,count\n1,red,0,5\n", "has 1 tags, and the model gives 8: the two are not of one model"),
        ("tag_id,name,category,count\n1,\xff,0,5\n", "cannot be read"),
    ],
)
def test_a_list_of_tags_that_is_not_the_models_is_refused(folder: Path, tmp_path: Path, text: str, told: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "selected_tags.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(ScorerError, match=told):
        Tagger(copy).tags([RED])


def test_corrupt_weights_are_told(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "model.onnx").write_bytes((copy / "model.onnx").read_bytes()[:150])
    with pytest.raises(ScorerError, match=r"model\.onnx: this tagger cannot be loaded"):
        Tagger(copy).tags([RED])


def test_a_model_that_gives_no_probabilities_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScorerError, match="are not 8 probabilities"):
        Tagger(write_tagger(tmp_path, last="Identity")).tags([RED])


def test_a_model_that_takes_no_images_is_refused(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    write_tagger(tmp_path)
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Sigmoid", ["x"], ["y"])], "other", value[:1], value[1:])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "model.onnx"
    )
    with pytest.raises(ScorerError, match="this is no tagger"):
        Tagger(tmp_path).tags([RED])
