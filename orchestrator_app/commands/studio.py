"""``orchestrator studio``: the pages to generate, to run batches and to look at wildcards, in a browser.

They send prompts to a running ComfyUI, or to a Forge that was started with --api; the Config page has their addresses.
"""

from __future__ import annotations

import argparse
import inspect
import os
import time
import webbrowser
from pathlib import Path
from typing import Any

from orchestrator_app.commands.arguments import add_embedder, description, whole
from orchestrator_app.console import problem, remark, say

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="the pages in a browser", description=description(__doc__))
    parser.add_argument("--port", type=whole, metavar="N", help="default: 7870, or the next that is free")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="default: %(default)s, this machine only"
    )
    parser.add_argument("--open", action="store_true", help="open the pages in the browser")
    add_embedder(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C. Raises ConfigError where gradio is not installed, or the port is taken."""
    from orchestrator_app.studio.standalone import hang_api, launch_arguments, make_page, standalone_environment

    if arguments.host not in _LOOPBACK:
        problem("warning", f"whoever reaches {arguments.host} can use these pages: they have no login.")
    environment = standalone_environment(Path(arguments.embedder).expanduser() if arguments.embedder else None)
    page, look = make_page(environment)
    given = launch_arguments(arguments.host, free_port(arguments.host, arguments.port)) | look
    known = inspect.signature(page.launch).parameters
    page.queue().launch(**{name: value for name, value in given.items() if name in known})
    api = hang_api(page, environment, arguments.host)
    if environment.queue is not None:
        environment.queue.begin()
    say(f"The studio is at {page.local_url}")
    remark("Ctrl-C ends it.")
    if arguments.open:
        webbrowser.open(page.local_url)
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:  # the way in which it ends
        return 0
    finally:
        api.close()
        page.close(verbose=False)
        if environment.queue is not None:
            environment.queue.close()
        if environment.loras is not None:
            environment.loras.close()


def free_port(host: str, wanted: int | None) -> int:
    """The port that was asked for, or the first free one from 7870 on. Raises ConfigError."""
    import socket

    from orchestrator_app.studio.standalone import PORT
    from orchestrator_core.errors import ConfigError

    for port in [wanted] if wanted is not None else range(PORT, PORT + 20):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # elsewhere it means to take a port from whoever has it
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return int(probe.getsockname()[1])
            except OSError as error:
                reason = error.strerror or str(error)
    raise ConfigError(f"The studio cannot listen on {host}, port {port}: {reason}. Give another with --port.")
