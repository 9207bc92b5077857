"""What ``orchestrator learn`` shows of the time that passed: pairs of values, before and after, tables and plots."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_app.console import remark, say, table
from orchestrator_app.learning import open_ledger

if TYPE_CHECKING:
    from orchestrator_core.weights.learner import State
    from orchestrator_core.weights.ledger import Ledger
    from orchestrator_core.weights.trends import Effect, Mean

NAMES = ("scores", "values", "pairs", "effect", "trends")  # those of weights/tables.py
_PAIRS = 20
HOW_TO_BEGIN = (
    "Say of images what they are worth: orchestrator mark IMAGE favourite; "
    "or let a model say it: orchestrator score IMAGE --model FOLDER --record."
)


def context_of(ledger: Ledger, arguments: argparse.Namespace) -> str:
    from orchestrator_core.base_models import base_model_in

    return ledger.context_for(arguments.profiles, arguments.genre, base_model_in(arguments.checkpoint).family)


def pairs(arguments: argparse.Namespace) -> int:
    """Exit status 1 where no pair has images enough."""
    from orchestrator_core.weights.observation import value_of
    from orchestrator_core.weights.pairs import SURE, pairs_of

    ledger = open_ledger()
    found = pairs_of(ledger.state().observations, context_of(ledger, arguments))
    if not found.looked:
        remark("No pair of values has images enough yet.")
        return 1
    say(f"Of {found.looked:,} pairs that were looked at, {len(found.sure):,} surely ({SURE:.0%}) differ from chance.")
    rows = [
        (f"{value_of(pair.first)} + {value_of(pair.second)}", f"{pair.n}", f"{pair.expected:.0%}", f"{pair.seen:.0%}",
         "better" if pair.seen > pair.expected else "worse", f"{pair.sure:.1%}")
        for pair in found.sure[:_PAIRS]
    ]  # fmt: skip
    if rows:
        table(("together", "images", "expected", "seen", "", "sure"), rows, right=(1, 2, 3, 5))
    return 0


def effect(arguments: argparse.Namespace) -> int:
    """Exit status 1 where nothing was seen yet."""
    from orchestrator_core.weights.observation import context_words
    from orchestrator_core.weights.trends import effects_of

    found = effects_of(open_ledger().state().observations)
    if not found:
        remark(f"Nothing was learned yet. {HOW_TO_BEGIN}")
        return 1
    rows = [
        (context_words(one.context), one.scorer, _mean(one.before), _mean(one.after), _mean(one.lately), _between(one))
        for one in found
    ]
    table(("with", "by", "as written", "by learned odds", "lately", "difference, 90 %"), rows)
    return 0


def _mean(mean: Mean) -> str:
    return f"{mean.value:.0%} of {mean.n:,}" if mean.n else "none"


def _between(one: Effect) -> str:
    return "" if one.low is None or one.high is None else f"{one.low:+.0%} to {one.high:+.0%}"


def csv(arguments: argparse.Namespace) -> int:
    from orchestrator_core.weights.tables import TABLES

    return written(arguments.file, TABLES[arguments.of](open_ledger().state()))


def plot(arguments: argparse.Namespace) -> int:
    """Exit status 1 where there is nothing to draw."""
    from orchestrator_core.weights.plots import trend_svg
    from orchestrator_core.weights.trends import slot_trends, trends_of

    ledger = open_ledger()
    state, context, slot = ledger.state(), context_of(ledger, arguments), arguments.slot
    seen = state.observations
    drawn = trend_svg(trends_of(seen, context, slot) if slot else slot_trends(seen, context), slot or "slots")
    if not drawn:
        tell_unknown(state, context, slot)
        return 1
    return written(arguments.file, drawn)


def tell_unknown(state: State, context: str, slot: str | None) -> None:
    """Of a slot of which nothing was seen, or of all: what is known in its place, or how to begin."""
    from orchestrator_core.weights.observation import context_words

    whose = f"{slot or 'any wildcard'}, {context_words(context)}"
    slots, contexts = state.slots(context), state.contexts()
    if slots:
        more = f"Known are: {', '.join(slots)}."
    elif contexts:
        known = "; ".join(context_words(each) for each in contexts)
        more = f"Images were seen of: {known}. Choose with --profiles, --genre and --checkpoint."
    else:
        more = HOW_TO_BEGIN
    remark(f"Nothing was learned of {whose} yet. {more}")


def written(file: str, text: str) -> int:
    Path(file).write_text(text, encoding="utf-8")
    say(f"Wrote {file}.")
    return 0
