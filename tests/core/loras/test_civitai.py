from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from orchestrator_core.errors import ConfigError, FormatError
from orchestrator_core.loras.civitai import Civitai, Fetched, facts_of, fetch, wants_metadata
from orchestrator_core.loras.civitai_answer import reduced
from orchestrator_core.loras.civitai_refusals import seconds_to_wait
from orchestrator_core.loras.evaluating import questions_of
from orchestrator_core.loras.library import Library
from orchestrator_core.loras.record import ExamplePrompt, LoraRecord
from orchestrator_core.store import Store
from orchestrator_core.store.civitai import CivitaiAnswers
from tests.core.loras.library_files import write_lora
from tests.core.loras.stand_in_civitai import StandIn, version
from tests.strategies import json_values

pytestmark = pytest.mark.network

DAY_S = 86_400.0


class Clock:
    """Time passes only by waiting; the first instant is 1,000,000."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.waits: list[float] = []
        self.is_stopped = False

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.time += seconds
        return self.is_stopped


class Shop:
    """A library of three LoRAs, and a Civitai that knows the first."""

    def __init__(self, folder: Path, store: Store, server: StandIn) -> None:
        for name in ("anime", "beach", "city"):
            write_lora(folder / f"{name}.safetensors")
        self.store, self.server, self.clock = store, server, Clock()
        self.library = Library([folder], store)
        self.library.refresh()
        self.folder = folder
        self.digests = {path.stem: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        server.known[self.digests["anime"]] = version(self.digests["anime"])

    def civitai(self, key: str = "") -> Civitai:
        answers = CivitaiAnswers(self.store)
        return Civitai(answers, self.server.url, key=key, wait=self.clock.wait, now=self.clock.now)

    def fetch(self, *names: str, **options: Any) -> Fetched:
        records = [record for name in names if (record := self.library.find(name)[0])]
        return fetch(self.library, records, self.civitai(), **options)

    def record(self, name: str) -> LoraRecord:
        found = self.library.find(name)[0]
        assert found is not None
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with StandIn() as server, Store.open(tmp_path / "store.sqlite3") as store:
        yield Shop(tmp_path / "loras", store, server)


# what is found


def test_what_civitai_says_is_in_the_record_with_its_source(shop: Shop):
    done = shop.fetch("anime", "beach")
    assert (done.found, done.unknown, done.problems, done.stopped) == (("anime",), ("beach",), (), "")
    assert done.message == "Civitai knows 1 of 2 LoRAs."
    record = shop.record("anime")
    assert record.trigger_words == ("ghibli style", "ghibli style, watercolor")
    assert (record.base_model, record.sub_family) == ("SDXL", "Pony")
    assert (record.title, record.model_id, record.version_id) == ("Ghibli - v1.0", "122359", "135867")
    assert record.description == "Second version"
    assert {fact.source for fact in record.facts if fact.field == "trigger_words"} == {"civitai"}
    assert not {"trigger_words", "base_model", "other_hash"} & set(record.missing)


def test_example_prompts_are_kept_and_can_be_asked_with(shop: Shop):
    shop.fetch("anime")
    record = shop.record("anime")
    assert record.examples == (ExamplePrompt("a harbour at dusk, ghibli style <lora:ghibli_v1:0.6>", 0.6),)
    assert record.preferred_strength == 0.6
    assert [question.text for question in questions_of(record)] == ["a harbour at dusk"]
    assert not any(fact.field == "examples" for fact in record.facts)


def test_it_is_kept_by_the_next_library_and_by_no_file(shop: Shop):
    before = {path: path.read_bytes() for path in shop.folder.iterdir()}
    shop.fetch("anime")
    later = Library([shop.folder], shop.store)
    later.refresh()
    found = later.find("anime")[0]
    assert found is not None
    assert found.trigger_words == ("ghibli style", "ghibli style, watercolor")
    assert {path: path.read_bytes() for path in shop.folder.iterdir()} == before


def test_what_a_person_said_wins_over_civitai(shop: Shop):
    shop.library.set_user(shop.record("anime"), "trigger_words", "mine")
    shop.fetch("anime")
    assert shop.record("anime").trigger_words == ("mine",)


def test_a_second_answer_takes_the_place_of_the_first(shop: Shop):
    shop.fetch("anime")
    digest = shop.digests["anime"]
    shop.server.known[digest] = version(digest, trainedWords=["new word"], images=[], baseModel="SDXL 1.0")
    shop.fetch("anime", again=True)
    record = shop.record("anime")
    assert record.trigger_words == ("new word",)
    assert record.sub_family == ""
    assert record.examples == ()


def test_that_a_lora_has_no_trigger_words_is_an_answer_too(shop: Shop):
    shop.server.known[shop.digests["anime"]] = version(shop.digests["anime"], trainedWords=[])
    shop.fetch("anime")
    assert "trigger_words" not in shop.record("anime").missing


def test_no_words_at_civitai_take_away_none_that_a_file_has(shop: Shop):
    (shop.folder / "anime.json").write_text(json.dumps({"activation text": "from my file"}))
    shop.library.refresh()
    shop.server.known[shop.digests["anime"]] = version(shop.digests["anime"], trainedWords=[])
    shop.fetch("anime")
    assert shop.record("anime").trigger_words == ("from my file",)


def test_a_version_with_several_files_says_only_the_hash_of_the_one_asked_for(shop: Shop):
    shop.fetch("anime")
    said = [fact.value for fact in shop.record("anime").facts if fact.field == "sha256"]
    assert said == [shop.digests["anime"]]


def test_only_those_that_lack_something_want_metadata(shop: Shop):
    assert [record.name for record in wants_metadata(shop.library.records())] == ["anime", "beach", "city"]
    shop.fetch("anime")
    assert [record.name for record in wants_metadata(shop.library.records())] == ["beach", "city"]


# what is asked


def test_only_the_hash_is_sent(shop: Shop):
    shop.fetch("anime")
    ((path, headers),) = shop.server.asked
    assert path == f"/api/v1/model-versions/by-hash/{shop.digests['anime']}"
    assert headers.keys() == {"Accept-Encoding", "Host", "User-Agent", "Connection"}
    assert headers["User-Agent"] == "Orchestrator"


def test_the_hash_is_computed_from_the_file_whatever_a_sidecar_claims(shop: Shop):
    (shop.folder / "anime.metadata.json").write_text(json.dumps({"sha256": "ff" * 32}))
    shop.library.refresh()
    shop.fetch("anime")
    assert shop.server.hashes == [shop.digests["anime"]]
    assert shop.record("anime").sha256 == shop.digests["anime"]


def test_the_key_goes_along_and_into_no_message_and_no_database(shop: Shop, tmp_path: Path):
    shop.server.next = [(401, {}, b"{}")]
    done = fetch(shop.library, [shop.record("anime")], shop.civitai("s3cret-key"))
    assert shop.server.asked[0][1]["Authorization"] == "Bearer s3cret-key"
    assert "Correct the key in CIVITAI_API_KEY" in done.stopped
    assert "s3cret" not in repr(done)
    assert not any(b"s3cret" in path.read_bytes() for path in tmp_path.glob("store*"))


def test_the_key_is_that_of_the_environment(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CIVITAI_API_KEY", " from-env\n")
    Civitai(CivitaiAnswers(shop.store), shop.server.url).version("aa" * 32)
    assert shop.server.asked[0][1]["Authorization"] == "Bearer from-env"


@pytest.mark.parametrize("url", ["https://civitai.com.evil.example", "http://civitai.com", "https://example.com"])
def test_no_other_host_is_ever_asked(shop: Shop, url: str):
    with pytest.raises(ConfigError, match=r"nothing else is asked: use https://civitai\.com"):
        Civitai(CivitaiAnswers(shop.store), url)


def test_a_key_that_would_break_the_request_is_refused(shop: Shop):
    with pytest.raises(ConfigError, match="CIVITAI_API_KEY"):
        shop.civitai("a\r\nHost: evil")


# slowly, and once


def test_calls_are_a_second_apart(shop: Shop):
    shop.fetch("anime", "beach", "city")
    assert shop.clock.waits == [1.0, 1.0]


def test_a_clock_that_is_set_back_makes_nobody_wait(shop: Shop):
    civitai = shop.civitai()
    civitai.version(shop.digests["anime"])
    shop.clock.time -= 3600
    civitai.version(shop.digests["beach"])
    assert shop.clock.waits == [1.0]


def test_nothing_is_asked_twice_also_what_was_not_found(shop: Shop):
    shop.fetch("anime", "beach")
    assert shop.fetch("anime", "beach").found == ("anime",)
    assert len(shop.server.asked) == 2


def test_what_was_not_found_is_asked_for_again_after_a_week(shop: Shop):
    shop.fetch("anime", "beach")
    shop.clock.time += 8 * DAY_S
    shop.fetch("anime", "beach")
    assert shop.server.hashes == [shop.digests[name] for name in ("anime", "beach", "beach")]


def test_of_two_equal_files_one_is_asked_for(shop: Shop):
    copy = shop.folder / "copy.safetensors"
    copy.write_bytes((shop.folder / "anime.safetensors").read_bytes())
    shop.library.refresh(settled=lambda unit: True)
    assert shop.fetch("anime", "copy").found == ("anime", "copy")
    assert len(shop.server.asked) == 1


@pytest.mark.parametrize(("status", "words"), [(429, "asked too often (429)"), (503, "problem of its own (503)")])
def test_busy_is_waited_for_and_then_given_up(shop: Shop, status: int, words: str):
    shop.server.next = [(status, {}, b"")] * 4
    done = shop.fetch("anime", "beach")
    assert words in done.stopped
    assert (done.found, done.left) == ((), 2)
    assert [wait for wait in shop.clock.waits if wait > 1] == [2.0, 4.0, 8.0]
    assert shop.fetch("anime").found == ("anime",)


def test_a_server_that_says_how_long_is_obeyed(shop: Shop):
    shop.server.next = [(429, {"Retry-After": "37"}, b"")]
    assert shop.fetch("anime").found == ("anime",)
    assert 37.0 in shop.clock.waits


def test_a_server_that_wants_an_hour_is_not_waited_for(shop: Shop):
    shop.server.next = [(429, {"Retry-After": "3600"}, b"")]
    done = shop.fetch("anime")
    assert "asked again after 3600 seconds" in done.stopped
    assert shop.clock.waits == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("37", 37.0),
        ("", 8.0),
        ("soon", 8.0),
        ("-5", 8.0),
        ("Fri, 27 Nov 2026 21:00:30 GMT", 30.0),
        ("Fri, 27 Nov 2020 21:00:30 GMT", 4.0),
        ("9" * 400, 999_999_999.0),
    ],
)
def test_how_long_to_wait(text: str, seconds: float):
    assert seconds_to_wait(text, 2, 1_795_813_200.0) == pytest.approx(seconds)


def test_whoever_never_answered_is_not_waited_for(shop: Shop):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = f"http://127.0.0.1:{listener.getsockname()[1]}"
    civitai = Civitai(CivitaiAnswers(shop.store), nowhere, key="", wait=shop.clock.wait, now=shop.clock.now)
    done = fetch(shop.library, [shop.record("anime"), shop.record("beach")], civitai)
    assert done.stopped == f"Civitai cannot be reached: {nowhere} does not answer: nothing listens there."
    assert done.left == 2
    assert shop.clock.waits == []


def test_it_can_be_stopped_and_what_is_done_stays(shop: Shop):
    seen: list[str] = []
    done = shop.fetch("anime", "beach", "city", on_progress=lambda n, of, name: seen.append(f"{n}/{of} {name}"),
                      stop=lambda: len(seen) > 1)  # fmt: skip
    assert (done.found, done.left, done.stopped) == (("anime",), 2, "It was stopped.")
    assert seen == ["0/3 anime", "1/3 beach"]


def test_a_stop_ends_a_wait(shop: Shop):
    shop.server.next = [(429, {}, b"")]
    shop.clock.is_stopped = True
    assert shop.fetch("anime").stopped == "It was stopped."


# answers that are none


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {}, b"<html><script>alert(1)</script></html>"), "it shows a page for people"),
        ((302, {"Location": "https://evil.example/"}, b""), "another address (302), which is not followed"),
        ((404, {}, b"<html>no such page</html>"), "answered 404, which it never should"),
        ((403, {}, b"blocked"), "refuses to answer (403). Try again later."),
    ],
)
def test_an_answer_that_is_not_civitais_ends_the_fetch(shop: Shop, answer: Any, words: str):
    shop.server.next = [answer]
    done = shop.fetch("anime", "beach")
    assert words in done.stopped
    assert done.left == 2
    assert len(shop.server.asked) == 1
    assert shop.fetch("anime").found == ("anime",)  # nothing of it was kept


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" + b"1," * 2_500_000 + b"1]", "too large"),
        (b'["a", "list"]', "no model version"),
        (b'{"id": "1"}', "no model version"),
        (b"null", "no model version"),
        (b'{"id": true}', "no model version"),
    ],
)
def test_an_answer_that_cannot_be_used_leaves_out_one_lora(shop: Shop, body: bytes, words: str):
    shop.server.next = [(200, {}, body)]
    done = shop.fetch("beach", "anime")
    ((name, why),) = done.problems
    assert name == "beach"
    assert words in why
    assert done.found == ("anime",)
    assert "1 could not be asked for or read" in done.message


def test_an_answer_that_breaks_off_is_asked_for_again(shop: Shop):
    civitai = shop.civitai()
    civitai.version(shop.digests["beach"])
    shop.server.next = [(200, {"Content-Length": "5000"}, b'{"id": 1')]
    assert fetch(shop.library, [shop.record("anime")], civitai).found == ("anime",)
    assert len(shop.server.asked) == 3


def test_a_version_of_wrong_types_gives_what_is_right_in_it(shop: Shop):
    digest = shop.digests["anime"]
    shop.server.known[digest] = {
        "id": 5, "modelId": "x", "name": ["v"], "baseModel": {"a": 1}, "trainedWords": [None, "good", 3, ["x"]],
        "model": [], "files": {"a": 1}, "images": [None, {"meta": "x"}, {"meta": {"prompt": 5}}], "description": 7,
    }  # fmt: skip
    assert shop.fetch("anime").found == ("anime",)
    record = shop.record("anime")
    assert record.trigger_words == ("good",)
    assert record.version_id == "5"
    assert record.model_id == ""


def test_scripts_in_a_description_go_with_their_content(shop: Shop):
    digest = shop.digests["anime"]
    shop.server.known[digest] = version(digest, description="<p>fine<script>steal()</script></p><img onerror=x()>")
    shop.fetch("anime")
    assert shop.record("anime").description == "fine"


def test_a_file_that_is_gone_is_a_problem_of_its_own(shop: Shop):
    (shop.folder / "beach.safetensors").unlink()
    done = shop.fetch("beach", "anime")
    assert [name for name, _ in done.problems] == ["beach"]
    assert done.found == ("anime",)


@given(json_values)
def test_any_json_is_an_answer_or_none_and_never_an_accident(value: Any):
    digest = "ab" * 32
    for data in (value, {"id": 1, "model": value, "files": [value], "images": [value, {"meta": value}]}):
        try:
            found = reduced(data, digest)
        except FormatError:
            continue
        if found is not None:
            assert len(json.dumps(found)) < 3_000_000
            facts_of(found, LoraRecord("a", "/a.safetensors"))
