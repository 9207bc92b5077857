"""Combinations of a template in which one choice changes what else can be chosen: listed by trying, in order.

A script is the list of alternatives to take, one for each decision that a draw comes to. Past its end the first one is
taken and noted, so the draw itself says how many there were; counting the last digit up gives the next script.
"""

from __future__ import annotations


class Script:
    """A Turn that plays digits back."""

    def __init__(self, digits: list[int]) -> None:
        self.digits = digits
        self.totals: list[int] = []

    def take(self, total: int, counter: int) -> tuple[int, int]:
        position = len(self.totals)
        self.totals.append(max(total, 1))
        if position == len(self.digits):
            self.digits.append(0)
        return self.digits[position], counter

    def following(self) -> Script | None:
        """The next one; None after the last."""
        digits = self.digits[: len(self.totals)]
        while digits:
            digits[-1] += 1
            if digits[-1] < self.totals[len(digits) - 1]:
                return Script(digits)
            digits.pop()
        return None
