"""What the gallery's page costs the browser: ``python benchmarks/gallery_page.py [--images N] [--folder KEPT]``.

N real PNGs (100,000; as in benchmarks/gallery.py) are indexed, the real server is started, and Chromium opens its page
at a window of 1280 × 800 with its processor throttled to a quarter. Figures are Chromium's own, by its tracing:

* first view: from the navigation until 12 thumbnails are decoded, with nothing in the browser's cache.
* scrolling: 10,000 pixels a second for 5 s by the wheel; script for each frame at the 95th
  percentile, the longest task of the main thread, the most elements in the page. "Own" times are of
  the thread alone, as the processor counts them, "wall" those of the clock, with what else the machine does.
* marks: how long until a mark that is set by a key in one browser is seen in another, unthrottled.

Thumbnails are in the cache before, and 384 pixels wide, so that it is the page that is measured. ``--folder`` keeps
images and index for the next time; ``--url`` measures a server that runs already.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.gallery import make_images, told
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.gallery.thumbnails import Thumbnails
from orchestrator_core.store import Store

ROOT = Path(__file__).resolve().parents[1]
SIZE = {"width": 1280, "height": 800}
THROTTLE = 4
SPEED, SECONDS = 10_000, 5
SHOWN = 12  # thumbnails of a first view
SCRIPT = frozenset(("FunctionCall", "EvaluateScript", "v8.compile", "RunMicrotasks", "FireAnimationFrame", "TimerFire"))
GARBAGE = frozenset(("MinorGC", "MajorGC"))
_LINE = "devtools.timeline"
_HIDDEN = "disabled-by-default-"
CATEGORIES = f"toplevel,v8,v8.execute,{_LINE},{_LINE}.frame,{_HIDDEN}{_LINE},{_HIDDEN}{_LINE}.frame"
GRID, CELL = '[role="listbox"]', "[data-image]"


# what is measured


def make(folder: Path, count: int) -> None:
    """Images, their index, and thumbnails of 384 pixels for all, as links to a few."""
    if (folder / "store.sqlite3").exists():
        return
    make_images(folder / "images", count)
    with Store.open(folder / "store.sqlite3") as store:
        gallery = Gallery(store)
        gallery.add_root(folder / "images")
        gallery.index()
        page = gallery.page("", 500)
        few = [_thumbnail(folder, number) for number in range(40)]
        cache = Thumbnails(folder / "home" / "cache" / "thumbnails")
        done = 0
        while True:
            for image in page.images:
                path = cache.path(image.key)
                path.parent.mkdir(parents=True, exist_ok=True)
                os.link(few[image.id % len(few)], path)
            done += len(page.images)
            if not page.after:
                return
            page = gallery.page("", 500, page.after)


def _thumbnail(folder: Path, number: int) -> Path:
    from PIL import Image

    picture = Image.effect_mandelbrot((384, 384), (-2 + number / 40, -1.5, 1, 1.5), 60).convert("RGB")
    data = io.BytesIO()
    picture.save(data, "WEBP", quality=80)
    path = folder / "few" / f"{number}.webp"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.getvalue())
    return path


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The real server, as a person starts it."""
    command = [sys.executable, "-m", "orchestrator_app.cli", "serve", "--port", "0"]
    command += ["--database", str(folder / "store.sqlite3"), "-o", str(folder / "outputs")]
    environment = {**os.environ, "ORCHESTRATOR_HOME": str(folder / "home"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"http://[\w.:]+:\d+[\w/]*", line):
                yield found[0]
                return
        raise SystemExit("The server did not start.")
    finally:
        process.terminate()
        process.wait(20)


# how it is measured


class Trace:
    """What Chromium tells of one page while the block runs."""

    def __init__(self, session: Any) -> None:
        self.session, self.events = session, []
        self._ended = False
        session.on("Tracing.dataCollected", lambda told: self.events.extend(told["value"]))
        session.on("Tracing.tracingComplete", lambda _: setattr(self, "_ended", True))

    @contextlib.contextmanager
    def running(self, page: Any) -> Iterator[None]:
        self.session.send("Tracing.start", {"transferMode": "ReportEvents", "categories": CATEGORIES})
        yield
        self.session.send("Tracing.end")
        while not self._ended:
            page.wait_for_timeout(50)

    def main(self) -> list[dict[str, Any]]:
        """The events of the page's main thread."""
        busy: dict[tuple[int, int], int] = {}
        threads = [event for event in self.events if event.get("name") == "thread_name"]
        mains = {(one["pid"], one["tid"]) for one in threads if one["args"]["name"] == "CrRendererMain"}
        for event in self.events:
            if (place := (event["pid"], event.get("tid", 0))) in mains:
                busy[place] = busy.get(place, 0) + 1
        (pid, tid) = max(busy, key=lambda place: busy[place])
        return [event for event in self.events if (event["pid"], event.get("tid")) == (pid, tid)]


def script_of_frames(events: Sequence[dict[str, Any]], *, own: bool) -> list[float]:
    """Of each frame what script ran since the one before, in ms; what a script calls is in it already."""
    frames = sorted(event["ts"] for event in events if event["name"] == "BeginMainThreadFrame")
    script = [event for event in events if event.get("ph") == "X" and event["name"] in SCRIPT | GARBAGE]
    total = [0.0] * (len(frames) + 1)
    end = 0
    for event in sorted(script, key=lambda event: (event["ts"], -event["dur"])):
        if event["ts"] >= end:
            end = event["ts"] + event["dur"]
            total[bisect_right(frames, event["ts"])] += (event.get("tdur", 0) if own else event["dur"]) / 1000
    return total[1:]


def longest_task(events: Sequence[dict[str, Any]], *, own: bool) -> float:
    tasks = [event for event in events if event.get("ph") == "X" and event["name"] == "RunTask"]
    return max((event.get("tdur", 0) if own else event["dur"]) for event in tasks) / 1000


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


FIRST_VIEW = """shown => new Promise(resolve => {
  const look = () => {
    const all = [...document.querySelectorAll('[data-image] img')];
    if (all.filter(one => one.complete && one.naturalWidth).length >= shown) resolve(performance.now());
    else setTimeout(look, 20);
  };
  look();
})"""


def first_view(browser: Any, url: str) -> float:
    """Milliseconds, in a browser that was never there."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
    page.goto(url, wait_until="commit")
    found = float(page.evaluate(FIRST_VIEW, SHOWN))
    context.close()
    return found


def scroll(browser: Any, url: str) -> None:
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    session = context.new_cdp_session(page)
    page.goto(url)
    page.wait_for_selector(f"{CELL} img")
    page.wait_for_timeout(1500)
    session.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
    trace = Trace(session)
    with trace.running(page):
        _fling(session, page)
    top = page.evaluate(f"document.querySelector('{GRID}').scrollTop")
    events = trace.main()
    for own in (True, False):
        frames, name = script_of_frames(events, own=own), "own" if own else "wall"
        told(f"script a frame, median, {name}, ms", percentile(frames, 0.5), 1)
        told(f"script a frame, 95th percentile, {name}, ms", percentile(frames, 0.95), 1)
        told(f"longest task, {name}, ms", longest_task(events, own=own), 1)
    told("frames of the main thread", len(frames))
    told("pixels scrolled", float(top))
    told("most elements in the page", max(_elements_while(page, session)))
    slowest(events)
    context.close()


def _fling(session: Any, page: Any) -> None:
    box = page.locator(GRID).bounding_box()
    gesture = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "speed": SPEED}
    gesture |= {"yDistance": -SPEED * SECONDS, "gestureSourceType": "mouse"}
    session.send("Input.synthesizeScrollGesture", gesture)


def _elements_while(page: Any, session: Any) -> list[int]:
    """Counted in a second scroll, as counting is script."""
    page.evaluate(
        """() => { window.counted = []; setInterval(() => counted.push(document.querySelectorAll('*').length), 40) }"""
    )
    _fling(session, page)
    return list(page.evaluate("window.counted"))


def slowest(events: Sequence[dict[str, Any]], most: int = 3) -> None:
    """What was in the longest tasks: for whoever mends the page."""
    tasks = [event for event in events if event.get("ph") == "X" and event["name"] == "RunTask"]
    for task in sorted(tasks, key=lambda event: -event.get("tdur", 0))[:most]:
        end = task["ts"] + task["dur"]
        inside = [one for one in events if one.get("ph") == "X" and task["ts"] <= one["ts"] < end and one is not task]
        names: dict[str, float] = {}
        for one in inside:
            names[one["name"]] = names.get(one["name"], 0) + one.get("tdur", 0) / 1000
        told_of = sorted(names.items(), key=lambda pair: -pair[1])[:5]
        print(f"    a task of {task.get('tdur', 0) / 1000:.1f} ms:", *(f"{name} {ms:.1f}" for name, ms in told_of))


def marks_seen(browser: Any, url: str, times: int = 5) -> list[float]:
    """Milliseconds from the key in one browser to the badge in another."""
    contexts = [browser.new_context(viewport=SIZE) for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.goto(url)
        page.wait_for_selector(CELL)
    here, there = pages
    there.wait_for_timeout(1500)
    found = []
    for _ in range(times):
        here.locator(GRID).focus()
        here.keyboard.press("ArrowRight")
        image = here.locator("[data-current]").get_attribute("data-image")
        cell = f'[data-image="{image}"]'
        before = there.locator(cell).get_attribute("aria-label")
        began = time.perf_counter()
        here.keyboard.press("f")
        there.wait_for_function(
            "([cell, before]) => document.querySelector(cell).getAttribute('aria-label') !== before",
            arg=[cell, before],
            polling=10,
        )
        found.append(1000 * (time.perf_counter() - began))
    for context in contexts:
        context.close()
    return found


def measure(url: str) -> None:
    from playwright.sync_api import sync_playwright

    path = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        told("Chromium", browser.version)
        views = [first_view(browser, url) for _ in range(3)]
        told(f"first view at {THROTTLE}× throttle, best of 3, ms", min(views))
        told("… the others, ms", json.dumps([round(one) for one in sorted(views)[1:]]))
        scroll(browser, url)
        told("a mark is seen in another browser, ms", json.dumps([round(one) for one in marks_seen(browser, url)]))
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where images and index are kept for the next time")
    parser.add_argument("--url", help="of the page of a server that runs already")
    arguments = parser.parse_args()
    if arguments.url:
        measure(arguments.url)
        return
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        make(folder, arguments.images)
        measure(f"{stack.enter_context(serving(folder))}/app/")


if __name__ == "__main__":
    main()
