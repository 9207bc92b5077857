"""``orchestrator demo``: a template learns which of its values work, from images of the tiny world's own models.

No host and no download are needed, only the packages of the extras "vision" and "embedded". What it learns stays in its
own folder.
"""

from __future__ import annotations

import argparse
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import description, whole
from orchestrator_app.console import problem, say

if TYPE_CHECKING:
    from orchestrator_app.learning_demo.loop import Looked

NEEDED = ("torch", "open_clip", "diffusers", "transformers", "peft", "PIL")
_FIRST = 12  # images after which the page is there
_SOME = 50  # images at least, for before and after


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="see a template learn, without a host", description=description(__doc__))
    parser.add_argument("-o", "--output", default="outputs", metavar="FOLDER", help="default: %(default)s")
    parser.add_argument(
        "--images", type=whole, default=250, help="of which a fifth each are before and after (default: %(default)s)"
    )
    parser.add_argument("--seed", type=whole, default=1, help="default: %(default)s")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exit status 1 where the packages are not there, 130 after Ctrl-C; what is finished is kept."""
    from orchestrator_app.output_folder import OutputFolder

    missing = _missing()
    if missing:
        problem(
            "error",
            f"The demonstration needs {', '.join(missing)}. "
            "Install with: pip install 'sd-orchestrator[vision,embedded]'",
        )
        return 1
    folder = OutputFolder.make(Path(arguments.output), "a template that learns", datetime.now().astimezone())
    return _Demo(folder, max(10, arguments.images), arguments.seed).run()


def _missing() -> list[str]:
    from importlib.util import find_spec

    return [name for name in NEEDED if find_spec(name) is None]


class _Demo:
    def __init__(self, folder: Any, images: int, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.some = min(_SOME, images // 5)
        self.learning = images - 2 * self.some
        self.began = time.monotonic()
        self.images: list[Looked] = []

    @property
    def page(self) -> Path:
        path: Path = self.folder.path / "index.html"
        return path

    def run(self) -> int:
        from orchestrator_app.learning_demo.loop import LearningLoop
        from orchestrator_app.progress_bar import progress_bar

        say("A template learns which of its values a small diffusion model can draw. First its models are opened.")
        loop = LearningLoop.open(self.folder.path, self.seed, mode="careful")
        of = self.learning + 2 * self.some
        parts = (
            (loop.go, self.some, False), (loop.go, self.learning, True), (loop.frozen, self.some, True),
        )  # fmt: skip
        try:
            with progress_bar("Drawing, scoring, learning") as report:
                for make, count, learns in parts:
                    loop.is_learning = learns
                    for looked in make(count):
                        self.images.append(looked)
                        self._tell(report, of, loop)
        except KeyboardInterrupt:
            say(f"Stopped. {self._write(loop)}")
            return 130
        say(self._write(loop))
        return 0

    def _tell(self, report: Any, of: int, loop: Any) -> None:
        done = len(self.images)
        report(done, of, f"{100 * _mean(self.images[-25:]):.0f} % of each prompt is shown")
        if done == _FIRST:
            say(f"The first images are there after {time.monotonic() - self.began:.0f} s: {self.page}")
        if done == _FIRST or done % 50 == 0:
            self._write(loop)

    def _write(self, loop: Any) -> str:
        from orchestrator_app.learning_demo.telling import told

        demo = told(self.images, loop.ledger, self.folder.path, self.some, time.monotonic() - self.began)
        self.folder.write("index.html", demo.html)
        return f"{demo.summary}\nOpen {self.page} in a browser."


def _mean(images: list[Looked]) -> float:
    return sum(image.fulfilled for image in images) / max(1, len(images))
