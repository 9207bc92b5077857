"""Fixtures for the tests of the API."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.api.gallery_place import make_gallery


@pytest.fixture(scope="session")
def gallery_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: its store is copied, and its images are left as they are."""
    return make_gallery(tmp_path_factory.mktemp("gallery"))
