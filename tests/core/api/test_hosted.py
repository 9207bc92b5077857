"""The API in a host's server: its logins, a token that is made while it runs, the names under which it is reached."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator_core.api.access import Access
from orchestrator_core.api.hosted import HostedApi
from orchestrator_core.api.place import ApiPlace
from orchestrator_core.api.token import new_token, read_token
from orchestrator_core.api.wire import Answer, Head
from orchestrator_core.context import StageContext
from orchestrator_core.errors import StoreError
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards

HERE, ELSEWHERE = "127.0.0.1", "192.168.0.7"


@contextmanager
def no_store() -> Iterator[Store]:
    raise StoreError("nobody comes so far")
    yield


def place() -> ApiPlace:
    return ApiPlace("test", no_store, lambda: StageContext(Wildcards()))


def asked(api: HostedApi, client: str = HERE, host: str = "localhost", **headers: str) -> tuple[int, str]:
    """(0 where it is let in, else the status; the code)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found = api.before(Head("GET", "/openapi.json", headers={"host": host, **named}, client=client))
    if not isinstance(found, Answer):
        return 0, ""
    return found.status, json.loads(found.body)["error"]["code"]


def basic(login: str) -> str:
    return "Basic " + b64encode(login.encode()).decode()


def test_whoever_set_a_login_does_not_find_the_api_open() -> None:
    api = HostedApi(place(), lambda: Access(logins=frozenset({"anna:a:b", "öl:ü"})))
    assert asked(api) == (401, "unauthorized")
    for wrong in ("anna:a", "anna:", ":", "", "öl:u", "anna:a:b "):
        assert asked(api, authorization=basic(wrong)) == (401, "unauthorized")
    for broken in ("Basic", "Basic !!!", "Basic /w==", "Bearer ", "Bearer anna:a:b", "anna:a:b", "Basic \udcff"):
        assert asked(api, authorization=broken) == (401, "unauthorized")
    for client in (HERE, ELSEWHERE):
        assert asked(api, client, authorization=basic("anna:a:b")) == (0, "")
        assert asked(api, client, authorization=basic("öl:ü")) == (0, "")


def test_a_login_is_asked_for_in_the_way_that_programs_know() -> None:
    found = HostedApi(place(), lambda: Access(logins=frozenset({"a:b"}))).answer(
        Head("GET", "/health", headers={"host": "localhost"}, client=HERE), b""
    )
    assert 'Basic realm="orchestrator"' in found.headers["WWW-Authenticate"]


def test_the_token_will_do_beside_a_login() -> None:
    api = HostedApi(place(), lambda: Access("secret", logins=frozenset({"a:b"})))
    assert asked(api, authorization="Bearer secret") == asked(api, authorization=basic("a:b")) == (0, "")
    assert asked(api, authorization="Bearer a:b") == asked(api, authorization=basic("secret")) == (401, "unauthorized")


def test_a_login_opens_it_to_no_foreign_page() -> None:
    api = HostedApi(place(), lambda: Access(logins=frozenset({"a:b"})))
    foreign = {"authorization": basic("a:b"), "origin": "https://evil.example"}
    assert asked(api, **foreign) == (403, "origin_refused")


def test_a_token_that_is_made_while_the_host_runs_holds_at_once(tmp_path: Path) -> None:
    path = tmp_path / "token"
    api = HostedApi(place(), lambda: Access(read_token(path), is_open=True))
    assert asked(api, ELSEWHERE, host=ELSEWHERE) == (403, "token_needed")
    token = new_token(path)
    assert asked(api, ELSEWHERE, host=ELSEWHERE) == (401, "unauthorized")
    assert asked(api, ELSEWHERE, host=ELSEWHERE, authorization=f"Bearer {token}") == (0, "")
    path.unlink()
    assert asked(api, ELSEWHERE, host=ELSEWHERE, authorization=f"Bearer {token}") == (403, "token_needed")


def test_with_the_token_it_is_reached_under_any_name_and_without_one_under_none(tmp_path: Path) -> None:
    closed, guarded = HostedApi(place(), Access), HostedApi(place(), lambda: Access("secret"))
    assert asked(closed, host="evil.example:8188") == (403, "host_refused")
    assert asked(guarded, host="my-pc.local:8188") == (401, "unauthorized")
    assert asked(guarded, host="my-pc.local:8188", authorization="Bearer secret") == (0, "")
    for odd in ("", "[", "a:b:c"):
        assert asked(guarded, host=odd, authorization="Bearer secret")[0] in (0, 403)


def test_nobody_is_let_in_where_the_token_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "token"
    new_token(path)
    path.chmod(0o644)
    api = HostedApi(place(), lambda: Access(read_token(path)))
    assert asked(api) == (500, "access")
    assert api.answer(Head("GET", "/health", headers={"host": "localhost"}, client=HERE), b"").status == 500


def test_nobody_is_let_in_where_the_logins_cannot_be_read() -> None:
    def access() -> Access:
        raise PermissionError(13, "Permission denied")

    assert asked(HostedApi(place(), access)) == (500, "access")


def test_secrets_are_in_no_text_of_it() -> None:
    text = repr(Access("t0ken", logins=frozenset({"anna:pass"})))
    assert "t0ken" not in text
    assert "pass" not in text


@pytest.mark.parametrize("address", ["::1", "::ffff:127.0.0.1", "127.0.0.9"])
def test_the_loopback_has_many_names(address: str) -> None:
    assert asked(HostedApi(place(), Access), client=address) == (0, "")
