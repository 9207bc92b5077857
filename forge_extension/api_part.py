"""ApiPart: the API of this Forge, hung into the host's web application and made at the first request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator_app.studio.api_mount import LaterApp, mount
from orchestrator_core.api.wire import PREFIX

if TYPE_CHECKING:
    from orchestrator_app.studio.api_place import StudioApi
    from orchestrator_app.studio.environment import StudioEnvironment
    from orchestrator_core.api.access import Access
    from orchestrator_core.api.place import OfferedFolder

# The host's settings that name folders of images; the first one, where it is set, is instead of the others.
_ALL = "outdir_samples"
_FOLDERS = {"txt2img": "outdir_txt2img_samples", "img2img": "outdir_img2img_samples", "extras": "outdir_extras_samples"}


class Server(Protocol):
    """What is asked of the host's server; ``host.server`` is so."""

    def logins(self) -> frozenset[str]: ...

    def listens_on(self) -> str: ...

    def is_tunnelled(self) -> bool: ...


class ApiPart:
    """One for each load of the extension. ``environment`` is asked at the first request; ``options`` gives the host's
    settings."""

    def __init__(
        self,
        server: Server,
        environment: Callable[[], StudioEnvironment],
        options: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._server, self._environment, self._options = server, environment, options
        self._app = LaterApp(self._made)

    def hang(self, application: Any) -> None:
        """``application`` is the host's; what an earlier load has left there goes away."""
        mount(application, PREFIX, self._app)

    def close(self) -> None:
        """The host is about to load the extension anew: streams end, and nothing is answered any more."""
        self._app.close()

    def access(self) -> Access:
        """Whoever set a login for the host does not find this open, and a tunnel leads here from anywhere.

        Raises ConfigError, OSError.
        """
        from orchestrator_core.api.access import Access, is_loopback
        from orchestrator_core.api.token import read_token

        is_open = self._server.is_tunnelled() or not is_loopback(self._server.listens_on())
        return Access(read_token(), is_open, logins=self._server.logins())

    def _made(self) -> StudioApi:
        from orchestrator_app.studio.api_place import StudioApi

        return StudioApi(
            self._environment(),
            "forge",
            self.access,
            lambda settings: ("forge", settings.comfy_url),
            lambda: offered_by(self._options()),
        )


def offered_by(options: Mapping[str, Any]) -> tuple[OfferedFolder, ...]:
    """The folders that the host puts images into, for the gallery."""
    from orchestrator_core.api.place import OfferedFolder

    names = {"output": _ALL} if options.get(_ALL) else _FOLDERS
    told = {name: options.get(option) for name, option in names.items()}
    return tuple(OfferedFolder(name, Path(path).absolute()) for name, path in told.items() if path)
