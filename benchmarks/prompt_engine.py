"""The template engine beside its peers, in one run on one machine: ``python benchmarks/prompt_engine.py``.

Peers come from PyPI into a virtual environment of their own; ``--impact DIR`` adds a ComfyUI-Impact-Pack checkout,
whose wildcard module is loaded from there with its host's modules stood in for. Figures are CPU seconds of one
process (``time.process_time``), so a busy machine disturbs them less; compare ratios. Each engine's worker is this
same file, run by its own Python with ``--worker``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import random
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
PEERS = ("dynamicprompts==0.31.0", "numpy", "pyyaml")
SECONDS = 1.0
NEST = "{a|b {c|d {e|f {g|h {i|j {k|l}}}}}}"
TEMPLATES = {
    "3 wildcards": "a __d00/f00__ and __d01/f01__ with __d02/f02__",
    "6-level nesting, twice": f"{NEST} and {NEST}",
    "40 wildcards": ", ".join(f"__d{number:02}/f{number:02}__" for number in range(40)),
}
COMBINATIONS = " ".join("{" + "|".join(f"o{slot}{option}" for option in range(10)) + "}" for slot in range(5))


def make_data(folder: Path) -> None:
    """5,000 files × 200 lines, a file of a million lines, a YAML of 50,000 values. Always the same."""
    if (folder / "done").exists():
        return
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(3000)]
    for directory in range(50):
        place = folder / "tree" / f"d{directory:02}"
        place.mkdir(parents=True, exist_ok=True)
        for number in range(100):
            lines = [" ".join(chance.choices(words, k=3)) for _ in range(200)]
            (place / f"f{number:02}.txt").write_text("\n".join(lines) + "\n")
    (folder / "big").mkdir(exist_ok=True)
    with (folder / "big" / "big.txt").open("w") as file:
        file.writelines(f"line {number} {chance.choice(words)} {chance.choice(words)}\n" for number in range(1_000_000))
    (folder / "yaml").mkdir(exist_ok=True)
    with (folder / "yaml" / "pantry.yaml").open("w") as file:
        for shelf in range(50):
            file.write(f"shelf{shelf}:\n")
            for box in range(50):
                file.write(f"  box{box}:\n")
                file.writelines(f"    - {chance.choice(words)} {chance.choice(words)} {n}\n" for n in range(20))
    (folder / "done").touch()


def random_templates() -> list[str]:
    """Templates with 40 wildcards each, anywhere among the 5,000."""
    chance = random.Random(2)
    return [
        ", ".join(f"__d{chance.randrange(50):02}/f{chance.randrange(100):02}__" for _ in range(40)) for _ in range(200)
    ]


def memory() -> float:
    """This process's resident set now, in MB."""
    gc.collect()
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Ours:
    """A prompt includes its components with all their choices."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(HERE.parents[1]))
        from orchestrator_core.template import Template, Wildcards

        self.make = Template
        self.wildcards = Wildcards([folder], cache=folder.parent / "cache")
        self.templates: dict[str, Any] = {}

    def load(self) -> None:
        self.wildcards.look()

    def names(self) -> int:
        return len(self.wildcards.names())

    def draw(self, template: str, seed: int) -> str:
        found = self.templates.get(template)
        if found is None:
            found = self.templates[template] = self.make(template)
        text: str = found.draw(self.wildcards, seed).positive
        return text

    def combinations(self, template: str) -> Iterator[str]:
        return (draft.positive for draft in self.make(template).combinations(self.wildcards))


class DynamicPrompts:
    def __init__(self, folder: Path) -> None:
        import logging

        logging.disable(logging.CRITICAL)
        from dynamicprompts.generators import CombinatorialPromptGenerator, RandomPromptGenerator
        from dynamicprompts.wildcards import WildcardManager

        self.manager = WildcardManager(folder)
        self.random = RandomPromptGenerator(self.manager)
        self.all = CombinatorialPromptGenerator(self.manager)

    def load(self) -> None:
        _ = self.manager.tree

    def names(self) -> int:
        return len(self.manager.get_collection_names())

    def draw(self, template: str, seed: int) -> str:
        return str(self.random.generate(template, 1, seeds=seed)[0])

    def combinations(self, template: str) -> Iterator[str]:
        return iter(self.all.generate(template, 100_000))


class Impact:
    def __init__(self, folder: Path, checkout: str) -> None:
        for name in ("nodes", "folder_paths"):
            sys.modules[name] = types.ModuleType(name)
        package = types.ModuleType("impact")
        package.utils, package.config = types.ModuleType("utils"), types.ModuleType("config")  # type: ignore[attr-defined]
        sys.modules["impact"] = package
        source = Path(checkout) / "modules" / "impact" / "wildcards.py"
        self.module = types.ModuleType("impact_wildcards")
        self.module.__dict__["__file__"] = str(source)
        import importlib.util

        spec = importlib.util.spec_from_file_location("impact_wildcards", source)
        assert spec and spec.loader
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.folder = folder

    def load(self) -> None:
        self.module.read_wildcard_dict(str(self.folder))

    def names(self) -> int:
        self.load()
        return len(self.module.get_wildcard_dict())

    def draw(self, template: str, seed: int) -> str:
        return str(self.module.process(template, seed))

    def combinations(self, template: str) -> Iterator[str]:
        raise LookupError


def cpu(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def rate(draw: Callable[[int], object]) -> float:
    """Prompts per CPU second, each with a seed of its own."""
    draw(0)
    count, start = 0, time.process_time()
    while time.process_time() - start < SECONDS:
        count += 1
        draw(count)
    return count / (time.process_time() - start)


def measure(engine: str, case: str, data: Path, extra: str) -> float:  # noqa: C901, PLR0911 - a branch for each case
    """One figure, in a process of its own."""
    folder = data / {"big": "big", "YAML": "yaml"}.get(case.split()[0], "tree")
    found: Any = {"ours": Ours, "dynamicprompts": DynamicPrompts}.get(engine)
    before = memory()
    made = Impact(folder, extra) if found is None else found(folder)
    if case == "cold index, s":
        return cpu(made.load)
    if case == "cold index, MB":
        before = memory()
        made.load()
        return memory() - before
    if case.startswith("YAML"):
        if case == "YAML cold, s" and engine == "ours":
            made.wildcards.cache = None
        elif engine == "ours":
            Ours(folder).names()
        return cpu(made.names)
    made.load()
    if case == "first prompt, ms":
        return cpu(lambda: made.draw(TEMPLATES["3 wildcards"], 1)) * 1000
    if case == "big file, MB":
        before = memory()
        made.draw("__big__", 1)
        return memory() - before
    if case == "big file, prompts/s":
        return rate(lambda seed: made.draw("__big__", seed))
    if case == "40 of 5,000 files, prompts/s":
        templates = random_templates()
        for template in templates:
            made.draw(template, 0)
        return rate(lambda seed: made.draw(templates[seed % len(templates)], seed))
    if case == "100,000 combinations, s":
        return cpu(lambda: [None for _ in made.combinations(COMBINATIONS)])
    if case == "first 100 combinations, ms":
        return cpu(lambda: list(islice(made.combinations(COMBINATIONS), 100))) * 1000
    return rate(lambda seed: made.draw(TEMPLATES[case.removesuffix(", prompts/s")], seed))


CASES = (
    *[f"{name}, prompts/s" for name in TEMPLATES],
    "40 of 5,000 files, prompts/s",
    "big file, prompts/s",
    "big file, MB",
    "first prompt, ms",
    "cold index, s",
    "cold index, MB",
    "YAML cold, s",
    "YAML warm, s",
    "100,000 combinations, s",
    "first 100 combinations, ms",
)


def peers_python(folder: Path) -> str:
    python = folder / "peers" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "peers")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return str(python)


def run_worker(python: str, engine: str, case: str, data: Path, extra: str) -> float | None:
    command = [python, str(HERE), "--worker", engine, "--case", case, "--data", str(data), "--impact", extra]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    return float(json.loads(done.stdout.splitlines()[-1])) if done.returncode == 0 else None


def show(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def curve(data: Path) -> list[str]:
    """CPU seconds to parse and draw a template of n kB: linear, so the last column stays level."""
    ours = Ours(data / "tree")
    ours.load()
    piece = "a __d00/f00__ {fox|2::owl} (in the {snow|rain}:1.2), ${v={x|y}}${v} "
    rows = ["| template, kB | parse, s | draw, s | µs/kB |", "|---:|---:|---:|---:|"]
    for size in (16, 64, 256, 1024):
        text = piece * (size * 1024 // len(piece))
        template = None

        def parse(text: str = text) -> None:
            nonlocal template
            template = ours.make(text)

        parsing = cpu(parse)
        assert template is not None
        drawing = cpu(lambda template=template: template.draw(ours.wildcards, 1))  # type: ignore[misc]
        rows.append(f"| {size} | {parsing:.3f} | {drawing:.3f} | {(parsing + drawing) / size * 1e6:,.0f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TMPDIR", "/tmp")) / "orchestrator-benchmark")
    parser.add_argument("--impact", default="", help="a ComfyUI-Impact-Pack checkout to compare with")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(options.worker, options.case, options.data, options.impact)))
        return
    make_data(options.data)
    python = peers_python(options.data)
    engines = [("ours", sys.executable), ("dynamicprompts", python)]
    engines += [("impact", python)] if options.impact else []
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}\n")
    print("| case | " + " | ".join(name for name, _ in engines) + " | ours ÷ best peer |")
    print("|---|" + "---:|" * (len(engines) + 1))
    for case in CASES:
        row = [run_worker(path, name, case, options.data, options.impact) for name, path in engines]
        others = [value for value in row[1:] if value]
        better = max if case.endswith("prompts/s") else min
        ratio = f"{row[0] / better(others):.3g}" if others and row[0] is not None else "–"
        print(f"| {case} | " + " | ".join(show(value) for value in row) + f" | {ratio} |", flush=True)
    print("\n" + "\n".join(curve(options.data)))


if __name__ == "__main__":
    main()
