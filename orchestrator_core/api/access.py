"""Who may ask: a token off the loopback, the names under which this server is reached, and no foreign web page.

A page that a browser shows can send requests to any address, also to this machine's own; what it cannot do is choose
the Host, Origin and Sec-Fetch-Site headers that go with them.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from orchestrator_core.api.cookies import cookie_of, cookies_in
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.wire import Head

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_PROXIED = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded")
_OWN_SITES = ("same-origin", "none")


@dataclass(frozen=True, slots=True)
class Access:
    """``token``: "" for none. ``logins``: each "name:password" that will do as well, of a server that has some.
    ``is_open``: the server listens on more than the loopback.

    ``hosts``: names, beside the loopback's, under which it may be reached; of an open server any address in numbers
    will do as well, as no foreign name can lead to it.
    """

    token: str = field(default="", repr=False)
    is_open: bool = False
    hosts: frozenset[str] = frozenset()
    logins: frozenset[str] = field(default=frozenset(), repr=False)

    def check(self, head: Head) -> None:
        """Raises Refusal: 403 for a foreign name or page, 401 without the token."""
        self.check_host(head)
        _check_page(head.headers)
        self._check_token(head)

    def check_page_file(self, head: Head) -> None:
        """Of what is no secret: that it is asked for under a name of ours, and no foreign page is made of it.

        To follow a link that leads here is allowed from anywhere. Raises Refusal.
        """
        self.check_host(head)
        if head.headers.get("sec-fetch-mode", "").lower() != "navigate" or _is_framed(head):
            _check_page(head.headers)

    def check_host(self, head: Head) -> None:
        name = host_name(head.headers.get("host", ""))
        if is_loopback(name) or (name and name in {known.lower() for known in self.hosts}):
            return
        if self.is_open and is_address(name):
            return
        raise Refusal(
            403, "host_refused", f"This server does not answer under the name {name[:100]!r}. Add it to its host names."
        )

    def _check_token(self, head: Head) -> None:
        off_loopback = self.is_open or not is_loopback(head.client) or any(name in head.headers for name in _PROXIED)
        if not self.token and not self.logins:
            if off_loopback:
                raise Refusal(
                    403,
                    "token_needed",
                    "From other machines this API answers only with a token, and none is set here. "
                    "Make one with: orchestrator serve --new-token",
                )
            return
        given = head.headers.get("authorization", "")
        if self.secret_in(given) is None and (given or not self._has_cookie(head)):
            wrong = "The login, or the token, is wrong." if self.logins else "The token is wrong."
            said = wrong if given else f"{self._needed} is needed."
            raise Refusal(401, "unauthorized", said, headers={"WWW-Authenticate": self._challenge(head)})

    def secret_in(self, authorization: str) -> str | None:
        """The token or the login that was given, if it is right."""
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return self.token if self.token and is_same(given.strip(), self.token) else None
        if scheme.lower() == "basic":
            login = _decoded(given.strip())
            right = [known for known in self.logins if is_same(login, known)]  # all of them: it takes as long for each
            return right[0] if right else None
        return None

    def _has_cookie(self, head: Head) -> bool:
        given = cookies_in(head)
        secrets = [secret for secret in (self.token, *self.logins) if secret] if given else []
        return sum(is_same(one, cookie_of(secret)) for one in given[:3] for secret in secrets) > 0

    @property
    def _needed(self) -> str:
        if not self.logins:
            return "A token (Authorization: Bearer TOKEN)"
        return "This server's login (Authorization: Basic …), or the token (Bearer TOKEN),"

    def _challenge(self, head: Head) -> str:
        """A browser would ask for a login in a window of its own, and the page does so: it is told otherwise."""
        basic = "X-Basic" if head.headers.get("user-agent", "").startswith("Mozilla/") else "Basic"
        return 'Bearer realm="orchestrator"' + (f', {basic} realm="orchestrator"' if self.logins else "")


def is_same(given: str, secret: str) -> bool:
    """In the same time, whatever is given."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode("utf-8", "replace"))


def _decoded(given: str) -> str:
    try:
        return b64decode(given, validate=True).decode()
    except ValueError:  # also of what is no UTF-8
        return ""


def _is_framed(head: Head) -> bool:
    return head.headers.get("sec-fetch-dest", "").lower() != "document"


def _check_page(headers: Mapping[str, str]) -> None:
    """Programs send neither header, the server's own pages send its own name."""
    origin = headers.get("origin")
    is_foreign = origin is not None and not is_same_origin(origin.lower(), headers.get("host", "").lower())
    if is_foreign or headers.get("sec-fetch-site", "same-origin").lower() not in _OWN_SITES:
        raise Refusal(
            403, "origin_refused", f"No other web page may ask this, and {(origin or 'this one')[:100]} is one."
        )


def is_same_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:  # as of "http://["
        return False
    port = _DEFAULT_PORTS.get(parts.scheme)
    return port is not None and parts.netloc.removesuffix(port) == host.removesuffix(port) != ""


def host_name(host: str) -> str:
    """Without its port and brackets, in lower case; "" for what is no name."""
    try:
        return (urlsplit(f"//{host.strip()}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Of a name or an address; "" is none."""
    if name.lower() in ("localhost", "ip6-localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)
