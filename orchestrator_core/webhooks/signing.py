"""Signatures after the Standard Webhooks specification, version 1 (symmetric): HMAC-SHA256 of ``id.timestamp.body``.

Any library that knows the specification checks them; ``verify`` is for receivers in Python.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping

from orchestrator_core.errors import SignatureRefused, WebhookError

PREFIX = "whsec_"
KEY_BYTES = 32
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_S = 300  # between the clocks of sender and receiver, and the way between


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def signed_headers(message: str, at_s: int, body: bytes, secret: str) -> dict[str, str]:
    """The three headers that go with this body. Raises WebhookError for what is no secret."""
    return {ID: message, TIMESTAMP: str(at_s), SIGNATURE: "v1," + _signature(message, str(at_s), body, _key(secret))}


def verify(
    headers: Mapping[str, str], body: bytes, secret: str, now: float | None = None, tolerance_s: float = TOLERANCE_S
) -> str:
    """The message's id, where it was signed with this secret, not long ago. Remember ids: a message may come twice.

    ``body`` is what came, byte for byte. ``now``: seconds since 1970. Raises SignatureRefused, and WebhookError for
    what is no secret.
    """
    key = _key(secret)
    given = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not given.get(name)]
    if missing:
        raise SignatureRefused(f"It is not signed: it has no header {' and no '.join(missing)}.")
    _check_age(given[TIMESTAMP], time.time() if now is None else now, tolerance_s)
    wanted = f"v1,{_signature(given[ID], given[TIMESTAMP], body, key)}".encode()
    # While a secret is changed for another, a message has a signature of each, with spaces between.
    if not any(hmac.compare_digest(one.encode("utf-8", "replace"), wanted) for one in given[SIGNATURE].split()):
        raise SignatureRefused("Its signature was made with another secret, or of another body.")
    return given[ID]


def _check_age(timestamp: str, now: float, tolerance_s: float) -> None:
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise SignatureRefused(f"Its {TIMESTAMP} is no number of seconds.")
    age = now - int(timestamp)
    if abs(age) > tolerance_s:
        raise SignatureRefused(
            f"It was signed {abs(age):,.0f} seconds {'ago' if age > 0 else 'from now'}; {tolerance_s:,.0f} are allowed."
        )


def _signature(message: str, timestamp: str, body: bytes, key: bytes) -> str:
    signed = f"{message}.{timestamp}.".encode("utf-8", "replace") + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not 16 <= len(key) <= 128:  # not shown: it may be one with a letter missing
        raise WebhookError(f"That is no secret of a webhook: {PREFIX} and 24 to 64 bytes in base64.")
    return key
