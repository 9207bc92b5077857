"""``orchestrator stories``: what happened in your stories, how they stand, and how to change or undo it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import description, whole
from orchestrator_app.console import heading, remark, say, table

if TYPE_CHECKING:
    from orchestrator_core.memory.change import Change
    from orchestrator_core.memory.story import Scene, Story

_FIELDS = ("who", "where", "when", "mood", "outfit", "fact")
_OPS = ("set", "add", "remove", "clear")
_LONGEST = 90  # characters of a scene's prompt in the list of scenes
_STEPS = 12  # of the log that are shown


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="list, show, edit and undo stories", description=description(__doc__))
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listed = _action(actions, "list", list_all, "all stories, that which was told last first", named=False)
    listed.add_argument("--json", action="store_true", help="one JSON object a line")
    shown = _action(actions, "show", show, "how it stands, its scenes, and the last changes")
    shown.add_argument("--json", action="store_true", help="one JSON object, with everything that is known")
    _add_making(actions)
    _add_editing(actions)


def _add_making(actions: Any) -> None:
    made = _action(actions, "new", new, "begin one with profiles and lore books of your choice")
    used = _action(actions, "use", use, "tell it with other profiles or books from now on")
    for parser in (made, used):
        parser.add_argument("--profiles", metavar="NAMES", help='of profiles, separated by commas, as "mira, harbor"')
        parser.add_argument("--books", metavar="NAMES", help="of lore books, separated by commas")
    renamed = _action(actions, "rename", rename, "give it another name")
    renamed.add_argument("new_name", metavar="NEW")
    deleted = _action(actions, "delete", delete, "forget its scenes and its state; runs and images stay")
    deleted.add_argument("--yes", action="store_true", help="do it; without, it is only said what would go")


def _add_editing(actions: Any) -> None:
    changed = _action(actions, "change", change, "say how it stands: who, where, when, mood, outfit, fact")
    changed.add_argument("field", choices=_FIELDS)
    changed.add_argument("value", nargs="?", default="", metavar="VALUE")
    changed.add_argument("--of", default="", metavar="PERSON", help="whose outfit or fact it is")
    changed.add_argument("--op", choices=_OPS, help="default: set; of a fact add")
    _action(actions, "undo", undo, "take back the last change, or all that the last scene changed")
    _action(actions, "redo", redo, "do again what was undone last")
    for name, function, text in (
        ("leave-out", leave_out, "a scene did not happen: what it changed does not count"),
        ("take-in", take_in, "it did happen after all"),
    ):
        _action(actions, name, function, text).add_argument("scene", type=whole, metavar="SCENE", help="its number")


def _action(actions: Any, name: str, function: Any, text: str, named: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text[:1].upper() + text[1:])
    if named:
        parser.add_argument("name", metavar="NAME", help="of the story")
    parser.set_defaults(run=function)
    return parser


def _stories() -> Any:
    from orchestrator_app.storytelling import open_stories

    return open_stories()


def _found(name: str) -> Story:
    from orchestrator_core.errors import StoryError

    story: Story | None = _stories().find(name)
    if story is None:
        raise StoryError(f"There is no story {name!r}. orchestrator stories list shows those that there are.")
    return story


def _names(text: str | None) -> list[str]:
    from orchestrator_core.memory.plain import names_in

    return names_in(text or "")


# looking


def list_all(arguments: argparse.Namespace) -> int:
    found = _stories().list()
    if arguments.json:
        for brief in found:
            say(json.dumps(asdict(brief), ensure_ascii=False))
        return 0
    if not found:
        remark('There are no stories yet. Begin one with: orchestrator run "TEMPLATE" --story NAME')
        return 0
    rows = [(one.name, f"{one.scenes:,}", ", ".join(one.profiles), ", ".join(one.books)) for one in found]
    table(("name", "scenes", "profiles", "books"), rows, right=(1,))
    return 0


def show(arguments: argparse.Namespace) -> int:
    story = _found(arguments.name)
    if arguments.json:
        say(json.dumps(_as_json(story), ensure_ascii=False))
        return 0
    from orchestrator_core.memory.background import state_text

    heading(story.name)
    for head, names in (("Profiles: ", story.profiles), ("Books: ", story.books)):
        if names:
            say(head + ", ".join(names))
    say(state_text(story.state) or "Nothing is known yet of who is where.")
    if story.scenes:
        say()
        table(("scene", "what", "prompt"), [_scene_row(scene) for scene in story.scenes], right=(0,), wraps=2)
    _show_log(story)
    return 0


def _scene_row(scene: Scene) -> tuple[str, str, str]:
    what = "left out" if scene.is_left_out else scene.action.replace("_", " ")
    words = scene.words or scene.prompt
    return str(scene.number), what, words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _show_log(story: Story) -> None:
    if not story.log:
        return
    say()
    rows = [
        (str(one.step), one.change.source, "" if one.status == "active" else one.status, str(one.change))
        for one in story.log[-_STEPS:]
    ]
    table(("step", "by", "", "change"), rows, right=(0,), wraps=3)
    if len(story.log) > _STEPS:
        remark(f"and {len(story.log) - _STEPS:,} before (--json shows all)")


def _as_json(story: Story) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": story.name,
        "profiles": story.profiles,
        "books": story.books,
        "state": asdict(story.state),
        "scenes": [_scene_json(scene) for scene in story.scenes],
        "log": [
            {"number": one.number, "step": one.step, "status": one.status, "scene": one.change.scene}
            | one.change.as_json()
            for one in story.log
        ],
    }


def _scene_json(scene: Scene) -> dict[str, Any]:
    names = ("number", "run_id", "action", "words", "prompt", "tags", "seed", "lore", "is_left_out")
    return {name: getattr(scene, name) for name in names} | {
        "time": datetime.fromtimestamp(scene.time_ms / 1000).astimezone().isoformat(timespec="seconds"),
        "images": [str(image.path) for image in scene.images],
        "scores": [asdict(score) for score in scene.scores],
    }


# making


def new(arguments: argparse.Namespace) -> int:
    story = _stories().create(arguments.name, _names(arguments.profiles), _names(arguments.books))
    remark(f'Go on with it by: orchestrator run "TEMPLATE" --story "{story.name}"')
    return 0


def use(arguments: argparse.Namespace) -> int:
    profiles, books = arguments.profiles, arguments.books
    _stories().use(
        arguments.name,
        None if profiles is None else _names(profiles),
        None if books is None else _names(books),
    )
    return 0


def rename(arguments: argparse.Namespace) -> int:
    _stories().rename(arguments.name, arguments.new_name)
    return 0


def delete(arguments: argparse.Namespace) -> int:
    story = _found(arguments.name)
    if not arguments.yes:
        held = f"{len(story.scenes):,} scenes and {len(story.log):,} changes"
        remark(f"{story.name}: {held} would go. Add --yes to do it.")
        return 1
    _stories().delete(arguments.name)
    return 0


# editing


def change(arguments: argparse.Namespace) -> int:
    from orchestrator_core.memory.change import Change

    _found(arguments.name)
    op: Any = arguments.op or ("add" if arguments.field == "fact" else "set")
    return _say_state(_stories().change(arguments.name, [Change(op, arguments.field, arguments.of, arguments.value)]))


def undo(arguments: argparse.Namespace) -> int:
    return _say_changes("undone", _stories().undo(arguments.name))


def redo(arguments: argparse.Namespace) -> int:
    return _say_changes("done again", _stories().redo(arguments.name))


def leave_out(arguments: argparse.Namespace) -> int:
    return _say_state(_stories().leave_out(arguments.name, arguments.scene))


def take_in(arguments: argparse.Namespace) -> int:
    return _say_state(_stories().leave_out(arguments.name, arguments.scene, is_left_out=False))


def _say_state(story: Story) -> int:
    from orchestrator_core.memory.background import state_text

    say(state_text(story.state) or "Nothing is known yet of who is where.")
    return 0


def _say_changes(what: str, changes: tuple[Change, ...]) -> int:
    if not changes:
        remark(f"Nothing can be {what}.")
        return 1
    for one in changes:
        say(f"{what}: {one}")
    return 0
