"""ApiPart: the API of this ComfyUI, imported and made at the first request: what the nodes use is what programs get."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_core.template import Wildcards

from .profile_shelf import ProfileShelf

if TYPE_CHECKING:
    from orchestrator_core.api.access import Access
    from orchestrator_core.api.place import ApiPlace, OfferedFolder
    from orchestrator_core.api.wire import Service
    from orchestrator_core.context import StageContext
    from orchestrator_core.loras.ranking import LoraSource

    from .story_part import StoryServices

TARGET = "comfyui"


@dataclass(frozen=True, slots=True)
class ApiPart:
    """``loras`` and ``stories`` make what they give when they are called.

    ``listens_on`` asks for the addresses of the server; ``wake`` is called when a program changed something of jobs.
    """

    wildcards: Wildcards
    profiles: ProfileShelf
    loras: Callable[[], LoraSource]
    stories: Callable[[], StoryServices]
    listens_on: Callable[[], Sequence[str]] = lambda: ("127.0.0.1",)
    wake: Callable[[], object] = lambda: None
    page: Path | None = None  # the folder of the built page
    output: Callable[[], Path] | None = None  # the folder that the host saves images in

    def service(self) -> Service:
        from orchestrator_core.api.hosted import HostedApi

        return HostedApi(self.place(), self.access)

    def access(self) -> Access:
        """Off the loopback a token is asked for. Raises ConfigError."""
        from orchestrator_core.api.access import Access, is_loopback
        from orchestrator_core.api.token import read_token

        return Access(read_token(), is_open=not all(is_loopback(address) for address in self.listens_on()))

    def place(self) -> ApiPlace:
        from orchestrator_core.api.image_bytes import thumbnails_for
        from orchestrator_core.api.place import ApiPlace, KeptStore
        from orchestrator_core.gallery.image_runs import Drawing
        from orchestrator_core.gallery.keeper import GalleryKeeper
        from orchestrator_core.weights.ledger import Ledger

        from .learn_store import open_store

        store, ledger = KeptStore(open_store), Ledger(open_store)
        return ApiPlace(
            "comfyui",
            store,
            self._context,
            profiles=self.profiles.library,
            ledger=ledger,
            targets=lambda: (TARGET,),
            thumbnails=thumbnails_for(store),
            page=self.page,
            keeper=GalleryKeeper(store, drawing=Drawing(self._context, ledger)),
            offered=self._offered,
            changed=self._changed,
        )

    def _offered(self) -> tuple[OfferedFolder, ...]:
        from orchestrator_core.api.place import OfferedFolder

        return () if self.output is None else (OfferedFolder("output", self.output()),)

    def _changed(self, what: str) -> None:
        if what == "jobs":
            self.wake()

    def _context(self) -> StageContext:
        from orchestrator_core.context import StageContext
        from orchestrator_core.loras.ranking import LaterLoras

        told = self.stories()
        loras = LaterLoras(self.loras)
        return StageContext(self.wildcards, loras=loras, profiles=self.profiles, stories=told.stories, books=told.books)
