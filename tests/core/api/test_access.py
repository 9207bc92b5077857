"""Who may ask: by address, name, page and token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.api.access import Access, host_name, is_loopback, is_same_origin
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.wire import Head

TOKEN = "a-token-of-a-test-that-is-long"
RIGHT = {"authorization": f"Bearer {TOKEN}"}


def head(host: str = "127.0.0.1:7871", client: str = "127.0.0.1", **headers: str) -> Head:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Head("GET", "/health", {}, {"host": host, **given}, client)


def refused(access: Access, asked: Head) -> str:
    """The code of the refusal; "" where there is none."""
    try:
        access.check(asked)
    except Refusal as refusal:
        return refusal.code
    return ""


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.8.9.1:1", "[::1]:7871", "localhost."])
def test_this_machine_needs_no_token_under_its_own_names(host: str):
    assert refused(Access(), head(host)) == ""


@pytest.mark.parametrize("host", ["", "evil.example", "192.168.0.7", "0.0.0.0", "[", "localhost@evil.example", "[::1"])
def test_of_a_loopback_server_no_other_name_will_do(host: str):
    assert refused(Access(), head(host)) == "host_refused"


def test_an_open_server_answers_under_addresses_and_the_names_that_it_was_given():
    access = Access(TOKEN, is_open=True, hosts=frozenset({"render.local"}))
    for host in ("192.168.0.7:7871", "[fe80::1]:7871", "render.local", "Render.Local:80"):
        assert refused(access, head(host, "192.168.0.9", **RIGHT)) == ""
    assert refused(access, head("evil.example", "192.168.0.9", **RIGHT)) == "host_refused"


@pytest.mark.parametrize(
    ("access", "asked"),
    [
        (Access(), head(client="192.168.0.9")),
        (Access(), head(client="")),
        (Access(), head(x_forwarded_for="127.0.0.1")),
        (Access(), head(forwarded="for=10.0.0.1")),
        (Access(is_open=True), head()),
    ],
    ids=["another machine", "nobody knows who", "through a proxy", "through another proxy", "a server that is open"],
)
def test_without_a_token_only_this_machine_is_answered(access: Access, asked: Head):
    assert refused(access, asked) == "token_needed"


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer ünï"],
)
def test_where_there_is_a_token_it_is_needed_on_this_machine_too(given: str):
    headers = {"authorization": given} if given else {}
    with pytest.raises(Refusal) as caught:
        Access(TOKEN).check(head(**headers))
    assert caught.value.status == 401
    assert "Bearer" in caught.value.headers["WWW-Authenticate"]
    assert TOKEN not in str(caught.value)


def test_the_right_token_opens():
    assert refused(Access(TOKEN), head(**RIGHT)) == ""
    assert refused(Access(TOKEN), head(authorization=f"bearer   {TOKEN} ")) == ""


def test_the_right_token_opens_to_no_foreign_page():
    assert refused(Access(TOKEN), head(origin="https://evil.example", **RIGHT)) == "origin_refused"
    assert refused(Access(TOKEN), head(sec_fetch_site="cross-site", **RIGHT)) == "origin_refused"


def test_the_server_s_own_pages_are_answered():
    assert refused(Access(), head("localhost:7871", origin="http://localhost:7871")) == ""
    assert refused(Access(), head("localhost:80", origin="http://localhost", sec_fetch_site="same-origin")) == ""
    assert refused(Access(), head("localhost:7871", origin="http://localhost:8188")) == "origin_refused"
    assert refused(Access(), head("localhost:7871", origin="null")) == "origin_refused"


def test_a_token_is_in_no_text_of_it():
    assert TOKEN not in repr(Access(TOKEN))


@given(st.text())
def test_no_name_is_worse_than_refused(text: str):
    assert isinstance(host_name(text), str)
    assert is_loopback(text) in (True, False)
    assert is_same_origin(text, text) in (True, False)
    assert refused(Access(), head(text)) in ("", "host_refused")
