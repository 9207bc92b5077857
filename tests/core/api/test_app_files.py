"""The page's files: open to whoever reaches the server under its own name, and nothing outside of their folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_core.api.access import Access
from orchestrator_core.api.service import Api
from tests.core.api.api_place import Asker, asking

LINK = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Asker]:
    """Of a server that asks for a token."""
    (tmp_path / "dist" / "assets").mkdir(parents=True)
    (tmp_path / "dist" / "index.html").write_text("<!doctype html>")
    (tmp_path / "dist" / "assets" / "app-1a2b.js").write_text("1")
    (tmp_path / "dist" / "notes.txt").write_text("of nobody's concern")
    (tmp_path / "secret.js").write_text("secret")
    with asking(tmp_path, page=tmp_path / "dist") as found:
        yield Asker(Api(found.api.place, Access("secret")))


def test_the_page_is_sent_without_a_token(ask: Asker):
    answer = ask("GET", "/app/?in=comfyui&theme=dark")
    assert (answer.status, answer.content_type, answer.body) == (200, "text/html; charset=utf-8", b"<!doctype html>")
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-cache"
    assert ask("GET", "/app/", if_none_match=answer.headers["ETag"]).status == 304
    assert ask.code("GET", "/gallery/images") == (401, "unauthorized")


def test_the_page_is_where_its_relative_addresses_lead(ask: Asker):
    answer = ask("GET", "/app?in=forge&theme=dark")
    assert (answer.status, answer.headers["Location"]) == (307, "app/?in=forge&theme=dark")


def test_what_is_named_by_its_content_is_kept_for_ever(ask: Asker):
    answer = ask("GET", "/app/assets/app-1a2b.js", accept="*/*")
    assert (answer.status, answer.content_type, answer.body) == (200, "text/javascript; charset=utf-8", b"1")
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_name_leads_out_of_the_folder(ask: Asker, tmp_path: Path):
    (tmp_path / "dist" / "assets" / "out.js").symlink_to(tmp_path / "secret.js")
    (tmp_path / "dist" / "assets" / "loop.js").symlink_to("loop.js")
    (tmp_path / "dist" / "assets" / "folder.js").mkdir()
    names = ("../secret.js", "assets/../../secret.js", "assets/out.js", "assets/loop.js", "assets/folder.js", "assets")
    odd = ("//etc/passwd", "assets//app-1a2b.js", ".hidden.js", "notes.txt", "a" * 400 + ".js", "assets\\app-1a2b.js")
    for name in (*names, *odd):
        assert ask.code("GET", f"/app/{name}") == (404, "no_such_file"), name


def test_a_link_leads_to_the_page_from_anywhere_but_no_foreign_page_is_made_of_it(ask: Asker):
    assert ask("GET", "/app/", **LINK).status == 200
    for changed in ({"sec_fetch_dest": "iframe"}, {"sec_fetch_mode": "no-cors"}, {"sec_fetch_dest": "script"}):
        assert ask.code("GET", "/app/", **LINK | changed) == (403, "origin_refused")
    assert ask.code("GET", "/app/", origin="https://evil.example") == (403, "origin_refused")
    assert ask.code("GET", "/app/", host="evil.example") == (403, "host_refused")
    assert ask.code("GET", "/health", **LINK) == (403, "origin_refused")


def test_where_it_was_not_built_the_page_says_how(tmp_path: Path):
    for page in (None, tmp_path / "dist"):
        with asking(tmp_path, page=page) as ask:
            answer = ask("GET", "/app/")
            assert (answer.status, answer.content_type) == (404, "text/html; charset=utf-8")
            assert b"npm run build" in answer.body
            assert json.loads(ask("GET", "/app/assets/a.js").body)["error"]["code"] == "no_such_file"
