"""Which LoRAs a page shows, and what is exported of those that something is missing of."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_app.studio.lora_listing import FLAGS, PAGE, Wish, lacking_csv, listing
from orchestrator_core.loras.record import LoraRecord


def lora(name: str, **fields: object) -> LoraRecord:
    return LoraRecord(name, f"/loras/{name}.safetensors", **fields)  # type: ignore[arg-type]


INK = lora("styles/ink", tags=("style",), base_model="SDXL", sub_family="Pony", mtime_ns=3, favourite=True)
FOX = lora("fox", trigger_words=("red fox",), base_model="SD 1.5", mtime_ns=2, missing=("preview", "base_model"))
GONE = lora("gone", state="missing", mtime_ns=1)
ALL = (INK, FOX, GONE)


def names(wish: Wish) -> list[str]:
    return [record.name for record in listing(ALL, wish).records]


def test_the_query_finds_and_the_order_is_that_of_the_page_unless_the_query_says_one():
    assert names(Wish("base:pony")) == ["styles/ink"]
    assert names(Wish(sort="name")) == ["fox", "styles/ink"]
    assert names(Wish(sort="newest")) == ["styles/ink", "fox"]
    assert names(Wish("sort:-name", sort="name")) == ["styles/ink", "fox"]


def test_flags_count_what_the_query_finds_and_one_of_them_filters():
    found = listing(ALL, Wish(flag="preview"))
    assert [record.name for record in found.records] == ["fox"]
    assert found.counts == {"preview": 1, "base_model": 1, "favourite": 1, "gone": 1}
    assert listing(ALL, Wish("base:pony")).counts == {"favourite": 1}


def test_what_is_gone_is_only_shown_to_those_who_ask_for_it():
    assert "gone" not in names(Wish())
    assert names(Wish(flag="gone")) == ["gone"]
    assert names(Wish("state:missing")) == ["gone"]
    assert names(Wish(paths=frozenset((GONE.path, FOX.path)))) == ["fox", "gone"]


def test_a_query_that_is_none_is_said_where_and_how_to_put_it_right():
    problem = listing(ALL, Wish('base:pony "ink')).problem
    assert "character 11" in problem
    assert "quote" in problem


@given(st.integers(0, 3 * PAGE), st.integers(-2, 9))
def test_all_are_on_one_page_and_a_page_that_is_not_there_is_the_last(count: int, page: int):
    records = [lora(f"{number:04}") for number in range(count)]
    found = listing(records, Wish(page=page))
    assert 0 <= found.page < found.pages
    assert len(found.records) <= PAGE
    pages = [listing(records, Wish(page=number)).records for number in range(found.pages)]
    assert [record for records in pages for record in records] == records


def test_the_export_says_of_each_what_is_missing_and_what_to_do():
    evil = lora("=cmd()", missing=("trigger_words",))
    rows = list(csv.DictReader(io.StringIO(lacking_csv((*ALL, evil)))))
    assert [row["name"] for row in rows] == ["'=cmd()", "fox"]
    assert rows[1]["what"] == "No preview; No base model" or rows[1]["what"] == "No base model; No preview"
    assert "Put an image with the same name beside it" in rows[1]["what to do"]
    assert rows[1]["trigger words"] == "red fox"


def test_every_flag_says_what_it_means():
    assert all(flag.title and flag.sentence for flag in FLAGS.values())
