"""The image within a header: decoded, and only given out where it is one."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from orchestrator_core.loras.embedded_preview import embedded_preview
from tests.core.loras.lora_files import write_lora

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
TEXT = base64.b64encode(PNG).decode()


@pytest.mark.parametrize(
    "metadata",
    [
        {"modelspec.thumbnail": f"data:image/png;base64,{TEXT}"},
        {"ssmd_cover_images": json.dumps([TEXT])},
        {"modelspec.thumbnail": "broken", "ssmd_cover_images": json.dumps([3, "***", TEXT])},
    ],
)
def test_the_image_is_decoded_from_where_it_is(tmp_path: Path, metadata: dict[str, str]):
    assert embedded_preview(str(write_lora(tmp_path / "foo.safetensors", metadata=metadata))) == (PNG, "image/png")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"ssmd_cover_images": "[]"},
        {"ssmd_cover_images": "{"},
        {"modelspec.thumbnail": "data:text/html;base64," + base64.b64encode(b"<script>alert(1)</script>").decode()},
    ],
)
def test_what_is_no_image_is_none(tmp_path: Path, metadata: dict[str, str]):
    assert embedded_preview(str(write_lora(tmp_path / "foo.safetensors", metadata=metadata))) is None


def test_a_file_that_is_not_there_has_none(tmp_path: Path):
    assert embedded_preview(str(tmp_path / "none.safetensors")) is None
