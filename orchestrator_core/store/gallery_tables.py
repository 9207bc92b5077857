"""The tables of the gallery, and the step that makes them. ``store/gallery_images.py`` writes them.

A row of ``gallery_images`` is a picture by its content, wherever its files are; a person's marks are in that row and
nowhere else. Every change of a row gives it a number that no other change has: the revision.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from sqlalchemy import BigInteger, Column, Connection, Double, Table, text

from orchestrator_core.store.schema import AnyText, metadata

images = Table(
    "gallery_images",
    metadata,
    Column("id", BigInteger),  # from 1
    Column("key", AnyText),  # SHA-256 of the content; "run:<id>/<name>" or "file:<path>" where nobody could read it
    Column("digest", AnyText),  # of all that follows up to ``broken``: the same again changes nothing
    Column("revision", BigInteger),  # of the last change
    Column("added_ms", BigInteger),
    Column("made_ms", BigInteger),
    Column("missing", BigInteger),  # 1: none of its files is there
    Column("path", AnyText),  # of one of its files; "" where none was ever seen
    Column("name", AnyText),
    Column("tool", AnyText),  # that made it
    Column("format", AnyText),
    Column("width", BigInteger),  # pixels; 0 where not known
    Column("height", BigInteger),
    Column("run_id", AnyText),  # "" for none
    Column("run_image", AnyText),  # the file's name in that run
    Column("own", BigInteger),  # 1: the run told this, and not the file
    Column("story", AnyText),
    Column("profiles", AnyText),
    Column("model", AnyText),
    Column("seed", AnyText),
    Column("prompt", AnyText),
    Column("negative", AnyText),
    Column("template", AnyText),
    Column("settings", AnyText),  # JSON: of the request, with its LoRAs
    Column("search_text", AnyText),  # case-folded prompt, negative and template
    Column("score", Double),  # 0 … 1; -1 for none, so that it has a place in the order
    Column("broken", AnyText),  # why it cannot be shown or read, for a person; "" where it can
    Column("favourite", BigInteger),
    Column("favourite_rev", BigInteger),  # the revision at which it was set; 0: never
    Column("reject", BigInteger),
    Column("reject_rev", BigInteger),
    Column("rating", BigInteger),  # stars; 0 for none
    Column("rating_rev", BigInteger),
    Column("pixels", AnyText),  # of a file that was read: the digest of what it shows; "" where not known
)
files = Table(
    "gallery_files",
    metadata,
    Column("path", AnyText),
    Column("root", AnyText),  # the folder that was looked through; "" for a file that only a run named
    Column("image_id", BigInteger),
    Column("size", BigInteger),  # bytes
    Column("mtime_ns", BigInteger),
    Column("missing", BigInteger),
)
folders = Table(
    "gallery_folders",
    metadata,
    Column("root", AnyText),
    Column("path", AnyText),
    Column("fingerprint", AnyText),  # of all that lies in it, and of the version that read it
)
roots = Table(  # the folders that a person wants to see
    "gallery_roots",
    metadata,
    Column("path", AnyText),
    Column("added_ms", BigInteger),
)
terms = Table(  # LoRAs, models, profiles, stories, tools and values of wildcards, each once
    "gallery_terms",
    metadata,
    Column("id", BigInteger),  # from 1
    Column("kind", AnyText),
    Column("name_key", AnyText),  # case-folded
    Column("name", AnyText),
)
image_terms = Table(
    "gallery_image_terms",
    metadata,
    Column("term_id", BigInteger),
    Column("image_id", BigInteger),
)
mark_log = Table(  # what a person said, so that it can be taken back
    "gallery_mark_log",
    metadata,
    Column("number", BigInteger),  # the revision that it made
    Column("step", BigInteger),  # those of one step are undone together
    Column("image_id", BigInteger),
    Column("field", AnyText),
    Column("before", BigInteger),
    Column("after", BigInteger),
    Column("at_ms", BigInteger),
    Column("undone", BigInteger),  # 1: taken back, or itself a taking back
)
searches = Table(
    "gallery_searches",
    metadata,
    Column("name_key", AnyText),
    Column("name", AnyText),
    Column("query", AnyText),
    Column("updated_ms", BigInteger),
)
state = Table(  # one row
    "gallery_state",
    metadata,
    Column("id", BigInteger),
    Column("revision", BigInteger),  # the last that was given
    Column("content", BigInteger),  # … for something else than a mark: what was found before that is found no more
    Column("images", BigInteger),  # the last id that was given
    Column("terms", BigInteger),
)


def m012_gallery(connection: Connection) -> None:
    """The gallery. Marks of images, which were kept by run and file name, are kept by content from now on."""
    for statement in _statements(postgresql=connection.dialect.name == "postgresql"):
        connection.execute(text(statement))
    _move_marks(connection)


def _statements(*, postgresql: bool) -> Iterator[str]:
    key = 'TEXT COLLATE "C"' if postgresql else "TEXT"
    whole = "BIGINT NOT NULL DEFAULT 0"
    texts = [*("path", "tool", "format", "run_id", "run_image", "story", "profiles", "model", "seed", "prompt")]
    texts += ["negative", "template", "settings", "search_text", "broken", "name", "digest"]
    numbers = ("missing", "width", "height", "own", "made_ms", "added_ms")
    marks = ("favourite", "favourite_rev", "reject", "reject_rev", "rating", "rating_rev")
    columns = [f"{name} {key} NOT NULL DEFAULT ''" for name in texts]
    columns += [f"{name} {whole}" for name in (*numbers, *marks)]
    # An integer primary key is SQLite's own row number, by which full text search names a row.
    number = "BIGINT" if postgresql else "INTEGER"
    yield f"""CREATE TABLE gallery_images (
        id {number} NOT NULL PRIMARY KEY, key {key} NOT NULL UNIQUE, revision BIGINT NOT NULL UNIQUE,
        score DOUBLE PRECISION NOT NULL DEFAULT -1, {", ".join(columns)})"""
    for order in ("made_ms", "score, made_ms", "rating, made_ms"):
        name = order.partition(",")[0]
        yield f"CREATE INDEX gallery_images_by_{name} ON gallery_images (missing, {order}, id)"
    yield "CREATE INDEX gallery_images_by_run ON gallery_images (run_id) WHERE run_id <> ''"
    yield "CREATE INDEX gallery_images_by_seed ON gallery_images (seed) WHERE seed <> ''"
    for name, held in (("favourite", "favourite = 1"), ("reject", "reject = 1"), ("broken", "broken <> ''")):
        yield f"CREATE INDEX gallery_images_{name} ON gallery_images (id) WHERE {held}"
    yield f"""CREATE TABLE gallery_files (
        path {key} NOT NULL PRIMARY KEY, root {key} NOT NULL, size BIGINT NOT NULL, mtime_ns BIGINT NOT NULL,
        image_id BIGINT NOT NULL REFERENCES gallery_images (id) ON DELETE CASCADE, missing {whole})"""
    yield "CREATE INDEX gallery_files_by_image ON gallery_files (image_id)"
    yield "CREATE INDEX gallery_files_by_root ON gallery_files (root, path)"
    yield f"""CREATE TABLE gallery_folders (
        root {key} NOT NULL, path {key} NOT NULL, fingerprint TEXT NOT NULL, PRIMARY KEY (root, path))"""
    yield f"CREATE TABLE gallery_roots (path {key} NOT NULL PRIMARY KEY, added_ms BIGINT NOT NULL)"
    yield f"""CREATE TABLE gallery_terms (
        id {number} NOT NULL PRIMARY KEY, kind {key} NOT NULL, name_key {key} NOT NULL, name TEXT NOT NULL,
        UNIQUE (kind, name_key))"""
    yield f"""CREATE TABLE gallery_image_terms (
        term_id BIGINT NOT NULL REFERENCES gallery_terms (id) ON DELETE CASCADE,
        image_id BIGINT NOT NULL REFERENCES gallery_images (id) ON DELETE CASCADE,
        PRIMARY KEY (term_id, image_id)){"" if postgresql else " WITHOUT ROWID"}"""
    yield "CREATE INDEX gallery_image_terms_by_image ON gallery_image_terms (image_id, term_id)"
    yield f"""CREATE TABLE gallery_mark_log (
        number BIGINT NOT NULL PRIMARY KEY, step BIGINT NOT NULL, field {key} NOT NULL, before BIGINT NOT NULL,
        image_id BIGINT NOT NULL REFERENCES gallery_images (id) ON DELETE CASCADE, after BIGINT NOT NULL,
        at_ms BIGINT NOT NULL, undone {whole})"""
    yield "CREATE INDEX gallery_mark_log_by_step ON gallery_mark_log (step)"
    yield "CREATE INDEX gallery_mark_log_by_image ON gallery_mark_log (image_id)"
    yield f"""CREATE TABLE gallery_searches (
        name_key {key} NOT NULL PRIMARY KEY, name TEXT NOT NULL, query TEXT NOT NULL, updated_ms BIGINT NOT NULL)"""
    counters = f"revision {whole}, images {whole}, terms {whole}"
    yield f"CREATE TABLE gallery_state (id BIGINT NOT NULL PRIMARY KEY, {counters})"
    yield "INSERT INTO gallery_state (id) VALUES (1)"


def _move_marks(connection: Connection) -> None:
    """Of two marks of one content the later counts. Plain SQL, as the tables of today are not those of later packs."""
    found: dict[str, dict[str, object]] = {}
    statement = "SELECT run_id, image, favourite, reject, stars, updated_ms FROM image_marks ORDER BY updated_ms"
    for run_id, image, favourite, reject, stars, at_ms in connection.execute(text(statement)).all():
        of_run = text("SELECT path, sha256 FROM images WHERE run_id = :run_id").bindparams(run_id=run_id)
        digests = {PurePath(path).name: sha256 for path, sha256 in connection.execute(of_run).all()}
        marked = {"favourite": favourite, "reject": reject, "rating": stars, "at_ms": at_ms}
        key = digests.get(image) or f"run:{run_id}/{image}"
        found[key] = {"key": key, "run_id": run_id, "image": image, **marked}
    for number, row in enumerate(found.values(), 1):
        connection.execute(
            text(
                """INSERT INTO gallery_images (id, key, revision, missing, name, run_id, run_image, made_ms, added_ms,
                favourite, favourite_rev, reject, reject_rev, rating, rating_rev) VALUES (:number, :key, :number, 1,
                :image, :run_id, :image, :at_ms, :at_ms, :favourite, :number, :reject, :number, :rating, :number)"""
            ).bindparams(number=number, **row)
        )
    count = text("UPDATE gallery_state SET revision = :count, images = :count").bindparams(count=len(found))
    connection.execute(count)
    connection.execute(text("DROP TABLE image_marks"))


def m013_gallery_finding(connection: Connection) -> None:
    """What is found is kept until something else than a mark changes; sizes and formats are found without the rows."""
    for statement in (
        "ALTER TABLE gallery_state ADD COLUMN content BIGINT NOT NULL DEFAULT 0",
        "UPDATE gallery_state SET content = revision",
        "CREATE INDEX gallery_images_by_size ON gallery_images (width, height, format, id)",
    ):
        connection.execute(text(statement))


def m016_gallery_pixels(connection: Connection) -> None:
    """What a picture shows, so that one whose file is written anew with other words keeps its marks."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    connection.execute(text(f"ALTER TABLE gallery_images ADD COLUMN pixels {key} NOT NULL DEFAULT ''"))
