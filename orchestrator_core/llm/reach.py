"""Which servers may be asked: this machine, its own network, and the hosts that the person has allowed by name.

A prompt is a person's own text, so nothing is sent elsewhere unasked. A name is judged by the address that it leads to
at the moment of the call, after connecting and before anything is sent: one that leads elsewhere later gains nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from orchestrator_core.errors import LanguageModelError
from orchestrator_core.http_client import HttpClient

HOSTS_VARIABLE = "ORCHESTRATOR_LLM_HOSTS"
# Those of RFC 1918 and RFC 4193. ``is_private`` means more: also 169.254.169.254, where clouds keep their secrets.
_NEAR = tuple(ipaddress.ip_network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own."""
    parsed = _parsed(address)
    return parsed is not None and parsed.is_loopback


def is_near(address: str) -> bool:
    """Whether an IP address is of this machine or of a private network."""
    parsed = _parsed(address)
    if parsed is None:
        return False
    return parsed.is_loopback or any(parsed in network for network in _NEAR if network.version == parsed.version)


def hosts_in(text: str) -> frozenset[str]:
    """Host names as people list them: separated by commas or white space."""
    return frozenset(name.lower() for name in text.replace(",", " ").split())


class Reach:
    """What may be asked. ``allowed``: names of hosts, as they stand in the URL."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = hosts_in(" ".join(allowed))

    def check(self, place: HttpClient, address: str) -> None:
        """Raises LanguageModelError ("refused") where ``place``, which leads to this IP address, may not be asked."""
        if self._is_allowed(place) or is_near(address):
            return
        raise LanguageModelError(
            f"{place.host} ({address}) is neither this machine nor in its own network, so nothing was sent to it. "
            f"To allow it, add {place.host} to {HOSTS_VARIABLE}, or to the allowed hosts in the settings.",
            "refused",
        )

    def trusts(self, place: HttpClient, address: str) -> bool:
        """Whether a key may be sent there: to this machine, and encrypted to a host that is allowed."""
        return is_loopback(address) or (self._is_allowed(place) and (place.secure or is_near(address)))

    def _is_allowed(self, place: HttpClient) -> bool:
        return place.host.lower() in self._allowed


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return mapped or parsed
