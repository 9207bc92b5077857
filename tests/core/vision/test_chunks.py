from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.vision.chunks import chunked


def by_words(text: str) -> int:
    """A tokenizer with one token for eight letters."""
    return 2 + sum(-(-len(word) // 8) for word in text.split())


def test_a_text_of_400_tokens_is_read_in_pieces_at_its_commas() -> None:
    text = ", ".join(f"thing number{n}" for n in range(200))
    found = chunked([text, "fox"], by_words, 77)
    assert found.count == 2
    assert len(found.texts) > 5
    assert all(by_words(piece) <= 77 for piece in found.texts)
    assert all(piece.rstrip(",").split(", ")[0].startswith("thing number") for piece in found.texts[:-1])
    assert (found.of[-1], found.texts[-1]) == (1, "fox")


@given(st.lists(st.text(st.sampled_from("abc ,."), max_size=300), max_size=4))
def test_no_word_is_lost_and_every_piece_fits(texts: list[str]) -> None:
    found = chunked(texts, by_words, 12)
    for place, text in enumerate(texts):
        pieces = [piece for piece, of in zip(found.texts, found.of, strict=True) if of == place]
        assert "".join("".join(pieces).split()) == "".join(text.split())
        assert pieces
    assert all(by_words(piece) <= 12 for piece in found.texts)
