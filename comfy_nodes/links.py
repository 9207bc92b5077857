"""What a linked input will hold, as far as that can be told before the graph runs: constants that links lead to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core.formats.comfy_links import link_of

from .profile_names import CHOSEN, PROFILE_LOADER, profile_names
from .widgets import WILDCARD_PROMPT

_MOST_HOPS = 50
_LONGEST = 1_000_000  # characters of a text that nodes put together
# Node class → the input that its first output gives, as it is. Core's own, and the seed and text nodes that people
# have in their graphs. A class that is not here is left to the run itself.
CONSTANTS: Mapping[str, str] = {
    "PrimitiveString": "value",
    "PrimitiveStringMultiline": "value",
    "PrimitiveInt": "value",
    "Reroute": "",
    "Seed (rgthree)": "seed",
    "easy seed": "seed",
    "easy int": "value",
    "easy string": "value",
    "easy positive": "positive",
    "easy negative": "negative",
    "CR Seed": "seed",
    "CR Text": "text",
    "ttN seed": "seed",
    "ttN text": "text",
    "JWInteger": "value",
    "JWString": "text",
    "JWStringMultiline": "text",
    "ImpactInt": "value",
    "INTConstant": "value",
    "StringConstant": "string",
    "String Literal": "string",
    "Int Literal": "int",
    "Primitive integer [Crystools]": "int",
    "Primitive string [Crystools]": "string",
    "Primitive string multiline [Crystools]": "string",
    "ShowText|pysssss": "text",
}
_DRAWS_BELOW_ZERO = ("Seed (rgthree)",)  # a negative seed means that the node draws one itself


class Unknown(Exception):
    """It is known only when the graph runs."""


@dataclass(slots=True)
class Links:
    """The links of one graph. ``ours(node id, output)`` is what a Wildcard Prompt gives; it may raise Unknown."""

    prompt: Mapping[str, Any]
    ours: Callable[[str, int], Any]
    _known: dict[tuple[str, int], Any] = field(default_factory=dict)

    def value(self, held: Any, hops: int = _MOST_HOPS) -> Any:
        """The value of an input: ``held`` itself, or that which it is linked to. Raises Unknown."""
        link = link_of(held)
        if link is None:
            return held
        if hops <= 0:
            raise Unknown
        if link not in self._known:
            self._known[link] = self._given(*link, hops - 1)
        return self._known[link]

    def _given(self, node_id: str, output: int, hops: int) -> Any:
        node = self.prompt.get(node_id)
        if not isinstance(node, dict) or not isinstance(inputs := node.get("inputs"), dict):
            raise Unknown
        kind = str(node.get("class_type"))
        if kind == WILDCARD_PROMPT:
            return self.ours(node_id, output)
        if output == 0 and kind == PROFILE_LOADER:
            return profile_names({name: self.value(inputs.get(name, ""), hops) for name in CHOSEN})
        if output == 0 and kind == "StringConcatenate":
            return self._concatenated(inputs, hops)
        if output != 0 or kind not in CONSTANTS:
            raise Unknown
        name = CONSTANTS[kind]
        value = self.value(next(iter(inputs.values()), None) if name == "" else inputs.get(name), hops)
        if not isinstance(value, str | int | float) or (kind in _DRAWS_BELOW_ZERO and not _is_drawn(value)):
            raise Unknown
        return value

    def _concatenated(self, inputs: Mapping[str, Any], hops: int) -> str:
        parts = [self.value(inputs.get(name), hops) for name in ("string_a", "string_b")]
        delimiter = self.value(inputs.get("delimiter", ""), hops)
        if not all(isinstance(text, str) for text in (*parts, delimiter)) or sum(map(len, parts)) > _LONGEST:
            raise Unknown
        return str(delimiter.join(parts))


def _is_drawn(seed: Any) -> bool:
    return isinstance(seed, int) and seed >= 0
