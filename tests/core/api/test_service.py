"""What the API does when things are not as they should be, and what only a look into the core can show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator_core.api.events import QueueEvents
from orchestrator_core.api.files import image_type
from orchestrator_core.api.job_models import step_shown
from orchestrator_core.api.place import KeptStore
from orchestrator_core.api.reading import parsed
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routes import ROUTES
from orchestrator_core.errors import StoreDamaged, StoreLocked
from orchestrator_core.formats.run_json import run_to_json
from orchestrator_core.jobs.model import Step
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.prompt import Component, LoraUse, PromptDraft
from orchestrator_core.run import Run
from orchestrator_core.store import Store
from tests.core.api.api_place import DRAW, Asker, asking
from tests.strategies import json_values


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Asker]:
    with asking(tmp_path) as asker:
        yield asker


@pytest.mark.parametrize(("method", "path"), sorted({(route.method, route.path) for route in ROUTES}))
def test_a_locked_or_damaged_database_is_told_and_no_call_raises(tmp_path: Path, method: str, path: str):
    for error, status in ((StoreLocked("locked"), 503), (StoreDamaged("damaged"), 500)):

        @contextmanager
        def broken(error: Exception = error) -> Iterator[Store]:
            raise error
            yield

        with asking(tmp_path, open_store=broken) as ask:
            where = path.replace("{image}", "a.0").replace("{job}", "1").replace("{pipeline}", "x")
            answer = ask(method, where.replace("{profile*}", "x"), {} if method in ("POST", "PUT") else None)
        # Some need no database, and of some the empty body is refused first.
        assert answer.status in (status, 200, 204, 404, 422, 501), answer.body
        if status == 503 and answer.status == 503:
            assert answer.headers["Retry-After"]


def test_a_pipeline_without_a_seed_gets_one_by_chance_for_its_whole_batch_and_one_by_its_key(ask: Asker):
    stages = [{"id": "d", "type": "generatePrompt", "options": {"template": "a fox"}}, {"id": "r", "type": "dispatch"}]
    body = {"pipeline": {"stages": stages, "batch": [[{"vary": "r.steps", "values": [1, 2]}]]}}

    def seeds(**headers: str) -> list[int]:
        added = ask.told("POST", "/jobs", body, **headers)["jobs"]
        jobs = [ask.told("GET", f"/jobs/{job['id']}") for job in added]
        return [job["pipeline"]["stages"][0]["options"]["seed"] for job in jobs]

    first, second = seeds(), seeds()
    assert first[0] == first[1] != second[0] == second[1]
    assert seeds(idempotency_key="k") == seeds(idempotency_key="k")
    stages[0]["options"]["seed"] = 3  # type: ignore[index]
    assert seeds() == [3, 3]


def test_a_fault_of_ours_is_told_without_its_insides(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    def broken() -> Any:
        raise ZeroDivisionError("the insides")

    with asking(tmp_path, context=broken) as ask:
        answer = ask("POST", "/prompts:draw", {"template": "a fox"})
    assert answer.status == 500
    assert b"insides" not in answer.body
    assert "insides" in caplog.text


def test_what_a_place_has_not_is_told(ask: Asker):
    assert ask.code("POST", "/loras:select", {"prompt": "a fox"}) == (501, "no_loras")
    assert ask.code("GET", "/profiles") == (501, "no_profiles")
    assert ask.code("PUT", "/images/a.0/marks", {"stars": 3}) == (501, "no_learning")


def test_only_an_announced_length_is_needed_to_refuse_a_body(ask: Asker):
    for length, status in (("1073741824", 413), ("9" * 60, 413), ("-1", 400), ("x", 400), ("10", 422)):
        assert ask.raw("POST", "/jobs/1/priority", b"{}", content_length=length).status == status


def test_a_head_closes_the_stream_that_nobody_wants(ask: Asker):
    answer = ask("HEAD", "/events")
    assert (answer.status, answer.stream, answer.body) == (200, None, b"")


def test_a_key_covers_all_that_was_asked_together(ask: Asker):
    def batch(count: int) -> dict[str, Any]:
        return {"pipeline": {"stages": [DRAW], "batch": [{"vary": "seeds", "first": 1, "count": count}]}}

    first = ask.told("POST", "/jobs", batch(3), idempotency_key="k")
    assert ask("POST", "/jobs", batch(3), idempotency_key="k").status == 200
    for other in (batch(2), batch(4), {"pipeline": [DRAW]}):
        assert ask.code("POST", "/jobs", other, idempotency_key="k") == (422, "idempotency_key_reuse")
    assert ask.told("GET", "/jobs")["counts"]["waiting"] == first["count"] == 3
    both = {"pipeline": [DRAW], "key": "own"}
    assert ask.code("POST", "/jobs", both, idempotency_key="k2") == (422, "invalid")
    assert ask.code("POST", "/jobs", {"pipeline": [DRAW]}, idempotency_key="") == (400, "bad_key")


def test_of_several_jobs_all_are_added_or_none(ask: Asker):
    bad = {"jobs": [{"pipeline": [DRAW]}, {"pipeline": [{**DRAW, "options": {"seed": -1}}]}]}
    assert ask.code("POST", "/jobs", bad) == (422, "pipeline")
    assert ask.told("GET", "/jobs")["jobs"] == []


def test_a_drawn_prompt_that_is_given_twice_becomes_two_runs(ask: Asker):
    drawn = ask.told("POST", "/prompts:draw", {"template": "a fox", "with_runs": True})["prompts"][0]["run"]
    batch = {"stages": [{"id": "render", "type": "dispatch"}], "batch": [{"vary": "render.seed", "values": [1, 2]}]}
    asked = {"pipeline": batch, "run": drawn}
    added = ask.told("POST", "/jobs", asked, idempotency_key="k")["jobs"]
    assert len({drawn["id"], *(job["run_id"] for job in added)}) == 3
    assert ask("POST", "/jobs", asked, idempotency_key="k").status == 200


def test_pages_of_jobs_follow_one_another(ask: Asker):
    ask.told("POST", "/jobs", {"jobs": [{"pipeline": [DRAW]}] * 5})
    seen, offset = [], 0
    while offset is not None:
        page = ask.told("GET", f"/jobs?limit=2&state=waiting&offset={offset}")
        seen += [job["number"] for job in page["jobs"]]
        offset = page["next"]
    assert seen == [1, 2, 3, 4, 5]


def test_whoever_shows_the_queue_hears_of_a_change(tmp_path: Path):
    heard: list[str] = []
    with asking(tmp_path, changed=heard.append) as ask:
        ask.told("POST", "/jobs", {"pipeline": [DRAW]})
        ask.told("POST", "/jobs/1/hold")
        ask.told("GET", "/jobs/1")
        ask("PUT", "/pipelines/mine", {"pipeline": [DRAW]})
    assert heard == ["jobs", "jobs", "pipelines"]


def test_a_damaged_pipeline_of_a_person_is_listed_with_what_is_wrong(tmp_path: Path):
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "broken.json").write_text("{", "utf-8")
    with asking(tmp_path) as ask:
        listed = {one["name"]: one for one in ask.told("GET", "/pipelines")["pipelines"]}
        assert "broken.json" in listed["broken"]["problem"]
        assert ask.code("GET", "/pipelines/broken") == (422, "pipeline")
        assert ask.code("POST", "/jobs", {"pipeline": "broken"}) == (422, "pipeline")


# events


def test_a_stream_waits_while_the_database_is_locked(tmp_path: Path):
    locked = [False]

    @contextmanager
    def sometimes() -> Iterator[Store]:
        if locked[0]:
            raise StoreLocked("locked")
        with Store.open(tmp_path / "store.sqlite3") as store:
            yield store

    with asking(tmp_path) as ask:
        job = ask.told("POST", "/jobs", {"pipeline": [DRAW]})["jobs"][0]["id"]
        stream = QueueEvents(sometimes, 0, job)
        assert b'"added"' in (stream.poll() or b"")
        locked[0] = True
        assert stream.poll() == b""
        locked[0] = False
        ask.told("POST", f"/jobs/{job}/cancel")
        assert b"event: end\n" in (stream.poll() or b"")
    assert stream.poll() is None


def test_a_stream_says_why_it_gives_up():
    @contextmanager
    def never() -> Iterator[Store]:
        raise StoreLocked("locked for good")
        yield

    stream = QueueEvents(never, 0)
    said = [stream.poll() for _ in range(61)]
    assert said[-1] is None
    assert b"event: error" in (said[-2] or b"") and b"locked for good" in (said[-2] or b"")


def test_a_silent_stream_beats(ask: Asker):
    stream = QueueEvents(ask.api.place.open_store, 0)
    said = [stream.poll() for _ in range(60)]
    assert said.count(b": still here\n\n") == 2


def test_a_job_with_a_long_history_is_told_to_its_end(ask: Asker):
    job = ask.told("POST", "/jobs", {"pipeline": [DRAW]})["jobs"][0]["id"]
    with ask.api.place.open_store() as store:
        for priority in range(250):
            Queue(store).prioritise(job, priority)
    ask.told("POST", f"/jobs/{job}/cancel")
    stream = QueueEvents(ask.api.place.open_store, 0, job)
    told = b"".join(iter(stream.poll, None))
    assert told.count(b"event: happened\n") == 252
    assert told.count(b"event: end\n") == 1


# reading


@given(json_values)
@settings(suppress_health_check=list(HealthCheck))
def test_json_is_read_as_it_was_written(value: Any):
    try:
        again = parsed(json.dumps(value).encode())
    except Refusal as refusal:
        assert refusal.status == 400
    else:
        json.dumps(again, allow_nan=False)


@given(st.binary(max_size=200))
def test_no_bytes_are_worse_than_refused(body: bytes):
    try:
        parsed(body)
    except Refusal as refusal:
        assert refusal.code == "bad_json"


def test_an_object_of_too_many_names_is_refused_before_each_is_looked_at():
    body = json.dumps({"pipeline": [{**DRAW, "options": {str(number): 1 for number in range(10_001)}}]})
    with pytest.raises(Refusal, match="an object has 10,001 names, and 10,000 are the most"):
        parsed(body.encode())


def test_a_count_that_nobody_can_write_is_refused_as_any_other(ask: Asker):
    batch = [{"vary": "seeds", "count": 10**4000}, {"vary": "draw.max_length", "count": 10**4000}]
    body = {"pipeline": {"stages": [DRAW], "batch": batch}}
    assert ask.code("POST", "/jobs", body) == (422, "too_many_jobs")
    assert ask.code("POST", "/pipelines:plan", body) == (422, "pipeline")


def test_a_whole_number_may_be_written_with_a_point():
    assert parsed(b'{"a": 7.0, "b": 7.5}') == {"a": 7, "b": 7.5}
    assert type(parsed(b"7.0")) is int


def test_a_file_is_what_it_begins_with(tmp_path: Path):
    path = tmp_path / "image.png"
    kinds = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff\xe0": "image/jpeg", b"RIFF0000WEBPVP8 ": "image/webp"}
    family_first = b"\0\0\0 ftypmif1\0\0\0\0mif1avif"  # as some programs write AVIF: its own brand is not the first
    kinds |= {b"\0\0\0 ftypavis\0\0\0\0": "image/avif", family_first: "image/avif"}
    for begins, kind in {**kinds, b"<svg onload=": "", b"": "", b"RIFF0000WAVE": ""}.items():
        path.write_bytes(begins)
        assert image_type(path) == kind


def test_a_kept_store_is_opened_once_and_one_that_could_not_be_is_tried_again(tmp_path: Path):
    tried = []

    def open_store() -> Store:
        tried.append(len(tried))
        if len(tried) == 1:
            raise StoreLocked("locked")
        return Store.open(tmp_path / "store.sqlite3")

    kept = KeptStore(open_store)
    with pytest.raises(StoreLocked), kept():
        pass
    with kept() as one, kept() as other:
        assert one is other
    kept.close()
    kept.close()
    with kept() as again:
        assert again is not one
    kept.close()
    assert len(tried) == 3


def test_what_each_stage_left_is_shown_without_its_run():
    draft = PromptDraft((Component("a fox"),), loras=(LoraUse("ink", 0.7),))
    left = run_to_json(Run("r", draft))
    shown = step_shown(Step(0, "draw", "generatePrompt", "done", "done", "", 0.1, left))
    assert (shown.positive, [lora.name for lora in shown.loras], shown.image_count) == ("a fox", ["ink"], 0)
    damaged = step_shown(Step(0, "draw", "generatePrompt", "done", "done", "", 0.1, {"schema_version": 99}))
    assert damaged.positive is None
