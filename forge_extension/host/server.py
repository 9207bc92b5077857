"""The host's web server: its application, whom it lets in, and from where it can be reached."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from modules import initialize_util, script_callbacks, shared
from modules.shared_cmd_options import cmd_opts


def hook_application(change: Callable[[Any], None]) -> None:
    """``change`` gets the application each time that the host made one: at its start, and at each "Reload UI"."""
    script_callbacks.on_app_started(lambda _, application: change(application))


def logins() -> frozenset[str]:
    """Each "name:password" that the person set for the host's pages and for its API; empty where anybody may use it.

    Raises OSError for a file of logins that cannot be read.
    """
    pages = [":".join(pair) for pair in initialize_util.get_gradio_auth_creds()]
    programs = [text.strip() for text in (getattr(cmd_opts, "api_auth", None) or "").split(",")]
    return frozenset(login for login in (*pages, *programs) if ":" in login)


def listens_on() -> str:
    """The address that the host listens on."""
    if name := initialize_util.gradio_server_name():
        return str(name)
    if getattr(cmd_opts, "nowebui", False):  # its server gets no address then, and takes all of them
        return "0.0.0.0"
    return os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"  # what gradio goes by


def is_tunnelled() -> bool:
    """Whether it can be reached from anywhere, through somebody's server: --share and --ngrok."""
    return any(getattr(cmd_opts, name, None) for name in ("share", "ngrok"))


def own_url() -> str:
    """As programs on this machine reach the host; known once it answers."""
    port = getattr(shared.demo, "server_port", None) or cmd_opts.port
    scheme = "https" if getattr(cmd_opts, "tls_keyfile", None) else "http"
    return f"{scheme}://127.0.0.1:{port or (7861 if getattr(cmd_opts, 'nowebui', False) else 7860)}"
