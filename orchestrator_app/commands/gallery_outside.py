"""``orchestrator gallery outside``, ``post`` and ``iib``: galleries elsewhere. docs/outside.md has the whole.

Nothing is posted by itself, and nothing to an address that was not named here.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import whole
from orchestrator_app.commands.gallery_opening import QUERY, action, add_taught, marking_in, opened
from orchestrator_app.console import problem, remark, say, table

if TYPE_CHECKING:
    from orchestrator_core.gallery.service import Gallery
    from orchestrator_core.outside.iib import Iib

MOST = 50  # pictures that are posted unless --most says otherwise
_IIB_URL = "http://127.0.0.1:7860/infinite_image_browsing"


def add_to(actions: Any) -> None:
    _add_places(actions)
    posted = action(actions, "post", post, "post what a query finds to a place elsewhere")
    posted.add_argument("place", metavar="PLACE", help="as gallery outside list shows it")
    posted.add_argument("query", metavar="QUERY", help=QUERY)
    posted.add_argument("--most", type=whole, default=MOST, metavar="N", help="post none of more (%(default)s)")
    posted.add_argument("--again", action="store_true", help="also those that were posted there before")
    _add_iib(actions)


def _add_places(actions: Any) -> None:
    parser = actions.add_parser(
        "outside",
        help="places elsewhere that pictures may be posted to",
        description=__doc__.partition("\n")[2].strip(),
    )
    places = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    added = action(places, "add", add, "name a place, and show the secret that signs what it gets")
    added.add_argument("name", metavar="NAME")
    added.add_argument("url", metavar="URL", help="https://example.org/pictures; a port where it is in your network")
    added.add_argument("--secret", default="", metavar="SECRET", help="that the place gave you; - asks for it")
    action(places, "list", list_places, "the places, without their secrets")
    for name, function, text in (
        ("remove", remove, "forget it, and what was posted there"),
        ("check", check, "send it a message without a picture, and say what it answers"),
    ):
        action(places, name, function, text).add_argument("name", metavar="NAME")


def _add_iib(actions: Any) -> None:
    parser = actions.add_parser("iib", help="keep marks in step with infinite-image-browsing's tags")
    both = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    pushed = action(both, "push", push, "favourites and stars as its tags: like, ★★★★")
    pushed.add_argument("--mirror", action="store_true", help="take these tags from pictures that have no such mark")
    pulled = action(both, "pull", pull, "its tags like and ★★★★ as marks; that teaches")
    pulled.add_argument("--over", action="store_true", help="also where you set another mark here")
    add_taught(pulled)
    for one in (pushed, pulled):
        one.add_argument("query", nargs="?", default="", metavar="QUERY", help=QUERY)
        one.add_argument("--url", default=_IIB_URL, metavar="URL", help="%(default)s")
        one.add_argument("--secret", default="", metavar="KEY", help="its secret key; else that of IIB_SECRET_KEY")


# places


def add(arguments: argparse.Namespace) -> int:
    from orchestrator_core.outside.places import Places

    given = _typed() if arguments.secret == "-" else arguments.secret
    with opened(arguments) as gallery:
        place, secret = Places(gallery.store).add(arguments.name, arguments.url, given)
    remark(f"{place.name}: {place.url}")
    if not given:
        remark("What is posted there is signed with this secret, which is not shown again:")
        say(secret)
    return 0


def _typed() -> str:
    return (getpass.getpass("Secret: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()


def list_places(arguments: argparse.Namespace) -> int:
    from orchestrator_core.outside.places import Places

    with opened(arguments) as gallery:
        places = Places(gallery.store).all()
    if places:
        table(("place", "address"), [(place.name, place.url) for place in places], wraps=1)
    else:
        remark("None yet. Name one: orchestrator gallery outside add NAME https://example.org/pictures")
    return 0


def remove(arguments: argparse.Namespace) -> int:
    from orchestrator_core.outside.places import Places

    with opened(arguments) as gallery:
        say(f"removed: {Places(gallery.store).remove(arguments.name).url}")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Exit status 1 where it was not taken."""
    from orchestrator_core.outside.places import Places

    with opened(arguments) as gallery:
        outcome = Places(gallery.store).check(arguments.name)
    say(f"taken ({outcome.status})" if outcome.is_delivered else outcome.error)
    return 0 if outcome.is_delivered else 1


# posting


def post(arguments: argparse.Namespace) -> int:
    """Exit status 1 where a picture was not posted, 2 where they are more than --most."""
    from orchestrator_app.progress_bar import going_on, progress_bar
    from orchestrator_core.outside.places import Places
    from orchestrator_core.outside.posting import MOST_AT_ONCE, Poster

    with opened(arguments) as gallery:
        place = Places(gallery.store).open(arguments.place)
        found = gallery.count(arguments.query)
        most = min(arguments.most, MOST_AT_ONCE)
        if found > most:
            more = "ask for fewer" if arguments.most > most else "narrow the query, or say --most"
            problem("error", f"{found:,} found, and {most:,} are posted at most: {more}. Nothing was posted.")
            return 2
        remark(f"{found:,} found, for {place.name}")
        with going_on("What was posted is known"), progress_bar("pictures") as report:
            done = Poster(gallery).post(place.name, _ids(gallery, arguments.query, most), arguments.again, report)
    for one in done.failed:
        problem("failed", f"{one.image} {one.name}: {one.message}")
    told = f"{len(done.posted):,} posted, {len(done.before):,} there before"
    say(told + (f", {len(done.failed):,} failed" if done.failed else ""))
    return int(bool(done.failed))


def _ids(gallery: Gallery, query: str, most: int) -> list[int]:
    ids: list[int] = []
    after = ""
    while len(ids) < most:
        page = gallery.page(query, most - len(ids), after)
        ids += [image.id for image in page.images]
        after = page.after
        if not after:
            break
    return ids


# infinite-image-browsing


def push(arguments: argparse.Namespace) -> int:
    """Exit status 1 where a picture could not be tagged."""
    from orchestrator_app.progress_bar import going_on, progress_bar
    from orchestrator_core.outside.iib_marks import push as pushing

    with opened(arguments) as gallery, going_on("What was tagged stays"), progress_bar("pictures") as report:
        done = pushing(gallery, _iib(arguments), arguments.query, mirror=arguments.mirror, report=report)
    _tell("failed", done.failed)
    told = f"{done.changed:,} tagged, {done.same:,} were so already"
    say(told + (f", {len(done.failed):,} failed" if done.failed else ""))
    return int(bool(done.failed))


def pull(arguments: argparse.Namespace) -> int:
    from orchestrator_app.progress_bar import going_on, progress_bar
    from orchestrator_core.outside.iib_marks import pull as pulling

    with marking_in(arguments) as marking, going_on("What was marked stays"), progress_bar("pictures") as report:
        done = pulling(marking, _iib(arguments), arguments.query, over=arguments.over, report=report)
    _tell("kept", done.kept)
    say(f"{done.changed:,} marked, {done.same:,} were so already, {len(done.kept):,} kept as they are here")
    if done.taught:
        remark(f"Learned for {done.taught} value{'s' * (done.taught != 1)}.")
    return 0


def _iib(arguments: argparse.Namespace) -> Iib:
    from orchestrator_core.outside.iib import Iib

    return Iib(arguments.url, arguments.secret or os.environ.get("IIB_SECRET_KEY", ""))


def _tell(kind: str, found: Iterable[tuple[str, str]]) -> None:
    for name, why in found:
        problem(kind, f"{name}: {why}")
