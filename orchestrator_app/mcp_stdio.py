"""The MCP server on standard input and output, by the official SDK: its first version, or its second.

Nothing but the protocol may stand on standard output, so whatever else is printed there goes to standard error.
"""

from __future__ import annotations

import io
import os
import queue
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator_app.mcp_calling import Caller, Result
from orchestrator_app.mcp_tools import INSTRUCTIONS, TOOLS, Tool
from orchestrator_core import __version__
from orchestrator_core.errors import ConfigError

NAME = "orchestrator"
NOT_INSTALLED = (
    "The MCP server needs the package mcp: pip install 'sd-orchestrator[mcp]', or pip install 'mcp>=1.2,<3'."
)


def check_installed() -> None:
    """Raises ConfigError."""
    try:
        import mcp  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name == "mcp":
            raise ConfigError(NOT_INSTALLED) from None
        raise ConfigError(
            f"The package mcp lacks {error.name}. Install it again: pip install -U 'mcp>=1.2,<3'."
        ) from None
    except ImportError as error:  # an old one beside a newer pydantic
        raise ConfigError(f"The package mcp cannot be used here ({error}). Update it: pip install -U mcp.") from None


def serve(caller: Caller, out: io.TextIOWrapper) -> None:
    """Until standard input ends. ``out`` is what ``only_the_protocol`` gave."""
    import anyio

    try:
        anyio.run(_serve, caller, out)
    finally:
        caller.closing.set()


async def _serve(caller: Caller, out: io.TextIOWrapper) -> None:
    import anyio
    from mcp.server.stdio import stdio_server

    server: Any = _server(caller)
    lines: Any = _Lines(sys.stdin)
    async with stdio_server(lines, anyio.wrap_file(out)) as (read, write):
        await server.run(read, write, server.create_initialization_options())


def _server(caller: Caller) -> Any:
    from mcp import types
    from mcp.server.lowlevel import Server

    if hasattr(Server, "call_tool"):
        server = Server(NAME, **_first_version_takes(Server))
        _register_first(server, caller, types)
        return server

    async def list_tools(_: Any, __: Any) -> Any:
        return types.ListToolsResult(tools=_listed(types))

    async def call_tool(_: Any, asked: Any) -> Any:
        return types.CallToolResult.model_validate(await _called(caller, asked.name, asked.arguments))

    return Server(
        NAME, version=__version__, instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )


def _first_version_takes(server: Any) -> dict[str, Any]:
    """Its earliest releases know no version of a server."""
    import inspect

    known = inspect.signature(server.__init__).parameters
    given = {"version": __version__, "instructions": INSTRUCTIONS}
    return {name: value for name, value in given.items() if name in known}


def _register_first(server: Any, caller: Caller, types: Any) -> None:
    """Without its decorators, which would check arguments by themselves and in other words."""

    async def list_tools(_: Any) -> Any:
        return types.ServerResult(types.ListToolsResult(tools=_listed(types)))

    async def call_tool(asked: Any) -> Any:
        found = await _called(caller, asked.params.name, asked.params.arguments)
        return types.ServerResult(types.CallToolResult.model_validate(found))

    server.request_handlers[types.ListToolsRequest] = list_tools
    server.request_handlers[types.CallToolRequest] = call_tool


def _listed(types: Any) -> list[Any]:
    return [types.Tool.model_validate(_told(tool)) for tool in TOOLS.values()]


def _told(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.schema,
        "annotations": tool.hints,
    }


async def _called(caller: Caller, name: str, arguments: Any) -> dict[str, Any]:
    """In a thread. A call that the client cancels is left to end by itself."""
    from functools import partial

    import anyio.to_thread

    call = partial(caller.call, name, arguments or {})
    result: Result = await anyio.to_thread.run_sync(call, abandon_on_cancel=True)
    return result.as_json


class _Lines:
    """Lines of a stream, read in a thread that ends with the process: one that waits for a line would hold it up."""

    def __init__(self, stream: Any) -> None:
        self._stream = io.TextIOWrapper(stream.buffer, encoding="utf-8", errors="replace")
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    async def __aiter__(self) -> AsyncIterator[str]:
        import asyncio

        loop, came = asyncio.get_running_loop(), asyncio.Event()
        threading.Thread(target=self._read, args=(loop, came), name="mcp-lines", daemon=True).start()
        while True:
            await came.wait()
            came.clear()
            while not self._lines.empty():
                line = self._lines.get()
                if line is None:
                    return
                yield line

    def _read(self, loop: Any, came: Any) -> None:
        ended = False
        while not ended:
            try:
                line = self._stream.readline()
            except (OSError, ValueError):
                line = ""
            ended = not line
            self._lines.put(line or None)
            try:
                loop.call_soon_threadsafe(came.set)
            except RuntimeError:  # the loop is closed: nobody reads any more
                return


@contextmanager
def only_the_protocol() -> Iterator[io.TextIOWrapper]:
    """What is really standard output; until the end, file 1 is standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    before, sys.stdout = sys.stdout, sys.stderr
    try:
        yield io.TextIOWrapper(os.fdopen(kept, "wb", closefd=False), encoding="utf-8", newline="\n")
    finally:
        sys.stdout = before
        os.dup2(kept, 1)
        os.close(kept)
