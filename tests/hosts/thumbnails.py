"""Makes the thumbnails of ``example_workflows/``: ``python -m tests.hosts.thumbnails [URL of a running ComfyUI]``.

Each is the workflow as ComfyUI's own canvas shows it, since its template browser shows nothing else of a pack.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image

from orchestrator_app.bundled import bundled_folder
from tests.hosts.canvas import open_canvas

SIZE = (1200, 800)
MOST = 100_000  # bytes


def thumbnail(png: bytes) -> bytes:
    """A JPEG of ``SIZE``, in the best quality that ``MOST`` bytes allow."""
    with Image.open(io.BytesIO(png)) as image:
        small = image.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
    for quality in (90, 85, 80, 70, 60):
        file = io.BytesIO()
        small.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= MOST:
            return file.getvalue()
    raise ValueError("The picture has too many details for a thumbnail.")


def make_thumbnails(url: str) -> list[Path]:
    from playwright.sync_api import sync_playwright

    made = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with open_canvas(browser, url) as canvas:
            for path in sorted(bundled_folder("example_workflows").glob("*.json")):
                canvas.drop(path.name, path.read_text("utf-8"))
                made.append(path.with_suffix(".jpg"))
                made[-1].write_bytes(thumbnail(canvas.picture()))
        browser.close()
    return made


if __name__ == "__main__":
    for made_path in make_thumbnails(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8188"):
        print(made_path)
