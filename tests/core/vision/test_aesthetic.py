from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.vision.aesthetic import AestheticHead, AestheticScorer, read_head
from tests.core.vision.colour_encoder import ColourEncoder, filled

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")

VECTORS = np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)


def mlp(relu: bool = False) -> Any:
    """LAION's, of a smaller width: dropouts between its layers, and in one variant ReLUs too."""
    torch.manual_seed(2)
    between = [torch.nn.ReLU(), torch.nn.Dropout(0.1)] if relu else [torch.nn.Dropout(0.1)]
    layers = [torch.nn.Linear(6, 8), *between, torch.nn.Linear(8, 4), *between, torch.nn.Linear(4, 1)]
    head = torch.nn.Module()
    head.layers = torch.nn.Sequential(*layers)
    return head.eval()


def by_torch(head: Any) -> list[float]:
    given = torch.nn.functional.normalize(torch.from_numpy(VECTORS), dim=1)
    with torch.inference_mode():
        return list(getattr(head, "layers", head)(given)[:, 0].numpy())


def save(head: Any, path: Path) -> Path:
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(head.state_dict(), path)
    else:
        torch.save(head.state_dict(), path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("relu", [False, True])
def test_the_layers_are_applied_as_they_were_trained(tmp_path: Path, suffix: str, relu: bool) -> None:
    head = mlp(relu)
    read = read_head(save(head, tmp_path / f"head{suffix}"))
    assert read.width == 6
    assert read.values(VECTORS) == pytest.approx(by_torch(head), abs=1e-5)


def test_a_linear_head_is_one_too_and_vectors_are_normalised(tmp_path: Path) -> None:
    torch.manual_seed(2)
    head = torch.nn.Linear(6, 1)
    read = read_head(save(head, tmp_path / "linear.pth"))
    assert read.values(VECTORS) == pytest.approx(by_torch(head), abs=1e-5)
    assert read.values(VECTORS * 7) == pytest.approx(read.values(VECTORS), abs=1e-5)


def test_a_head_of_another_encoder_is_refused(tmp_path: Path) -> None:
    read = read_head(save(mlp(), tmp_path / "head.pth"))
    with pytest.raises(ScorerError, match="it takes vectors of 6 numbers, and this encoder gives 4"):
        read.values(VECTORS[:, :4])


def test_a_rating_that_is_no_number_is_refused(tmp_path: Path) -> None:
    read = read_head(save(mlp(), tmp_path / "head.pth"))
    with pytest.raises(ScorerError, match="a rating is no number"):
        read.values(VECTORS * np.float32("nan"))


class Evil:
    def __reduce__(self) -> Any:
        return print, ("this must never be printed",)


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "head.pth"
    path.write_bytes(pickle.dumps({"weight": Evil()}))
    with pytest.raises(ScorerError, match="cannot be read"):
        read_head(path)
    assert "never" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "head",
    [
        torch.nn.Linear(6, 2),
        torch.nn.Sequential(torch.nn.Linear(6, 3), torch.nn.Linear(4, 1)),
        torch.nn.Conv2d(3, 1, 2),
        torch.nn.Identity(),
    ],
    ids=["two numbers", "no chain", "no linear layer", "empty"],
)
def test_what_is_no_head_is_refused(tmp_path: Path, head: Any) -> None:
    with pytest.raises(ScorerError, match="this is no aesthetic head"):
        read_head(save(head, tmp_path / "head.safetensors"))


def test_a_damaged_head_is_told(tmp_path: Path) -> None:
    head = torch.nn.Linear(6, 1)
    torch.nn.init.constant_(head.weight, float("nan"))
    with pytest.raises(ScorerError, match="some of its weights are no numbers"):
        read_head(save(head, tmp_path / "head.safetensors"))
    path = save(mlp(), tmp_path / "cut.safetensors")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ScorerError, match="cannot be read"):
        read_head(path)


@pytest.mark.parametrize("name", ["none.pth", "head.ckpt"])
def test_what_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScorerError, match="no aesthetic head is there"):
        read_head(tmp_path / name)


RED, BLUE = filled(255, 0, 0), filled(0, 0, 255)
ENCODER = ColourEncoder()
HEAD = AestheticHead("head 0123", ((np.array([[2, 0, -1]], np.float32), np.array([5], np.float32)),))


def test_an_image_is_rated_by_the_head_on_its_vector() -> None:
    scorer = AestheticScorer(ENCODER, HEAD)
    assert [row[0].value for row in scorer.score_whole([RED, BLUE])] == pytest.approx([7, 4])
    assert scorer.identity == "colours:aesthetic-head 0123"
    assert scorer.score_whole([]) == []


def test_whole_scores_may_be_stopped() -> None:
    with pytest.raises(Cancelled):
        AestheticScorer(ENCODER, HEAD).score_whole([RED], "red", lambda: True)
