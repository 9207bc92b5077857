"""A cookie stands for the token or the login that it was made of, for the server's own pages, until that changes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_core.api.access import Access
from orchestrator_core.api.service import Api
from tests.core.api.api_place import Asker, asking

HOST = "localhost:8188"
LOGIN = "anna:pässword"
OWN = {"host": HOST, "origin": f"http://{HOST}"}


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Asker]:
    with asking(tmp_path) as found:
        yield found


def guarded(plain: Asker, access: Access) -> Asker:
    return Asker(Api(plain.api.place, access))


def basic(login: str) -> str:
    return "Basic " + b64encode(login.encode()).decode()


def cookie_for(ask: Asker, authorization: str) -> str:
    answer = ask("POST", "/session", authorization=authorization, **OWN)
    assert (answer.status, answer.body) == (204, b"")
    cookie, *about = answer.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict"} <= set(about)
    return cookie


@pytest.mark.parametrize("authorization", ["Bearer secret", basic(LOGIN)])
def test_the_cookie_will_do_in_place_of_what_it_was_made_of(plain: Asker, authorization: str):
    ask = guarded(plain, Access("secret", logins=frozenset({LOGIN, "ben:b"})))
    cookie = cookie_for(ask, authorization)
    assert "secret" not in cookie
    assert ask("GET", "/health", host=HOST, cookie=f"theme=dark; {cookie}").status == 200
    assert ask("PUT", "/gallery/images/1/marks", {}, cookie=cookie, **OWN).status != 401
    assert ask.code("GET", "/health", host=HOST) == (401, "unauthorized")


def test_a_cookie_is_of_no_use_once_the_token_or_the_login_has_changed(plain: Asker):
    for old, new in (
        (Access("secret"), Access("other")),
        (Access("secret"), Access(logins=frozenset({LOGIN}))),
        (Access(logins=frozenset({LOGIN})), Access(logins=frozenset({"anna:new"}))),
    ):
        cookie = cookie_for(guarded(plain, old), basic(LOGIN) if old.logins else "Bearer secret")
        assert guarded(plain, old)("GET", "/health", host=HOST, cookie=cookie).status == 200
        assert guarded(plain, new).code("GET", "/health", host=HOST, cookie=cookie) == (401, "unauthorized")


def test_a_cookie_opens_nothing_to_a_foreign_page(plain: Asker):
    ask = guarded(plain, Access("secret"))
    cookie = cookie_for(ask, "Bearer secret")
    for foreign in (
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:7860"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site"},
    ):
        assert ask.code("GET", "/health", host=HOST, cookie=cookie, **foreign) == (403, "origin_refused")
    assert ask.code("POST", "/queue/pause", {}, host=HOST, cookie=cookie) == (401, "unauthorized"), "whose page is it?"


@pytest.mark.parametrize(
    "cookie", ["", "=", ";", "orchestrator_8188", "orchestrator_8188=", "orchestrator_8188=secret", "\udcff=\udcff"]
)
def test_what_is_no_cookie_of_ours_is_none(plain: Asker, cookie: str):
    ask = guarded(plain, Access("secret"))
    assert ask.code("GET", "/health", host=HOST, cookie=cookie) == (401, "unauthorized")


def test_each_port_has_a_cookie_of_its_own(plain: Asker):
    """A browser sends the cookies of a host to all servers of it."""
    one, other = guarded(plain, Access("secret")), guarded(plain, Access("other"))
    mine, others = cookie_for(one, "Bearer secret"), f"orchestrator_7860={'0' * 64}"
    assert one("GET", "/health", host=HOST, cookie=f"{others}; {mine}").status == 200
    assert other.code("GET", "/health", host=HOST, cookie=mine) == (401, "unauthorized")


def test_a_wrong_token_gets_no_cookie_even_with_one(plain: Asker):
    ask = guarded(plain, Access("secret"))
    cookie = cookie_for(ask, "Bearer secret")
    for given in ({}, {"authorization": "Bearer wrong"}):
        answer = ask("POST", "/session", cookie=cookie, **OWN, **given)
        assert (answer.status, "Set-Cookie" in answer.headers) == (401, False)


def test_where_nothing_is_asked_for_there_is_no_cookie(plain: Asker):
    answer = plain("POST", "/session", **OWN)
    assert (answer.status, "Set-Cookie" in answer.headers) == (204, False)


def test_the_browser_is_told_to_forget_it(plain: Asker):
    ask = guarded(plain, Access("secret"))
    answer = ask("DELETE", "/session", cookie=cookie_for(ask, "Bearer secret"), **OWN)
    assert (answer.status, "Max-Age=0" in answer.headers["Set-Cookie"]) == (204, True)


def test_a_browser_opens_no_window_of_its_own_to_ask_for_a_login(plain: Asker):
    ask = guarded(plain, Access(logins=frozenset({LOGIN})))
    for agent, scheme in (("Mozilla/5.0 (X11)", "X-Basic"), ("curl/8", "Basic")):
        challenge = ask("GET", "/health", host=HOST, user_agent=agent).headers["WWW-Authenticate"]
        assert challenge == f'Bearer realm="orchestrator", {scheme} realm="orchestrator"'


def test_over_https_the_cookie_goes_no_other_way(plain: Asker):
    ask = guarded(plain, Access("secret", hosts=frozenset({"render.example"})))
    own = {"host": "render.example", "origin": "https://render.example"}
    assert "Secure" in ask("POST", "/session", authorization="Bearer secret", **own).headers["Set-Cookie"]
