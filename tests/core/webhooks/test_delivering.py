"""Deliveries: written with a job's end, sent until they are taken, and never in the way of a job."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from orchestrator_core.errors import RequestRefused, WebhookError
from orchestrator_core.jobs.claiming import give_up
from orchestrator_core.jobs.exchange import exported, imported
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.store import Store, webhooks
from orchestrator_core.store.jobs import now_ms
from orchestrator_core.store.webhook_tables import deliveries as table
from orchestrator_core.webhooks.delivering import Deliveries, Pace
from orchestrator_core.webhooks.hooks import Delivery, Webhooks
from orchestrator_core.webhooks.signing import verify
from tests.core.jobs.at_work import eventually, lane, new_job, run_all, working
from tests.core.webhooks.receiver import receiving
from tests.fakes import FakeGenerator

AWAY = "http://127.0.0.1:9/hooks"
QUICK = Pace(poll_s=0.01, last_s=5.0, waits_s=(0.01, 0.01))


@contextmanager
def sending(store: Store, pace: Pace = QUICK) -> Iterator[Deliveries]:
    sender = Deliveries(store, pace=pace)
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()


def hooked(store: Store, url: str, *events: str) -> str:
    """A webhook; its secret."""
    hooks = Webhooks(store)
    hooks.allow(url.removesuffix("/hooks") + "/")
    return hooks.add(url, events or webhooks.EVENTS)[1]


def hooked_and_silent(store: Store, *events: str) -> None:
    """What a worker would send stays in the store, where the test looks at it."""
    hooked(store, AWAY, *events)
    Webhooks(store).disallow(AWAY.removesuffix("hooks"))


def told(store: Store) -> list[Delivery]:
    """Oldest first."""
    return Webhooks(store).deliveries()[::-1]


def in_state(store: Store, state: str) -> bool:
    return [one.state for one in told(store)] == [state]


def cancelled(store: Store, **fields: Any) -> None:
    """A job that comes to its end without a worker."""
    queue = Queue(store)
    queue.cancel(queue.add(new_job(**fields)).id)


# what is written


def test_a_job_that_ended_is_told_with_its_images_and_without_a_path(store: Store, tmp_path: Path) -> None:
    hooked_and_silent(store)
    queue = Queue(store)
    job = queue.add(new_job(title="owls", tags=("night",), key="k"))
    run_all(store, tmp_path, lane(FakeGenerator(tmp_path)))
    body = _bodies(store)[0]
    assert body["type"] == "job.done"
    assert body["data"]["images"] == [{"id": f"{job.run_id}.0", "name": "0001_0.png"}]
    shown = body["data"]["job"]
    expected = {"id": job.id, "number": 1, "state": "done", "title": "owls", "error": "", "run_id": job.run_id}
    assert {name: shown[name] for name in expected} == expected
    assert (shown["tags"], shown["key"]) == (["night"], "k")
    assert str(tmp_path) not in json.dumps(body)


def _bodies(store: Store) -> list[Any]:
    with store.reading() as connection:
        return [json.loads(row["body"]) for row in connection.execute(table.select()).mappings()]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("/data/out/a.png is not there", "a.png is not there"),
        ("C:\\Data\\out\\a.png: no", "a.png: no"),
        ("'\\\\nas\\share\\a.png'", "'a.png'"),
        ("ask http://127.0.0.1:8188/prompt again", "ask http://127.0.0.1:8188/prompt again"),
        ("colors/warm and 3/4", "colors/warm and 3/4"),
    ],
)
def test_an_error_is_told_without_the_folders_of_a_path(
    sqlite_store: Store, said: str, left: str, tmp_path: Path
) -> None:
    hooked_and_silent(sqlite_store)
    Queue(sqlite_store).add(new_job())
    generator = FakeGenerator()
    generator.enqueue(RequestRefused(said))
    run_all(sqlite_store, tmp_path, lane(generator))
    body = _bodies(sqlite_store)[0]
    assert (body["type"], body["data"]["job"]["error"]) == ("job.failed", left)


def test_only_the_events_that_were_asked_for_are_told(sqlite_store: Store) -> None:
    hooked(sqlite_store, AWAY, "done", "failed")
    queue = Queue(sqlite_store)
    cancelled(sqlite_store)
    queue.hold(queue.add(new_job()).id)
    assert told(sqlite_store) == []


def test_a_job_that_is_asked_to_stop_is_told_when_it_has_stopped(sqlite_store: Store, tmp_path: Path) -> None:
    from tests.core.jobs.at_work import Gate

    hooked_and_silent(sqlite_store)
    gate, queue = Gate(), Queue(sqlite_store)
    job = queue.add(new_job())
    with working(sqlite_store, tmp_path, lane(gate)):
        assert gate.began.wait(30)
        queue.cancel(job.id)
        eventually(lambda: queue.job(job.id).state == "cancelled")
    assert [one.event for one in told(sqlite_store)] == ["cancelled"]


def test_a_job_that_lost_its_worker_twice_is_told_as_held(sqlite_store: Store) -> None:
    from orchestrator_core.jobs.claiming import Taking, take_next
    from orchestrator_core.store import job_claims

    hooked(sqlite_store, AWAY)
    queue = Queue(sqlite_store)
    queue.add(new_job())
    for worker in ("w1", "w2"):
        with sqlite_store.writing() as connection:
            job_claims.add_worker(connection, {"id": worker, "host": "", "pid": 1, "lock": "", "serves": "[]"})
        assert take_next(sqlite_store, Taking(worker, ("",)))
        give_up(sqlite_store, worker, takes_over=True)
    assert [(one.event, queue.job(1).reason) for one in told(sqlite_store)] == [("held", "crashed")]


def test_what_is_not_written_with_a_job_is_not_written_without_it(sqlite_store: Store) -> None:
    """The job's end and its message are one transaction."""
    hooked(sqlite_store, AWAY)
    queue = Queue(sqlite_store)
    job = queue.add(new_job())
    with pytest.raises(RuntimeError), sqlite_store.writing() as connection:
        from orchestrator_core.store import jobs

        jobs.change(connection, job.id, state="done")
        jobs.tell(connection, [(job.id, "done", "")])
        raise RuntimeError
    assert (queue.job(job.id).state, told(sqlite_store)) == ("waiting", [])


def test_a_job_names_an_address_of_its_own_where_that_is_allowed(sqlite_store: Store) -> None:
    queue = Queue(sqlite_store)
    with pytest.raises(WebhookError, match="orchestrator webhooks allow"):
        queue.add(new_job(callback_url="https://example.org/done"))
    assert queue.page() == []
    _, secret = Webhooks(sqlite_store).allow("https://example.org/")
    assert secret.startswith("whsec_")
    assert Webhooks(sqlite_store).allow("https://example.com/")[1] == "", "it is shown once"
    cancelled(sqlite_store, callback_url="https://EXAMPLE.org/done")
    cancelled(sqlite_store)
    assert [(one.url, one.webhook_id) for one in told(sqlite_store)] == [("https://example.org/done", "callbacks")]


def test_an_address_of_a_job_changes_nothing_about_what_is_asked(sqlite_store: Store) -> None:
    assert new_job(callback_url="https://example.org/").request_hash == new_job().request_hash


@pytest.mark.parametrize("url", ["ftp://example.org/", "https://me:secret@example.org/", "not an address"])
def test_a_job_with_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address") as refused:
        new_job(callback_url=url)
    assert "secret@" not in str(refused.value.errors(include_input=False))  # type: ignore[attr-defined]


def test_an_address_of_a_job_goes_through_a_file_and_one_that_is_not_allowed_is_told(sqlite_store: Store) -> None:
    queue, hooks = Queue(sqlite_store), Webhooks(sqlite_store)
    hooks.allow("https://example.org/")
    queue.add(new_job(callback_url="https://example.org/done"))
    queue.add(new_job())
    lines = list(exported(queue))
    assert json.loads(lines[0])["callback_url"] == "https://example.org/done"
    assert imported(queue, lines).added == 2
    hooks.disallow("https://example.org/")
    found = imported(queue, lines)
    assert (found.added, len(found.problems)) == (1, 1)
    assert found.problems[0].startswith("line 1: https://example.org is not among the addresses")


# what is sent


@pytest.mark.network
def test_a_worker_sends_what_its_job_left_signed(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        secret = hooked(store, receiver.url)
        Queue(store).add(new_job())
        run_all(store, tmp_path)
        got = receiver.wait()[0]
    (delivery,) = told(store)
    assert verify(got.headers, got.body, secret) == delivery.id
    assert (delivery.state, delivery.status, delivery.tries) == ("delivered", 204, 1)
    assert got.told["data"]["job"]["state"] == "done"
    assert secret not in repr(told(store)) + repr(Webhooks(store).hooks())


@pytest.mark.network
def test_what_was_not_taken_is_sent_again_under_the_same_id(store: Store) -> None:
    with receiving(500, 429, 200) as receiver:
        secret = hooked(store, receiver.url)
        cancelled(store)
        with sending(store):
            got = receiver.wait(3)
            eventually(lambda: in_state(store, "delivered"))
    assert {verify(one.headers, one.body, secret) for one in got} == {told(store)[0].id}
    assert told(store)[0].tries == 3


@pytest.mark.network
@pytest.mark.parametrize(("status", "tries"), [(404, 1), (410, 1), (302, 1), (503, 3)])
def test_what_is_refused_for_good_or_too_often_is_given_up(sqlite_store: Store, status: int, tries: int) -> None:
    lines: list[str] = []
    with receiving(status) as receiver:
        hooked(sqlite_store, receiver.url)
        cancelled(sqlite_store)
        sender = Deliveries(sqlite_store, lines.append, QUICK)
        sender.start()
        eventually(lambda: in_state(sqlite_store, "failed") and lines)
        sender.stop()
    assert [(one.tries, one.status) for one in told(sqlite_store)] == [(tries, status)]
    assert lines == [f"Webhook: delivery 1 is given up: {told(sqlite_store)[0].error}"]
    assert len(receiver.got) == tries


@pytest.mark.network
def test_a_receiver_that_takes_for_ever_holds_up_neither_jobs_nor_others(sqlite_store: Store, tmp_path: Path) -> None:
    with receiving(is_open=False) as slow, receiving() as other:
        hooked(sqlite_store, slow.url)
        hooked(sqlite_store, other.url)
        queue = Queue(sqlite_store)
        queue.add_all([new_job(), new_job()])
        with working(sqlite_store, tmp_path):
            other.wait(2)
            eventually(lambda: queue.state().counts["done"] == 2)
            assert len(slow.got) <= 1, "one at a time to each place"
            slow.opened.set()


@pytest.mark.network
def test_a_worker_that_ends_gives_back_what_it_could_not_send(sqlite_store: Store) -> None:
    with receiving(is_open=False) as receiver:
        hooked(sqlite_store, receiver.url)
        cancelled(sqlite_store)
        with sending(sqlite_store, Pace(poll_s=0.01, last_s=0.05)):
            receiver.wait()
        assert [(one.state, one.tries) for one in told(sqlite_store)] == [("waiting", 0)]
        receiver.opened.set()
        with sending(sqlite_store):
            receiver.wait()
    assert in_state(sqlite_store, "delivered")


@pytest.mark.network
def test_what_a_dead_worker_was_sending_is_sent_by_another_after_its_claim(store: Store) -> None:
    with receiving() as receiver:
        hooked(store, receiver.url)
        cancelled(store)
        with store.writing() as connection:
            assert webhooks.claim(connection, "dead", (), now_ms())
            assert webhooks.claim(connection, "w1", (), now_ms()) is None
        with sending(store):
            time.sleep(0.05)
            assert receiver.got == []
            with store.writing() as connection:
                connection.execute(update(table).values(claimed_ms=now_ms() - webhooks.CLAIM_MS - 1))
            receiver.wait()
    with store.writing() as connection:  # the dead one was only asleep
        webhooks.end_try(connection, told(store)[0].id, "dead", state="failed")
    assert in_state(store, "delivered")


def test_of_two_workers_one_gets_a_message(store: Store) -> None:
    hooked(store, AWAY)
    cancelled(store)
    with store.writing() as connection:
        assert webhooks.claim(connection, "w1", (), now_ms())
    with store.writing() as connection:
        assert webhooks.claim(connection, "w2", (), now_ms()) is None


def test_a_clock_that_was_wrong_keeps_no_message_for_ever(sqlite_store: Store) -> None:
    hooked(sqlite_store, AWAY)
    cancelled(sqlite_store)
    year = 365 * 86_400_000
    with sqlite_store.writing() as connection:
        connection.execute(update(table).values(due_ms=now_ms() + year))
        assert webhooks.is_any_due(connection, now_ms())
        connection.execute(update(table).values(due_ms=now_ms() + 3_600_000))
        assert not webhooks.is_any_due(connection, now_ms())
        connection.execute(update(table).values(state="sending", claimed_ms=now_ms() + year))
        assert webhooks.is_any_due(connection, now_ms())


@pytest.mark.network
def test_what_is_allowed_no_more_is_not_sent(sqlite_store: Store) -> None:
    with receiving() as receiver:
        hooked(sqlite_store, receiver.url)
        cancelled(sqlite_store)
        Webhooks(sqlite_store).disallow(receiver.url.removesuffix("hooks"))
        with sending(sqlite_store):
            eventually(lambda: in_state(sqlite_store, "failed"))
    assert receiver.got == []
    assert "not among the addresses" in told(sqlite_store)[0].error


def test_the_metadata_service_is_asked_for_nothing(sqlite_store: Store) -> None:
    """Even where somebody allowed it, with its port."""
    url = "http://169.254.169.254:80/hooks"
    hooked(sqlite_store, url)
    cancelled(sqlite_store, callback_url=url)

    def resolve(_host: str, port: int, **_: Any) -> list[Any]:
        import socket

        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

    from functools import partial

    from orchestrator_core.webhooks.sending import Posting

    with sending(sqlite_store, Pace(poll_s=0.01, post=partial(Posting, resolve=resolve))):
        eventually(lambda: [one.state for one in told(sqlite_store)] == ["failed", "failed"])
    assert all("where no webhook may go" in one.error for one in told(sqlite_store))


@pytest.mark.network
def test_one_that_was_given_up_can_be_sent_again(sqlite_store: Store) -> None:
    hooks = Webhooks(sqlite_store)
    with receiving(404, 200) as receiver:
        hooked(sqlite_store, receiver.url)
        cancelled(sqlite_store)
        with sending(sqlite_store):
            eventually(lambda: in_state(sqlite_store, "failed"))
            hooks.send_again(1)
            eventually(lambda: in_state(sqlite_store, "delivered"))
    with pytest.raises(WebhookError, match="no delivery 7"):
        hooks.send_again(7)


def test_while_nobody_is_there_what_waits_for_that_place_lets_others_go_first(sqlite_store: Store) -> None:
    hooked(sqlite_store, AWAY)
    cancelled(sqlite_store)
    cancelled(sqlite_store)
    with sqlite_store.writing() as connection:
        webhooks.put_off(connection, "http://127.0.0.1:9", now_ms() + 5000)
        assert not webhooks.is_any_due(connection, now_ms())
        assert webhooks.is_any_due(connection, now_ms() + 6000)


# a person's


def test_webhooks_are_added_listed_and_removed_with_what_waits_for_them(store: Store) -> None:
    hooks = Webhooks(store)
    with pytest.raises(WebhookError, match="allow"):
        hooks.add("https://example.org/hooks/done")
    assert hooks.allow("https://example.org/hooks/")[0] == "https://example.org/hooks/"
    hook, _ = hooks.add("https://example.org/hooks/done", ("cancelled",))
    assert hooks.hooks() == [hook]
    assert hooks.allowed() == ["https://example.org/hooks/"]
    with pytest.raises(WebhookError, match="already"):
        hooks.add("https://example.org/hooks/done")
    cancelled(store)
    assert len(told(store)) == 1
    assert hooks.remove(hook.id[:8]) == hook
    assert (hooks.hooks(), told(store)) == ([], [])
    with pytest.raises(WebhookError, match="no webhook"):
        hooks.remove(hook.id)


@pytest.mark.parametrize("events", [(), ("done", "begun")])
def test_what_is_no_event_is_said_with_those_that_there_are(sqlite_store: Store, events: tuple[str, ...]) -> None:
    with pytest.raises(WebhookError, match="done, failed, cancelled, held"):
        Webhooks(sqlite_store).add("https://example.org/", events)


@pytest.mark.network
def test_a_new_secret_signs_what_is_sent_from_then_on(sqlite_store: Store) -> None:
    hooks = Webhooks(sqlite_store)
    with receiving() as receiver:
        old = hooked(sqlite_store, receiver.url)
        new = hooks.renew(receiver.url)
        assert new != old
        assert hooks.test(receiver.url).is_delivered
    got = receiver.got[0]
    verify(got.headers, got.body, new)
    assert (got.told["type"], got.told["data"]["job"]) == ("webhook.test", None)
    assert told(sqlite_store) == []


def test_old_messages_are_forgotten_and_those_that_wait_are_not(sqlite_store: Store) -> None:
    hooked(sqlite_store, AWAY)
    cancelled(sqlite_store)
    cancelled(sqlite_store)
    with sqlite_store.writing() as connection:
        connection.execute(update(table).where(table.c.number == 1).values(state="delivered", ended_ms=1))
        assert webhooks.forget(connection, now_ms()) == 1
    assert [one.number for one in told(sqlite_store)] == [2]


def test_a_program_names_an_address_by_the_api_where_a_person_allowed_it(sqlite_store: Store) -> None:
    from contextlib import nullcontext

    from orchestrator_core.api.access import Access
    from orchestrator_core.api.place import ApiPlace
    from orchestrator_core.api.service import Api
    from orchestrator_core.api.wire import Head
    from orchestrator_core.context import StageContext
    from orchestrator_core.template import Wildcards
    from tests.core.jobs.at_work import DRAW

    api = Api(ApiPlace("test", lambda: nullcontext(sqlite_store), lambda: StageContext(Wildcards([]))), Access())
    head = Head("POST", "/jobs", headers={"host": "localhost"}, client="127.0.0.1")

    def asked(url: str) -> tuple[int, Any]:
        answer = api.answer(head, json.dumps({"pipeline": [DRAW], "callback_url": url}).encode())
        return answer.status, json.loads(answer.body)

    for url in ("https://example.org/done", "ftp://example.org/", "http://169.254.169.254/"):
        status, told_of_it = asked(url)
        assert (status, "address" in told_of_it["error"]["message"]) == (422, True)
    Webhooks(sqlite_store).allow("example.org")
    status, added = asked("https://example.org/done")
    assert (status, added["jobs"][0]["callback_url"]) == (201, "https://example.org/done")
