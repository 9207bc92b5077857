"""``orchestrator learn``: what was learned from scores and marks, what it makes of the odds, and how to undo it.

Nothing is learned until it is switched on. SLOT is the name of a wildcard, as colors/warm; VALUE a key, as
colors/warm#crimson.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands import learn_tables
from orchestrator_app.commands.arguments import description, whole
from orchestrator_app.commands.learn_tables import context_of
from orchestrator_app.console import heading, remark, say, table
from orchestrator_app.learning import open_ledger

if TYPE_CHECKING:
    from orchestrator_core.weights.learner import State
    from orchestrator_core.weights.ledger import Ledger
    from orchestrator_core.weights.odds import Odds

_MOVES = 40


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="show and change what was learned", description=description(__doc__))
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _action(actions, "status", status, "whether anything is learned, and of what")
    shown = _in_context(_action(actions, "odds", show_odds, "the values of a slot, and what was learned of them"))
    shown.add_argument("slot", nargs="?", metavar="SLOT", help="default: all slots")
    _add_settings(actions)
    _add_moments(actions)
    _add_files(actions)
    _add_tables(actions)


def _add_settings(actions: Any) -> None:
    _setting(actions, "on", {"what": "switch", "value": True}, "learn from now on")
    _setting(actions, "off", {"what": "switch", "value": False}, "learn nothing, and draw by the odds as written")
    for mode, text in (("careful", "move odds only where values surely differ"), ("fast", "move them at once")):
        _setting(actions, mode, {"what": "mode", "value": mode}, text)
    for direction, text in (("prefer", "what scores well is drawn more often"), ("report", "scores move nothing")):
        _setting(actions, direction, {"what": "direction", "value": direction}, text, "slot")
    _setting(actions, "slot-off", {"what": "slot", "value": False}, "let nothing move in a slot", "slot")
    _setting(actions, "slot-on", {"what": "slot", "value": True}, "let its odds move again", "slot")
    pinned = _setting(actions, "pin", {"what": "pin"}, "give a value's odds a multiplier that stays", "key")
    pinned.add_argument("value", type=float, metavar="TIMES")
    _setting(actions, "unpin", {"what": "unpin"}, "let them move again", "key")
    _setting(actions, "value-off", {"what": "value", "value": False}, "never draw a value", "key")
    _setting(actions, "value-on", {"what": "value", "value": True}, "draw it again", "key")


def _add_moments(actions: Any) -> None:
    forgot = _action(actions, "reset", reset, "forget what was seen of a slot; what you set stays")
    forgot.add_argument("slot", nargs="?", default="", metavar="SLOT", help="default: of all")
    back = _action(actions, "undo", undo, "go back to an earlier moment; this can be undone too")
    back.add_argument("number", nargs="?", type=whole, metavar="NUMBER", help="default: before the last change")
    for parser in (forgot, back):
        _in_context(parser).add_argument("--dry-run", action="store_true", help="only show how the odds would move")
    _action(actions, "history", history, "what happened, the newest first").add_argument(
        "--count", type=whole, default=30, help="default: %(default)s"
    )


def _add_files(actions: Any) -> None:
    out = _action(actions, "export", export, "write what was learned into a file (JSON)")
    into = _action(actions, "import", take_in, "add what was learned elsewhere; what is there already counts once")
    into.add_argument(
        "--wildcards", action="append", default=[], metavar="FOLDER", help="leave out values that this folder has not"
    )
    for parser in (out, into):
        parser.add_argument("file", metavar="FILE")


def _add_tables(actions: Any) -> None:
    _in_context(_action(actions, "pairs", learn_tables.pairs, "values that do better or worse together than alone"))
    _action(actions, "effect", learn_tables.effect, "how far images are fulfilled, before and by learned odds")
    table = _action(actions, "csv", learn_tables.csv, "write a table for a spreadsheet")
    table.add_argument(
        "--of", choices=learn_tables.NAMES, default="scores", help="of what (default: %(default)s, all observations)"
    )
    drawn = _in_context(_action(actions, "plot", learn_tables.plot, "draw how the values of a slot fared (SVG)"))
    drawn.add_argument("slot", nargs="?", default="", metavar="SLOT", help="default: a line for each slot")
    for parser in (table, drawn):
        parser.add_argument("file", metavar="FILE")


def _action(actions: Any, name: str, function: Callable[[argparse.Namespace], int], text: str) -> Any:
    parser = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=function)
    return parser


def _setting(actions: Any, name: str, change: Mapping[str, Any], text: str, of: str = "") -> Any:
    parser = _action(actions, name, lambda arguments: _set(arguments, change, of), text)
    if of:
        parser.add_argument("name", metavar="SLOT" if of == "slot" else "VALUE")
    _in_context(parser).add_argument("--dry-run", action="store_true", help="only show how the odds would move")
    return parser


def _in_context(parser: Any) -> Any:
    parser.add_argument("--profiles", default="", metavar="NAMES", help="for prompts with these profiles")
    parser.add_argument("--genre", default="", metavar="NAME", help="and of this genre")
    parser.add_argument("--checkpoint", default="", metavar="NAME", help="and rendered by models of its family")
    return parser


def status(arguments: argparse.Namespace) -> int:
    from orchestrator_core.weights.observation import context_words

    state = open_ledger().state()
    mode = f"on ({state.settings.mode})" if state.settings.on else "off; switch it on with: orchestrator learn on"
    say(f"Learning is {mode}.")
    say(f"Moment {state.number}: {len(list(state.observations))} observations of {len(state.images)} images.")
    for context in state.contexts():
        slots = (f"{slot} ({_direction(state, slot)})" for slot in state.slots(context))
        say(f"  {context_words(context)}: {', '.join(slots)}")
    if not state.images:
        remark(learn_tables.HOW_TO_BEGIN)
    return 0


def _direction(state: State, slot: str) -> str:
    if slot in state.settings.off_slots:
        return "off"
    return f"{state.settings.direction(slot)}s"


def show_odds(arguments: argparse.Namespace) -> int:
    """Exit status 1 where nothing is known of the slot."""
    from orchestrator_core.weights.observation import probability, value_of
    from orchestrator_core.weights.odds import slot_odds

    state, context = open_ledger().state(), context_of(open_ledger(), arguments)
    slots = [slot for slot in state.slots(context) if arguments.slot in (None, slot)]
    if not slots:
        learn_tables.tell_unknown(state, context, arguments.slot)
        return 1
    for slot in slots:
        found = slot_odds(state, context, slot)
        heading(f"{slot}  {found.why}")
        rows = [
            (value_of(each.key), f"{each.multiplier:.2f}×", f"{each.n:g}", f"{probability(each.mean):.0%}",
             f"{probability(each.low):.0%}–{probability(each.high):.0%}", f"{each.best:.0%}", each.why)
            for each in found.values
        ]  # fmt: skip
        table(("value", "odds", "images", "fulfilled", "90 %", "best", ""), rows, right=(1, 2, 3, 5))
    return 0


def _set(arguments: argparse.Namespace, change: Mapping[str, Any], of: str) -> int:
    full = {"slot": "", "key": "", "value": getattr(arguments, "value", None), **change}
    if of:
        full[of] = arguments.name
    if arguments.dry_run:
        return _shown(arguments, full)
    ledger = open_ledger()
    number = ledger.change(full["what"], slot=full["slot"], key=full["key"], value=full["value"])
    if of == "slot" and arguments.name not in _seen_slots(ledger.state()):
        remark(f"No image was seen of {arguments.name} yet; this holds from the first one on.")
    return _done(ledger, number)


def _seen_slots(state: State) -> set[str]:
    return {slot for context in state.contexts() for slot in state.slots(context)}


def _shown(arguments: argparse.Namespace, change: Mapping[str, Any]) -> int:
    before, after = open_ledger().preview(context_of(open_ledger(), arguments), change)
    moves = _moves(before, after)
    for key, old, new in moves[:_MOVES]:
        say(f"{key}: {old:.2f}× → {new:.2f}×")
    if len(moves) > _MOVES:
        say(f"and {len(moves) - _MOVES} more")
    if not moves:
        say("No odds would move.")
    return 0


def _moves(before: Odds, after: Odds) -> list[tuple[str, float, float]]:
    keys = sorted({*before.multipliers, *after.multipliers})
    pairs = [(key, before.multipliers.get(key, 1.0), after.multipliers.get(key, 1.0)) for key in keys]
    return sorted((move for move in pairs if abs(move[1] - move[2]) > 0.005), key=lambda move: -abs(move[1] - move[2]))


def _done(ledger: Ledger, number: int) -> int:
    words = next((each.words for each in ledger.history(1)), "nothing changed")
    say(f"Moment {number}: {words}.")
    return 0


def reset(arguments: argparse.Namespace) -> int:
    if arguments.dry_run:
        return _shown(arguments, {"what": "reset", "slot": arguments.slot})
    ledger = open_ledger()
    return _done(ledger, ledger.reset(arguments.slot))


def undo(arguments: argparse.Namespace) -> int:
    ledger = open_ledger()
    if arguments.dry_run:
        to = ledger.number - 1 if arguments.number is None else arguments.number
        return _shown(arguments, {"what": "undo", "to": to})
    return _done(ledger, ledger.undo(arguments.number))


def history(arguments: argparse.Namespace) -> int:
    for each in open_ledger().history(arguments.count):
        when = datetime.fromtimestamp(each.at_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")
        say(f"{each.number:>6}  {when}  {each.words}{'  (undone)' if each.undone else ''}")
    return 0


def export(arguments: argparse.Namespace) -> int:
    from orchestrator_core.weights.exchange import exported

    return learn_tables.written(arguments.file, exported(open_ledger().state()))


def take_in(arguments: argparse.Namespace) -> int:
    from orchestrator_app.folders import open_wildcards
    from orchestrator_core.weights.exchange import fitting, imported, keys_in, read_export

    file = Path(arguments.file)
    observations = imported(read_export(file))
    if arguments.wildcards:  # which others a host has is not known here
        found = fitting(observations, keys_in(open_wildcards(arguments.wildcards)))
        observations = found.observations
        for each in found.remarks:
            remark(each)
    ledger = open_ledger()
    before = ledger.number
    number = ledger.observe(observations, "import", f"import of {file.name}")
    if number == before:
        say(f"Moment {number}: nothing of {file.name} is new.")
        return 0
    return _done(ledger, number)
