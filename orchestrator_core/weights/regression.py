"""Regression: what each value adds to a score that is of whole images alone, as a person's mark is.

Bayesian linear regression over the values that were in each image, with a normal prior for each slot whose width is
fitted to the data (empirical Bayes by EM), so that slots in which nothing matters stay near zero. Averages of whole
scores by value, which most tools take, credit each value with the luck of its company.

Between two fits the widths stand, and an image changes the inverse by a matrix of rank one (Sherman and Morrison 1950),
whether anybody asks for it or not: what is believed after an image is a function of the images alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core.weights.observation import slot_of
from orchestrator_core.weights.posterior import Belief

MOST = 1_000  # values; more would take a tenth of a second for each image
_FIT_EVERY = 10  # rows between two fits of the priors' widths
_GUESS = 4.0  # of a slot's prior: that many values' worth of the first guess stay in each fit
_FIRST = 0.04  # the first guess of a value's variance, as a share of the scores' own
_FLAT = 1e-6  # precision of what all images have in common
_ALIKE = 1e-3  # variance of the scores themselves
_NEUTRAL = 4.0  # the weight of a mark: of an image of which a person who marks others has said nothing
_LEAST_NOISE = 1.0  # of marks, which are no measurements: alike ones are not the same to the last bit


@dataclass(slots=True)
class Regression:
    keys: dict[str, int] = field(default_factory=dict)  # column by key; column 0 is what all images have in common
    rows: int = 0
    _products: Any = None  # sum of w x xᵀ
    _targets: Any = None  # sum of w y x
    _squares: float = 0.0
    _noise: float = 0.0
    _widths: dict[str, float] = field(default_factory=dict)  # prior variance by slot
    _columns: dict[str, dict[str, int]] = field(default_factory=dict)  # by slot and key
    _covariance: Any = None  # of what each column adds
    _options: dict[str, int] = field(default_factory=dict)  # how many values a slot has, as far as a draw knew
    _has_neutral: bool = False
    _beliefs: dict[str, Mapping[str, Belief]] = field(default_factory=dict)  # by slot, until the next image

    def add_marked(self, options: Mapping[str, int], value: float, weight: float) -> bool:
        """One image that a person marked: the values in it, each with how many its slot has, and what the mark says.
        False as ``add``.

        Who marks only what is good says by his silence of the rest that it is less so: one image that is neither is put
        beside the marks, or favourites that are all alike would tell no value from another. It is one alone, so that
        what many values have in common is taken for just that, and not for their merit.
        """
        if not self._has_neutral:
            self._has_neutral = True
            self._grow()
            self._products[0, 0] += _NEUTRAL
            self._invert()
        for key, number in options.items():
            self._options[slot_of(key)] = number
        return self.add(list(options), value, weight)

    def add(self, keys: Sequence[str], value: float, weight: float = 1.0) -> bool:
        """One image: the values in it, and its score. False where there were too many values, and it is left out."""
        import numpy as np

        new = [key for key in dict.fromkeys(keys) if key not in self.keys]
        if len(self.keys) + len(new) > MOST:
            return False
        for key in new:
            self.keys[key] = len(self.keys) + 1
            self._columns.setdefault(slot_of(key), {})[key] = self.keys[key]
        columns = np.array([0, *(self.keys[key] for key in dict.fromkeys(keys))])
        self._grow()
        self._products[np.ix_(columns, columns)] += weight
        self._targets[columns] += weight * value
        self._squares += weight * value * value
        self.rows += 1
        self._beliefs = {}
        if self.rows < _FIT_EVERY:  # there is no noise yet that stands
            self._invert()
        else:
            self._learn(columns, weight)
        if self.rows % _FIT_EVERY == 0:
            self._fit()
            self._invert()
        return True

    def _grow(self) -> None:
        """Room for new values, of which nothing is known but how wide their slot is."""
        import numpy as np

        size, before = len(self.keys) + 1, 0 if self._targets is None else len(self._targets)
        if size == before:
            return
        targets, (products, covariance) = np.zeros(size), np.zeros((2, size, size))
        if before:
            targets[:before] = self._targets
            products[:before, :before], covariance[:before, :before] = self._products, self._covariance
            for key in list(self.keys)[before - 1 :]:
                covariance[self.keys[key], self.keys[key]] = self.width(slot_of(key))
        self._targets, self._products, self._covariance = targets, products, covariance

    @property
    def variance(self) -> float:
        """Of the scores themselves."""
        n = float(self._products[0, 0])
        mean = float(self._targets[0]) / n
        return max(self._squares / n - mean * mean, 1e-6)

    def _invert(self) -> None:
        import numpy as np

        precisions = [_FLAT, *(1 / self.width(slot_of(key)) for key in self.keys)]
        self._covariance = np.linalg.inv(self._products / self._noise_now + np.diag(precisions))

    def _learn(self, columns: Any, weight: float) -> None:
        """The inverse with one image more."""
        import numpy as np

        with_row = self._covariance[:, columns].sum(axis=1)
        less = with_row * (weight / (self._noise_now + weight * float(with_row[columns].sum())))
        self._covariance -= np.outer(less, with_row)

    @property
    def _noise_now(self) -> float:
        return max(self._noise or self.variance, _LEAST_NOISE if self._has_neutral else 0.0)

    def _fit(self) -> None:
        """One step of EM for the widths of the priors and for the noise."""
        import numpy as np

        covariance = self._covariance
        mean = covariance @ self._targets / self._noise_now
        variances, first = np.diag(covariance), _FIRST * self.variance
        for slot, found in self._columns.items():
            columns = list(found.values())
            moment = float((mean[columns] ** 2 + variances[columns]).sum())
            self._widths[slot] = (moment + _GUESS * first) / (len(columns) + _GUESS)
        left = self._squares - 2 * mean @ self._targets + mean @ self._products @ mean
        left += float((self._products * covariance).sum())
        n = float(self._products[0, 0])
        self._noise = max((left + _GUESS * self.variance) / (n + _GUESS), 1e-6)

    def beliefs(self, slot: str) -> Mapping[str, Belief]:
        """What each value of a slot adds beside the others of it, by key."""
        if slot not in self._columns:
            return {}
        if slot not in self._beliefs:
            self._beliefs[slot] = self._of_slot(slot)
        return self._beliefs[slot]

    def _of_slot(self, slot: str) -> Mapping[str, Belief]:
        import numpy as np

        columns = list(self._columns[slot].values())
        mean = self._covariance[columns] @ self._targets / self._noise_now
        block = self._covariance[np.ix_(columns, columns)]
        if self._has_unseen(slot):
            return dict(zip(self._columns[slot], map(Belief, mean.tolist(), block.diagonal().tolist()), strict=True))
        centred = mean - mean.mean()
        # around the slot's mean: what they have in common, the others cannot be told from
        variances = np.maximum(block.diagonal() - 2 * block.mean(axis=1) + block.mean(), 1e-9)
        if len(columns) == 1:
            variances = block.diagonal()  # there is no mean but its own: nothing is known beside the prior
        else:
            variances = variances * len(columns) / (len(columns) - 1)  # so that no images at all leave the prior
        return dict(zip(self._columns[slot], map(Belief, centred.tolist(), variances.tolist()), strict=True))

    def options(self, slot: str) -> int:
        """How many values it has, as far as marks know."""
        return self._options.get(slot, 0)

    def _has_unseen(self, slot: str) -> bool:
        """Whether there are values of it that nobody marked, beside which those that somebody did are judged."""
        return self.options(slot) > len(self._columns[slot])

    def width(self, slot: str) -> float:
        """The prior variance of a value of this slot."""
        return self._widths.get(slot, _FIRST * self.variance if self.rows else 1.0)

    @property
    def alike(self) -> bool:
        """Whether all scores are the same: they tell no value from another."""
        return self.rows > 0 and self.variance < _ALIKE

    @property
    def says_one_thing(self) -> bool:
        """Whether all marks are the same, as when a person marks favourites alone."""
        if not self._has_neutral:
            return False
        n = float(self._products[0, 0]) - _NEUTRAL
        mean = float(self._targets[0]) / n if n else 0.0
        return n > 0 and self._squares / n - mean * mean < _ALIKE

    def differs(self, slot: str) -> float:
        """How sure it is that this slot's values are not all alike, as ``posterior.differs``: by the Wald test."""
        import numpy as np

        beliefs = self.beliefs(slot)
        freedom = len(beliefs) - (1 if beliefs and not self._has_unseen(slot) else 0)
        if freedom < 1:
            return 0.0
        # A mean is shrunk towards zero: what the images alone say of it is further out, and less sure.
        wider = 1 / self.width(slot)
        chi = sum(
            (belief.mean / belief.variance) ** 2 / max(1 / belief.variance - wider, 1e-9) for belief in beliefs.values()
        )
        return float((np.cbrt(chi / freedom) - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom)))
