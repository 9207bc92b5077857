from __future__ import annotations

import pytest

from orchestrator_core.vision.calibration import LEAST_BANK, by_bank, by_siblings, by_sigmoid

np = pytest.importorskip("numpy")


def test_siblings_share_one_probability_by_the_models_scale() -> None:
    cosines = np.array([[[0.3, 0.2, 0.1]]])
    (found,) = by_siblings(cosines, np.array([1.0, 0.1, 0.1]), 10.0)
    logits = np.exp(10 * cosines[0, 0])
    assert found.probability == pytest.approx(logits[0] / logits.sum())
    assert found.low < found.probability < found.high
    assert found.calibrated


def test_a_text_that_says_the_same_is_not_held_against_it() -> None:
    cosines = np.array([[[0.3, 0.3, 0.1]]])
    (found,) = by_siblings(cosines, np.array([1.0, 0.97, 0.1]), 100.0)
    assert found.probability > 0.99
    assert by_siblings(cosines[:, :, :2], np.array([1.0, 0.97]), 100.0) == [None]


def test_the_interval_is_wider_where_wordings_disagree() -> None:
    same = by_sigmoid(np.array([[0.5, 0.5]]), 4.0, 0.0)[0]
    other = by_sigmoid(np.array([[0.1, 0.9]]), 4.0, 0.0)[0]
    assert same.probability == pytest.approx(other.probability)
    assert other.high - other.low > same.high - same.low


def test_no_number_comes_of_one_that_is_not_finite() -> None:
    assert by_sigmoid(np.array([[np.nan]]), 4.0, 0.0) == [None]
    assert by_siblings(np.array([[[np.nan, 0.1]]]), np.array([1.0, 0.1]), 4.0) == [None]
    (far,) = by_sigmoid(np.array([[1e9]]), 4.0, 0.0)
    assert far.probability < 1
    assert far.high <= 1


@pytest.mark.parametrize("showing", [0.0, 0.2])
def test_a_bank_tells_images_that_show_a_text_from_the_persons_others(showing: float) -> None:
    rng = np.random.default_rng(1)
    bank = rng.normal(0.2, 0.02, (200, 1))
    bank[: int(200 * showing)] += 0.07  # some of them show it as well
    shown, not_shown = by_bank(np.array([[0.28], [0.2]]), bank)
    assert shown.probability > 0.7
    assert not_shown.probability < 0.1
    assert by_bank(np.array([[0.28]]), bank[: LEAST_BANK - 1])[0].calibrated is False
