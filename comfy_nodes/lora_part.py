"""LoraPart: all that the pack has of LoRAs, imported and made when it is first asked for.

A server that starts imports every pack, and waits: these modules would double what this one costs. They come in the
thread that looks at the LoRA folders, once the server answers.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from orchestrator_core.template import Wildcards

from . import host
from .profile_shelf import ProfileShelf
from .services import LoraServices

if TYPE_CHECKING:
    from orchestrator_core.loras.ranking import LoraSource

    from .drawing_odds import Odds
    from .lora_answers import LoraAnswers
    from .lora_civitai import LoraCivitai
    from .lora_testing import LoraTesting


class LoraPart:
    """One for the process. Threads may share it."""

    def __init__(self, wildcards: Wildcards, profiles: ProfileShelf | None = None, odds: Odds | None = None) -> None:
        self._wildcards = wildcards
        self._profiles, self._odds = profiles, odds
        self._lock = threading.Lock()
        self._services: LoraServices | None = None
        self._answering: tuple[LoraAnswers, LoraCivitai, LoraTesting] | None = None

    def start(self) -> None:
        """Look at the LoRA folders, and watch them."""
        self.services().shelf.start()

    def services(self) -> LoraServices:
        """What the nodes use. Nothing is read or opened yet."""
        with self._lock:
            if self._services is None:
                self._services = _services(self._profiles, self._odds)
            return self._services

    def library(self) -> LoraSource:
        """The LoRAs, once the first look at the disk is over."""
        return self.services().shelf.ready()

    def answers(self) -> LoraAnswers:
        return self._answered()[0]

    def civitai(self) -> LoraCivitai:
        return self._answered()[1]

    def testing(self) -> LoraTesting:
        return self._answered()[2]

    def _answered(self) -> tuple[LoraAnswers, LoraCivitai, LoraTesting]:
        shelf = self.services().shelf
        with self._lock:
            if self._answering is None:
                from .lora_answers import LoraAnswers
                from .lora_civitai import LoraCivitai
                from .lora_testing import LoraTesting

                answers = LoraAnswers(shelf)
                testing = LoraTesting(answers, self._wildcards, host.lora_path, host.node_info)
                self._answering = answers, LoraCivitai(shelf, answers), testing
            return self._answering


def _services(profiles: ProfileShelf | None, odds: Odds | None) -> LoraServices:
    from orchestrator_core.loras.meanings import Meanings

    from .lora_choosing import Choosing
    from .lora_loading import Loading
    from .lora_shelf import LoraShelf
    from .lora_uses import Files

    shelf = LoraShelf(host.lora_folders, host.is_rendering, host.send_to_all)
    return LoraServices(
        shelf,
        Choosing(shelf.ready, profiles, odds),
        Loading(host.Patching()),
        Files(host.lora_names, host.lora_path),
        Meanings(host.text_vectors, shelf.vectors),
    )
