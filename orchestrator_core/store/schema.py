"""The tables as they are after the last migration, and the column types that make them lossless on both databases.

Only names and types live here, for queries; keys, indexes and foreign keys are in ``migrations.py``, which alone makes
and changes tables. A test keeps the two equal.
"""

from __future__ import annotations

import math
import re
from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, Double, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeDecorator

ESCAPE = "\ufdd0"  # a noncharacter: by its definition in no text that means something
UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufdd0]")
ESCAPED = re.compile("\ufdd0([0-9a-f]{4})")


class AnyText(TypeDecorator[str]):
    """Any Python string. PostgreSQL refuses NUL, both refuse lone surrogates (file names have them), so these are
    written as a noncharacter and four hex digits."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or not UNSTORABLE.search(value):
            return value
        return UNSTORABLE.sub(lambda match: f"{ESCAPE}{ord(match[0]):04x}", value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        if value is None or ESCAPE not in value:
            return value
        return ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)


class Number(TypeDecorator[float]):
    """A float. SQLite has no NaN and stores NULL for it; so does this, on both, and reads it back as NaN."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        return None if value is None or math.isnan(value) else float(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> float:
        return math.nan if value is None else float(value)


class Seed(TypeDecorator[int]):
    """An integer of any size, as decimal digits: seeds reach 2**64 - 1, a database's integers 2**63 - 1."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", AnyText),
    Column("created_ms", BigInteger),  # first saved; UTC milliseconds since 1970, as every time here
    Column("updated_ms", BigInteger),
    Column("seed", Seed),
    Column("template", AnyText),
    Column("negative_template", AnyText),
    Column("dialect", AnyText),
    Column("variables", AnyText),  # JSON: [[name, value], …]
    Column("diagnostics", AnyText),  # JSON: [{kind, message, start, end, where}, …]
    Column(
        "drawing", AnyText
    ),  # JSON: {rerolls: [[slot, times], …], method, index, missing, profiles, genre, odds}; what is absent is default
    Column("notes", AnyText),  # JSON: {background, story, enhanced} of the draft; what is absent is default
    Column("search_text", AnyText),  # case-folded prompts and templates; neither database folds Unicode in LIKE
)
components = Table(
    "components",
    metadata,
    Column("run_id", AnyText),
    Column("side", AnyText),  # "positive" or "negative"
    Column("position", BigInteger),  # 0-based, in its side
    Column("text", AnyText),
    Column("origin", AnyText),
    Column("strength", Number),
    Column("span_start", BigInteger),
    Column("span_end", BigInteger),
)
choices = Table(
    "choices",
    metadata,
    Column("run_id", AnyText),
    Column("side", AnyText),
    Column("component", BigInteger),  # its position
    Column("position", BigInteger),  # 0 = outermost
    Column("key", AnyText),
    Column("siblings", AnyText),  # JSON: a string or a list of strings
    Column("file", AnyText),
    Column("line", BigInteger),
    Column("weight", Number),
    Column("probability", Number),
    Column("options", BigInteger),
)
run_loras = Table(
    "run_loras",
    metadata,
    Column("run_id", AnyText),
    Column("position", BigInteger),
    Column("name", AnyText),
    Column("strength_model", Number),
    Column("strength_clip", Number),
    Column("sha256", AnyText),
)
images = Table(
    "images",
    metadata,
    Column("run_id", AnyText),
    Column("position", BigInteger),
    Column("of_run", AnyText),  # the image's own run_id: another's where this run took the image over
    Column("path", AnyText),
    Column("request", AnyText),  # JSON: a GenerationRequest
    Column("seed", Seed),
    Column("sha256", AnyText),  # of the file's content; NULL where it could not be read
    Column("width", BigInteger),  # pixels; NULL where not known
    Column("height", BigInteger),
)
scores = Table(
    "scores",
    metadata,
    Column("run_id", AnyText),
    Column("position", BigInteger),
    Column("of_run", AnyText),
    Column("image", AnyText),  # file name
    Column("component", BigInteger),  # position in the positive prompt; NULL = the whole image
    Column("metric", AnyText),
    Column("value", Number),
    Column("raw", Number),  # the scorer's own number; NULL = none
    Column("low", Number),
    Column("high", Number),
    Column("calibrated", BigInteger),  # 0: never learned from
    Column("scorer", AnyText),
    Column("key", AnyText),  # of the choice that is credited
    Column("text", AnyText),
)
learning_events = Table(  # a log: rows are only added
    "learning_events",
    metadata,
    Column("number", BigInteger),  # from 1: what orders them, as clocks may be set back
    Column("at_ms", BigInteger),
    Column("kind", AnyText),
    Column("identity", AnyText),  # of what it tells: told twice, it is there once
    Column("data", AnyText),  # JSON
)
loras = Table(  # an index of files: may be dropped at any time, and is made again from them
    "loras",
    metadata,
    Column("id", BigInteger),  # 63 bits of a hash of root and path, so that no two writers must agree on a number
    Column("root", AnyText),
    Column("path", AnyText),
    Column("name", AnyText),
    Column("title", AnyText),
    Column("size", BigInteger),  # bytes
    Column("mtime_ns", BigInteger),
    Column("inode", AnyText),  # decimal digits: on some file systems it has 64 bits without a sign
    Column("stamp", AnyText),  # of the file's beginning, end and size
    Column("fingerprint", AnyText),  # of names, sizes and times of the model and its sidecars
    Column("state", AnyText),
    Column("first_ms", BigInteger),  # when it was first shown; 0 while it never was complete
    Column("hashed", BigInteger),  # 1: the next three were computed here; 0: a sidecar or the header claims them
    Column("sha256", AnyText),
    Column("tensor_sha256", AnyText),
    Column("autov1", AnyText),
    Column("autov3", AnyText),
    Column("record", AnyText),  # JSON: a LoraRecord without a person's facts
)
lora_folders = Table(
    "lora_folders",
    metadata,
    Column("root", AnyText),
    Column("path", AnyText),
    Column("fingerprint", AnyText),  # of all that lies in it, and of the version that read it
)
lora_user = Table(  # what a person or Civitai said of a LoRA; never dropped
    "lora_user",
    metadata,
    Column("path", AnyText),
    Column("source", AnyText),  # "user" or "civitai"
    Column("field", AnyText),
    Column("value", AnyText),
    Column("confidence", Number),
    Column("updated_ms", BigInteger),
    Column("stamp", AnyText),  # of the file then: these two find the LoRA again under another name
    Column("tensor_sha256", AnyText),
)
lora_digests = Table(  # hours of reading may be in it; never dropped
    "lora_digests",
    metadata,
    Column("path", AnyText),
    Column("size", BigInteger),
    Column("mtime_ns", BigInteger),
    Column("inode", AnyText),
    Column("sha256", AnyText),
    Column("tensor_sha256", AnyText),
    Column("autov1", AnyText),
)
civitai_answers = Table(  # what Civitai answered when it was asked for a file by its hash
    "civitai_answers",
    metadata,
    Column("sha256", AnyText),
    Column("answered_ms", BigInteger),
    Column("answer", AnyText),  # JSON, of what is read of it; "" where Civitai does not know the file
)
embeddings = Table(  # vectors of texts, made once; may be dropped at any time, and are made again
    "embeddings",
    metadata,
    Column("embedder", AnyText),
    Column("text_hash", AnyText),
    Column("vector", LargeBinary),  # float16, little-endian
)
llm_answers = Table(  # what was taken of a language model's answers; to drop it changes prompts that are drawn again
    "llm_answers",
    metadata,
    Column("key", AnyText),  # SHA-256 of all that the answer depends on
    Column("answered_ms", BigInteger),
    Column("model", AnyText),
    Column("answer", AnyText),  # JSON
)
stories = Table(
    "stories",
    metadata,
    Column("id", AnyText),
    Column("name", AnyText),
    Column("name_key", AnyText),  # case-folded: no two stories differ by case alone
    Column("profiles", AnyText),  # JSON: names
    Column("books", AnyText),  # JSON: names
    Column("created_ms", BigInteger),
    Column("updated_ms", BigInteger),
)
story_scenes = Table(  # of runs that may have been deleted since
    "story_scenes",
    metadata,
    Column("story_id", AnyText),
    Column("number", BigInteger),  # from 1
    Column("run_id", AnyText),
    Column("created_ms", BigInteger),
    Column("action", AnyText),
    Column("words", AnyText),  # of the prompt, without what profiles, memory, a model and LoRAs added
    Column("prompt", AnyText),
    Column("seed", Seed),
    Column("lore", AnyText),  # JSON: names of what was told
    Column("timed", AnyText),  # JSON, of the lore
    Column("position", BigInteger),  # the number of the last change then
    Column("left_out", BigInteger),  # 1: a person left it out of the story
)
story_changes = Table(  # a log: rows are added, and only ``status`` ever changes
    "story_changes",
    metadata,
    Column("story_id", AnyText),
    Column("number", BigInteger),  # from 1
    Column("step", BigInteger),  # those of one step are undone together
    Column("scene", BigInteger),  # 0: made by a person between scenes
    Column("created_ms", BigInteger),
    Column("status", AnyText),  # "active", "undone", "dropped"
    Column("op", AnyText),
    Column("field", AnyText),
    Column("subject", AnyText),
    Column("value", AnyText),
    Column("source", AnyText),
)
migrations = Table(
    "orchestrator_migrations",
    metadata,
    Column("name", AnyText),
    Column("applied_ms", BigInteger),
    Column("pack_version", AnyText),
)
