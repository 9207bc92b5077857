"""Which server renders: the one that was named, whatever it is, or whoever answers at its usual address.

``embedded:FOLDER`` is none: it is a pipeline of diffusers, in this process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ConfigError, GeneratorUnreachable
from orchestrator_core.generators.comfy_http import ComfyGenerator
from orchestrator_core.generators.embedded import EmbeddedGenerator
from orchestrator_core.generators.forge_http import ForgeGenerator

if TYPE_CHECKING:
    from orchestrator_app.exporting import OwnGraph

HOSTS = ("comfyui", "forge")
EMBEDDED = "embedded:"
ServerGenerator = ComfyGenerator | ForgeGenerator | EmbeddedGenerator


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; "" and None where nothing was. ``usual`` are the addresses by host."""

    url: str | None
    host: str | None
    usual: Mapping[str, str]
    loras: Sequence[str] = ()  # folders, for who renders in this process


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
    if wanted.url is not None and wanted.url.startswith(EMBEDDED):
        return _connected(_embedded(wanted, own, folder))
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


def _embedded(wanted: Wanted, own: OwnGraph, folder: Path) -> EmbeddedGenerator:
    from orchestrator_app.lora_library import known_folders

    assert wanted.url is not None
    source = wanted.url.removeprefix(EMBEDDED)
    if not source:
        raise ConfigError("--server embedded: names no pipeline. Write it as --server embedded:FOLDER.")
    if own.graph is not None or wanted.host is not None:
        raise ConfigError("--graph and --host are for a server; embedded: renders in this process.")
    return EmbeddedGenerator(folder, source, lora_folders=known_folders(wanted.loras))


def _connected(generator: ServerGenerator) -> Server:
    try:
        generator.connect()
    except GeneratorUnreachable as error:
        return Server(reason=str(error))
    return Server(generator)
