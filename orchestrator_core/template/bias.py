"""Learned weights and a profile's wishes as multipliers of a draw's odds: they shift probabilities, nothing else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import accumulate

from orchestrator_core.errors import TemplateError
from orchestrator_core.template.tree import Variant
from orchestrator_core.template.values import Values

MAX_MULTIPLIER = 1e6


class Bias:
    """Multipliers by Choice key. Odds of each list are worked out once; make a new Bias when a multiplier changes."""

    def __init__(self, multipliers: Mapping[str, float]) -> None:
        for key, multiplier in multipliers.items():
            if not 0 <= multiplier <= sys.float_info.max:  # which NaN is not either, nor an integer of 400 digits
                raise TemplateError(f"The weight of {key!r} is {multiplier!r}. It must be a number of 0 or more.")
        self.multipliers = {key: min(float(value), MAX_MULTIPLIER) for key, value in multipliers.items() if value != 1}
        self._names: dict[str, list[str]] = {}
        for key in self.multipliers:
            self._names.setdefault(key.partition("#")[0].replace("%23", "#"), []).append(key)
        self._odds: dict[int, tuple[object, list[float] | None]] = {}

    def odds(self, values: Values) -> list[float] | None:
        """Cumulative weights of the values, or None where no multiplier concerns them."""
        known = self._odds.get(id(values))
        if known is None or known[0] is not values:
            if len(self._odds) > 1000:
                self._odds.clear()
            known = self._odds[id(values)] = (values, self._work_out(values))
        return known[1]

    def _work_out(self, values: Values) -> list[float] | None:
        keys = [key for name in values.names for key in self._names.get(name, ())]
        if not keys:
            return None
        indexes = values.indexes()
        weights = [values.weight(index) for index in range(len(values))]
        touched = False
        for key in keys:
            for index in indexes.get(key, ()):
                weights[index] *= self.multipliers[key]
                touched = True
        # all forbidden is as good as none: a slot must give something
        return list(accumulate(weights)) if touched and any(weights) else None

    def options(self, variant: Variant, weights: list[float]) -> list[float]:
        """The weights of a variant's options, multiplied."""
        if variant.key not in self._names:
            return weights
        found = [
            weight * self.multipliers.get(f"{variant.key}#{option.text.strip()}", 1.0)
            for weight, option in zip(weights, variant.options, strict=True)
        ]
        return found if any(found) else weights
