"""The tables of the queue, and the step that makes them. ``store/jobs.py`` has the queries.

A job's row is all that the queue knows; ``job_steps`` is what each stage left, and so where another attempt goes on.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Double, Table, text

from orchestrator_core.store.schema import AnyText, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", AnyText),
    Column("number", BigInteger),  # from 1: what people call it by
    Column("key", AnyText),  # given by who added it, so that adding it again adds nothing; NULL for none
    Column("request_hash", AnyText),  # SHA-256 of what was asked under that key
    Column("title", AnyText),
    Column("tags", AnyText),  # JSON
    Column("pipeline", AnyText),  # JSON
    Column("run", AnyText),  # JSON: what the first stage is given; "" for a new run
    Column("target", AnyText),  # "comfyui", "forge", "embedded", an address; "" for any
    Column("needs_gpu", BigInteger),  # 1: a stage of it renders
    Column("checkpoint", AnyText),  # what it renders with, so that jobs of one checkpoint can follow one another
    Column("priority", BigInteger),  # higher is sooner
    Column("position", BigInteger),  # lower is sooner, within a priority
    Column("passed", BigInteger),  # how often another was preferred for its checkpoint
    Column("state", AnyText),
    Column("reason", AnyText),  # of a held job: a word
    Column("error", AnyText),  # for a person
    Column("detail", AnyText),  # the traceback
    Column("attempt", BigInteger),  # 0: none has begun
    Column("crashes", BigInteger),  # attempts that ended with their process
    Column("owner", AnyText),  # the worker that runs it
    Column("resource", AnyText),  # what it keeps busy: no two running jobs have the same
    Column("run_id", AnyText),  # of the run that it makes
    Column("stop", BigInteger),  # 1: a person wants it to stop
    Column("start", AnyText),  # the stage that the next attempt begins with; "" goes on where the last one ended
    Column("stage", AnyText),  # that is under way
    Column("progress", AnyText),  # JSON
    Column("created_ms", BigInteger),
    Column("updated_ms", BigInteger),
    Column("started_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("callback_url", AnyText),  # told of its end; "" for none
)
steps = Table(
    "job_steps",
    metadata,
    Column("job_id", AnyText),
    Column("attempt", BigInteger),
    Column("position", BigInteger),  # of the stage in the order in which they run
    Column("stage_id", AnyText),
    Column("type", AnyText),
    Column("state", AnyText),  # "started", "done", "kept" (done by an earlier attempt)
    Column("outcome", AnyText),  # what became of the stage, in the pipeline's words: "done", "skipped", "off", …
    Column("note", AnyText),  # and why
    Column("run", AnyText),  # JSON: what the stage left
    Column("seconds", Double),
    Column("started_ms", BigInteger),
)
attempts = Table(
    "job_attempts",
    metadata,
    Column("job_id", AnyText),
    Column("number", BigInteger),  # from 1
    Column("worker", AnyText),
    Column("state", AnyText),  # "running", "done", "failed", "stopped", "lost" (its process ended)
    Column("error", AnyText),
    Column("run_id", AnyText),
    Column("repeats", AnyText),  # the stage that an earlier attempt had begun and not finished; "" for none
    Column("started_ms", BigInteger),
    Column("ended_ms", BigInteger),
)
events = Table(  # a log: rows are only added
    "job_events",
    metadata,
    Column("number", BigInteger),  # from 1, through all jobs
    Column("job_id", AnyText),  # "" for the queue itself
    Column("at_ms", BigInteger),
    Column("kind", AnyText),
    Column("text", AnyText),
)
workers = Table(
    "job_workers",
    metadata,
    Column("id", AnyText),
    Column("host", AnyText),
    Column("pid", BigInteger),
    Column("lock", AnyText),  # the file that it keeps locked while it lives
    Column("serves", AnyText),  # JSON: targets
    Column("state", AnyText),  # "alive", "ended", "lost"
    Column("beats", BigInteger),  # grows while it lives: no clock has to be right
    Column("started_ms", BigInteger),
    Column("seen_ms", BigInteger),
)
queue = Table(  # one row
    "job_queue",
    metadata,
    Column("id", BigInteger),
    Column("paused", BigInteger),
    Column("reason", AnyText),
    Column("jobs", BigInteger),  # the number of the last
    Column("events", BigInteger),
)


def m010_jobs(connection: Connection) -> None:
    """The queue: jobs, what their stages left, their attempts and history, and the workers that run them."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    job_id = f"job_id {key} NOT NULL REFERENCES jobs (id) ON DELETE CASCADE"
    statements = (
        f"""CREATE TABLE jobs (
            id {key} NOT NULL PRIMARY KEY, number BIGINT NOT NULL UNIQUE, key {key} UNIQUE, request_hash TEXT NOT NULL,
            title TEXT NOT NULL, tags TEXT NOT NULL, pipeline TEXT NOT NULL, run TEXT NOT NULL, target {key} NOT NULL,
            needs_gpu BIGINT NOT NULL, checkpoint TEXT NOT NULL, priority BIGINT NOT NULL, position BIGINT NOT NULL,
            passed BIGINT NOT NULL, state {key} NOT NULL, reason TEXT NOT NULL, error TEXT NOT NULL,
            detail TEXT NOT NULL, attempt BIGINT NOT NULL, crashes BIGINT NOT NULL, owner {key} NOT NULL,
            resource {key} NOT NULL, run_id {key} NOT NULL, stop BIGINT NOT NULL, start TEXT NOT NULL,
            stage TEXT NOT NULL, progress TEXT NOT NULL, created_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL,
            started_ms BIGINT NOT NULL, ended_ms BIGINT NOT NULL)""",
        "CREATE INDEX jobs_in_order ON jobs (state, priority DESC, position)",
        "CREATE INDEX jobs_by_number ON jobs (state, number)",
        # The lock of a graphics card: whatever a worker believes, the database lets only one job have it.
        "CREATE UNIQUE INDEX jobs_on_resource ON jobs (resource) WHERE state = 'running' AND resource <> ''",
        f"""CREATE TABLE job_steps (
            {job_id}, attempt BIGINT NOT NULL, position BIGINT NOT NULL, stage_id TEXT NOT NULL, type TEXT NOT NULL,
            state TEXT NOT NULL, outcome TEXT NOT NULL, note TEXT NOT NULL, run TEXT NOT NULL,
            seconds DOUBLE PRECISION NOT NULL, started_ms BIGINT NOT NULL, PRIMARY KEY (job_id, attempt, position))""",
        f"""CREATE TABLE job_attempts (
            {job_id}, number BIGINT NOT NULL, worker {key} NOT NULL, state TEXT NOT NULL, error TEXT NOT NULL,
            run_id {key} NOT NULL, repeats TEXT NOT NULL, started_ms BIGINT NOT NULL, ended_ms BIGINT NOT NULL,
            PRIMARY KEY (job_id, number))""",
        f"""CREATE TABLE job_events (
            number BIGINT NOT NULL PRIMARY KEY, job_id {key} NOT NULL, at_ms BIGINT NOT NULL, kind TEXT NOT NULL,
            text TEXT NOT NULL)""",
        "CREATE INDEX job_events_by_job ON job_events (job_id, number)",
        f"""CREATE TABLE job_workers (
            id {key} NOT NULL PRIMARY KEY, host TEXT NOT NULL, pid BIGINT NOT NULL, lock TEXT NOT NULL,
            serves TEXT NOT NULL, state TEXT NOT NULL, beats BIGINT NOT NULL, started_ms BIGINT NOT NULL,
            seen_ms BIGINT NOT NULL)""",
        """CREATE TABLE job_queue (
            id BIGINT NOT NULL PRIMARY KEY, paused BIGINT NOT NULL, reason TEXT NOT NULL, jobs BIGINT NOT NULL,
            events BIGINT NOT NULL)""",
        "INSERT INTO job_queue (id, paused, reason, jobs, events) VALUES (1, 0, '', 0, 0)",
    )
    for statement in statements:
        connection.execute(text(statement))
