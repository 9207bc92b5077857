"""What a linked input will hold, as far as that can be told before the graph runs: constants that links lead to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_core.formats.comfy_links import link_of

_MOST_HOPS = 50
# Node class → the input that its first output gives, as it is. Core's own, and the seed and text nodes that people
# have in their graphs. A class that is not here is left to the run itself.
CONSTANTS: Mapping[str, str] = {
    "PrimitiveString": "value",
    "PrimitiveStringMultiline": "value",
    "PrimitiveInt": "value",
    "Reroute": "",
    "Seed (rgthree)": "seed",
    "easy seed": "seed",
    "CR Seed": "seed",
    "ttN seed": "seed",
    "JWInteger": "value",
    "ImpactInt": "value",
    "INTConstant": "value",
    "StringConstant": "string",
    "String Literal": "string",
    "CR Text": "text",
    "ShowText|pysssss": "text",
}


class Unknown(Exception):
    """It is known only when the graph runs."""


def constant(prompt: Mapping[str, Any], value: Any) -> Any:
    """The value itself, or that which a link leads to. Raises Unknown.

    A link to a node of ours stays a link: whoever asks has to draw first.
    """
    for _ in range(_MOST_HOPS):
        link = link_of(value)
        if link is None:
            return value
        node = prompt.get(link[0])
        if not isinstance(node, dict) or not isinstance(inputs := node.get("inputs"), dict):
            raise Unknown
        if (name := CONSTANTS.get(str(node.get("class_type")))) is None or link[1] != 0:
            return value
        value = next(iter(inputs.values()), None) if name == "" else inputs.get(name)
        if value is None:
            raise Unknown
    raise Unknown
