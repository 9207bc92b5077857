"""The cookie of a session: what it is made of, and which of those that a browser sends are heard."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import urlsplit

from orchestrator_core.api.wire import Head

_LABEL = b"orchestrator session 1"
_ASKING = frozenset({"GET", "HEAD"})
_SEPARATOR = re.compile("[;,]")  # a server that got several headers joins them by commas


def cookie_of(secret: str) -> str:
    """What stands for a token or a login. Neither can be had from it."""
    return hmac.new(secret.encode("utf-8", "replace"), _LABEL, hashlib.sha256).hexdigest()


def cookies_in(head: Head) -> list[str]:
    """Those of this API that are sent along and may be heard.

    A browser of today says with every change which page wants it; who does not say is not heard by a cookie.
    """
    if head.method not in _ASKING and "origin" not in head.headers:
        return []
    pairs = (part.strip().partition("=") for part in _SEPARATOR.split(head.headers.get("cookie", "")))
    return [value for name, _, value in pairs if name == cookie_name(head)]


def cookie_name(head: Head) -> str:
    """Browsers send a host's cookies to all of its ports, where other servers of ours have other logins."""
    try:
        port = urlsplit("//" + head.headers.get("host", "")).port
    except ValueError:
        port = None
    return f"orchestrator_{port}" if port else "orchestrator"
