"""``orchestrator gallery serve``: the gallery's page, for this machine's browsers.

The folders of the gallery are looked through and watched meanwhile. On this machine alone unless --host says otherwise;
then only who has the token may look. docs/gallery.md says more.
"""

from __future__ import annotations

import argparse
import socket
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import add_address, description
from orchestrator_app.commands.worker import add_database, add_work, using_database
from orchestrator_app.console import remark, say

if TYPE_CHECKING:
    from orchestrator_core.api.access import Access
    from orchestrator_core.api.place import ApiPlace

PORT = 7872


def add_to(actions: Any, name: str = "serve") -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help="the page in a browser; plain 'orchestrator gallery' is the same", description=description(__doc__)
    )
    add_database(parser)
    add_address(parser, PORT)
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    add_work(parser)
    parser.set_defaults(run=run)
    return parser


def with_action(words: Sequence[str]) -> list[str]:
    """``gallery`` and ``gallery --open`` as ``gallery serve --open``."""
    first, action = [*words, "", ""][:2]
    is_plain = first == "gallery" and (not action or action.startswith("-")) and action not in ("-h", "--help")
    return ["gallery", "serve", *words[1:]] if is_plain else list(words)


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C. Raises ConfigError."""
    from orchestrator_app.commands.serve import access_for
    from orchestrator_app.gallery_flask import check_installed
    from orchestrator_app.serve_http import listen
    from orchestrator_app.serve_place import opened_place

    check_installed()
    access = access_for(arguments.host, arguments.name)
    with using_database(arguments), opened_place(arguments) as place, listen(arguments.host, arguments.port) as there:
        if place.keeper is not None:
            place.keeper.ensure()
        _serve(place, access, there, arguments.open)
    return 0


def _serve(place: ApiPlace, access: Access, listening: socket.socket, is_opened: bool) -> None:
    from orchestrator_app.gallery_flask import FlaskApi
    from orchestrator_app.serve_http import address_of
    from orchestrator_app.serve_waitress import WaitressServer
    from orchestrator_core.api.service import Api
    from orchestrator_core.api.wire import PREFIX

    server = WaitressServer(FlaskApi(Api(place, access)), listening)
    page = f"{address_of(listening)}{PREFIX}/app/"
    say(f"The gallery is at {page}")
    remark("The page asks for the token." if access.token else "Browsers of this machine need no token.")
    remark("Ctrl-C ends it.")
    if is_opened:
        webbrowser.open(page)
    with suppress(KeyboardInterrupt):  # the way in which it ends
        server.run()
