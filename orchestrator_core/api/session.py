"""``/session``: a browser's cookie in place of the token or login, so that it can be asked for pictures too.

A page gives the token once, and gets a cookie that no script can read, that the browser sends to this API alone, and
that only requests of the server's own pages may be made with. It is made of the token or login that it stands for, so
it is of no use once that has changed; nothing is kept here.
"""

from __future__ import annotations

from orchestrator_core.api.cookies import cookie_name, cookie_of
from orchestrator_core.api.models import Nothing
from orchestrator_core.api.refusing import BASE_HEADERS, Refusal
from orchestrator_core.api.routing import NO_CONTENT, Call, Route
from orchestrator_core.api.wire import Answer, Head

_KEPT_S = 30 * 24 * 3600


def begin(call: Call) -> Answer:
    """A cookie for what was given; none where nothing is asked for."""
    access = call.access
    secret = None if access is None else access.secret_in(call.head.headers.get("authorization", ""))
    if secret is not None:
        return _set(call.head, cookie_of(secret), _KEPT_S)
    if access is not None and (access.token or access.logins):  # it came with a cookie
        raise Refusal(401, "unauthorized", "Send what the cookie is to stand for as Authorization.", "Authorization")
    return Answer(204, headers=BASE_HEADERS)


def end(call: Call) -> Answer:
    """The browser forgets the cookie."""
    return _set(call.head, "", 0)


def _set(head: Head, value: str, kept_s: int) -> Answer:
    """Without a Path it is sent to what is beside ``session``, whatever a host or a proxy has put before that."""
    secure = "; Secure" if head.headers.get("origin", "").lower().startswith("https:") else ""
    cookie = f"{cookie_name(head)}={value}; Max-Age={kept_s}; HttpOnly; SameSite=Strict{secure}"
    return Answer(204, headers={**BASE_HEADERS, "Set-Cookie": cookie})


SESSION: tuple[Route, ...] = (
    Route("POST", "/session", begin, None, "A cookie in place of the token", body=Nothing, content_type=NO_CONTENT),
    Route("DELETE", "/session", end, None, "Forget the cookie", content_type=NO_CONTENT),
)
