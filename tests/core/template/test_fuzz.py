"""Replays what the fuzz target kept: see tests/fuzz/fuzz_template.py."""

from pathlib import Path

import pytest

from tests.fuzz.fuzz_template import one_input

CORPUS = sorted((Path(__file__).parents[2] / "data" / "fuzz_corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_an_input_of_the_corpus_raises_nothing(path: Path) -> None:
    one_input(path.read_bytes())


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 6
