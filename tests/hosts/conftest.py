"""Real hosts for the tests marked ``host``, each started once; a test is skipped with a reason where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_socket

from tests.hosts.comfyui import ComfyUI, NoComfyUI, running_comfyui
from tests.hosts.forge import Forge, ForgeParts, NoForge, make_parts, running_forge

# The name of an extension that comes before ours in the alphabet, and yet is to see what ours made: see metadata.ini.
PROBE = "adetailer"


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    """A running ComfyUI with a tiny checkpoint and two LoRAs."""
    pytest_socket.enable_socket()  # the loopback is opened for each test, and this fixture comes before the first
    server = running_comfyui(tmp_path_factory.mktemp("comfyui") / "base")
    try:
        started = server.__enter__()
    except NoComfyUI as reason:
        pytest.skip(f"no ComfyUI: {reason}")
    yield started
    server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def forge_parts(tmp_path_factory: pytest.TempPathFactory) -> ForgeParts:
    """What every Forge of the tests needs: models, and packages that its Python lacks."""
    pytest_socket.enable_socket()
    try:
        return make_parts(tmp_path_factory.mktemp("forge_parts"))
    except NoForge as reason:
        pytest.skip(f"no Forge: {reason}")


@pytest.fixture(scope="session")
def forge(forge_parts: ForgeParts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """A running Forge with the pack, a tiny checkpoint and two LoRAs, and the probe of ``forge_probe.py``."""
    probe = Path(__file__).with_name("forge_probe.py").read_text("utf-8")
    folder = tmp_path_factory.mktemp("forge") / "data"
    with running_forge(folder, forge_parts, extensions={PROBE: probe}) as server:
        yield server
