"""What drawing before queueing costs a ComfyUI server: ``python benchmarks/populate.py [--server]``.

First the handler alone: CPU and wall milliseconds for a request whose template has 40 wildcards, out of 5,000 files.
With ``--server`` a real ComfyUI (COMFYUI_DIR, else ~/ComfyUI) is started, with 5,000 wildcard files in its models
folder. A probe asks it for something small every 5 ms, for a while in peace, then while the files are rewritten and
prompts are queued, each of which has the folders read anew. Compare the two rows: a busy machine shows in both.
"""

from __future__ import annotations

import argparse
import http.client
import json
import platform
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FILES, LINES = 5_000, 200
INTERVAL = 0.005  # seconds between two probes
TEMPLATE = ", ".join(f"__d{number:02}/f{number:02}__" for number in range(40))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", action="store_true", help="also probe a real ComfyUI")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each part of the probe")
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {FILES:,} files of {LINES} lines\n")
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder) / "wildcards", 1)
        handler_alone(Path(folder) / "wildcards")
        if arguments.server:
            probe_server(Path(folder), arguments.seconds)
    return 0


def make_files(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(3_000)]
    lines = "\n".join(" ".join(chance.choices(words, k=3)) for _ in range(LINES))
    for number in range(FILES):
        place = folder / f"d{number // 100:02}" / f"f{number % 100:02}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{chance.choice(words)}\n{lines}\n")


def request(seed: int) -> dict[str, object]:
    inputs = {"template": TEMPLATE, "seed": seed, "mode": "populate"}
    graph = {
        "1": {"class_type": "OrchestratorWildcardPrompt", "inputs": inputs},
        "2": {"class_type": "OrchestratorPromptInspector", "inputs": {"draft": ["1", 2]}},
    }
    return {"prompt": graph, "client_id": "benchmark"}


def handler_alone(folder: Path) -> None:
    from comfy_nodes.populate import Populate
    from comfy_nodes.services import Services
    from orchestrator_core.template import Wildcards

    sent: list[object] = []
    handler = Populate(Services(Wildcards(folder), lambda event, data, client: sent.append(json.dumps(data))))
    for seed in range(50):
        handler(request(seed))
    wall, cpu = [], []
    for seed in range(500):
        body = request(seed)
        before, used = time.perf_counter(), time.process_time()
        handler(body)
        wall.append(1_000 * (time.perf_counter() - before))
        cpu.append(1_000 * (time.process_time() - used))
    print(f"{'one request, 40 wildcards':<44}{'median':>8}{'p99':>8}  ms")
    for name, values in (("CPU of the handler, with its events", cpu), ("wall", wall)):
        print(f"{name:<44}{statistics.median(values):>8.2f}{percentile(values, 99):>8.2f}")


def probe_server(folder: Path, seconds: float) -> None:
    from tests.hosts.comfyui import running_comfyui

    with running_comfyui(folder / "base") as server:
        wildcards = server.folder / "models" / "wildcards"
        make_files(wildcards, 2)
        queue(server.port, request(0))
        time.sleep(3)
        print(f"\n{'a probe every 5 ms':<44}{'p50':>8}{'p99':>8}{'worst':>8}  ms")
        for name, work in (
            ("in peace", lambda stop: None),
            ("prompts of ComfyUI's own nodes queued", lambda stop: keep_queueing(server.port, stop, plain)),
            ("prompts of 40 wildcards queued", lambda stop: keep_queueing(server.port, stop, request)),
            ("prompts queued, 5,000 files rewritten", lambda stop: keep_changing(server.port, wildcards, stop)),
        ):
            found = probed(server.port, seconds, work)
            print(
                f"{name:<44}{statistics.median(found):>8.2f}{percentile(found, 99):>8.2f}{max(found):>8.2f}", flush=True
            )


def plain(seed: int) -> dict[str, object]:
    """The same without the pack: what running any prompt costs the server's loop, and its own garbage collection."""
    graph = {
        "1": {"class_type": "PrimitiveString", "inputs": {"value": f"a prompt {seed}"}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    return {"prompt": graph, "client_id": "benchmark"}


def keep_queueing(port: int, stop: threading.Event, made: Callable[[int], dict[str, object]]) -> None:
    seed = 1
    while not stop.wait(0.5):
        queue(port, made(seed))
        seed += 1


def keep_changing(port: int, folder: Path, stop: threading.Event) -> None:
    seed = 1_000
    while not stop.wait(0.5):
        new = folder / "new" / f"{seed}.txt"
        new.parent.mkdir(exist_ok=True)
        new.write_text("value\n")
        for path in sorted((folder / f"d{seed % 50:02}").glob("*.txt")):
            path.write_text(path.read_text() + "one more\n")
        queue(port, request(seed))
        seed += 1


def queue(port: int, body: dict[str, object]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/prompt", json.dumps(body), {"Content-Type": "application/json"})
    if connection.getresponse().status != 200:
        sys.exit("ComfyUI refused the prompt")
    connection.close()


def probed(port: int, seconds: float, work: Callable[[threading.Event], None]) -> list[float]:
    """Milliseconds of each answer, from when the question was due."""
    stop = threading.Event()
    worker = threading.Thread(target=work, args=(stop,))
    worker.start()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    found, due, end = [], time.perf_counter(), time.perf_counter() + seconds
    while due < end:
        time.sleep(max(0.0, due - time.perf_counter()))
        before = time.perf_counter()
        connection.request("GET", "/embeddings")
        connection.getresponse().read()
        found.append(1_000 * (time.perf_counter() - before))
        due = max(due + INTERVAL, time.perf_counter())
    stop.set()
    worker.join()
    return found


def percentile(values: list[float], share: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]


if __name__ == "__main__":
    sys.exit(main())
