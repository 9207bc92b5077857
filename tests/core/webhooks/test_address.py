"""Where webhooks may go: only what a person allowed, and never where only this machine can go."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import WebhookError
from orchestrator_core.webhooks.address import addresses, allowed, allowed_by, destination

NAMED, UNNAMED = "http://hooks.test:80/", "http://hooks.test/"


def resolving(*found: str) -> Any:
    def resolve(_host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found
        ]

    return resolve


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks",
        "ftp://example.org/",
        "file:///etc/passwd",
        "https:///hooks",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://[::1/",
        "https://user@example.org/",
        "https://user:secret-word@example.org/",
        "https://example.org/a b",
        "https://example.org/\r\nX-Evil: 1",
        "https://example.org\\@evil.test/",
        "https://example.org/#x",
        "https://example.org/hooks/../admin",
        "https://example.org/hooks/%2e%2E/admin",
        "https://example.org/hooks/.",
        "https://example.org/" + "a" * 2000,
        "https://" + "a" * 70 + ".org/",
        "https://exa\u3002\u3002mple.org/",
    ],
)
def test_what_is_no_address_is_refused_and_no_password_is_shown(url: str) -> None:
    with pytest.raises(WebhookError) as refused:
        destination(url)
    assert "secret-word" not in str(refused.value)


@given(st.text(max_size=60))
def test_whatever_is_given_is_an_address_or_an_error_for_a_person(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.org/{text}"):
        try:
            found = destination(url)
        except WebhookError:
            continue
        assert found.url.isascii()
        assert destination(found.url).url == found.url


@pytest.mark.parametrize(
    ("entry", "url", "may"),
    [
        ("https://example.org/hooks/", "https://example.org/hooks/done", True),
        ("https://example.org/hooks/", "https://example.org/hooks/?a=/../b", True),
        ("https://example.org/hooks", "https://example.org/hooks", True),
        ("https://example.org/hooks", "https://example.org/hooks/done?x=1", True),
        ("example.org", "https://EXAMPLE.org./done", True),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example/x", True),
        ("https://example.org:443/", "https://example.org/x", True),
        ("https://example.org/hooks", "https://example.org/hooks-of-others", False),
        ("https://example.org/hooks/", "https://example.org/", False),
        ("example.org", "http://example.org/", False),
        ("example.org", "https://example.org:8443/", False),
        ("example.org", "https://example.org.evil.test/", False),
        ("example.org", "https://www.example.org/", False),
    ],
)
def test_an_entry_allows_what_lies_below_it_and_nothing_else(entry: str, url: str, may: bool) -> None:
    assert allowed(entry).holds(destination(url)) is may


def test_what_is_not_allowed_says_what_to_type() -> None:
    with pytest.raises(WebhookError, match=r"orchestrator webhooks allow https://example\.org/done$"):
        allowed_by("https://example.org/done?token=secret", ["https://example.com/"])


def test_a_query_cannot_be_allowed() -> None:
    with pytest.raises(WebhookError, match="query"):
        allowed("https://example.org/?a=1")


NEVER = (
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "224.0.0.1",
    "ff02::1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "255.255.255.255",
    "240.0.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "fec0::1",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "::ffff:0:169.254.169.254",
    "2002:a9fe:a9fe::1",
)
PRIVATE = (
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "10.1.2.3",
    "192.168.1.1",
    "172.16.0.1",
    "100.64.0.1",
    "fd12::1",
    "::ffff:10.0.0.1",
)


@pytest.mark.parametrize("address", NEVER)
def test_no_entry_allows_what_only_the_machine_itself_may_ask(address: str) -> None:
    with pytest.raises(WebhookError, match="where no webhook may go"):
        addresses(*allowed_by("http://hooks.test/", [NAMED]), resolving(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_allowed_only_where_its_port_was_named(address: str) -> None:
    with pytest.raises(WebhookError, match=r"not on the public internet.*allow http://hooks\.test:80/"):
        addresses(*allowed_by("http://hooks.test/x", [UNNAMED]), resolving(address))
    assert [one for _, one in addresses(*allowed_by("http://hooks.test/x", [UNNAMED, NAMED]), resolving(address))] == [
        address
    ]


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    with pytest.raises(WebhookError, match=r"127\.0\.0\.1"):
        addresses(*allowed_by("http://hooks.test/", [UNNAMED]), resolving("93.184.215.14", "127.0.0.1"))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::6810:84e5"])
def test_the_public_internet_needs_no_port(address: str) -> None:
    assert [one for _, one in addresses(*allowed_by("http://hooks.test/", [UNNAMED]), resolving(address))] == [address]


@pytest.mark.network
@pytest.mark.parametrize("host", ["169.254.169.254", "0xA9FEA9FE", "2852039166", "[::ffff:a9fe:a9fe]"])
def test_the_metadata_service_cannot_be_reached_however_it_is_written(host: str) -> None:
    to, by = allowed_by(f"http://{host}:80/latest", [f"http://{host}:80/"])
    with pytest.raises(WebhookError, match=r"169\.254\.169\.254|a9fe:a9fe"):
        addresses(to, by)
