"""uvicorn around the API: an address to listen on, and an end that waits for no stream."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from orchestrator_app.lacking import install_line
from orchestrator_core.errors import ConfigError

if TYPE_CHECKING:
    from orchestrator_core.api.asgi import AsgiApp

GRACE_S = 3  # for what is under way when the server ends
UVICORN = "uvicorn>=0.23"  # the extra "serve" of pyproject.toml


def listen(host: str, port: int) -> socket.socket:
    """Raises ConfigError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    reason = "there is no such port"
    if port < 1 << 16:
        try:
            return socket.create_server((host, port), family=family)
        except OSError as error:
            reason = error.strerror or str(error)
    raise ConfigError(f"Nothing can listen on {host}, port {port}: {reason}. Give another with --port.")


def address_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_for(app: AsgiApp) -> Any:
    """A uvicorn.Server, whose ``run(sockets=[…])`` blocks. Raises ConfigError where uvicorn is not installed."""
    try:
        import uvicorn
    except ImportError:
        raise ConfigError(f"The API needs uvicorn. Install it with: {install_line(UVICORN)}") from None

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            app.end_streams()  # they would be waited for
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        # Who asks is who connected: headers that say otherwise are for the API to judge.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    return Server(config)
