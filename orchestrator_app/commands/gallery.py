"""``orchestrator gallery``: all images in one place, found by words, and marked.

Those of your runs are in it at once; of other programs those in the folders that you add. Files are never changed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands import gallery_outside, gallery_serve
from orchestrator_app.commands.arguments import description, whole
from orchestrator_app.commands.gallery_opening import QUERY, action, add_taught, marking_in, opened
from orchestrator_app.console import problem, remark, say, table

if TYPE_CHECKING:
    from orchestrator_core.gallery.model import GalleryImage, Marked

SCHEMA_VERSION = 1
_LONGEST = 60  # characters of a prompt in a list


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="find and mark images", description=description(__doc__))
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    gallery_serve.add_to(actions)
    action(actions, "folders", folders, "the folders that are looked through")
    action(actions, "add", add, "look through a folder from now on").add_argument("folder", type=Path, metavar="FOLDER")
    action(actions, "remove", remove, "look through it no more; marks stay").add_argument("folder", metavar="FOLDER")
    add_taught(action(actions, "index", index, "read what is new or changed in the folders"))
    _add_finding(actions)
    _add_marking(actions)
    gallery_outside.add_to(actions)


def _add_finding(actions: Any) -> None:
    found = action(actions, "search", search, "images, the newest first")
    found.add_argument("query", nargs="?", default="", metavar="QUERY", help=QUERY)
    found.add_argument("-n", "--limit", type=whole, default=20, metavar="N", help="how many (%(default)s)")
    found.add_argument("--after", default="", metavar="PAGE", help="the next page, as the one before says")
    shown = action(actions, "show", show, "all that is known of an image")
    shown.add_argument("image", metavar="IMAGE", help="its number, or the SHA-256 of its content")
    for parser in (found, shown):
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
    counted = action(actions, "facets", facets, "models, LoRAs, values, … of the images found, and how often")
    counted.add_argument("query", nargs="?", default="", metavar="QUERY", help=QUERY)


def _add_marking(actions: Any) -> None:
    marked = action(actions, "mark", mark, "say what you think of images; that teaches, as orchestrator mark does")
    marked.add_argument("image", nargs="+", metavar="IMAGE", help="its number, or the SHA-256 of its content")
    for name in ("favourite", "reject"):
        marked.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=None)
    marked.add_argument("--rating", type=int, choices=range(6), metavar="STARS", help="1 to 5; 0 takes them away")
    add_taught(marked)
    add_taught(action(actions, "undo", undo, "take the last mark back"))
    out = action(actions, "export", export, "all marks, as a JSON line for each image")
    out.add_argument("file", nargs="?", default="-", metavar="FILE", help="- is standard output")
    taken = action(actions, "import", import_marks, "set the marks of a file of JSON lines; bad lines are told")
    taken.add_argument("file", metavar="FILE", help="- is standard input")
    add_taught(taken)


# folders


def folders(arguments: argparse.Namespace) -> int:
    with opened(arguments) as gallery:
        roots = gallery.roots()
    for root in roots:
        say(root)
    if not roots:
        remark("None yet. Add one: orchestrator gallery add FOLDER")
    return 0


def add(arguments: argparse.Namespace) -> int:
    with opened(arguments) as gallery:
        say(gallery.add_root(arguments.folder))
    remark("Read what is in it: orchestrator gallery index")
    return 0


def remove(arguments: argparse.Namespace) -> int:
    with opened(arguments) as gallery:
        gallery.remove_root(arguments.folder)
    return 0


def index(arguments: argparse.Namespace) -> int:
    """Exit status 1 where a folder could not be read."""
    from orchestrator_app.progress_bar import going_on, progress_bar

    with marking_in(arguments) as marking:
        with going_on("What was read is kept"), progress_bar("images") as report:
            found = marking.gallery.index(report=report)
        total, taught = marking.gallery.count(), marking.teach_waiting()
    say(f"{found.read:,} read, {found.broken:,} of them broken; {found.gone:,} gone; {total:,} in the gallery")
    _learned(taught)
    for path in found.unsettled:
        remark(f"{path} seems to be written still: it is read the next time.")
    for root in found.offline:
        problem("offline", f"{root} is not there, so what was in it is kept as it was.")
    for folder, why in found.problems:
        problem("unreadable", f"{folder}: {why}")
    return int(bool(found.offline or found.problems))


# finding


def search(arguments: argparse.Namespace) -> int:
    with opened(arguments) as gallery:
        page = gallery.page(arguments.query, arguments.limit, arguments.after)
        total = gallery.count(arguments.query)
    if arguments.json:
        for image in page.images:
            say(json.dumps(image_json(image), ensure_ascii=False))
    elif page.images:
        table(
            ("number", "made", "marks", "score", "prompt", "file"), [_row(image) for image in page.images], right=(0, 3)
        )
    remark(f"{total:,} found")
    if page.after:
        remark(f"The next page: --after {page.after}")
    return 0


def _row(image: GalleryImage) -> tuple[str, ...]:
    prompt = " ".join((image.broken or image.prompt).split())
    short = prompt if len(prompt) <= _LONGEST else prompt[: _LONGEST - 1] + "…"
    score = "" if image.score is None else f"{image.score:.2f}"
    return str(image.id), _time(image.made_ms)[:16], _marks(image), score, short, image.name


def _marks(image: GalleryImage) -> str:
    told = ["♥"] * image.favourite + ["✗"] * image.reject + ["★" * image.rating] * bool(image.rating)
    return " ".join(told)


def image_json(image: GalleryImage) -> dict[str, Any]:
    """All of it, with times as people write them."""
    data = asdict(image)
    times = {name: _time(data.pop(f"{name}_ms")) for name in ("made", "added")}
    return {"schema_version": SCHEMA_VERSION} | data | times


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000).astimezone().isoformat(sep=" ", timespec="seconds") if ms else ""


def show(arguments: argparse.Namespace) -> int:
    with opened(arguments) as gallery:
        image = gallery.image(_name(arguments.image))
        terms = gallery.terms(image.id)
    if arguments.json:
        say(json.dumps(image_json(image) | {"terms": terms}, ensure_ascii=False))
        return 0
    rows = [(name, str(value)) for name, value in image_json(image).items() if value not in ("", None, False, 0, {})]
    table(("what", "value"), [*rows, *((kind, name) for kind, name in terms if kind in ("lora", "wildcard"))], wraps=1)
    return 0


def _name(text: str) -> int | str:
    return int(text) if text.isdecimal() and len(text) < 16 else text.lower()


def facets(arguments: argparse.Namespace) -> int:
    with opened(arguments) as gallery:
        found = gallery.facets(arguments.query)
    rows = [(kind, name, f"{number:,}") for kind, names in found.names.items() for name, number in names]
    rows += [("mark", name, f"{number:,}") for name, number in found.marks.items() if number]
    table(("kind", "name", "images"), rows, right=(2,))
    remark(f"{found.total:,} found")
    return 0


# marking


def mark(arguments: argparse.Namespace) -> int:
    given = {name: getattr(arguments, name) for name in ("favourite", "reject", "rating")}
    fields = {name: value for name, value in given.items() if value is not None}
    if not fields:
        problem("error", "Say which mark: --favourite, --reject, --rating STARS, or --no-favourite, --no-reject.")
        return 2
    with marking_in(arguments) as marking:
        images = [marking.gallery.image(_name(name)) for name in arguments.image]
        _tell(marking.mark_all([image.id for image in images], fields))
    return 0


def undo(arguments: argparse.Namespace) -> int:
    with marking_in(arguments) as marking:
        _tell(marking.undo())
    return 0


def _tell(done: Marked) -> None:
    for image in done.images:
        say(f"{image.id} {image.name}: {_marks(image) or 'no mark'}")
    _learned(done.taught)


def _learned(count: int) -> None:
    if count:
        remark(f"Learned for {count:,} value{'s' * (count != 1)}.")


def export(arguments: argparse.Namespace) -> int:
    from orchestrator_core.gallery.exchange import exported

    with marking_in(arguments) as marking:
        lines = exported(marking)
        if arguments.file == "-":
            for line in lines:
                say(line)
            return 0
        with Path(arguments.file).open("w", encoding="utf-8") as file:
            count = sum(1 for line in lines if file.write(line + "\n"))
    remark(f"{count:,} images with marks written to {arguments.file}")
    return 0


def import_marks(arguments: argparse.Namespace) -> int:
    """Exit status 1 where a line was not taken."""
    from orchestrator_core.gallery.exchange import imported

    with marking_in(arguments) as marking:
        if arguments.file == "-":
            done = imported(marking, sys.stdin)
        else:
            with Path(arguments.file).open(encoding="utf-8-sig", errors="replace") as file:
                done = imported(marking, file)
        taught = marking.teach_waiting()
    say(f"{done.changed:,} images marked, {done.same:,} were so already")
    if done.waiting:
        remark(f"{done.waiting:,} of them nobody has seen yet: their marks wait for them, and teach when they come.")
    _learned(taught)
    for told in done.problems:
        problem("line", told)
    return int(bool(done.problems))
