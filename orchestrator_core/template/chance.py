"""Randomness as a pure function of (seed, place, draw), so that a prompt is the same alone and in any batch.

A place is the hash of what is written there and of how many equal things came before it: editing one part of a
template leaves the draws of all other parts as they were. The mixing function is the finaliser of SplitMix64
(Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014); integers and IEEE doubles only, so all
platforms agree.
"""

from __future__ import annotations

from hashlib import blake2b

MASK = 0xFFFFFFFFFFFFFFFF
GOLDEN = 0x9E3779B97F4A7C15
_UNIT = 2.0**-53


def mix(state: int) -> int:
    """64 bits in, 64 well mixed bits out."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return state ^ (state >> 31)


def start(seed: int, stream: int = 0) -> int:
    """The state that a draw begins with. Seeds beyond 64 bits are folded, so each of them counts."""
    while not 0 <= seed <= MASK:
        seed = (seed & MASK) ^ (abs(seed) >> 64) ^ GOLDEN
    return mix((seed + GOLDEN * (stream + 1)) & MASK)


def unit(state: int, draw: int = 0) -> float:
    """The draw-th number in [0, 1) of a state that mix has made; the first is in the state itself."""
    if draw:
        state = mix((state + GOLDEN * draw) & MASK)
    return (state >> 11) * _UNIT


def place(text: str, occurrence: int = 0) -> int:
    """64 bits that stand for the occurrence-th part of a template that is written like this."""
    data = text.encode("utf-8", "surrogatepass")
    digest = blake2b(data, digest_size=8, salt=occurrence.to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little")
