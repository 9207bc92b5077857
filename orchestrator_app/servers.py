"""Which server renders: the one that was named, whatever it is, or whoever answers at its usual address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ConfigError, GeneratorUnreachable
from orchestrator_core.generators.comfy_http import ComfyGenerator
from orchestrator_core.generators.forge_http import ForgeGenerator

if TYPE_CHECKING:
    from orchestrator_app.exporting import OwnGraph

HOSTS = ("comfyui", "forge")
ServerGenerator = ComfyGenerator | ForgeGenerator


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; "" and None where nothing was. ``usual`` are the addresses by host."""

    url: str | None
    host: str | None
    usual: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Server:
    """Where prompts are rendered; without a generator, why they are not."""

    generator: ServerGenerator | None = None
    reason: str = ""

    @property
    def object_info(self) -> dict[str, Any] | None:
        """The node classes of a ComfyUI."""
        return self.generator.object_info() if isinstance(self.generator, ComfyGenerator) else None


def find_server(wanted: Wanted, own: OwnGraph, folder: Path) -> Server:
    """Asks who is there. Raises ConfigError for an address that is none, and for a graph that Forge cannot render."""
    if own.graph is not None and wanted.host == "forge":
        raise ConfigError("--graph is a workflow of ComfyUI; Forge cannot render it.")
    comfy = ComfyGenerator(folder, wanted.url or wanted.usual["comfyui"], graph=own.graph, bindings=own.bindings)
    forge = ForgeGenerator(folder, wanted.url or wanted.usual["forge"])
    if wanted.host is not None:
        return _connected(forge if wanted.host == "forge" else comfy)
    if own.graph is not None:
        return _connected(comfy)
    if wanted.url is not None:
        return _connected(forge if forge.api.answers() else comfy)
    found = _connected(comfy)
    if not found.reason:
        return found
    if forge.api.answers():
        return _connected(forge)
    return Server(
        reason=f"No ComfyUI answers at {comfy.api.client.url}, and no Forge at {forge.api.url}. Start one of them; "
        "Forge needs --api."
    )


def _connected(generator: ServerGenerator) -> Server:
    try:
        generator.connect()
    except GeneratorUnreachable as error:
        return Server(reason=str(error))
    return Server(generator)
