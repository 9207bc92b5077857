"""LlmPart: all that the nodes of language models share, imported and made when it is first asked for.

ComfyUI waits for each pack when it starts; these modules come when a graph uses them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import host, host_language

if TYPE_CHECKING:
    from .llm_enhancing import Enhancing
    from .llm_listing import Listing
    from .llm_models import Models


@dataclass(frozen=True, slots=True)
class LlmServices:
    models: Models
    enhancing: Enhancing
    listing: Listing


class LlmPart:
    """One for the process. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._services: LlmServices | None = None

    def services(self) -> LlmServices:
        """Nothing is read, opened or loaded yet."""
        with self._lock:
            if self._services is None:
                self._services = _services()
            return self._services

    def listing(self) -> Listing:
        return self.services().listing


def _services() -> LlmServices:
    from .llm_enhancing import Answers, Enhancing, Queue
    from .llm_listing import Listing
    from .llm_models import Models
    from .llm_own import Own, own_in

    def own() -> Own:
        return own_in(host_language.settings())

    def send(event: str, data: dict[str, object]) -> None:
        host.send(event, data, host.current_client())

    queue = Queue(host_language.is_interrupted, host_language.is_last_prompt)
    models = Models(own, host_language.language_folders, host_language.residence)
    return LlmServices(models, Enhancing(Answers(), queue, send), Listing(own, _folders))


def _folders() -> Sequence[str]:
    return [str(folder) for folder in host_language.language_folders()]
