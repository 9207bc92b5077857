"""Regret of learning in the simulated world of learning_world.py: what tools do, what textbooks do, and this pack.

    python benchmarks/learning.py [--worlds 20] [--draws 1] [--only NAME,NAME] [--quick]

Ours goes the whole way of the pack: observations are events, ``State`` folds them, ``odds`` makes multipliers, and each
slot is drawn by its author's weights (all 1) times these. Uniform drawing costs a regret of 1 an image. The same worlds
with other luck differ by some per cent: ``--draws`` takes the mean over so many.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from learning_world import SLOTS, VALUES, World, make_world

from orchestrator_core.weights.learner import Event, State
from orchestrator_core.weights.observation import Observation
from orchestrator_core.weights.odds import odds

IMAGES, FIRST, SHIFT_TO, SHIFT_AT = 1000, 1000, 1500, 500


class Uniform:
    slotwise = False

    def __init__(self, rng: Any) -> None:
        self.rng = rng
        self.n = np.zeros((SLOTS, VALUES))
        self.mean = np.zeros((SLOTS, VALUES))
        self.scores: list[float] = []

    def pick(self) -> Any:
        return self.rng.integers(0, VALUES, SLOTS)

    def learn(self, image: Any, score: Any) -> None:
        rows = np.arange(SLOTS)
        self.scores.append(float(np.sum(score)))
        self.n[rows, image] += 1
        self.mean[rows, image] += (score - self.mean[rows, image]) / self.n[rows, image]

    @property
    def spread(self) -> float:
        return float(np.std(self.scores)) if len(self.scores) > 2 else 1.0


class Average(Uniform):
    """Weights rise with a value's running average: what a simple tool does."""

    def pick(self) -> Any:
        if not self.scores:
            return super().pick()
        middle = float(np.mean(self.scores))
        raised = np.exp(np.clip((np.where(self.n > 0, self.mean, middle) - middle) / (self.spread or 1), -3, 3) * 2)
        return np.array([self.rng.choice(VALUES, p=row / row.sum()) for row in raised])


class Greedy10(Uniform):
    """The best average so far, and one time in ten something else (epsilon-greedy)."""

    def pick(self) -> Any:
        middle = float(np.mean(self.scores)) if self.scores else 0.0
        means = np.where(self.n > 0, self.mean, middle)
        best = np.array([self.rng.choice(np.flatnonzero(row == row.max())) for row in means])
        return np.where(self.rng.random(SLOTS) < 0.1, self.rng.integers(0, VALUES, SLOTS), best)


class Ucb(Uniform):
    def pick(self) -> Any:
        rounds = max(2, len(self.scores))
        bonus = self.spread * np.sqrt(2 * np.log(rounds) / np.maximum(self.n, 1))
        return np.where(self.n > 0, self.mean + bonus, 1e6 + self.rng.random((SLOTS, VALUES))).argmax(1)


class Exp3(Uniform):
    def __init__(self, rng: Any) -> None:
        super().__init__(rng)
        self.gains = np.zeros((SLOTS, VALUES))

    def _chances(self) -> Any:
        rate = min(1.0, math.sqrt(VALUES * math.log(VALUES) / (1.7 * IMAGES)))
        raised = np.exp(rate / VALUES * (self.gains - self.gains.max(1, keepdims=True)))
        return (1 - rate) * raised / raised.sum(1, keepdims=True) + rate / VALUES

    def pick(self) -> Any:
        self.chances = self._chances()
        return np.array([self.rng.choice(VALUES, p=row) for row in self.chances])

    def learn(self, image: Any, score: Any) -> None:
        super().learn(image, score)
        middle = float(np.mean(self.scores))
        reward = min(1.0, max(0.0, 0.5 + (float(np.sum(score)) - middle) / (4 * (self.spread or 1))))
        rows = np.arange(SLOTS)
        self.gains[rows, image] += reward / self.chances[rows, image]


class PlainThompson(Uniform):
    """Slot scores, an independent Gaussian posterior for each value, tempered by 0.3; no floor and no gate."""

    slotwise = True

    def __init__(self, rng: Any) -> None:
        super().__init__(rng)
        self.sums = np.zeros((3, SLOTS))

    def pick(self) -> Any:
        if self.sums[0, 0] < 8:
            return super().pick()
        n, total, squares = self.sums
        middle = total / n
        variance = np.maximum(squares / n - middle**2, 1e-6)[:, None]
        precision = 1 / (0.5 * variance) + self.n / (0.7 * variance)
        mean = (middle[:, None] / (0.5 * variance) + self.n * self.mean / (0.7 * variance)) / precision
        return (mean + 0.3 * self.rng.normal(size=(SLOTS, VALUES)) / np.sqrt(precision)).argmax(1)

    def learn(self, image: Any, score: Any) -> None:
        super().learn(image, score)
        self.sums += np.array([np.ones(SLOTS), score, score**2])


class Ours(Uniform):
    """``State`` and ``odds`` of this pack. ``mode`` and ``slotwise`` are set below."""

    mode = "fast"

    def __init__(self, rng: Any) -> None:
        super().__init__(rng)
        self.state, self.number, self.weights = State(), 0, np.ones((SLOTS, VALUES))
        self._set(what="switch", value=True)
        self._set(what="mode", value=self.mode)
        self._set(what="direction", slot="*", value="prefer")

    def _set(self, **change: Any) -> None:
        self.number += 1
        self.state.add(Event(self.number, "set", (), change))

    def pick(self) -> Any:
        self.weights = np.ones((SLOTS, VALUES))
        for key, multiplier in odds(self.state, "c").multipliers.items():
            slot, value = key[1:].split("#")
            self.weights[int(slot), int(value)] = multiplier
        lines = self.weights.cumsum(1)
        return (lines < self.rng.random((SLOTS, 1)) * lines[:, -1:]).sum(1)

    def learn(self, image: Any, score: Any) -> None:
        self.number += 1
        kind: Any = "score" if self.slotwise else "global"
        values = score if self.slotwise else [float(np.sum(score))] * SLOTS
        told = tuple(
            Observation("r", str(self.number), "c", f"s{slot}", f"s{slot}#{value}", float(one), kind, "m", 1.0, VALUES)
            for slot, (value, one) in enumerate(zip(image, values, strict=True))
        )
        self.state.add(Event(self.number, "observe", told))


def ours(mode: str, slotwise: bool) -> type[Ours]:
    return type("Ours", (Ours,), {"mode": mode, "slotwise": slotwise})


class Told:
    """What came of a policy in several worlds."""

    def __init__(
        self, policy: Callable[[Any], Uniform], noise: float, *, shift: bool = False, null: bool = False
    ) -> None:
        self.policy, self.noise, self.shift, self.null = policy, noise, shift, null
        self.images = 400 if null else IMAGES
        self.regrets: list[float] = []
        self.ends: list[float] = []
        self.moved: list[float] = []
        self.effective: list[float] = []
        self.cpu, self.runs = 0.0, 0

    def world(self, number: int, draws: int = 1) -> None:
        found = [self._drawn(number, number + draw * 100_000) for draw in range(draws)]
        self.regrets.append(float(np.mean([sum(regrets) for regrets in found])))
        self.ends.append(float(np.mean([regrets[-100:] for regrets in found])))
        self.runs += draws

    def _drawn(self, number: int, luck: int) -> list[float]:
        began = time.process_time()
        world, policy = _world(FIRST + number), self.policy(np.random.default_rng(luck))
        noise = np.random.default_rng(5000 + luck)
        regrets = []
        for at in range(self.images):
            if self.shift and at == SHIFT_AT:
                world = _world(SHIFT_TO + number)
            image = policy.pick()
            regrets.append(self._one(world, policy, image, noise))
        self.cpu += time.process_time() - began
        if isinstance(policy, Ours):
            shares = policy.weights / policy.weights.sum(1, keepdims=True)
            self.effective.append(float(np.exp(-(shares * np.log(np.maximum(shares, 1e-12))).sum(1)).mean()))
            self.moved.append(float((policy.weights.max(1) != policy.weights.min(1)).mean()))
        return regrets

    def _one(self, world: World, policy: Uniform, image: Any, noise: Any) -> float:
        mean = 0.0 if self.null else world.mean(image)
        if policy.slotwise:
            effects = np.zeros(SLOTS) if self.null else world.effects[np.arange(SLOTS), image]
            policy.learn(image, effects + noise.normal(0, self.noise / math.sqrt(SLOTS), SLOTS))
        else:
            # the same for each slot, so that what sums it up has the whole
            policy.learn(image, np.full(SLOTS, (mean + noise.normal(0, self.noise)) / SLOTS))
        return (world.best - mean) / (world.best - world.random)

    def line(self, name: str) -> str:
        count = len(self.regrets)
        spread = float(np.std(self.regrets)) / math.sqrt(count)
        what = f"noise {self.noise:g}{', shift at 500' if self.shift else ''}{', nothing matters' if self.null else ''}"
        told = f"{name:34} {what:26} "
        if self.null:
            moved = 100 * float(np.mean(self.moved))
            told += f"slots moved {moved:4.1f} %  effective values {np.mean(self.effective):5.2f} of 20"
        else:
            told += f"regret {np.mean(self.regrets):6.1f} ± {spread:4.1f}  last hundred {np.mean(self.ends):.2f}"
        return f"{told}  {self.cpu / self.runs / self.images * 1e3:.2f} ms an image"


_WORLDS: dict[int, World] = {}


def _world(seed: int) -> World:
    if seed not in _WORLDS:
        _WORLDS[seed] = make_world(seed)
    return _WORLDS[seed]


def rows(quick: bool) -> list[tuple[str, Told]]:
    fast, careful = ours("fast", True), ours("careful", True)
    fast_whole, careful_whole = ours("fast", False), ours("careful", False)
    peers: list[tuple[str, Any]] = [
        ("uniform", Uniform), ("running average as weight", Average), ("epsilon-greedy, 10 %", Greedy10),
        ("UCB", Ucb), ("EXP3", Exp3), ("plain Thompson, slot scores", PlainThompson),
    ]  # fmt: skip
    own = [
        ("fast, slot scores", Told(fast, 1.0)),
        ("fast, slot scores", Told(fast, 2.0)),
        ("careful, slot scores", Told(careful, 1.0)),
        ("careful, slot scores", Told(careful, 1.0, null=True)),
        ("fast, slot scores", Told(fast, 1.0, shift=True)),
        ("fast, global score", Told(fast_whole, 1.0)),
        ("careful, global score", Told(careful_whole, 1.0)),
        ("careful, global score", Told(careful_whole, 1.0, null=True)),
    ]
    if quick:
        return own
    shifted = [("plain Thompson, slot scores", Told(PlainThompson, 1.0, shift=True))]
    return [*((name, Told(policy, 1.0)) for name, policy in peers), *shifted, *own]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--draws", type=int, default=1, help="of noise and of prompts, in each world")
    parser.add_argument("--only", default="", help="names that a line has to contain, separated by commas")
    parser.add_argument("--quick", action="store_true", help="only this pack's lines")
    given = parser.parse_args()
    wanted = [name for name in given.only.split(",") if name]
    for name, told in rows(given.quick):
        if wanted and not any(part in name for part in wanted):
            continue
        for number in range(given.worlds):
            told.world(number, given.draws)
        print(told.line(name), flush=True)


if __name__ == "__main__":
    main()
