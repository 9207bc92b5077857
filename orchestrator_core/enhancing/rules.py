"""RulesModel: additions from a bundled table, chosen by what the prompt speaks of. It needs nothing to be installed.

The same prompt and seed give the same additions everywhere. Nothing is added that contradicts the prompt or another
addition, and what the prompt has settled by itself (its light, its lens) comes last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator_core.enhancing.asking import Asked, asked_in
from orchestrator_core.enhancing.drift import Told, drift
from orchestrator_core.enhancing.expansions import Expansion, aspects_named, facts_and_subjects, fitting_lines
from orchestrator_core.enhancing.facts import Facts, against, beside, facts_of, joined
from orchestrator_core.enhancing.repeating import Repeats
from orchestrator_core.enhancing.styles import STYLES, Style
from orchestrator_core.errors import Cancelled
from orchestrator_core.llm.port import Ask, IsCancelled, OnText
from orchestrator_core.loras.words import key_of

VERSION = 1  # of the table and of how it is chosen from: part of the cache's key
_BOORU = ("pony", "illustrious")  # the styles that speak in tags of image boards
_STRONGER = 1.8  # how much likelier a line is for each thing that it asks for and the prompt says

# Which aspects come first, by the subject that a prompt speaks of; the first that it speaks of decides.
_ORDERS: tuple[tuple[str, str], ...] = (
    ("person", "light texture camera air mood place colour finish"),
    ("animal", "light texture camera air colour mood place finish"),
    ("creature", "light texture air camera mood colour place finish"),
    ("robot", "light texture air camera colour mood place finish"),
    ("people", "light air texture camera mood colour place finish"),
    ("food", "light texture place camera colour air mood finish"),
    ("vehicle", "light texture place air camera colour mood finish"),
    ("interior", "light place texture air camera colour mood finish"),
    ("village", "light air place texture camera colour mood finish"),
    ("city", "light air place texture camera colour mood finish"),
    ("building", "light air texture place camera colour mood finish"),
    ("water", "light air texture camera colour place mood finish"),
    ("woodland", "light air texture place camera colour mood finish"),
    ("landscape", "light air camera place texture colour mood finish"),
    ("plant", "light texture camera place colour air mood finish"),
    ("object", "light texture place camera colour mood air finish"),
    ("space", "light air camera texture colour place mood finish"),
)
_ORDER = "light texture colour camera mood air finish"


@dataclass(frozen=True, slots=True)
class RulesModel:
    """A LanguageModel that answers what ``asking.py`` asks, and nothing else."""

    identity: str = field(default=f"rules:{VERSION}", init=False)

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        """JSON by the ask's schema. Raises Cancelled."""
        if is_cancelled is not None and is_cancelled():
            raise Cancelled
        asked = asked_in(ask)
        answer = json.dumps(_answer(asked, ask.seed, ask.temperature), ensure_ascii=False)
        if on_text is not None:
            on_text(answer)
        return answer


def _answer(asked: Asked, seed: int, temperature: float) -> dict[str, object]:
    if asked.parts:
        return dict(_parts(asked, seed, temperature))
    additions = expansions_for(asked.prompt, asked.style, asked.amount, seed, temperature, asked.background, asked.wish)
    if asked.mode == "tags+natural":
        return {"add": additions, "natural": _natural(asked, seed, temperature)}
    return {"add": additions}


def _parts(asked: Asked, seed: int, temperature: float) -> Iterator[tuple[str, str]]:
    """Each marked region is filled with a few additions; of a whole prompt in parts, the last gets them."""
    last = list(asked.parts)[-1]
    for number, (key, text) in enumerate(asked.parts.items()):
        if asked.mode == "rewrite" and key != last:
            yield key, text
            continue
        amount = asked.amount if asked.mode == "rewrite" else min(asked.amount, 3)
        told = f"{asked.background} {asked.prompt}"
        more = expansions_for(text, asked.style, amount, seed + number, temperature, told, asked.wish)
        yield key, _with(text, more, asked.style)


def _with(text: str, more: Sequence[str], style: Style) -> str:
    if style.kind == "tags" or not more:
        return ", ".join([text.rstrip(" ,"), *more])
    end = "" if text.rstrip().endswith((".", "!", "?")) else "."
    return f"{text.rstrip(' ,')}{end} {' '.join(more)}"


def _natural(asked: Asked, seed: int, temperature: float) -> str:
    more = expansions_for(asked.prompt, STYLES["natural"], 3, seed, temperature, asked.background, asked.wish)
    text = asked.prompt[:1].upper() + asked.prompt[1:]
    return _with(text, more, STYLES["natural"])


def expansions_for(
    prompt: str,
    style: Style,
    amount: int,
    seed: int,
    temperature: float = 0.7,
    background: str = "",
    wish: str = "",
) -> list[str]:
    """At most ``amount`` additions to a plain prompt, in the style's way of speaking.

    A temperature of 0 takes what fits best, whatever the seed. ``wish``: a person's own words of what to add; lines
    that have some of them come first.
    """
    facts = beside(beside(facts_and_subjects(prompt), facts_of(background)), facts_of(wish))
    told, repeats = Told(prompt, background), Repeats(prompt)
    found: list[str] = []
    ordered = _in_order(prompt, facts, style, seed, temperature)
    for expansion in _wished_first(ordered, wish) if wish else ordered:
        if len(found) >= amount:
            break
        text = _said(expansion, style)
        if drift(told, text) or not _agrees(facts, expansion):
            continue
        if new := repeats.new_in(text, style.kind):
            found.append(new)
            repeats.add(new)
            facts = joined(facts, facts_of(text))
    return found


def _wished_first(ordered: Iterator[Expansion], wish: str) -> list[Expansion]:
    wanted = set(key_of(wish))
    return sorted(ordered, key=lambda line: not wanted & set(key_of(f"{line.phrase} {line.tags} {line.sentence}")))


def _agrees(facts: Facts, expansion: Expansion) -> bool:
    """Whether a line still fits after those before it: the first says that it is night, and the next keeps to it."""
    return expansion.weight(facts) is not None and against(facts, facts_of(expansion.sentence)) is None


def _said(expansion: Expansion, style: Style) -> str:
    if style.kind == "natural":
        return expansion.sentence
    return expansion.tags if style.name in _BOORU else expansion.phrase


def _in_order(prompt: str, facts: Facts, style: Style, seed: int, temperature: float) -> Iterator[Expansion]:
    """One line of each aspect by turns, the best first; aspects that the prompt has settled itself come last."""
    by_aspect: dict[str, list[tuple[float, Expansion]]] = {}
    for expansion, weight in fitting_lines(frozenset(facts.items())):
        if _said(expansion, style):
            luck = _luck(seed, prompt, expansion) if temperature else 0.5
            # Weighted sampling without replacement, by Efraimidis and Spirakis (2006): the n-th root of a number.
            by_aspect.setdefault(expansion.aspect, []).append((luck ** (1 / _STRONGER**weight), expansion))
    ranked = {aspect: sorted(found, key=lambda one: (-one[0], one[1].number)) for aspect, found in by_aspect.items()}
    order = _order(prompt, facts)
    for turn in range(max((len(found) for found in ranked.values()), default=0)):
        for aspect in order:
            found = ranked.get(aspect, [])
            if turn < len(found):
                yield found[turn][1]


def _order(prompt: str, facts: Facts) -> list[str]:
    subjects = facts.get("subject", frozenset())
    order = next((order for subject, order in _ORDERS if subject in subjects), _ORDER).split()
    named = aspects_named(prompt)
    return [aspect for aspect in order if aspect not in named] + [aspect for aspect in order if aspect in named]


def _luck(seed: int, prompt: str, expansion: Expansion) -> float:
    """A number above 0 and below 1 that depends on the seed, the prompt and the line alone."""
    digest = hashlib.sha256(f"{seed}|{prompt}|{expansion.aspect}|{expansion.phrase}|{expansion.tags}".encode()).digest()
    return (int.from_bytes(digest[:7], "big") + 1) / (2**56 + 2)
