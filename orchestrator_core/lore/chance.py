"""Chance that is the same everywhere and always: a number from what it is drawn for."""

from __future__ import annotations

from hashlib import blake2b

_BITS = 53  # what a float holds exactly


def fraction(*parts: object) -> float:
    """A number from 0 up to, and without, 1 that follows from the parts alone."""
    # Each part with its length: ("ab", "c") is not ("a", "bc").
    text = "".join(f"{len(part)}:{part}" for part in map(str, parts))
    drawn = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(drawn, "big") >> (64 - _BITS)) / (1 << _BITS)
