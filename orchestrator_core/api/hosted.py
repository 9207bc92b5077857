"""HostedApi: the API in somebody else's server, whose access is asked for anew at each request.

So a token that a person makes, or takes away, holds at once: a host is not started anew for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator_core.api.access import Access, host_name
from orchestrator_core.api.place import ApiPlace
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.service import Api
from orchestrator_core.api.wire import Answer, Head
from orchestrator_core.errors import OrchestratorError


@dataclass(frozen=True, slots=True)
class HostedApi:
    """A Service; threads may share one. ``access`` may raise OrchestratorError and OSError: then nobody is let in."""

    place: ApiPlace
    access: Callable[[], Access]

    def before(self, head: Head) -> Answer | int:
        api = self._api(head)
        return api.before(head) if isinstance(api, Api) else api

    def answer(self, head: Head, body: bytes) -> Answer:
        api = self._api(head)
        return api.answer(head, body) if isinstance(api, Api) else api

    def _api(self, head: Head) -> Api | Answer:
        try:
            return Api(self.place, _reached(self.access(), head))
        except (OrchestratorError, OSError) as error:
            return Refusal(500, "access", f"Nobody is let in, as the token or the logins are not known: {error}").answer


def _reached(access: Access, head: Head) -> Access:
    """Under whichever name, where a token or a login is asked for: a page that lies about its name has neither."""
    if not (access.token or access.logins):
        return access
    return replace(access, hosts=access.hosts | {host_name(head.headers.get("host", ""))})
