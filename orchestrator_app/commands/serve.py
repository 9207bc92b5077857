"""``orchestrator serve``: the API, for any program: jobs, prompts, images, marks, profiles and pipelines.

On this machine alone unless --host says otherwise; then only who has the token may ask. docs/api.md describes it.
"""

from __future__ import annotations

import argparse
from typing import Any

from orchestrator_app.commands.arguments import add_address, description
from orchestrator_app.commands.worker import add_database, add_work, using_database
from orchestrator_app.console import remark, say
from orchestrator_core.errors import ConfigError

PORT = 7871


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="the API over HTTP, for other programs", description=description(__doc__))
    add_database(parser)
    add_address(parser, PORT)
    parser.add_argument("--new-token", action="store_true", help="make a token, in place of an old one, and end")
    add_work(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C. Raises ConfigError."""
    if arguments.new_token:
        return _make_token()
    from orchestrator_app.serve_http import address_of, listen, server_for
    from orchestrator_app.serve_place import opened_place
    from orchestrator_core.api.asgi import AsgiApp
    from orchestrator_core.api.service import Api
    from orchestrator_core.api.wire import PREFIX

    access = access_for(arguments.host, arguments.name)
    with using_database(arguments), opened_place(arguments) as place:
        app = AsgiApp(Api(place, access))
        server = server_for(app)
        with listen(arguments.host, arguments.port) as listening:
            say(f"The API is at {address_of(listening)}{PREFIX}")
            remark(f"The gallery is at {address_of(listening)}{PREFIX}/app/")
            remark("Whoever asks needs the token." if access.token else "Programs of this machine need no token.")
            remark("Ctrl-C ends it.")
            try:
                server.run(sockets=[listening])
            except KeyboardInterrupt:  # the way in which it ends
                pass
            finally:
                app.close()
    return 0


def access_for(host: str, names: list[str]) -> Any:
    """Raises ConfigError for an address that others reach, where there is no token."""
    from orchestrator_core.api.access import Access, is_loopback
    from orchestrator_core.api.token import read_token

    access = Access(read_token(), not is_loopback(host), frozenset(name.lower() for name in names))
    if access.is_open and not access.token:
        raise ConfigError(
            f"Other machines would reach {host}, so whoever asks must have a token, and there is none. Make one with: "
            "orchestrator serve --new-token"
        )
    return access


def _make_token() -> int:
    from orchestrator_core.api.token import new_token, token_file

    new_token()
    say(f"A new token is in {token_file()}, which only you can read.")
    remark(
        "Send it as the header  Authorization: Bearer TOKEN. An orchestrator serve that runs already takes it when "
        "it is started again; hosts take it at once."
    )
    return 0
