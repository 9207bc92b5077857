"""How well LoRAs are found for prompts: ``python benchmarks/lora_selection.py PATH/stylus_parti_prompts.csv``.

The file has PartiPrompts with the LoRAs that the composer of Stylus (arXiv 2404.18928; MIT) chose for each keyword:
``caption`` and ``ranked_adapters``, ``{keyword: [ids]}``. ``{}`` means that none is wanted; a cell without anything was
not labelled and is left out. Five folds by the sha256 of the caption. An adapter's document is the keywords that were
seen with it in the other folds, as often as they were: for the index they are its tags, and all that it knows.

Recall@k: of a query's adapters that have a document, the share among the first k; averaged over the queries that have
one. Abstention: of a query is wanted "none" if its cell is ``{}``, and chosen "none" if no score reaches the minimum of
the product; F1 is of that class, over the ``{}`` queries and those of recall@k. The learned prior is 1 + 0.2 ln(number
of keywords seen), given as learned weights would be. ``--also FILE`` asks another set of captions in the same form, as
Stylus' ``coco_rank.csv``. With ``--embedder FOLDER`` (a text encoder for transformers, as all-MiniLM-L6-v2) also what
matches by meaning add.
"""

from __future__ import annotations

import argparse
import ast
import csv
import hashlib
import itertools
import math
import platform
import random
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from orchestrator_core.base_models import BaseModel
from orchestrator_core.loras.folder_embedder import FolderEmbedder
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.semantic import Embedder, Nearness, SemanticPhrases
from orchestrator_core.loras.tuning import Tuning
from orchestrator_core.loras.words import STOP_WORDS, words_of
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.stages.select_loras import Options, select

FOLDS = range(5)
DEPTHS = (1, 3, 10, 20)
MINIMUM = Options().minimum_evidence
PRIOR = 0.2

Documents = Mapping[int, Sequence[str]]
Ranking = Callable[[str], Sequence[tuple[int, float]]]
Method = Callable[[Documents], Ranking]


@dataclass(frozen=True)
class Query:
    caption: str
    keywords: Mapping[str, Sequence[int]]

    @property
    def wanted(self) -> set[int]:
        return {adapter for adapters in self.keywords.values() for adapter in adapters}

    @property
    def fold(self) -> int:
        return int(hashlib.sha256(self.caption.encode()).hexdigest(), 16) % len(FOLDS)


def read(path: Path) -> list[Query]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["ranked_adapters"].strip()]
    return [Query(row["caption"], ast.literal_eval(row["ranked_adapters"])) for row in rows]


def documents_of(queries: Iterable[Query]) -> dict[int, list[str]]:
    documents: dict[int, list[str]] = defaultdict(list)
    for query in queries:
        for keyword, adapters in query.keywords.items():
            for adapter in adapters:
                documents[adapter].append(keyword)
    return documents


def plain(word: str) -> str:
    """The word without a plural's s."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def all_words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def without_stop_words(text: str) -> list[str]:
    return [plain(word) for word in all_words(text) if word not in STOP_WORDS]


def bm25(words: Callable[[str], list[str]], k1: float = 1.2, b: float = 0.3) -> Method:
    """BM25 over the bags of words of the documents; equal scores by id."""

    def method(documents: Documents) -> Ranking:
        bags = {
            adapter: Counter(word for text in texts for word in words(text)) for adapter, texts in documents.items()
        }
        mean = sum(sum(bag.values()) for bag in bags.values()) / len(bags)
        postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for adapter, bag in bags.items():
            norm = k1 * (1 - b + b * sum(bag.values()) / mean)
            for word, count in bag.items():
                postings[word].append((adapter, count * (k1 + 1) / (count + norm)))

        def rank(caption: str) -> list[tuple[int, float]]:
            scores: dict[int, float] = defaultdict(float)
            for word in set(words(caption)):
                found = postings.get(word, [])
                information = math.log(1 + (len(bags) - len(found) + 0.5) / (len(found) + 0.5))
                for adapter, weight in found:
                    scores[adapter] += information * weight
            return sorted(scores.items(), key=lambda item: (-item[1], item[0]))

        return rank

    return method


def ours(tuning: Tuning | None = None, prior: float = 0.0) -> Method:
    """The ranking of the product: LoraIndex, with the keywords as tags."""

    def method(documents: Documents) -> Ranking:
        records = [LoraRecord(str(adapter), str(adapter), tags=tuple(tags)) for adapter, tags in documents.items()]
        index = LoraIndex((replace(record, name="") for record in records), tuning)

        def learned(record: LoraRecord) -> float:
            return 1 + prior * math.log(len(record.tags))

        def rank(caption: str) -> list[tuple[int, float]]:
            return [(int(record.path), score) for record, score in index.scores(caption, learned if prior else None)]

        return rank

    return method


def by_meaning(embedder: Embedder, nearness: Nearness | None = None) -> Method:
    """As ``ours``, with the phrases that a caption says in other words."""

    def method(documents: Documents) -> Ranking:
        records = [LoraRecord("", str(adapter), tags=tuple(tags)) for adapter, tags in documents.items()]
        index, meanings = LoraIndex(records), SemanticPhrases(embedder, tuning=nearness)
        meanings.follow(records)
        meanings.learn(math.inf)

        def rank(caption: str) -> list[tuple[int, float]]:
            words = index.words_in(caption, meanings.near(caption))
            return [(int(record.path), score) for record, score in index.scores(words)]

        return rank

    return method


class Remembering:
    """An embedder that is asked for each text once, for all folds."""

    def __init__(self, embedder: Embedder) -> None:
        self.name, self.embedder = embedder.name, embedder
        self.known: dict[str, Sequence[float]] = {}

    def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        new = [text for text in texts if text not in self.known]
        if new:
            self.known.update(zip(new, self.embedder.embed(new), strict=True))
        return [self.known[text] for text in texts]


@dataclass(frozen=True)
class Figures:
    recall: Mapping[int, float]
    queries: int
    f1: float
    precision: float
    abstained: float  # recall of the class "none"


def evaluate(
    queries: Sequence[Query],
    method: Method,
    folds: Iterable[int] = FOLDS,
    changed: Callable[[str], str] = lambda caption: caption,
    only: set[int] | None = None,
) -> Figures:
    """``changed`` perturbs the captions that are asked, ``only`` makes the library smaller."""
    found: dict[int, list[float]] = {depth: [] for depth in DEPTHS}
    wanted_none: list[bool] = []
    chose_none: list[bool] = []
    for fold in folds:
        known = documents_of(query for query in queries if query.fold != fold)
        documents = {adapter: texts for adapter, texts in known.items() if only is None or adapter in only}
        rank = method(documents)
        for query in (query for query in queries if query.fold == fold):
            answer = query.wanted & documents.keys()
            if not answer and query.keywords:
                continue
            ranked = rank(changed(query.caption))
            wanted_none.append(not query.keywords)
            chose_none.append(not ranked or ranked[0][1] < MINIMUM)
            for depth in DEPTHS if answer else ():
                found[depth].append(len(answer & {adapter for adapter, _ in ranked[:depth]}) / len(answer))
    hits = sum(a and b for a, b in zip(wanted_none, chose_none, strict=True))
    precision, abstained = hits / (sum(chose_none) or 1), hits / (sum(wanted_none) or 1)
    f1 = 2 * precision * abstained / (precision + abstained or 1)
    recall = {depth: statistics.fmean(values) for depth, values in found.items()}
    return Figures(recall, len(found[1]), f1, precision, abstained)


def row(name: str, figures: Figures, base: Figures | None = None) -> str:
    cells = [f"{figures.recall[depth]:.3f}" for depth in DEPTHS]
    if base is not None:
        cells += [f"{figures.recall[depth] / base.recall[depth]:.2f}" for depth in (1, 10)]
    return f"| {name} | " + " | ".join(cells) + " |"


def show_methods(queries: Sequence[Query]) -> None:
    plainest, base = evaluate(queries, bm25(all_words)), evaluate(queries, bm25(without_stop_words))
    print(f"{len(queries)} labelled prompts, {base.queries} with an adapter that has a document.\n")
    print("| method | R@1 | R@3 | R@10 | R@20 | R@1 ÷ BM25* | R@10 ÷ BM25* |\n|---|" + "---:|" * 6)
    print(row("BM25 (1.2, 0.3), all words", plainest, base))
    print(row("BM25* (1.2, 0.3), without stop words and plurals", base, base))
    figures = evaluate(queries, ours())
    print(row("LoraIndex", figures, base))
    print(row("LoraIndex with a learned prior", evaluate(queries, ours(prior=PRIOR)), base))
    asked = {query.caption: ", ".join(word for word, found in query.keywords.items() if found) for query in queries}
    print(row("LoraIndex, asked with the composer's own keywords", evaluate(queries, ours(), changed=asked.get), base))
    print_abstention(queries, figures)


def print_abstention(queries: Sequence[Query], figures: Figures) -> None:
    print(
        f"\nAbstention at {MINIMUM}: F1 {figures.f1:.2f}, precision {figures.precision:.2f}, "
        f"recall {figures.abstained:.2f} ({sum(not query.keywords for query in queries)} prompts want none)."
    )


def show_other(path: Path) -> None:
    """Another set of captions: what was chosen on the first one has to hold there too."""
    queries = read(path)
    base, mine = evaluate(queries, bm25(without_stop_words)), evaluate(queries, ours())
    print(f"\n{path.name}: {len(queries)} labelled prompts, {base.queries} with an adapter that has a document.\n")
    print("| method | R@1 | R@3 | R@10 | R@20 | R@1 ÷ BM25* | R@10 ÷ BM25* |\n|---|" + "---:|" * 6)
    print(row("BM25*", base, base))
    print(row("LoraIndex", mine, base))
    print_abstention(queries, mine)


GRID = {"k1": (1.2, 2.0, 3.0), "b": (0.15, 0.3, 0.5), "adding": (1.2, 1.5, 2.0), "in_a_row": (0.0, 0.3, 0.6)}


def show_cross_check(queries: Sequence[Query]) -> None:
    """One number after the other, the best on three folds, tested on the two others: only that row is held out."""
    best = Tuning()
    for name, values in GRID.items():
        tried = {value: evaluate(queries, ours(replace(best, **{name: value})), (0, 1, 2)) for value in values}
        better = max(values, key=lambda value: tried[value].recall[1] + tried[value].recall[10])
        best = replace(best, **{name: better})
    print("\n| tuned on folds 0–2, tested on 3 and 4 | R@1 | R@3 | R@10 | R@20 |\n|---|" + "---:|" * 4)
    chosen = ", ".join(f"{name} {getattr(best, name)}" for name in GRID)
    for name, method in {
        "BM25*": bm25(without_stop_words),
        "as in the product, whose numbers were chosen with all folds in sight": ours(),
        f"tuned: {chosen}": ours(best),
    }.items():
        print(row(name, evaluate(queries, method, (3, 4))))


PAIRS = (
    "cat=kitty dog=puppy car=automobile picture=depiction boat=ship house=home woman=lady man=guy big=huge small=tiny "
    "girl=lass street=road forest=woods painting=canvas photo=snapshot rabbit=bunny bike=bicycle sofa=couch rock=stone "
    "ocean=sea child=kid drawing=sketch glasses=spectacles plane=aircraft city=town sunset=dusk"
)
SYNONYMS = dict(pair.split("=") for pair in PAIRS.split())


def with_synonyms(caption: str) -> str:
    return " ".join(SYNONYMS.get(word, word) for word in words_of(caption))


def with_dropped_words(caption: str) -> str:
    chance = random.Random(caption)
    return " ".join(word for word in words_of(caption) if word in STOP_WORDS or chance.random() > 0.2)


def with_slips(caption: str) -> str:
    """In each fifth word two neighbouring letters are exchanged."""
    chance = random.Random(caption)

    def slip(word: str) -> str:
        if len(word) < 5 or chance.random() > 0.2:
            return word
        at = chance.randrange(1, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]

    return " ".join(map(slip, words_of(caption)))


def show_perturbed(queries: Sequence[Query]) -> None:
    print("\n| captions | BM25* R@1 | R@10 | LoraIndex R@1 | R@10 |\n|---|" + "---:|" * 4)
    for name, changed in {
        "each fifth word left out": with_dropped_words,
        "letters exchanged in each fifth word": with_slips,
        f"{len(SYNONYMS)} words replaced by synonyms": with_synonyms,
    }.items():
        both = [evaluate(queries, method, changed=changed) for method in (bm25(without_stop_words), ours())]
        cells = " | ".join(f"{figures.recall[depth]:.3f}" for figures in both for depth in (1, 10))
        print(f"| {name} | {cells} |")


def show_curve(queries: Sequence[Query]) -> None:
    adapters = sorted(documents_of(queries))
    random.Random(1).shuffle(adapters)
    print("\n| adapters | queries | BM25* R@1 | R@10 | LoraIndex R@1 | R@10 | F1 |\n|---:|" + "---:|" * 6)
    for size in (100, 200, 400, 800, len(adapters)):
        only = set(adapters[:size])
        base, mine = (evaluate(queries, method, only=only) for method in (bm25(without_stop_words), ours()))
        cells = " | ".join(f"{figures.recall[depth]:.3f}" for figures in (base, mine) for depth in (1, 10))
        print(f"| {size:,} | {mine.queries} | {cells} | {mine.f1:.2f} |")


def synthetic(count: int) -> tuple[list[LoraRecord], list[str]]:
    """Records with triggers, tags, 60 training tags and a description, of 12,000 words as frequent as in a language."""
    chance = random.Random(1)
    syllables = [first + second for first in "bcdfghjklmnprstvwz" for second in "aeiou"]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(12_000)]
    odds = list(itertools.accumulate(1 / (place + 5) for place in range(len(words))))

    def some(most: int) -> str:
        return " ".join(chance.choices(words, cum_weights=odds, k=chance.randint(1, most)))

    common = [(tag, 60) for tag in ("1girl", "solo", "long hair", "blue eyes", "smile", "highres", "outdoors")]
    records = [
        LoraRecord(
            f"folder{number % 50}/{some(2)}",
            f"{number}",
            base_model=chance.choice(("SDXL", "SDXL", "SD 1.5", "Flux.1")),
            trigger_words=tuple(some(2) for _ in range(chance.randint(1, 3))),
            tags=tuple(some(2) for _ in range(chance.randint(2, 8))),
            training_tags=(*((some(2), chance.randint(1, 60)) for _ in range(60)), *common),
            description=" ".join(some(3) for _ in range(40)),
            model_id=str(number // 2),
        )
        for number in range(count)
    ]
    prompts = [
        f"{', '.join(some(3) for _ in range(chance.randint(3, 15)))}, 1girl, solo, long hair" for _ in range(100)
    ]
    return records, prompts


def show_times(count: int) -> None:
    records, prompts = synthetic(count)
    start = time.process_time()
    index = LoraIndex(records)
    built = time.process_time() - start
    index.records  # noqa: B018 - nothing is left to be made at the first selection
    select(PromptDraft((Component(prompts[0]),)), index)
    print(f"\n{count:,} synthetic LoRAs: index in {built:.1f} CPU-s. A selection, CPU ms:")
    for name in ("each prompt for the first time", "once more, all their words being known"):
        times = sorted(times_of(index, prompts))
        print(f"{name}: {statistics.median(times):.1f} median, {times[len(times) * 95 // 100]:.1f} 95th percentile")


def times_of(index: LoraIndex, prompts: Sequence[str]) -> Iterable[float]:
    for prompt in prompts:
        start = time.process_time()
        select(PromptDraft((Component(prompt),)), index, BaseModel("SDXL", ""))
        yield (time.process_time() - start) * 1000


def show_meanings(queries: Sequence[Query], embedder: Embedder) -> None:
    base, mine, near = (evaluate(queries, m) for m in (bm25(without_stop_words), ours(), by_meaning(embedder)))
    print("\n| by meaning | R@1 | R@3 | R@10 | R@20 | R@1 ÷ BM25* | R@10 ÷ BM25* | F1 |\n|---|" + "---:|" * 7)
    print(row("LoraIndex", mine, base), f"{mine.f1:.2f} |")
    print(row(f"LoraIndex with {embedder.name}", near, base), f"{near.f1:.2f} |")
    choices = [Nearness(rare, power) for rare in (0.95, 0.98, 0.99, 0.998) for power in (2.0, 3.0, 4.0)]
    tried = {choice: evaluate(queries, by_meaning(embedder, choice), (0, 1, 2)) for choice in choices}
    best = max(choices, key=lambda choice: tried[choice].recall[1] + tried[choice].recall[10])
    base = evaluate(queries, bm25(without_stop_words), (3, 4))
    print("\n| tested on folds 3 and 4 | R@1 | R@3 | R@10 | R@20 | R@1 ÷ BM25* | R@10 ÷ BM25* |\n|---|" + "---:|" * 6)
    print(row("LoraIndex", evaluate(queries, ours(), (3, 4)), base))
    name = f"by meaning, chosen on folds 0–2: rare {best.rare}, power {best.power}"
    print(row(name, evaluate(queries, by_meaning(embedder, best), (3, 4)), base))
    print(row("by meaning, as in the product", evaluate(queries, by_meaning(embedder), (3, 4)), base))
    found = evaluate(queries, by_meaning(embedder), changed=with_synonyms)
    print(f"\n{len(SYNONYMS)} words replaced by synonyms, by meaning: {found.recall[1]:.3f}, {found.recall[10]:.3f}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("prompts", type=Path, help="stylus_parti_prompts.csv")
    parser.add_argument("--loras", type=int, default=10_000, help="how many synthetic LoRAs the time is measured with")
    parser.add_argument("--also", type=Path, action="append", default=[], help="another set of captions, as prompts")
    parser.add_argument("--embedder", type=Path, help="a folder with a text encoder")
    options = parser.parse_args()
    queries = read(options.prompts)
    print(f"{platform.machine()}, Python {platform.python_version()}, {platform.system()}\n")
    show_methods(queries)
    for path in options.also:
        show_other(path)
    show_cross_check(queries)
    show_perturbed(queries)
    show_curve(queries)
    if options.embedder:
        show_meanings(queries, Remembering(FolderEmbedder(options.embedder)))
    show_times(options.loras)


if __name__ == "__main__":
    main()
