"""Multipliers that are none are refused before a draw."""

from __future__ import annotations

import pytest

from orchestrator_core.errors import TemplateError
from orchestrator_core.template import Bias


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf"), 10**400, -(10**400)])
def test_a_weight_that_is_no_number_of_0_or_more_is_refused(weight: float):
    with pytest.raises(TemplateError, match=r"The weight of 'a#b' is .*must be a number of 0 or more"):
        Bias({"a#b": weight})
