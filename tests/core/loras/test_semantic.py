"""Matches by meaning, with an encoder whose meanings are a table: words of one row mean the same."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from orchestrator_core.base_models import BaseModel
from orchestrator_core.errors import ConfigError, StoreError
from orchestrator_core.loras.folder_embedder import FolderEmbedder
from orchestrator_core.loras.prompt_words import runs_of
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.semantic import SemanticPhrases, text_hash
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.stages.select_loras import Options, Selection, select
from orchestrator_core.store import Store
from orchestrator_core.store.embeddings import Embeddings
from tests.core.loras.selection_library import lora

pytest.importorskip("numpy", reason="no numpy: vectors are compared with it")

SAME = [{"vulpine", "red fox", "fox"}, {"kitten", "small cat"}, {"ocean", "sea"}]
WIDTH = 64


class TableEmbedder:
    """Texts of one row of the table have one vector; any other text has one of its own, at right angles or nearly."""

    def __init__(self, rows: Sequence[set[str]] = SAME, name: str = "table") -> None:
        self.name = name
        self.rows = rows
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked += texts
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        row = next((at for at, row in enumerate(self.rows) if text in row), None)
        place = WIDTH - 1 - row if row is not None else zlib.crc32(text.encode()) % (WIDTH - len(self.rows))
        return [float(at == place) for at in range(WIDTH)]


class FailingEmbedder:
    name = "failing"

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise RuntimeError("CUDA out of memory\nTraceback")


class FailingCache:
    def get(self, embedder: str, hashes: Sequence[str]) -> Mapping[str, bytes]:
        raise StoreError("the database is locked")

    def put(self, embedder: str, vectors: Mapping[str, bytes]) -> None:
        raise StoreError("the database is locked")


VULPINE = lora("animals/vulpine", "vulpine")
LIBRARY = [VULPINE, *(lora(f"other{number}", f"thing{number}") for number in range(9))]
SEMANTIC = Options(semantic=True)


def chosen(text: str, meanings: SemanticPhrases | None, options: Options = SEMANTIC) -> Selection:
    return select(PromptDraft((Component(text),)), LoraIndex(LIBRARY), BaseModel("", ""), options, meanings=meanings)


def names(selection: Selection) -> list[str]:
    return [use.record.name for use in selection.chosen]


def test_a_lora_is_found_by_what_words_mean_and_says_so() -> None:
    found = chosen("a red fox in the snow", SemanticPhrases(TableEmbedder()))
    assert names(found) == ["animals/vulpine"]
    reason = found.chosen[0].candidate.reasons[0]
    assert reason.sentence == "trigger 'vulpine' means nearly 'red fox'"
    assert reason.words == ("red", "fox")
    assert found.problems == ()


def test_nothing_is_asked_of_an_encoder_unless_it_is_wanted() -> None:
    embedder = TableEmbedder()
    assert names(chosen("a red fox", SemanticPhrases(embedder), Options())) == []
    assert embedder.asked == []


def test_words_that_are_there_say_more_than_words_that_mean_the_same() -> None:
    index = LoraIndex(LIBRARY)
    meanings = SemanticPhrases(TableEmbedder())
    meanings.follow(LIBRARY)
    meanings.learn()
    by_meaning, by_words = (
        {record.name: score for record, score in index.scores(index.words_in(text, meanings.near(text)))}
        for text in ("a fox", "a vulpine")
    )
    assert 0 < by_meaning["animals/vulpine"] < by_words["animals/vulpine"]
    assert by_words == {record.name: score for record, score in index.scores("a vulpine")}


def test_without_an_encoder_the_words_decide_and_the_report_says_so() -> None:
    found = chosen("a vulpine", None)
    assert names(found) == ["animals/vulpine"]
    assert "problem: No text encoder is loaded" in found.report


def test_an_encoder_that_fails_is_told_once_and_the_words_decide() -> None:
    meanings = SemanticPhrases(FailingEmbedder())
    for _ in range(2):
        found = chosen("a vulpine", meanings)
        assert names(found) == ["animals/vulpine"]
        assert found.problems == (
            "Meanings cannot be compared (CUDA out of memory): LoRAs are found by their words alone.",
        )


def test_each_text_is_embedded_once() -> None:
    embedder = TableEmbedder()
    meanings = SemanticPhrases(embedder)
    for _ in range(2):
        chosen("a red fox", meanings)
    assert len(embedder.asked) == len(set(embedder.asked))
    assert "vulpine" in embedder.asked


def test_vectors_are_kept_for_the_next_start_by_encoder(store: Store) -> None:
    chosen("a red fox", SemanticPhrases(TableEmbedder(), Embeddings(store)))
    again, other = TableEmbedder(), TableEmbedder(name="other")
    assert names(chosen("a red fox", SemanticPhrases(again, Embeddings(store)))) == ["animals/vulpine"]
    chosen("a red fox", SemanticPhrases(other, Embeddings(store)))
    assert "vulpine" not in again.asked
    assert "vulpine" in other.asked


@pytest.mark.parametrize("damaged", [b"\x00\x00\x00", b"", b"\x00" * 2 * (WIDTH - 1)])
def test_what_is_damaged_in_the_cache_is_made_anew(store: Store, damaged: bytes) -> None:
    kept = Embeddings(store)
    kept.put("table", {text_hash("vulpine"): damaged})
    assert names(chosen("a red fox", SemanticPhrases(TableEmbedder(), kept))) == ["animals/vulpine"]


def test_numbers_that_are_none_match_nothing_and_spoil_nothing() -> None:
    class Overflowing(TableEmbedder):
        def _vector(self, text: str) -> list[float]:
            return [float("nan")] * WIDTH if text.startswith("thing") else super()._vector(text)

    assert names(chosen("a red fox, a thing of beauty", SemanticPhrases(Overflowing()))) == ["animals/vulpine"]


def test_a_database_that_fails_costs_nothing_but_the_time() -> None:
    assert names(chosen("a red fox", SemanticPhrases(TableEmbedder(), FailingCache()))) == ["animals/vulpine"]


def test_what_is_not_learned_in_time_is_told_and_learned_later() -> None:
    meanings = SemanticPhrases(TableEmbedder(), patience=0)
    found = chosen("a red fox", meanings)
    assert names(found) == []
    assert any("not compared by meaning yet" in problem for problem in found.problems)
    meanings.learn(60)
    assert names(chosen("a red fox", meanings)) == ["animals/vulpine"]


def test_a_lora_that_was_edited_is_found_by_its_new_words() -> None:
    meanings = SemanticPhrases(TableEmbedder())
    before = lora("a", "thing")
    meanings.follow([before])
    meanings.learn()
    assert meanings.near("the sea") == {}
    meanings.follow([before.replacing(trigger_words=("ocean",))])
    meanings.learn()
    assert list(meanings.near("the sea")) == [("ocean",)]


def test_training_tags_and_descriptions_are_not_embedded() -> None:
    embedder = TableEmbedder()
    meanings = SemanticPhrases(embedder)
    meanings.follow([lora("a", "thing", training_tags=(("hat", 3),), description="A dragon.", notes="a castle")])
    meanings.learn()
    assert embedder.asked == ["thing"]


def test_many_phrases_have_a_cut_of_their_own() -> None:
    """An encoder whose texts are all alike, as CLIP's pooled ones are: what sets them apart still counts."""

    class Alike(TableEmbedder):
        def _vector(self, text: str) -> list[float]:
            vector = [*super()._vector(text), 3.0]
            length = sum(value * value for value in vector) ** 0.5
            return [value / length for value in vector]

    library = [VULPINE, *(lora(f"other{number}", f"thing{number}") for number in range(300))]
    meanings = SemanticPhrases(Alike())
    meanings.follow(library)
    meanings.learn()
    assert list(meanings.near("a fox")) == [("vulpine",)]


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("a red fox", ["red", "red fox", "fox"]),
        ("fox of the north", ["fox", "north"]),
        ("fox, snow", ["fox", "snow"]),
        ("(red fox:1.2) <lora:x:1>", ["red", "red fox", "fox"]),
        ("masterpiece, 1girl", []),
        ("", []),
    ],
)
def test_runs_of_words(text: str, runs: list[str]) -> None:
    assert list(runs_of(text)) == runs


def test_a_folder_without_a_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json"):
        FolderEmbedder(tmp_path)


def test_a_folder_of_transformers_gives_unit_vectors(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="no torch")
    transformers = pytest.importorskip("transformers", reason="no transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "fox"]
    (tmp_path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(vocab_size=len(words), max_position_embeddings=64, **sizes)
    transformers.BertModel(config).save_pretrained(tmp_path)
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    embedder = FolderEmbedder(tmp_path)
    one, two, both = embedder.embed(["red", "red fox", "red"])
    assert sum(value * value for value in one) == pytest.approx(1, abs=1e-4)
    assert list(one) == pytest.approx(list(both), abs=1e-4)
    assert list(one) != pytest.approx(list(two), abs=1e-4)
    assert embedder.name.startswith(tmp_path.name)
