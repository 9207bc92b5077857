"""Signatures of webhooks: as the Standard Webhooks specification has them; forged and old ones are refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import SignatureRefused, WebhookError
from orchestrator_core.webhooks.signing import new_secret, signed_headers, verify

# The example of the specification's own libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
SIGNED = {"webhook-id": ID, "webhook-timestamp": str(AT), "webhook-signature": SIGNATURE}


def test_a_body_is_signed_as_the_specification_shows() -> None:
    assert signed_headers(ID, AT, BODY, SECRET) == SIGNED


def test_what_was_signed_is_verified_whatever_the_case_of_its_headers() -> None:
    assert verify({name.title(): value for name, value in SIGNED.items()}, BODY, SECRET, AT + 10) == ID


def test_while_a_secret_is_changed_one_of_two_signatures_is_enough() -> None:
    both = {**SIGNED, "webhook-signature": f"v1,AAAA v1a,{SIGNATURE[3:]} {SIGNATURE}"}
    assert verify(both, BODY, SECRET, AT) == ID


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"webhook-signature": SIGNATURE[:-4] + "AAA="}, "another secret"),
        ({"webhook-signature": "v1a" + SIGNATURE[2:]}, "another secret"),
        ({"webhook-signature": "v1,\u00fc"}, "another secret"),
        ({"webhook-id": "msg_other"}, "another secret"),
        ({"webhook-timestamp": str(AT + 1)}, "another secret"),
        ({"webhook-timestamp": "now"}, "no number"),
        ({"webhook-timestamp": "-1"}, "no number"),
        ({"webhook-timestamp": "9" * 5000}, "no number"),
        ({"webhook-signature": ""}, "no header webhook-signature"),
        ({"webhook-id": ""}, "no header webhook-id"),
    ],
)
def test_a_forged_message_is_refused(change: dict[str, str], why: str) -> None:
    with pytest.raises(SignatureRefused, match=why):
        verify(SIGNED | change, BODY, SECRET, AT)


@pytest.mark.parametrize(("now", "why"), [(AT + 301, "301 seconds ago"), (AT - 301, "301 seconds from now")])
def test_an_old_message_is_refused_and_one_from_the_future(now: int, why: str) -> None:
    with pytest.raises(SignatureRefused, match=why):
        verify(SIGNED, BODY, SECRET, now)
    assert verify(SIGNED, BODY, SECRET, now, tolerance_s=400) == ID


def test_another_body_or_another_secret_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        verify(SIGNED, BODY + b" ", SECRET, AT)
    with pytest.raises(SignatureRefused):
        verify(SIGNED, BODY, new_secret(), AT)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-signature"])
def test_a_header_that_is_no_text_is_refused_as_any_other_forgery(name: str) -> None:
    with pytest.raises(SignatureRefused, match="another secret"):
        verify({**SIGNED, name: "\udcff"}, BODY, SECRET, AT)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%%", "whsec_AAAA", "whsec_ü" + "A" * 40])
def test_what_is_no_secret_is_said_without_showing_it(secret: str) -> None:
    with pytest.raises(WebhookError, match="no secret of a webhook") as refused:
        signed_headers(ID, AT, BODY, secret)
    assert secret.removeprefix("whsec_") not in str(refused.value) or secret in ("", "whsec_")


def test_each_new_secret_is_another_and_has_32_bytes() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32


@given(
    st.binary(max_size=200),
    st.integers(0, 2**33),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
)
def test_whatever_is_signed_is_verified(body: bytes, at: int, message: str) -> None:
    assert verify(signed_headers(message, at, body, SECRET), body, SECRET, at) == message
