"""Services: what the nodes, the handler and the routes share. Made once, when the pack is registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator_core.template import Wildcards

from .profile_shelf import ProfileShelf

if TYPE_CHECKING:
    from orchestrator_core.loras.meanings import Meanings

    from .lora_choosing import Choosing
    from .lora_loading import Loading
    from .lora_shelf import LoraShelf
    from .lora_uses import Files

Send = Callable[[str, Mapping[str, Any], str], None]  # (event, its data, the client that gets it)


@dataclass(frozen=True, slots=True)
class Services:
    wildcards: Wildcards
    send: Send
    profiles: ProfileShelf = field(default_factory=ProfileShelf)


@dataclass(frozen=True, slots=True)
class LoraServices:
    """The library while ComfyUI runs, what chooses from it, and what loads the files."""

    shelf: LoraShelf
    choosing: Choosing
    loading: Loading
    files: Files
    meanings: Meanings
