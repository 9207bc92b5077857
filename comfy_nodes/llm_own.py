"""What the person at this ComfyUI has set about language models: on the page or in the environment, never in a graph.

A graph may come from anybody. It names a model and may name an address; which addresses may be asked beyond this
machine and its network, and with which key, is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

from orchestrator_core.errors import ConfigError
from orchestrator_core.llm.reach import hosts_in
from orchestrator_core.llm.settings import DEFAULT_URL, LlmSettings

URL, HOSTS, KEY = "Orchestrator.LlmUrl", "Orchestrator.LlmHosts", "Orchestrator.LlmKey"  # ids of ComfyUI's settings
# Where servers listen unless told otherwise: Ollama, LM Studio, llama.cpp, vLLM.
USUAL_URLS = (DEFAULT_URL, *(f"http://127.0.0.1:{port}/v1" for port in (1234, 8080, 8000)))
BACKEND = "openai"  # of a node that says nothing else: who wants rules needs no node


@dataclass(frozen=True, slots=True)
class Own:
    """``key`` None: that of the environment."""

    url: str = ""
    hosts: tuple[str, ...] = ()
    key: str | None = field(default=None, repr=False)

    def settings(self, values: Mapping[str, Any]) -> LlmSettings:
        """A node's widgets as settings; those that it lacks are as by default.

        Raises ValidationError.
        """
        given = {name: values[name] for name in NODE_FIELDS if values.get(name) not in (None, "")}
        url = str(values.get("url") or "").strip() or self.url or DEFAULT_URL
        return LlmSettings.model_validate({"backend": BACKEND, **given, "url": url, "allowed_hosts": self.hosts})


# ``allowed_hosts`` is a permission, which no graph gives.
NODE_FIELDS = tuple(name for name in LlmSettings.model_fields if name != "allowed_hosts")


def own_in(settings: Mapping[str, Any]) -> Own:
    """What ComfyUI's settings say; what is no text there says nothing."""
    found = (settings.get(name) for name in (URL, HOSTS, KEY))
    url, hosts, key = (value.strip() if isinstance(value, str) else "" for value in found)
    return Own(url, tuple(sorted(hosts_in(hosts))), key or None)


def usable_folder(name: str, folders: list[Path]) -> str:
    """What a graph calls a model of this machine: a name below ComfyUI's folders, or else as it stands.

    Raises ConfigError for a place on another machine, which opening it would tell of this one.
    """
    name = name.strip()
    if name.startswith(("//", "\\\\")):
        raise ConfigError("The folder is on another machine. Copy the model to this one, or mount its disk.")
    if not name or Path(name).is_absolute() or PureWindowsPath(name).is_absolute():
        return name
    found = (path for folder in folders if (path := folder / name).exists() and _is_below(path, folder))
    return str(next(found, name))


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
