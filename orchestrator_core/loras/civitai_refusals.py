"""When Civitai does not answer as it should: what that means, in a sentence, and whether waiting helps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from orchestrator_core.errors import FormatError, HttpError


@dataclass(frozen=True, slots=True)
class _Told:
    sentence: str
    passes: bool = False  # whether it may be over soon


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error to raise: an HttpError ends a whole fetch. ``passes``: it may be over soon."""

    error: HttpError
    passes: bool


def is_not_found(error: HttpError) -> bool:
    """Civitai's own "not found" is JSON; that of a proxy or a login page is not."""
    if error.status != 404:
        return False
    try:
        body = json.loads(error.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and "error" in body


def refusal_of(error: HttpError, has_key: bool) -> Refusal | None:
    """What an error means; None for "not found". Raises FormatError for what is wrong with this one answer alone."""
    if is_not_found(error):
        return None
    if error.status == 200 and not error.body:
        raise FormatError(f"Civitai's answer is left out. {error}")
    if error.status == 400:
        raise FormatError(f"Civitai did not understand the question (400): {_said(error)}")
    told = _told(error, has_key)
    return Refusal(HttpError(told.sentence, error.status, error.body, error.retry_after), told.passes)


def _told(error: HttpError, has_key: bool) -> _Told:
    status = error.status
    if status == 0:
        return _Told(f"Civitai cannot be reached: {error}", passes=True)
    if status == 200:
        return _Told(
            "Something answers in Civitai's place, or it shows a page for people: perhaps the login page of a network. "
            "Open civitai.com in a browser, then try again."
        )
    if status in (401, 403):
        cure = "Correct the key in CIVITAI_API_KEY, or unset it: none is needed." if has_key else "Try again later."
        return _Told(f"Civitai refuses to answer ({status}). {cure}")
    if status == 429:
        after = f" It wants to be asked again after {error.retry_after} seconds." if error.retry_after.isdigit() else ""
        return _Told(f"Civitai was asked too often (429).{after} Try again later.", passes=True)
    if status >= 500:
        return _Told(f"Civitai has a problem of its own ({status}). Try again later.", passes=True)
    if 300 <= status < 400:
        return _Told(f"Civitai sends us to another address ({status}), which is not followed. Try again later.")
    return _Told(f"Civitai answered {status}, which it never should. Try again later.")


def _said(error: HttpError) -> str:
    return error.body[:200].decode("utf-8", "replace").strip() or str(error)


def seconds_to_wait(retry_after: str, attempt: int, now_s: float) -> float:
    """As long as the server says, in seconds or as a date; else 2, 4, 8 …"""
    usual = 2.0 * (1 << attempt)
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        wanted = float(text[:9])
    else:
        try:
            wanted = parsedate_to_datetime(text).timestamp() - now_s
        except (ValueError, TypeError, OverflowError):
            wanted = usual
    return max(wanted, usual / 2)
