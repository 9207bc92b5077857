"""Strengths and seeds of a test as a person writes them."""

from __future__ import annotations

import pytest

from orchestrator_core.errors import ConfigError
from orchestrator_core.loras.testing_numbers import numbers_in, seeds_in


@pytest.mark.parametrize("text", ["0.4, 0.7, 1", "0.4 0.7 1", "0.4;0.7\n1", " ,0.4,,0.7 1, "])
def test_numbers_are_parted_by_commas_spaces_or_lines(text: str) -> None:
    assert numbers_in(text, "Strengths") == (0.4, 0.7, 1.0)


def test_what_is_no_number_is_named() -> None:
    with pytest.raises(ConfigError, match=r"Strengths: '0\.4, strong' are no numbers"):
        numbers_in("0.4, strong", "Strengths")


def test_a_hyphen_is_for_seeds_in_a_row() -> None:
    assert seeds_in("1, 5 10-12") == (1, 5, 10, 11, 12)
    assert seeds_in("") == seeds_in("12-10") == ()


@pytest.mark.parametrize(("text", "why"), [("-1", "'-1' is no seed"), ("x", "'x' is no seed"), ("0-5000", "too many")])
def test_seeds_that_cannot_be_are_told(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        seeds_in(text)
