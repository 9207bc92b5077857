from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.loras.documents import document_of
from orchestrator_core.loras.prompt_words import Near, PromptWords
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.words import Key
from tests.core.loras.selection_library import WORDS, libraries, lora, prompts

UNIT = math.log(1 + 99.5 / 1.5)  # what a word says that one of a hundred LoRAs has; a smaller library counts as that
Told = tuple[dict[object, float], float, float]  # what each term says, the share that is there, the most weight


def told_by(key: Key, is_weak: bool, index: LoraIndex, words: PromptWords) -> Told | None:
    """What a prompt says of a phrase, by the formula as it is written. A weak phrase has to be there wholly."""
    tuning, total = index.tuning, sum(map(index.information, key))
    says: dict[object, float] = {
        word: index.information(word) * words.worth[word] for word in key if word in words.worth
    }
    share = sum(says.values()) / total
    is_whole, least = share > 0.8, tuning.least * UNIT
    value = 0.0 if is_weak and len(says) < len(key) else sum(says.values()) * share
    if is_whole and len(key) > 1 and key in words.rows:
        share, value = share * (1 + tuning.in_a_row), value * (1 + tuning.in_a_row)
    value = value if value >= least else 0.0
    near = words.near[key].share * total if key in words.near else 0.0
    if near > max(value, least) and not (value and is_whole):
        return {key: near}, 1.0, tuning.near
    return (says, share, math.inf if is_whole else tuning.in_part) if value else None


def slowly(library: list[LoraRecord], index: LoraIndex, words: PromptWords) -> dict[str, float]:
    """The scores without anything that makes them fast."""
    tuning = index.tuning
    documents: dict[str, dict[Key, float]] = {record.path: defaultdict(float) for record in library}
    for record in library:
        for phrase in document_of(record):
            documents[record.path][phrase.key] += phrase.weight
    heaviest: dict[Key, float] = defaultdict(float)
    for key, weight in (item for document in documents.values() for item in document.items()):
        heaviest[key] = max(heaviest[key], weight)
    told = {key: found for key in heaviest if (found := told_by(key, heaviest[key] < 1, index, words))}
    says = {term: value for found in told.values() for term, value in found[0].items()}
    mean = sum(len(key) for document in documents.values() for key in document) / len(library)
    scores = {}
    for path, document in documents.items():
        amounts: dict[object, float] = defaultdict(float)
        for key in document.keys() & told.keys():
            terms, share, most = told[key]
            for term in terms:
                amounts[term] += share * min(document[key], most)
        norm = tuning.k1 * (1 - tuning.b + tuning.b * sum(map(len, document)) / mean)
        gains = [says[term] * (tuning.k1 + 1) * amount / (amount + norm) for term, amount in amounts.items()]
        if gains:
            scores[path] = sum(gain**tuning.adding for gain in gains) ** (1 / tuning.adding) / UNIT
    return scores


def with_weak_tags(library: list[LoraRecord]) -> list[LoraRecord]:
    """Each second LoRA has training tags in the place of its tags."""
    weak = [replace(record, tags=(), training_tags=tuple((tag, 3) for tag in record.tags)) for record in library[::2]]
    return [*weak, *library[1::2]]


asked = st.tuples(
    st.lists(prompts | st.just("water"), min_size=1, max_size=2).map(", ".join),  # of watercolor
    st.dictionaries(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True).map(tuple),
        st.floats(0.05, 1).map(lambda share: Near(share, ("said",))),
        max_size=3,
    ),
)


@given(libraries().map(with_weak_tags), st.lists(asked, min_size=1, max_size=3))
def test_the_scores_are_those_of_the_formula_whatever_was_asked_before(
    library: list[LoraRecord], questions: list[tuple[str, dict[Key, Near]]]
) -> None:
    index = LoraIndex(library)
    for prompt, near in questions:
        words = index.words_in(prompt, near)
        wanted = slowly(library, index, words) if library else {}
        found = {record.path: value for record, value in index.scores(words)}
        assert found == pytest.approx(wanted, rel=1e-4, abs=1e-6)


def test_more_words_than_are_kept_are_read_as_well() -> None:
    tags = tuple(f"word{number}" for number in range(2100))
    index = LoraIndex([lora("all", tags=tags), lora("some", tags=tags[::3])])
    asked = ", ".join(tags)
    assert index.scores(asked) == index.scores(asked) == LoraIndex(index.records).scores(asked)
