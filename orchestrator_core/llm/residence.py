"""Where the weights of a model in this process may be: a port, plain torch, and the memory managers of both hosts.

A host's memory manager moves models between the graphics card and main memory, and knows only those that it was told
of: a language model beside it would leave too little room for the image model. So the weights are its own, as one more
model that it may move away whenever it likes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

_PATCHER = "orchestrator_patcher"  # the attribute of a module that holds its patcher


class Residence(Protocol):
    """Lends a device to a model."""

    def dtype(self) -> str:
        """In what the weights are to be: "float32", "float16" or "bfloat16"."""

    def resident(self, module: Any, spare: int) -> AbstractContextManager[Any]:
        """In it all weights of a ``torch.nn.Module`` are on the device that it gives, with ``spare`` bytes beside."""

    def release(self, module: Any) -> None:
        """The module is not needed any more."""


class PlainResidence:
    """Torch alone, where no host is. ``device`` "": a graphics card where there is one, else the processor."""

    def __init__(self, device: str = "") -> None:
        self._device = device

    def dtype(self) -> str:
        return "float32" if self._chosen() == "cpu" else "float16"

    @contextmanager
    def resident(self, module: Any, spare: int) -> Iterator[Any]:
        import torch

        device = torch.device(self._chosen())
        module.to(device)
        yield device

    def release(self, module: Any) -> None:
        module.to("cpu")

    def _chosen(self) -> str:
        import torch

        return self._device or ("cuda" if torch.cuda.is_available() else "cpu")


class ManagedResidence:
    """A host's memory manager: ``comfy.model_management`` or Forge's ``backend.memory_management``, with its patcher.

    Both have the same calls, by whose signatures the differences are told. ComfyUI's manager holds its models weakly,
    so each module keeps its patcher: the two live as long as whoever needs the module, and no longer.
    """

    def __init__(self, manager: Any, patcher: Callable[..., Any]) -> None:
        self._manager, self._patcher = manager, patcher

    def dtype(self) -> str:
        device = self._manager.text_encoder_device()
        if device.type == "cpu":
            return "float32"
        if self._manager.should_use_bf16(device):
            return "bfloat16"
        return "float16" if self._manager.should_use_fp16(device) else "float32"

    @contextmanager
    def resident(self, module: Any, spare: int) -> Iterator[Any]:
        import torch

        patcher = self._patcher_of(module)
        load = self._manager.load_models_gpu
        # Without it ComfyUI may leave a part in main memory, which only layers of its own can work with.
        whole = {"force_full_load": True} if "force_full_load" in inspect.signature(load).parameters else {}
        load([patcher], memory_required=spare, **whole)
        if _is_whole(module, patcher.load_device):
            yield patcher.load_device
        else:  # Forge left a part behind, as there is too little room: slow is better than not at all
            self._unload(patcher)
            module.to("cpu")
            yield torch.device("cpu")

    def release(self, module: Any) -> None:
        if (patcher := getattr(module, _PATCHER, None)) is not None:
            delattr(module, _PATCHER)
            self._unload(patcher)

    def _patcher_of(self, module: Any) -> Any:
        if (patcher := getattr(module, _PATCHER, None)) is None:
            device, offload = self._manager.text_encoder_device(), self._manager.text_encoder_offload_device()
            patcher = self._patcher(module, load_device=device, offload_device=offload)
            setattr(module, _PATCHER, patcher)
        return patcher

    def _unload(self, patcher: Any) -> None:
        """Take one model out of the manager's list, for which neither host has a call."""
        loaded = self._manager.current_loaded_models
        for at in [at for at, each in enumerate(loaded) if each.model is patcher][::-1]:
            loaded.pop(at).model_unload()
        self._manager.soft_empty_cache()


def adapted(model: Any) -> Any:
    """A ``torch.nn.Module`` around a model of transformers, which both hosts' patchers accept.

    ComfyUI's writes the module's ``device``, which a model of transformers does not let it.
    """
    import torch

    class LanguageModel(torch.nn.Module):  # type: ignore[misc]  # the name is what the hosts log
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.device: Any = None

    return LanguageModel()


def _is_whole(module: Any, device: Any) -> bool:
    places = {(each.device.type, each.device.index or 0) for each in module.parameters()}
    return places <= {(device.type, device.index or 0)}
