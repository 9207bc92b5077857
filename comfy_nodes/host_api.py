"""ComfyUI's server as the API needs it: the rest of host.py, and beside it the only file that names its modules."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from comfy.cli_args import args
from server import PromptServer

from .api_bridge import ApiBridge


def add_api(prefix: str, bridge: ApiBridge) -> None:
    """Everything below ``prefix``, which ComfyUI serves below /api as well."""

    async def answer(request: web.Request) -> web.StreamResponse:
        found, file = await bridge.answer(request), None
        if found.file is not None:
            found, file = await bridge.opened(found)
        headers = {"Content-Type": found.content_type, **found.headers}
        if file is None and found.stream is None:
            return web.Response(body=found.body, status=found.status, headers=headers)
        response = web.StreamResponse(status=found.status, headers=headers)
        if file is not None:
            await bridge.send(found, file, _Listener(request, response))
        elif found.stream is not None:
            await bridge.follow(found.stream, _Listener(request, response))
        return response

    PromptServer.instance.routes.route("*", prefix + "{path:(/.*)?}")(answer)


@dataclass(frozen=True, slots=True)
class _Listener:
    """Whoever asked for a stream of events."""

    request: web.Request
    response: web.StreamResponse

    async def begin(self) -> None:
        await self.response.prepare(self.request)

    async def send(self, piece: bytes) -> None:
        await self.response.write(piece)

    def is_gone(self) -> bool:
        return self.request.transport is None or self.request.transport.is_closing()


def listens_on() -> tuple[str, ...]:
    """The addresses that the server was told to listen on."""
    return tuple(address.strip() for address in str(args.listen).split(","))
