"""The numbered steps that made the tables, oldest first. None is ever edited: ``migrations.py`` says why."""

from __future__ import annotations

from sqlalchemy import Connection, text


def m001_runs(connection: Connection) -> None:
    """Runs with their components, choices, LoRAs, images and scores."""
    postgresql = connection.dialect.name == "postgresql"
    # PostgreSQL orders text by language unless told not to; ids are compared as bytes, as SQLite does.
    key = 'TEXT COLLATE "C"' if postgresql else "TEXT"
    # A choice's key may hold a whole option, longer than PostgreSQL lets an index entry be (2,704 bytes).
    indexed_key = "substr(key, 1, 255)" if postgresql else "key"
    run_id = f"run_id {key} NOT NULL REFERENCES runs (id) ON DELETE CASCADE"
    statements = (
        f"""CREATE TABLE runs (
            id {key} NOT NULL PRIMARY KEY, created_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL, seed TEXT NOT NULL,
            template TEXT NOT NULL, negative_template TEXT NOT NULL, dialect TEXT NOT NULL,
            variables TEXT NOT NULL, diagnostics TEXT NOT NULL, search_text TEXT NOT NULL)""",
        f"""CREATE TABLE components (
            {run_id}, side {key} NOT NULL, position BIGINT NOT NULL, text TEXT NOT NULL, origin TEXT NOT NULL,
            strength DOUBLE PRECISION, span_start BIGINT, span_end BIGINT,
            PRIMARY KEY (run_id, side, position))""",
        f"""CREATE TABLE choices (
            run_id {key} NOT NULL, side {key} NOT NULL, component BIGINT NOT NULL, position BIGINT NOT NULL,
            key {key} NOT NULL, siblings TEXT NOT NULL, file TEXT NOT NULL, line BIGINT NOT NULL,
            weight DOUBLE PRECISION, probability DOUBLE PRECISION, options BIGINT NOT NULL,
            PRIMARY KEY (run_id, side, component, position),
            FOREIGN KEY (run_id, side, component) REFERENCES components (run_id, side, position) ON DELETE CASCADE)""",
        f"CREATE INDEX choices_by_key ON choices ({indexed_key}, run_id)",
        f"""CREATE TABLE run_loras (
            {run_id}, position BIGINT NOT NULL, name TEXT NOT NULL,
            strength_model DOUBLE PRECISION, strength_clip DOUBLE PRECISION, sha256 {key} NOT NULL,
            PRIMARY KEY (run_id, position))""",
        f"""CREATE TABLE images (
            {run_id}, position BIGINT NOT NULL, of_run TEXT NOT NULL, path TEXT NOT NULL, request TEXT NOT NULL,
            seed TEXT NOT NULL, sha256 {key}, width BIGINT, height BIGINT,
            PRIMARY KEY (run_id, position))""",
        "CREATE INDEX images_by_sha256 ON images (sha256)",
        f"""CREATE TABLE scores (
            {run_id}, position BIGINT NOT NULL, of_run TEXT NOT NULL, image TEXT NOT NULL, component BIGINT,
            metric TEXT NOT NULL, value DOUBLE PRECISION,
            PRIMARY KEY (run_id, position))""",
    )
    for statement in statements:
        connection.execute(text(statement))


def m002_loras(connection: Connection) -> None:
    """The LoRA library: an index of files, what people say of them, and their digests."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    make_lora_index(connection)
    statements = (
        f"""CREATE TABLE lora_user (
            path {key} NOT NULL, source {key} NOT NULL, field {key} NOT NULL, value TEXT NOT NULL,
            confidence DOUBLE PRECISION NOT NULL, updated_ms BIGINT NOT NULL, stamp TEXT NOT NULL,
            tensor_sha256 TEXT NOT NULL, PRIMARY KEY (path, source, field))""",
        f"""CREATE TABLE lora_digests (
            path {key} NOT NULL PRIMARY KEY, size BIGINT NOT NULL, mtime_ns BIGINT NOT NULL, inode TEXT NOT NULL,
            sha256 TEXT NOT NULL, tensor_sha256 TEXT NOT NULL, autov1 TEXT NOT NULL)""",
    )
    for statement in statements:
        connection.execute(text(statement))


def make_lora_index(connection: Connection) -> None:
    """The tables that are made again where somebody dropped them. What changes them later belongs here too."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    statements = (
        f"""CREATE TABLE IF NOT EXISTS loras (
            id BIGINT NOT NULL PRIMARY KEY, root {key} NOT NULL, path {key} NOT NULL, name TEXT NOT NULL,
            title TEXT NOT NULL, size BIGINT NOT NULL, mtime_ns BIGINT NOT NULL, inode TEXT NOT NULL,
            stamp TEXT NOT NULL, fingerprint TEXT NOT NULL, state TEXT NOT NULL, first_ms BIGINT NOT NULL,
            hashed BIGINT NOT NULL, sha256 TEXT NOT NULL, tensor_sha256 TEXT NOT NULL, autov1 TEXT NOT NULL,
            autov3 TEXT NOT NULL, record TEXT NOT NULL)""",
        f"""CREATE TABLE IF NOT EXISTS lora_folders (
            root {key} NOT NULL, path {key} NOT NULL, fingerprint TEXT NOT NULL, PRIMARY KEY (root, path))""",
    )
    for statement in statements:
        connection.execute(text(statement))


def m003_drawing(connection: Connection) -> None:
    """How a run's prompt was drawn: what was drawn again, and by which method."""
    connection.execute(text("ALTER TABLE runs ADD COLUMN drawing TEXT NOT NULL DEFAULT '{}'"))


def m004_civitai(connection: Connection) -> None:
    """What Civitai answered, so that it is asked once."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    connection.execute(
        text(
            f"""CREATE TABLE civitai_answers (
            sha256 {key} NOT NULL PRIMARY KEY, answered_ms BIGINT NOT NULL, answer TEXT NOT NULL)"""
        )
    )


def m005_embeddings(connection: Connection) -> None:
    """Vectors of the LoRAs' phrases, so that a text encoder makes them once."""
    postgresql = connection.dialect.name == "postgresql"
    key, binary = ('TEXT COLLATE "C"', "BYTEA") if postgresql else ("TEXT", "BLOB")
    connection.execute(
        text(
            f"""CREATE TABLE embeddings (
            embedder {key} NOT NULL, text_hash {key} NOT NULL, vector {binary} NOT NULL,
            PRIMARY KEY (embedder, text_hash))"""
        )
    )


def m006_draft_notes(connection: Connection) -> None:
    """What profiles, stories and a language model did to a run's prompt."""
    connection.execute(text("ALTER TABLE runs ADD COLUMN notes TEXT NOT NULL DEFAULT '{}'"))


def m007_stories(connection: Connection) -> None:
    """Stories: their scenes, and the log of what changed in them. A scene outlives its run."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    story_id = f"story_id {key} NOT NULL REFERENCES stories (id) ON DELETE CASCADE"
    statements = (
        f"""CREATE TABLE stories (
            id {key} NOT NULL PRIMARY KEY, name TEXT NOT NULL, name_key {key} NOT NULL UNIQUE,
            profiles TEXT NOT NULL, books TEXT NOT NULL, created_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL)""",
        f"""CREATE TABLE story_scenes (
            {story_id}, number BIGINT NOT NULL, run_id {key} NOT NULL UNIQUE, created_ms BIGINT NOT NULL,
            action TEXT NOT NULL, words TEXT NOT NULL, prompt TEXT NOT NULL, seed TEXT NOT NULL, lore TEXT NOT NULL,
            timed TEXT NOT NULL, position BIGINT NOT NULL, left_out BIGINT NOT NULL, PRIMARY KEY (story_id, number))""",
        f"""CREATE TABLE story_changes (
            {story_id}, number BIGINT NOT NULL, step BIGINT NOT NULL, scene BIGINT NOT NULL, created_ms BIGINT NOT NULL,
            status TEXT NOT NULL, op TEXT NOT NULL, field TEXT NOT NULL, subject TEXT NOT NULL, value TEXT NOT NULL,
            source TEXT NOT NULL, PRIMARY KEY (story_id, number))""",
    )
    for statement in statements:
        connection.execute(text(statement))


def m008_answers(connection: Connection) -> None:
    """What language models answered, so that the same prompt is enhanced the same for ever."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    connection.execute(
        text(
            f"""CREATE TABLE llm_answers (
            key {key} NOT NULL PRIMARY KEY, answered_ms BIGINT NOT NULL, model TEXT NOT NULL, answer TEXT NOT NULL)"""
        )
    )


def m009_learning(connection: Connection) -> None:
    """What a score was measured by, what was learned from scores, and people's marks of images."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    added = [
        *("raw DOUBLE PRECISION", "low DOUBLE PRECISION DEFAULT 0", "high DOUBLE PRECISION DEFAULT 1"),
        "calibrated BIGINT NOT NULL DEFAULT 1",
        *(f"{name} TEXT NOT NULL DEFAULT ''" for name in ("scorer", "key", "text")),
    ]
    statements = (
        *(f"ALTER TABLE scores ADD COLUMN {column}" for column in added),
        f"""CREATE TABLE learning_events (
            number BIGINT NOT NULL PRIMARY KEY, at_ms BIGINT NOT NULL, kind TEXT NOT NULL,
            identity {key} NOT NULL UNIQUE, data TEXT NOT NULL)""",
        f"""CREATE TABLE image_marks (
            run_id {key} NOT NULL, image {key} NOT NULL, favourite BIGINT NOT NULL, reject BIGINT NOT NULL,
            stars BIGINT NOT NULL, updated_ms BIGINT NOT NULL, PRIMARY KEY (run_id, image))""",
    )
    for statement in statements:
        connection.execute(text(statement))


def m018_learning_turns(connection: Connection) -> None:
    """Each entry asks for the last undo or reset, of which there may be none: not all others are looked at for it."""
    connection.execute(text("CREATE INDEX IF NOT EXISTS learning_events_by_kind ON learning_events (kind, number)"))
