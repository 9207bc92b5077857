"""Small records for the tests of selection."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from hypothesis import strategies as st

from orchestrator_core.loras.record import ExamplePrompt, LoraRecord


def lora(name: str, *triggers: str, **fields: Any) -> LoraRecord:
    """An SDXL LoRA with these trigger words; its hash follows from its name."""
    known: dict[str, Any] = {"base_model": "SDXL", "sha256": sha256(name.encode()).hexdigest()}
    return LoraRecord(name, f"/loras/{name}.safetensors", trigger_words=triggers, **(known | fields))


WORDS = ("ghibli", "style", "miku", "red", "hat", "watercolor", "1girl", "dragon", "castle", "ink")
_texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
_strengths = st.none() | st.floats(-2, 2).map(lambda value: round(value, 2))


@st.composite
def libraries(draw: st.DrawFn) -> list[LoraRecord]:
    return [
        lora(
            f"lora{number}",
            *draw(st.lists(_texts, max_size=2)),
            tags=tuple(draw(st.lists(_texts, max_size=3))),
            category=draw(st.sampled_from((None, "character", "style", "clothing", "accelerator"))),
            model_id=draw(st.sampled_from(("", "1", "2", "3"))),
            preferred_strength=draw(_strengths),
            base_model=draw(st.sampled_from(("SDXL", "SDXL", "", "SD 1.5"))),
            examples=(ExamplePrompt("x", draw(_strengths)),),
        )
        for number in range(draw(st.integers(0, 8)))
    ]


prompts = st.lists(_texts, max_size=5).map(", ".join)
