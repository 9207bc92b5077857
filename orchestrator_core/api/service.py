"""Api: the Service of a place. Every request goes the same way: access, route, body, handler, answer."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_core.api.access import Access
from orchestrator_core.api.app_files import APP, is_of_page
from orchestrator_core.api.place import ApiPlace
from orchestrator_core.api.reading import body_of, check_kind, query_of
from orchestrator_core.api.refusing import BASE_HEADERS, Refusal, model_answer, refusal_of, too_large
from orchestrator_core.api.routes import ROUTES
from orchestrator_core.api.routing import Call, Created, Match, find
from orchestrator_core.api.wire import PREFIX, Answer, Head


@dataclass(frozen=True, slots=True)
class Api:
    """A Service; threads may share one."""

    place: ApiPlace
    access: Access

    def before(self, head: Head) -> Answer | int:
        try:
            route = self._found(head).route
            most = route.most if route is not None and route.has_body else 1024
            if _announced(head) > most:
                raise too_large(most)
        except Exception as error:  # noqa: BLE001 - the port says that this raises nothing
            return refusal_of(error).answer
        return most

    def answer(self, head: Head, body: bytes) -> Answer:
        try:
            match = self._found(head)
            answer = self._answered(match, head, body)
        except Exception as error:  # noqa: BLE001 - as above; what nobody foresaw is logged
            answer = refusal_of(error).answer
        if head.method == "HEAD":
            if answer.stream is not None:
                answer.stream.close()
            return answer.without_body()
        return answer

    def _found(self, head: Head) -> Match:
        """Who may not ask is not told what there is. Raises Refusal."""
        if is_of_page(head.path):
            self.access.check_page_file(head)
        else:
            self.access.check(head)
        match = find(ROUTES + APP, head)
        if match.route is not None:
            check_kind(match.route, head)
        return match

    def _answered(self, match: Match, head: Head, body: bytes) -> Answer:
        route = match.route
        if route is None:
            return Answer(204, headers={**BASE_HEADERS, "Allow": ", ".join(match.allowed)})
        found = route.handler(
            Call(self.place, head, match.names, query_of(route, head), body_of(route, body), self.access)
        )
        if isinstance(found, Answer):
            return found
        headers = dict(BASE_HEADERS)
        status, model = (201, found.model) if isinstance(found, Created) else (200, found)
        if isinstance(found, Created) and found.location:
            headers["Location"] = PREFIX + found.location
        return model_answer(model, status, headers)


def _announced(head: Head) -> int:
    text = head.headers.get("content-length", "0").strip()
    if not text.isascii() or not text.isdecimal():
        raise Refusal(400, "bad_length", "The Content-Length is no number.")
    return int(text) if len(text) < 20 else 1 << 62
