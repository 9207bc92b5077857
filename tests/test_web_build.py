"""What is committed of the React page is what its sources build: told by a hash that the build writes, without Node."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[1] / "web"
FILES = ("index.html", "package-lock.json", "tsconfig.json", "vite.config.ts")
BUILD = "run `npm ci && npm run build` in web/, and commit web/dist"

pytestmark = pytest.mark.skipif(not (WEB / "src").is_dir(), reason="not a checkout")


def sources() -> list[Path]:
    found = [path for path in (WEB / "src").rglob("*") if path.is_file() and not re.search(r"\.test\.tsx?$", path.name)]
    return sorted([*found, *(WEB / name for name in FILES)], key=lambda path: path.relative_to(WEB).as_posix())


def test_the_built_page_is_that_of_its_sources():
    hashed = hashlib.sha256()  # as web/scripts/note_sources.mjs does
    for path in sources():
        hashed.update(path.relative_to(WEB).as_posix().encode() + b"\0")
        hashed.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    noted = json.loads((WEB / "dist" / "build.json").read_text("utf-8"))["sources"]
    assert noted == hashed.hexdigest(), BUILD


def test_the_built_page_has_every_file_that_it_names_and_no_source_map():
    page = (WEB / "dist" / "index.html").read_text("utf-8")
    named = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)
    assert len(named) >= 2
    assert [name for name in named if not (WEB / "dist" / name).is_file()] == [], BUILD
    assert not list((WEB / "dist").rglob("*.map"))


def test_no_address_of_a_registry_is_in_the_lockfile():
    assert '"resolved"' not in (WEB / "package-lock.json").read_text("utf-8")
