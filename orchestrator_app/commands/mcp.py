"""``orchestrator mcp``: a server of the Model Context Protocol on standard input and output, for assistants.

An assistant starts it by itself: docs/mcp.md says what to write into its settings. It draws prompts, adds jobs and
looks at images, by the same API as all other programs. With --generator it also runs the jobs.
"""

from __future__ import annotations

import argparse
from typing import Any

from orchestrator_app.commands.arguments import description
from orchestrator_app.commands.worker import add_database, add_work, using_database


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="a server for assistants (MCP)", description=description(__doc__))
    add_database(parser)
    add_work(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serves until standard input ends. Raises ConfigError where the SDK is not installed."""
    from orchestrator_app.mcp_stdio import check_installed

    check_installed()
    from orchestrator_app.mcp_calling import Caller
    from orchestrator_app.mcp_stdio import only_the_protocol, serve
    from orchestrator_app.serve_place import opened_place
    from orchestrator_core.api.access import Access
    from orchestrator_core.api.service import Api

    with only_the_protocol() as out, using_database(arguments), opened_place(arguments) as place:
        serve(Caller(Api(place, Access())), out)
    return 0
