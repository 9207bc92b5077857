"""A click that asks Civitai, here a stand-in on the loopback: what is sent, and what comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfy_nodes.lora_cards import id_of
from comfy_nodes.lora_shelf import LoraShelf
from tests.comfy_nodes.lora_actions import ActionsPage
from tests.comfy_nodes.lora_shelves import shelf_of
from tests.core.loras.stand_in_civitai import StandIn, version

pytestmark = pytest.mark.network


@pytest.fixture
def civitai() -> Iterator[StandIn]:
    with StandIn() as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "loras"


@pytest.fixture
def shelf(folder: Path) -> Iterator[LoraShelf]:
    found = shelf_of(folder, ink="inkword", styles__fox="foxword", plain="")
    found.start()
    yield found
    found.stop()


@pytest.fixture
def page(shelf: LoraShelf, folder: Path, civitai: StandIn) -> ActionsPage:
    return ActionsPage(shelf, folder, civitai.url)


def sha256(page: ActionsPage, name: str) -> str:
    return hashlib.sha256((page.folder / f"{name}.safetensors").read_bytes()).hexdigest()


def test_what_civitai_says_is_there_at_once_with_its_source(page: ActionsPage, civitai: StandIn) -> None:
    digest = sha256(page, "plain")
    civitai.known[digest] = version(digest)
    found = page.post("civitai", id=page.id("plain"), consent=True)
    assert (found["outcome"], found["problem"], found["lora"]["sub"]) == ("found", "", "Pony")
    assert found["lora"]["trigger_words"][0] == "ghibli style"
    assert {fact["source"] for fact in found["lora"]["facts"] if fact["field"] == "trigger_words"} == {"civitai"}
    assert civitai.hashes == [digest]


def test_nothing_is_sent_without_consent(page: ActionsPage, civitai: StandIn) -> None:
    for body in ({}, {"consent": False}):
        status, why = page.refusal("civitai", id=page.id("plain"), **body)
        assert (status, "only with your consent" in why) == (403, True)
    assert civitai.asked == []


def test_of_this_machine_civitai_learns_the_hash_alone(page: ActionsPage, civitai: StandIn) -> None:
    page.post("civitai", id=page.id("styles/fox"), consent=True)
    ((path, headers),) = civitai.asked
    sent = json.dumps([path, headers])
    assert path.endswith(sha256(page, "styles/fox"))
    assert not any(word in sent for word in ("fox", str(page.folder), "Authorization", "Cookie", "Referer"))


def test_what_civitai_does_not_know_is_not_asked_for_again_by_itself(page: ActionsPage, civitai: StandIn) -> None:
    for again in (False, False, True):
        assert page.post("civitai", id=page.id("ink"), consent=True, again=again)["outcome"] == "unknown"
    assert len(civitai.asked) == 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((429, {"Retry-After": "60"}, b""), "Civitai wants to be asked again in 60 seconds, not sooner"),
        ((200, {}, b"<html>"), "Something answers in Civitai's place"),
        ((401, {}, b"{}"), "Civitai refuses to answer (401)"),
    ],
)
def test_what_goes_wrong_is_said_and_changes_nothing(
    page: ActionsPage, civitai: StandIn, answer: tuple[int, dict[str, str], bytes], why: str
) -> None:
    civitai.next.append(answer)
    found = page.post("civitai", id=page.id("ink"), consent=True)
    assert found["outcome"] == "problem"
    assert why in found["problem"]
    assert found["lora"]["trigger_words"] == ["inkword"]


def test_a_lora_that_is_gone_has_no_hash_to_ask_for(page: ActionsPage, shelf: LoraShelf, civitai: StandIn) -> None:
    (page.folder / "ink.safetensors").unlink()
    shelf.refresh()
    found = page.post("civitai", id=page.id("ink"), consent=True)
    assert (found["outcome"], "not there as a whole file" in found["problem"]) == ("problem", True)
    assert page.refusal("civitai", id="0" * 16, consent=True)[0] == 404
    assert civitai.asked == []


def test_without_a_place_for_the_answers_nothing_is_asked(
    folder: Path, civitai: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", f"sqlite:///{tmp_path}/none/there/store.db")
    (tmp_path / "none").write_text("a file where a folder would have to be")
    shelf = shelf_of(folder, ink="inkword")
    shelf.start()
    status, why = ActionsPage(shelf, folder, civitai.url).refusal(
        "civitai", id=id_of(str(folder / "ink.safetensors")), consent=True
    )
    shelf.stop()
    assert (status, why) == (503, "What Civitai says could not be kept, so it is not asked.")
    assert civitai.asked == []


def test_other_pages_may_not_ask(page: ActionsPage, civitai: StandIn) -> None:
    assert page.refused_elsewhere("civitai")
    assert civitai.asked == []
