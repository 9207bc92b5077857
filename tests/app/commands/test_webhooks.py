"""``orchestrator webhooks`` as a person types it, and docs/webhooks.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator_core.store import Store
from orchestrator_core.webhooks.delivering import Deliveries
from orchestrator_core.webhooks.signing import new_secret, signed_headers, verify
from tests.app.conftest import ROOT, Cli
from tests.core.webhooks.receiver import receiving

PAGE = (ROOT / "docs" / "webhooks.md").read_text("utf-8")


@pytest.mark.network
def test_a_server_is_allowed_added_tested_and_told(cli: Cli) -> None:
    with receiving(204, 404, 204) as receiver:
        refused = cli("webhooks", "add", receiver.url)
        assert (refused.status, "webhooks allow" in refused.err) == (2, True)
        allowed = cli("webhooks", "allow", f"http://127.0.0.1:{receiver.port}/")
        assert allowed.out.splitlines()[0] == f"allowed: http://127.0.0.1:{receiver.port}/"
        added = cli("webhooks", "add", receiver.url, "--events", "cancelled, failed")
        secret = added.out.strip()
        listed = cli("webhooks", "list").out
        assert receiver.url in listed
        assert "cancelled,failed" in listed
        assert secret not in listed
        assert cli("webhooks", "test", receiver.url).out == "taken (204)\n"
        assert verify(receiver.got[0].headers, receiver.got[0].body, secret)
        failed = cli("webhooks", "test", receiver.url)
        assert (failed.status, failed.out) == (1, "It answered 404.\n")

        cli("queue", "add", "a fox", "--callback", receiver.url)
        cli("queue", "cancel", 1)
        shown = cli("webhooks", "deliveries").out
        assert shown.count("waiting") == 2, "one by the webhook, one by the job"
        with Store.open() as store:  # as a worker does
            sender = Deliveries(store)
            sender.start()
            receiver.wait(4)
            sender.stop()
        assert cli("webhooks", "deliveries", "--state", "delivered").out.count("delivered") == 2
    assert {got.told["data"]["job"]["number"] for got in receiver.got[2:]} == {1}
    assert cli("webhooks", "retry", 1, 2).status == 0
    assert cli("webhooks", "remove", receiver.url).out == f"removed: {receiver.url}\n"
    assert cli("webhooks", "disallow", f"http://127.0.0.1:{receiver.port}/").status == 0
    assert "Begin with" in cli("webhooks", "list").err


def test_what_cannot_be_is_said(cli: Cli) -> None:
    for arguments in (
        ("allow", "http://me:word@example.org/"),
        ("add", "https://example.org/", "--events", "begun"),
        ("remove", "nothing"),
        ("retry", "1"),
        ("disallow", "example.org"),
    ):
        outcome = cli("webhooks", *arguments)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("error: ")
        assert "word@" not in outcome.err
    refused = cli("queue", "add", "a fox", "--callback", "http://169.254.169.254/latest")
    assert refused.status == 2
    assert "is not among the addresses that webhooks may have" in refused.err
    assert cli("queue", "list").out == ""

    cli("webhooks", "allow", "example.org")
    first, second = (cli("webhooks", "secret").out.strip() for _ in range(2))
    assert first.startswith("whsec_")
    assert first != second


def test_the_receiver_of_the_page_takes_what_is_signed_and_nothing_else() -> None:
    import time

    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(code.strip().splitlines()) <= 12
    names: dict[str, object] = {}
    exec(compile(code, "webhooks.md", "exec"), names)  # noqa: S102 - the page's own example
    is_genuine = names["is_genuine"]
    assert callable(is_genuine)
    secret, now = new_secret(), int(time.time())
    headers = signed_headers("msg_1", now, b"{}", secret)
    assert is_genuine(headers, b"{}", secret)
    assert not is_genuine(headers, b"[]", secret)
    assert not is_genuine(headers, b"{}", new_secret())
    assert not is_genuine(signed_headers("msg_1", now - 400, b"{}", secret), b"{}", secret)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", PAGE))
def test_the_links_of_the_page_lead_somewhere(target: str) -> None:
    assert (ROOT / "docs" / target).is_file() or Path(target).name == "api.md"
