"""The host as one object, which the rest of the extension takes as an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from forge_extension.host import folders, lists, loras, meanings, rendering, residence, server, settings
from forge_extension.job import Gate
from forge_extension.lora_names import Listed
from forge_extension.rendered import Look, Rendered
from orchestrator_core.generators.forge_names import ServerNames
from orchestrator_core.llm.port import IsCancelled
from orchestrator_core.llm.residence import Residence


class Forge:
    """The Forge, or Forge Neo, that this is running in."""

    def names(self, *, refresh: bool = False) -> ServerNames:
        return lists.names(refresh=refresh)

    def options(self) -> dict[str, Any]:
        return rendering.options()

    def render(self, task: str, fields: Mapping[str, Any], infotext: Mapping[str, Any], gate: Gate) -> Rendered | None:
        return rendering.render(task, fields, infotext, gate)

    def jobs_there(self) -> int:
        return rendering.jobs_there()

    def own_url(self) -> str:
        return server.own_url()

    def look(self, preview_id: int) -> Look:
        return rendering.look(preview_id)

    def rendered(self, job: Any, processed: Any) -> Rendered:
        return rendering.rendered(job, processed)

    def began(self) -> float:
        return rendering.began()

    def interrupt(self) -> None:
        rendering.interrupt()

    def output_folder(self) -> str:
        return rendering.output_folder()

    def wildcard_folders(self, own: Path) -> list[Path]:
        return folders.wildcard_folders(own)

    def lora_folders(self) -> list[str]:
        return loras.folders()

    def listed_loras(self) -> list[Listed] | None:
        return loras.listed()

    def look_for_loras(self, stems: Iterable[str]) -> None:
        loras.look_again(stems)

    def checkpoint_file(self, name: str) -> str:
        return lists.checkpoint_file(name)

    def is_rendering(self) -> bool:
        return loras.is_rendering()

    def text_encoder(self) -> Any:
        return meanings.text_encoder()

    def text_vectors(self, clip: Any, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        return meanings.text_vectors(clip, texts)

    def residence(self) -> Residence:
        return residence.residence()

    def queue(self, is_cancelled: IsCancelled, /) -> AbstractContextManager[None]:
        return residence.queue(is_cancelled)

    def is_interrupted(self) -> bool:
        return residence.is_interrupted()

    def tell(self, text: str) -> None:
        residence.tell(text)

    def read(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        return settings.read(defaults)

    def write(self, values: Mapping[str, Any]) -> str:
        return settings.write(values)

    def where(self) -> str:
        return settings.where()
