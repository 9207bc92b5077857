"""The API where the studio is, in Forge or alone: what its pages use is what programs get.

The settings are read anew at each call, so what a person changes on the page Config holds for programs too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator_app.bundled import page_folder
from orchestrator_app.studio.api_mount import Receive, Scope, Send
from orchestrator_app.studio.environment import Settings, StudioEnvironment
from orchestrator_core.api.access import Access
from orchestrator_core.api.asgi import AsgiApp
from orchestrator_core.api.hosted import HostedApi
from orchestrator_core.api.image_bytes import thumbnails_for
from orchestrator_core.api.place import ApiPlace, KeptStore, OfferedFolder
from orchestrator_core.context import StageContext
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.gallery.image_runs import Drawing
from orchestrator_core.gallery.keeper import GalleryKeeper
from orchestrator_core.loras.ranking import LaterLoras
from orchestrator_core.weights.ledger import Ledger


class StudioApi:
    """An ASGI app. ``close`` ends its streams and closes its store; the environment, which it shares, stays open.

    ``targets``: where this place itself renders, by the names that jobs have for it. ``offered``: folders for the
    gallery.
    """

    def __init__(
        self,
        environment: StudioEnvironment,
        name: str,
        access: Callable[[], Access],
        targets: Callable[[Settings], Sequence[str]] = lambda settings: (),
        offered: Callable[[], Sequence[OfferedFolder]] = tuple,
    ) -> None:
        assert environment.store is not None
        self._environment, self._targets = environment, targets
        self._store = KeptStore(environment.store)
        ledger = Ledger(environment.store)
        self._keeper = GalleryKeeper(self._store, drawing=Drawing(self._context, ledger))
        self.place = ApiPlace(
            name,
            self._store,
            self._context,
            profiles=environment.profiles,
            ledger=ledger,
            targets=lambda: targets(self._settings()),
            thumbnails=thumbnails_for(self._store),
            page=page_folder(),
            keeper=self._keeper,
            offered=offered,
            changed=self._changed,
        )
        self._app = AsgiApp(HostedApi(self.place, access))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def close(self) -> None:
        self._app.close()
        self._keeper.close()
        if self.place.thumbnails is not None:
            self.place.thumbnails.close()
        self._store.close()

    def _settings(self) -> Settings:
        """The defaults where they cannot be used, as its pages do."""
        try:
            return self._environment.settings.load()
        except OrchestratorError:
            return Settings()

    def _context(self) -> StageContext:
        now, environment = self._settings(), self._environment
        loras = environment.loras
        return StageContext(
            environment.wildcards(now),
            loras=None if loras is None else LaterLoras(lambda: loras(now).source),
            profiles=environment.profiles,
            stories=environment.stories,
            books=environment.books,
        )

    def _changed(self, what: str) -> None:
        """A job that was just added is begun at once."""
        if what == "jobs" and self._environment.queue is not None:
            self._environment.queue.ensure_worker()
