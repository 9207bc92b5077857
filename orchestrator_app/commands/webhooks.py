"""``orchestrator webhooks``: servers that are told when a job has ended. Only addresses that you allow can be told.

What is sent is signed, so that the receiver can tell it from what others send: docs/webhooks.md has the ten lines for
that. Workers send it; what was not taken is sent again for some hours.
"""

from __future__ import annotations

import argparse
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.arguments import description, whole
from orchestrator_app.commands.worker import add_database, using_database
from orchestrator_app.console import remark, say, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator_core.webhooks.hooks import Delivery, Webhooks

_STATES = ("waiting", "sending", "delivered", "failed")


def add_to(commands: Any, name: str) -> None:
    parser = commands.add_parser(name, help="tell servers of a job's end", description=description(__doc__))
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    may = _action(actions, "allow", allow, "let webhooks go to this address and all below it")
    may.add_argument("address", metavar="URL", help="https://example.org/hooks/; or a host, for all of it by https")
    may = _action(actions, "disallow", disallow, "let nothing go there any more")
    may.add_argument("address", metavar="URL", help="as webhooks list shows it")
    added = _action(actions, "add", add, "tell this address of all jobs, and show the secret that signs it")
    added.add_argument("url", metavar="URL", help="an address that is allowed")
    added.add_argument(
        "--events", default="done,failed", metavar="WHICH", help="of done,failed,cancelled,held (%(default)s)"
    )
    _action(actions, "list", list_webhooks, "what is allowed, and who is told")
    _named(_action(actions, "remove", remove, "tell this one no more"))
    _named(_action(actions, "test", test, "send it a message now, and say what it answers"))
    renewed = _named(_action(actions, "secret", secret, "make a new secret, and show it"), "?")
    renewed.description = (
        "Make a new secret in place of the old one, and show it. Without a webhook: of what is sent to "
    )
    renewed.description += "the addresses that jobs name themselves."
    sent = _action(actions, "deliveries", deliveries, "what was sent and what waits to be sent, newest first")
    sent.add_argument("--state", action="append", choices=_STATES, help="only these; may be given again")
    sent.add_argument("-n", "--limit", type=whole, default=50, metavar="N", help="how many (50)")
    again = _action(actions, "retry", retry, "send these deliveries again")
    again.add_argument("delivery", type=whole, nargs="+", metavar="NUMBER", help="as webhooks deliveries shows them")


def _action(actions: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=f"{text[:1].upper()}{text[1:]}.")
    add_database(parser)
    parser.set_defaults(run=function)
    return parser


def _named(parser: argparse.ArgumentParser, count: str | None = None) -> argparse.ArgumentParser:
    parser.add_argument("webhook", metavar="WEBHOOK", nargs=count, help="its id, the beginning of it, or its address")
    return parser


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[Webhooks]:
    from orchestrator_core.store import Store
    from orchestrator_core.webhooks.hooks import Webhooks

    with using_database(arguments), Store.open() as store:
        yield Webhooks(store)


def allow(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as webhooks:
        entry, made = webhooks.allow(arguments.address)
    say(f"allowed: {entry}")
    if made:
        remark("What is sent to addresses that jobs name is signed with this secret, which is not shown again:")
        say(made)
    return 0


def disallow(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as webhooks:
        say(f"no longer allowed: {webhooks.disallow(arguments.address)}")
    return 0


def add(arguments: argparse.Namespace) -> int:
    events = [event.strip() for event in arguments.events.split(",") if event.strip()]
    with _opened(arguments) as webhooks:
        hook, made = webhooks.add(arguments.url, events)
    remark(f"webhook {hook.id}: {hook.url} is told when a job is {' or '.join(hook.events)}.")
    remark("It is signed with this secret, which is not shown again:")
    say(made)
    return 0


def list_webhooks(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as webhooks:
        allowed, hooks = webhooks.allowed(), webhooks.hooks()
    for entry in allowed:
        say(f"allowed: {entry}")
    if not allowed:
        remark("Nothing may be told. Begin with: orchestrator webhooks allow https://example.org/hooks/")
    if hooks:
        table(("webhook", "events", "address"), [(hook.id, ",".join(hook.events), hook.url) for hook in hooks], wraps=2)
    return 0


def remove(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as webhooks:
        hook = webhooks.remove(arguments.webhook)
    say(f"removed: {hook.url}")
    return 0


def test(arguments: argparse.Namespace) -> int:
    """Exit status 1 where it was not taken."""
    with _opened(arguments) as webhooks:
        outcome = webhooks.test(arguments.webhook)
    say(f"taken ({outcome.status})" if outcome.is_delivered else outcome.error)
    return 0 if outcome.is_delivered else 1


def secret(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as webhooks:
        made = webhooks.renew(arguments.webhook or "")
    remark("The old secret signs nothing any more. The new one, which is not shown again:")
    say(made)
    return 0


def deliveries(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as webhooks:
        found = webhooks.deliveries(arguments.state or _STATES, arguments.limit)
    if not found:
        remark("None.")
        return 0
    heads = ("delivery", "when", "event", "state", "tries", "address", "")
    table(heads, [_row(one) for one in found], right=(0, 4), wraps=6)
    return 0


def _row(one: Delivery) -> tuple[str, ...]:
    state = f"{one.state} until {_time(one.due_ms)}" if one.state == "waiting" and one.tries else one.state
    return str(one.number), _time(one.created_ms), one.event, state, str(one.tries), one.url, one.error


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000).astimezone().isoformat(timespec="seconds")


def retry(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as webhooks:
        for number in arguments.delivery:
            webhooks.send_again(number)
    remark("A worker sends them: orchestrator worker")
    return 0
