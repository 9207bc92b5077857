"""Weights of a file as a mapping that reads a tensor when asked for it: half of a model costs half of the reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from orchestrator_core.errors import ScorerError

_FAILURES = (OSError, ValueError, KeyError, RuntimeError, EOFError, TypeError, MemoryError)


class WeightsFile:
    """A .safetensors file, or one of torch's that holds nothing but tensors. Raises ScorerError for any other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: Any = None
        self._loaded: Mapping[str, Any] = {}
        try:
            self._read()
        except Exception as error:
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise ScorerError(f"{path}: these weights cannot be read; the file may be damaged: {said}") from error

    def _read(self) -> None:
        if self.path.suffix == ".safetensors":
            from safetensors import safe_open

            self._open = safe_open(self.path, framework="pt")
        else:
            import torch

            told = torch.load(self.path, map_location="cpu", weights_only=True)
            told = told.get("state_dict", told)
            self._loaded = {key.removeprefix("module."): value for key, value in told.items()}

    def keys(self) -> list[str]:
        return list(self._open.keys() if self._open is not None else self._loaded)

    def tensor(self, key: str) -> Any:
        """Raises ScorerError."""
        try:
            return self._open.get_tensor(key) if self._open is not None else self._loaded[key]
        except Exception as error:
            raise ScorerError(f"{self.path}: {key} cannot be read; the file may be damaged: {error}") from error


def fill(module: Any, weights: Mapping[str, Any], name: str) -> None:
    """Give a module, made on the meta device, its weights without copying them.

    Raises ScorerError where one is missing or has another shape: the weights are of another architecture.
    """
    wanted = {key: value.shape for key, value in module.state_dict().items()}
    if missing := [key for key in wanted if key not in weights]:
        raise ScorerError(_other(name, f"{len(missing)} of {len(wanted)} are missing, as {missing[0]}"))
    given = {}
    for key, shape in wanted.items():
        value = weights[key]
        if value.shape != shape:
            raise ScorerError(_other(name, f"{key} is {_size(value.shape)}, and the model has {_size(shape)}"))
        given[key] = value.float() if value.is_floating_point() else value
    module.load_state_dict(given, strict=True, assign=True)
    module.requires_grad_(False)


def _other(name: str, what: str) -> str:
    return f"{name}: these weights are of another architecture than the model's configuration: {what}."


def _size(shape: Iterable[int]) -> str:
    return " × ".join(map(str, shape)) or "one number"
