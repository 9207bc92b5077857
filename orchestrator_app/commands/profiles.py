"""``orchestrator profiles``: which characters, settings, styles and genres there are, what is in them, and new ones."""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import add_profile_folder, add_wildcards, description
from orchestrator_app.console import heading, problem, remark, say, short, table, width

if TYPE_CHECKING:
    from orchestrator_core.profiles.library import ProfileLibrary
    from orchestrator_core.profiles.model import Profile

KINDS = ("character", "setting", "style", "genre", "mixed")
_LABEL = 18  # columns
_SHORT = 90  # characters of what a list says of each


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="list, show, check and import profiles", description=description(__doc__))
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listed = _action(actions, "list", list_all, "all profiles")
    listed.add_argument("--kind", choices=KINDS, help="only these")
    listed.add_argument("--json", action="store_true", help="one JSON object a line")
    shown = _action(actions, "show", show, "all that a profile says, with what it inherits; or several as one")
    shown.add_argument("names", metavar="NAME", help='its name; several are combined: "mira, harbor, ink"')
    shown.add_argument("--genre", default="", metavar="NAME", help="with this genre")
    shown.add_argument("--json", action="store_true", help="one JSON object")
    checked = _action(actions, "check", check, "what is wrong in the files; exit status 1 if anything is")
    add_wildcards(checked)
    taken = _action(actions, "import", import_, "a character card, a lorebook or a styles file, as a new file")
    taken.add_argument(
        "file", metavar="FILE", help="a card (.png, .json, .charx), a lorebook (.json), a profile, styles (.csv, .json)"
    )
    taken.add_argument("--name", default="", metavar="NAME", help="what to call it (default: its own name)")
    taken.add_argument("--into", metavar="FOLDER", help="default: your own profiles, in the data folder")
    schema = actions.add_parser("schema", help="the JSON Schema of a profile, for editors")
    schema.set_defaults(run=print_schema)


def _action(actions: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    add_profile_folder(parser)
    parser.set_defaults(run=function)
    return parser


def _opened(arguments: argparse.Namespace) -> ProfileLibrary:
    from orchestrator_app.folders import open_profiles

    return open_profiles(arguments.profile_folder)


# list


def list_all(arguments: argparse.Namespace) -> int:
    library = _opened(arguments)
    found = library.all(arguments.kind)
    if arguments.json:
        for profile in found:
            say(json.dumps(_as_json(library, profile), ensure_ascii=False))
        return 0
    table(("name", "kind", "what it is"), [(p.key, p.kind, _summary(p)) for p in found], wraps=2)
    folders = ", ".join(f"{short(folder)}{'' if folder.is_dir() else ' (not there yet)'}" for folder in library.folders)
    remark(f"\n{_number(len(found))} in {folders}")
    for told in library.problems:
        problem("warning", told.message)
    return 0


def _number(profiles: int) -> str:
    return f"{profiles:,} profile{'' if profiles == 1 else 's'}"


def _summary(profile: Profile) -> str:
    text = profile.description or profile.template or ", ".join((*profile.appearance_tags, *profile.style))
    return textwrap.shorten(text, _SHORT, placeholder=" …")


def _as_json(library: ProfileLibrary, profile: Profile) -> dict[str, Any]:
    from orchestrator_core.profiles.importing import as_mapping

    path = {} if profile.parts else {"file": str(library.path_of(profile.key))}
    return {"key": profile.key, **path, **as_mapping(profile)}


# show


def show(arguments: argparse.Namespace) -> int:
    library = _opened(arguments)
    profile = library.combined(arguments.names, arguments.genre)
    if arguments.json:
        say(json.dumps(_as_json(library, profile), ensure_ascii=False))
        return 0
    heading(f"{profile.name} ({profile.kind})")
    for member in profile.members:
        _line("file", short(library.path_of(member.key)), whole=True)
    for label, text in _lines(profile):
        _line(label, text)
    for found in library.chosen(arguments.names, arguments.genre).problems:
        problem("warning", found.message)
    return 0


def _lines(profile: Profile) -> list[tuple[str, str]]:
    return [
        ("extends", ", ".join(profile.extends)),
        ("description", profile.description),
        ("personality", profile.personality),
        ("scenario", profile.scenario),
        ("setting", profile.setting),
        ("backstory", profile.backstory),
        ("in every prompt", ", ".join((*profile.required, *profile.appearance_tags, *profile.style))),
        ("negative", ", ".join(profile.negative)),
        ("forbidden", ", ".join(profile.forbidden)),
        ("template", profile.template),
        ("subject", profile.subject),
        ("wildcard weights", "\n".join(f"{key} × {weight:g}" for key, weight in profile.wildcard_weights.items())),
        ("LoRAs", "\n".join(_lora(lora) for lora in profile.loras)),
        ("family", profile.family),
        ("lore", ", ".join(_lore(entry) for entry in profile.lore)),
        ("a story begins", "\n".join(f"{name}: {value}" for name, value in profile.state.items())),
        ("kept for others", ", ".join((*profile.extensions, *(["character card"] if profile.card_raw else [])))),
    ]


def _lora(lora: Any) -> str:
    strength = "" if lora.strength is None else f" at {lora.strength:g}"
    how = "never" if lora.is_unwanted else "always" if lora.required else f"× {lora.weight:g}"
    return f"{lora.name}{strength}: {how}"


def _lore(entry: Any) -> str:
    return entry if isinstance(entry, str) else str(entry.get("name") or entry.get("comment") or entry.get("keys"))


def _line(label: str, text: str, *, whole: bool = False) -> None:
    room = 10**6 if whole else max(20, width() - _LABEL - 4)
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, room) or [""]]
    for number, line in enumerate(lines):
        say(f"  {label if number == 0 else '':<{_LABEL}}{line}".rstrip())


# check


def check(arguments: argparse.Namespace) -> int:
    from orchestrator_app.folders import open_wildcards
    from orchestrator_core.profiles.checking import check_profiles

    library = _opened(arguments)
    found = check_profiles(library, open_wildcards(arguments.wildcards))
    for told in found:
        heading(short(told.path))
        say(f"    {told.message}")
    say(f"{len(found):,} problem{'' if len(found) == 1 else 's'}" if found else "Nothing is wrong.")
    return 1 if found else 0


# import and schema


def import_(arguments: argparse.Namespace) -> int:
    from orchestrator_app.folders import own_profiles
    from orchestrator_core.profiles.importing import import_file

    folder = Path(arguments.into).expanduser() if arguments.into else own_profiles()
    taken = import_file(Path(arguments.file).expanduser(), folder, arguments.name)
    for text in taken.problems:
        problem("warning", text)
    say(f"{_number(len(taken.profiles))}: {short(taken.path)}")
    return 0


def print_schema(arguments: argparse.Namespace) -> int:
    from orchestrator_core.profiles.schema import json_schema

    say(json.dumps(json_schema(), indent=2))
    return 0
