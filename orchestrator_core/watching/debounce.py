"""When to look at what. Pure: the caller has the clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    quiet: float = 2.0  # without a hint for a unit, before it is looked at
    longest: float = 10.0  # after the first hint, however many follow
    reconcile: float = 300.0  # between two looks at everything
    # Between two looks at a folder that sends no events: the first of these of which a look takes at most a hundredth.
    polling: tuple[float, ...] = (5.0, 10.0, 20.0, 40.0, 60.0)

    def polling_after(self, look: float) -> float:
        """Until the next look at a folder that sends no events, when the last one took ``look`` seconds."""
        return next((pause for pause in self.polling if 100 * look <= pause), self.polling[-1])


class Debounce:
    """When to look at what: ``quiet`` after the last hint of a unit, ``longest`` after its first. Pure."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._hot: dict[str, tuple[float, float]] = {}  # the first hint, the last
        self._later: dict[str, float] = {}

    def hint(self, unit: str, now: float) -> None:
        first, _ = self._hot.get(unit, (now, now))
        self._hot[unit] = (first, now)

    def again(self, unit: str, at: float) -> None:
        """Look at it then, unless a hint makes it due before."""
        self._later[unit] = at

    def due(self, now: float) -> set[str]:
        """What is to be looked at now; it is forgotten here.

        With it what has been half as quiet: of a move the system may tell the one end later than the other.
        """
        units = {unit for unit in self._hot if self._at(unit) <= now}
        if units:
            units |= {unit for unit, (_, last) in self._hot.items() if last <= now - self._timing.quiet / 2}
        units |= {unit for unit, at in self._later.items() if at <= now and unit not in self._hot}
        for unit in units:
            self._hot.pop(unit, None)
            self._later.pop(unit, None)
        return units

    def next_at(self) -> float | None:
        times = [*map(self._at, self._hot), *(at for unit, at in self._later.items() if unit not in self._hot)]
        return min(times, default=None)

    def _at(self, unit: str) -> float:
        first, last = self._hot[unit]
        return min(last + self._timing.quiet, first + self._timing.longest)
