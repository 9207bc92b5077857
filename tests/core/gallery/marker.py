"""Another process that marks, for tests: ``python marker.py URL IMAGE NAME COUNT``; it begins when a line comes in."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.store import Store


def main(url: str, image: str, name: str, count: str) -> None:
    with Store.open(url) as store:
        marking = Marking(Gallery(store))
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(int(count)):
            marking.mark(int(image), {"rating": number % 5 + 1} if name == "rating" else {name: number % 2 == 0})


if __name__ == "__main__":
    main(*sys.argv[1:])
