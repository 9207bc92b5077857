from __future__ import annotations

from hypothesis import given

from orchestrator_core.loras.pooling import Pool
from orchestrator_core.loras.record import Fact, LoraRecord
from tests.core.loras.selection_library import libraries, lora


def tagged(name: str) -> LoraRecord:
    """With texts that are equal, and not the same."""
    tag, base = "".join(["long", " hair"]), "".join(["SD", "XL"])
    return lora(name, training_tags=((tag, 9),), facts=(Fact("base_model", base, "kohya", 0.5 + len(name) * 0),))


def test_what_is_equal_in_two_records_is_kept_once() -> None:
    pool = Pool()
    one, other = pool.shared(tagged("a")), pool.shared(tagged("b"))
    assert one.training_tags[0] is other.training_tags[0]
    assert one.facts[0] is other.facts[0]


@given(libraries())
def test_records_stay_as_they_are(library: list[LoraRecord]) -> None:
    pool = Pool()
    assert [pool.shared(record) for record in library] == library
    assert [pool.shared(record) for record in library] == library
