"""What a library of 10,000 LoRAs costs: ``python benchmarks/lora_library.py [--count N] [--folder MADE_BEFORE]``.

Makes the files (2.7 GB, see lora_files.py) in a temporary folder, or takes those of ``--folder``, and prints CPU
seconds: the first index, a start that looks at the whole disk and finds nothing new, 20 changed files, a search;
then both digests of a file of 1 GB against one plain hashlib SHA-256 over it. Each part runs in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.lora_files import make_library  # noqa: E402 - the path comes first
from orchestrator_core.loras.digests import digests  # noqa: E402
from orchestrator_core.loras.library import Library  # noqa: E402
from orchestrator_core.store import Store  # noqa: E402

RUNS = 2
HASHED = 1 << 30  # bytes
SEARCHES = ("watercolor", "ka", "1girl solo smile", "dragon castle armor", "style", "xl_v2", "nothing like it")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="LoRAs that are there already; 20 are touched")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--database", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(PARTS[arguments.part](arguments.folder, arguments.database)))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "loras"
        if not arguments.folder:
            make_library(folder, arguments.count)
        print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores\n")
        print("| | |\n| --- | ---: |")
        for name, value in measure(folder, Path(temporary)):
            print(f"| {name} | {value} |")
    return 0


def measure(folder: Path, temporary: Path) -> list[tuple[str, str]]:
    rows: dict[str, list[float]] = {}
    for run in range(RUNS):
        database = temporary / f"{run}.sqlite3"
        for part in ("plain", "cold", "warm", "changed", "search"):
            for name, value in in_process(part, folder, database).items():
                rows.setdefault(name, []).append(value)
    for name, value in in_process("hashing", temporary, temporary).items():
        rows[name] = [value]
    return [(name, f"{min(values):.4g}") for name, values in rows.items()]


def in_process(part: str, folder: Path, database: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder), "--database", str(database)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    values: dict[str, float] = json.loads(done.stdout)
    return values


def plain(folder: Path, _: Path) -> dict[str, float]:
    """What the disk alone costs here and now, to compare the other figures with."""

    def look() -> None:
        for parent, _, _ in os.walk(folder):
            with os.scandir(parent) as entries:
                for entry in entries:
                    entry.stat()

    def read() -> None:
        for path in paths:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as the library does
                file.read(int.from_bytes(file.read(8), "little"))

    paths = sorted(map(str, folder.rglob("*.safetensors")))
    return {"plain stat of all files, CPU s": timed(look)[0], "plain reading of all headers, CPU s": timed(read)[0]}


def cold(folder: Path, database: Path) -> dict[str, float]:
    before = memory_mb()
    with Store.open(database) as store:
        library = Library([folder], store)
        seconds, changes = timed(library.refresh)
        return {
            "LoRAs": len(changes.added),
            "first index, CPU s": seconds,
            "first index, peak MB above the imports": peak_mb() - before,
            "database, MB": database.stat().st_size / 1e6,
        }


def warm(folder: Path, database: Path) -> dict[str, float]:
    before = memory_mb()
    with Store.open(database) as store:

        def start() -> Library:
            library = Library([folder], store)
            assert not library.refresh()
            return library

        seconds, library = timed(start)
        naming, _ = timed(lambda: library.find("no such name"))
        reading, _ = timed(lambda: sum(1 for _ in library.records()))
        return {
            "start, nothing changed, CPU s": seconds,
            "first look-up of a name after it, CPU s": naming,
            "reading all records, CPU s": reading,
            "start and both of these, peak MB above the imports": peak_mb() - before,
        }


def changed(folder: Path, database: Path) -> dict[str, float]:
    with Store.open(database) as store:
        library = Library([folder], store)
        library.refresh()
        assert library.snapshot.entries
        for path in random.Random(time.time_ns()).sample(sorted(folder.rglob("*.safetensors")), 20):
            os.utime(path)
        fresh = Library([folder], store)
        at_start, changes = timed(fresh.refresh)
        running, also = timed(library.refresh)
        assert len(changes.changed) == len(also.changed) == 20
        return {"start, 20 files changed, CPU s": at_start, "refresh, 20 files changed, CPU s": running}


def search(folder: Path, database: Path) -> dict[str, float]:
    with Store.open(database) as store:
        library = Library([folder], store)
        library.refresh()
        library.search("warm")
        each = [wall_ms(lambda text=text: library._index.search(text, 50)) for text in SEARCHES]
        whole = [wall_ms(lambda text=text: library.search(text, 50)) for text in SEARCHES]
    return {
        "search, median ms": statistics.median(each),
        "search, slowest ms": max(each),
        "search with 50 records, median ms": statistics.median(whole),
        "search with 50 records, slowest ms": max(whole),
    }


def hashing(folder: Path, _: Path) -> dict[str, float]:
    path = folder / "large.safetensors"
    header = b'{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        block = random.Random(1).randbytes(1 << 20)
        for _ in range(HASHED >> 20):
            file.write(block)
    plain = min(timed(lambda: plain_sha256(path))[0] for _ in range(RUNS))
    both = min(timed(lambda: digests(str(path)))[0] for _ in range(RUNS))
    return {"SHA-256 of 1 GB with hashlib, CPU s": plain, "both digests of it ÷ that": both / plain}


def plain_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of this process, and the result."""
    before = time.process_time()
    result = work()
    return time.process_time() - before, result


def wall_ms(work: Callable[[], Any]) -> float:
    """The median of nine."""
    times = []
    for _ in range(9):
        before = time.perf_counter()
        work()
        times.append((time.perf_counter() - before) * 1000)
    return statistics.median(times)


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


PARTS = {"plain": plain, "cold": cold, "warm": warm, "changed": changed, "search": search, "hashing": hashing}

if __name__ == "__main__":
    sys.exit(main())
