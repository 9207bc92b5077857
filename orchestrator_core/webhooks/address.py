"""Where a webhook may go: addresses as people write them, the list of those that are allowed, and what they lead to.

A program that is told addresses by others must not be led to what only it can reach: the address must be on the list,
and what its name resolves to is looked at when the connection is made (``sending.py``), not before.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_core.errors import WebhookError

LONGEST = 2000  # characters
PORTS = {"http": 80, "https": 443}
Resolve = Callable[..., Sequence[Any]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What no list can allow: services that give a machine's own credentials to whatever asks from that machine.
_METADATA = frozenset({"100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_TRANSLATED = ipaddress.ip_network("::ffff:0:0:0/96")  # IPv4 in IPv6 for a translator, RFC 2765
_COMPATIBLE = ipaddress.ip_network("::/96")  # IPv4 in IPv6, as it once was written
_LOCAL_NAT64 = ipaddress.ip_network(
    "64:ff9b:1::/48"
)  # RFC 8215: where in it the IPv4 address is, only its network knows
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")  # reaches the machine itself on some systems
_DOTS = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9._-]+")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\\s]")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What goes to an address, in the words of messages."""

    noun: str
    never: str
    example: str
    allowing: str  # the command that lets it go somewhere


WEBHOOK = Purpose("webhook", "where no webhook may go", "https://example.org/hooks/done", "orchestrator webhooks allow")


@dataclass(frozen=True, slots=True)
class Destination:
    """``named_port``: the port was written out, as it must be in the list for what is not on the public internet."""

    scheme: str
    host: str  # lower case, ASCII
    port: int
    path: str  # with the query
    named_port: bool

    @property
    def place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.place}{self.path}"


def destination(url: str, purpose: Purpose = WEBHOOK) -> Destination:
    """Raises WebhookError for what is no address that a webhook can have."""
    of, no_address = f"An address of a {purpose.noun}", f"{_shown(url)} is no address; write it as {purpose.example}."
    if len(url) > LONGEST:
        raise WebhookError(f"{of} has at most {LONGEST:,} characters; this one has {len(url):,}.")
    if _UNSAFE.search(url):
        raise WebhookError(f"{_shown(url)} has spaces, control characters or backslashes, and is no address.")
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = _ascii(parts.hostname or ""), parts.port
    except ValueError:
        raise WebhookError(no_address) from None
    if parts.scheme not in PORTS or not host or port == 0:
        raise WebhookError(no_address)
    if parts.username is not None or parts.password is not None:
        raise WebhookError(f"{of} has no user and no password: what is sent is signed instead.")
    if parts.fragment or _DOTS.search(parts.path):
        raise WebhookError(f"{_shown(url)} has a # or a step like /../ in it; write the address that it means.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(
        parts.scheme, host, port or PORTS[parts.scheme], urllib.parse.quote(path, safe=_KEPT), port is not None
    )


_KEPT = "%/:?#[]@!$&'()*+,;=~"  # of a path and query; other characters are written as %XX


def _ascii(host: str) -> str:
    """As names are looked up. Raises ValueError."""
    host = host.lower().rstrip(".")
    host = host if host.isascii() else host.encode("idna").decode("ascii")
    host.encode("idna")  # no part is empty or too long
    if ":" in host:
        return str(ipaddress.IPv6Address(host.partition("%")[0]))
    if host and not _HOST.fullmatch(host):
        raise ValueError(host)
    return host


def _shown(url: str) -> str:
    """Without what may be a password."""
    return repr(re.sub(r"//[^/]*@", "//***@", url[:100]))


@dataclass(frozen=True, slots=True)
class Allowed:
    """A part of the web that may be sent to: a host with its port, and all below a path."""

    to: Destination
    purpose: Purpose = WEBHOOK

    @property
    def text(self) -> str:
        """As a person wrote it: with its port, where that was named."""
        if self.to.named_port and self.to.port == PORTS[self.to.scheme]:
            return f"{self.to.scheme}://{self.to.place}:{self.to.port}{self.to.path}"
        return self.to.url

    def holds(self, other: Destination) -> bool:
        to = self.to
        if (to.scheme, to.host, to.port) != (other.scheme, other.host, other.port):
            return False
        path, prefix = other.path.partition("?")[0], to.path
        return path == prefix or path.startswith(prefix if prefix.endswith("/") else prefix + "/")


def allowed(text: str) -> Allowed:
    """``https://example.org/hooks/``, or ``example.org`` for all of it by https. Raises WebhookError."""
    to = destination(text if "://" in text else f"https://{text}")
    if "?" in to.path:
        raise WebhookError(f"{_shown(text)} has a query. Allow the path before the question mark.")
    return Allowed(to)


def allowed_by(url: str, entries: Iterable[str]) -> tuple[Destination, Allowed]:
    """Where it leads, and which entry of the list allows it: of several, one that names its port.

    Raises WebhookError where none does.
    """
    to = destination(url)
    holding = [one for one in map(allowed, entries) if one.holds(to)]
    if not holding:
        raise WebhookError(
            f"{to.scheme}://{to.place} is not among the addresses that webhooks may have. Who runs this queue can "
            f"allow it with: orchestrator webhooks allow {to.url.partition('?')[0]}"
        )
    return to, max(holding, key=lambda one: one.to.named_port)


def addresses(to: Destination, by: Allowed, resolve: Resolve | None = None) -> list[tuple[socket.AddressFamily, str]]:
    """What its name leads to now, each looked at. Raises WebhookError where one may not be; OSError for no answer.

    ``resolve`` is ``socket.getaddrinfo``, or a test's.
    """
    found = (resolve or socket.getaddrinfo)(to.host, to.port, type=socket.SOCK_STREAM)
    every: list[tuple[socket.AddressFamily, str]] = [(family, str(place[0])) for family, _, _, _, place in found]
    for _, text in every:
        _check(ipaddress.ip_address(text), to, by)
    return list(dict.fromkeys(every))


def _check(address: Address, to: Destination, by: Allowed) -> None:
    real = _unwrapped(address)
    if _is_never(real):
        raise WebhookError(f"{to.host} leads to {address}, {by.purpose.never}.")
    if not real.is_global and not by.to.named_port:
        raise WebhookError(
            f"{to.host} leads to {address}, which is not on the public internet. To allow that, name the port: "
            f"{by.purpose.allowing} {to.scheme}://{_bracketed(to.host)}:{to.port}/"
        )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_never(address: Address) -> bool:
    return (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or getattr(address, "is_site_local", False)
        or str(address) in _METADATA
        or address in _LOCAL_NAT64
        or (address.version == 4 and (address.is_reserved or address in _THIS_NETWORK))
    )


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.teredo is not None:
        return address.teredo[1]
    inner = address.ipv4_mapped or address.sixtofour
    is_ipv4 = address in _NAT64 or address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1)
    if inner is None and is_ipv4:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or _without_zone(address)


def _without_zone(address: ipaddress.IPv6Address) -> ipaddress.IPv6Address:
    return ipaddress.IPv6Address(int(address))
