"""LoRAs for drawn prompts: only those that the target has, under its names; in Generate and in a batch alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_app.studio import batch
from orchestrator_app.studio.choosing import Wanted, names_at
from orchestrator_app.studio.chosen_html import chosen_loras
from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.lora_place import LoraPlace, OpenLoras
from orchestrator_app.studio.odds import Odds
from orchestrator_core.base_models import BaseModel
from orchestrator_core.errors import ConfigError, FormatError, GeneratorUnreachable
from orchestrator_core.formats.prompt_file import parse_prompt_file
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.prompt import Component, Origin, PromptDraft
from orchestrator_core.request import Choices
from orchestrator_core.stages import dispatch
from orchestrator_core.stages.select_loras import Options
from orchestrator_core.template import Wildcards
from tests.app.studio.studio_fakes import FakeHost, KeptSettings
from tests.core.loras.library_files import write_lora

NONE = Wildcards([])
ON = Wanted(True, Options(variety=0))


class Place:
    """A studio whose one target offers what the test says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "loras"
        self.host = FakeHost(folder)
        self.offered: Choices | Exception = Choices()
        self.asked = 0
        self.target = Target("ComfyUI", self.host.generator, self.choices, "there")
        self.loras = LoraPlace(lambda _: [self.folder])
        self.live = LiveEnvironment(
            StudioEnvironment(lambda _: (self.target,), lambda _: NONE, KeptSettings(), loras=self.loras)
        )

    def choices(self) -> Choices:
        self.asked += 1
        if isinstance(self.offered, Exception):
            raise self.offered
        return self.offered

    def open(self) -> OpenLoras:
        opened = self.live.loras
        opened.watcher.refresh()
        return opened

    def choose(self, text: str, wanted: Wanted = ON) -> PromptDraft:
        self.open()
        choosing = self.live.choosing(wanted, self.target, "")
        assert choosing is not None
        return choosing(draft(text)).draft


def draft(text: str) -> PromptDraft:
    return PromptDraft((Component(text),), seed=1)


def uses(found: PromptDraft) -> list[str]:
    return [lora.name for lora in found.loras]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    write_lora(found.folder / "styles" / "inkwash.safetensors", "zorblax ink")
    write_lora(found.folder / "fox.safetensors", "quibble fox")
    yield found
    found.loras.close()


def test_the_lora_of_the_prompt_is_chosen_with_its_words_and_its_reason(place: Place):
    place.open()
    choosing = place.live.choosing(ON, place.target, "")
    found = chosen_loras(choosing, [draft("a zorblax castle")])
    assert uses(found.drafts[0]) == ["styles/inkwash"]
    assert found.drafts[0].components[-1].origin is Origin.trigger_words
    assert "inkwash" in found.below[0]
    assert "zorblax" in found.below[0]
    assert dispatch.request_for(found.drafts[0], dispatch.Options()).loras == found.drafts[0].loras


def test_off_means_that_no_library_is_even_opened(place: Place):
    assert place.live.choosing(Wanted(), place.target, "") is None
    assert place.live.choose(Wanted()) is None
    assert chosen_loras(None, [draft("x")]).drafts == (draft("x"),)
    assert place.loras._open is None


def test_what_the_target_has_not_is_not_chosen_and_said(place: Place):
    place.offered = Choices(loras=("other\\FOX.safetensors",))
    place.open()
    choosing = place.live.choosing(ON, place.target, "")
    assert choosing is not None
    assert uses(choosing(draft("a zorblax castle, a quibble fox")).draft) == ["other\\FOX.safetensors"]
    assert choosing.note == ("One LoRA of the library is not known to ComfyUI (there), and not chosen: styles/inkwash.")


@pytest.mark.parametrize("offered", [Choices(), GeneratorUnreachable("It does not answer.")])
def test_a_target_that_does_not_say_which_it_has_has_all(place: Place, offered: Choices | Exception):
    place.offered = offered
    assert uses(place.choose("a quibble fox")) == ["fox"]


def test_a_target_is_not_asked_at_every_key(place: Place):
    place.offered = GeneratorUnreachable("It does not answer.")
    for _ in range(5):
        place.choose("a quibble fox")
    assert place.asked == 1


def test_two_files_of_one_name_are_told_apart_by_the_targets_folders(place: Place):
    ours = [LoraRecord("a/ink", "/a/ink"), LoraRecord("b/ink", "/b/ink"), LoraRecord("fox", "/fox")]
    there = Choices(loras=("a/ink.safetensors", "c/ink.safetensors", "x/fox.safetensors"))
    assert names_at(ours, place.target, there) == {"/a/ink": "a/ink.safetensors", "/fox": "x/fox.safetensors"}


def test_a_target_with_names_of_its_own_is_asked_for_them_and_not_for_its_lists(place: Place):
    def named(records: object) -> Mapping[str, str]:
        return {str(place.folder / "fox.safetensors"): "its fox"}

    place.target = replace(place.target, lora_names=named)
    assert uses(place.choose("zorblax ink, a quibble fox")) == ["its fox"]
    assert place.asked == 0


def test_a_new_file_can_be_chosen_at_once(place: Place):
    assert uses(place.choose("a wumple hat")) == []
    write_lora(place.folder / "hat.safetensors", "wumple hat")
    assert uses(place.choose("a wumple hat")) == ["hat"]


def test_a_lora_for_another_base_model_than_the_checkpoints_is_refused_with_the_reason(place: Place):
    place.target = replace(place.target, base_model=lambda name: BaseModel("Flux.1"))
    opened = place.open()
    (record,) = [record for record in opened.records().values() if record.name == "fox"]
    opened.set_user(record, "base_model", "SD 1.5")
    choosing = place.live.choosing(ON, place.target, "")
    assert choosing is not None
    selection = choosing(draft("a quibble fox"))
    assert selection.chosen == ()
    assert [one.record.name for one in selection.refused] == ["fox"]


class Learned:
    """Learned odds of one moment, for prompts of any profile; says for whom they were asked."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.weights, self.asked = weights, list[tuple[str, str]]()

    def number(self) -> int:
        return 7

    def odds(self, profiles: str, genre: str, model: BaseModel) -> Odds:
        self.asked.append((profiles, genre))
        return Odds(self.weights, 7)


def test_what_was_learned_of_loras_reaches_the_choice_with_its_reasons(place: Place):
    opened = place.open()
    (fox,) = [record for record in opened.source.records().values() if record.name == "fox"]
    name = fox.sha256 or fox.name
    strengths = {f"lora strength of {name}#0.4": 1.9, f"lora strength of {name}#1": 0.1}
    learned = Learned({f"lora:{name}": 1.5, **strengths})
    live = LiveEnvironment(replace(place.live.environment, learned=learned))
    choosing = live.choosing(ON, place.target, "")
    assert choosing is not None
    found = [choosing(draft("a quibble fox")), choosing(draft("a quibble fox, night"))]
    assert [one.draft.loras[0].strength_model for one in found] == [0.4, 0.4]
    assert "earlier images speak for it (×1.50)" in found[0].report
    assert "earlier images did best with 0.4 of it" in found[0].report
    assert learned.asked == [("", "")]  # once for all of the same profiles


def test_a_query_that_is_none_is_an_error_for_the_page(place: Place):
    with pytest.raises(FormatError, match="bass"):
        place.choose("x", Wanted(True, Options(query="bass:pony")))


def test_without_a_folder_the_page_is_told_what_to_do(tmp_path: Path):
    loras = LoraPlace(lambda settings: settings.lora_folders)
    environment = StudioEnvironment(lambda _: (), lambda _: NONE, KeptSettings(), loras=loras)
    with pytest.raises(ConfigError, match="Name one on the page Config"):
        _ = LiveEnvironment(environment).loras


def test_folders_are_whole_paths():
    assert Settings(lora_folders=("~/loras",)).lora_folders == ("~/loras",)
    with pytest.raises(ValueError, match="'loras' is no whole path"):
        Settings(lora_folders=("loras",))


# a batch


def rows(*texts: str) -> tuple[batch.Row, ...]:
    return tuple(batch.row_of_draft(draft(text), "ComfyUI") for text in texts)


def test_rows_get_their_loras_and_keep_those_that_they_name(place: Place):
    place.open()
    targets = {"ComfyUI": place.target}
    wanted = rows("a quibble fox", "a castle <lora:mine:0.5>", "zorblax ink <lora:fox:0.4>")
    plan = batch.plan(wanted, NONE, targets, dispatch.Options(), place.live.choose(ON))
    assert plan.problems == {}
    assert [uses(task.run.draft) for task in plan.tasks] == [["fox"], [], ["styles/inkwash"]]
    assert "<lora:mine:0.5>" in plan.tasks[1].run.draft.positive
    without = batch.plan(wanted, NONE, targets, dispatch.Options())
    assert [uses(task.run.draft) for task in without.tasks] == [[], [], []]


def test_each_row_says_which_loras_it_gets(place: Place):
    place.open()
    choose = place.live.choose(ON)
    assert choose is not None
    said = [batch.loras_of(row, NONE, choose, "") for row in rows("a quibble fox", "a bird <lora:mine:0.5>", "a bird")]
    assert said == ["LoRA fox 0.8", "LoRA mine 0.5", "no LoRA"]


def test_a_row_whose_loras_cannot_be_chosen_says_why(tmp_path: Path):
    loras = LoraPlace(lambda _: [])
    target = Target("ComfyUI", FakeHost(tmp_path).generator, Choices)
    live = LiveEnvironment(StudioEnvironment(lambda _: (target,), lambda _: NONE, KeptSettings(), loras=loras))
    plan = batch.plan(rows("x"), NONE, {"ComfyUI": target}, dispatch.Options(), live.choose(ON))
    assert plan.tasks == ()
    assert "No LoRA folder" in plan.problems[0]


def test_the_saved_list_has_the_loras(place: Place):
    place.open()
    text = batch.prompt_file_of(rows("a quibble fox"), NONE, dispatch.Options(), place.live.choose(ON))
    (planned,) = parse_prompt_file(text.encode()).prompts
    assert [lora.name for lora in planned.loras] == ["fox"]
