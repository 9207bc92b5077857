"""selectLoras for a draft that was drawn with profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.base_models import BaseModel
from orchestrator_core.context import StageContext
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.profiles.inheritance import combined
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.profiles.model import Profile, ProfileLora
from orchestrator_core.prompt import Component, PromptDraft, PromptSource, StoryUse
from orchestrator_core.run import Run
from orchestrator_core.stages.select_loras import Options, Selection, select, stage
from orchestrator_core.template import Wildcards
from tests.core.loras.selection_library import lora

PONY = BaseModel("SDXL", "Pony")
GHIBLI = lora("styles/ghibli", "ghibli style", sub_family="Pony", category="style")
INK = lora("styles/ink", "ink style", sub_family="Pony", category="style")
FLUX = lora("other", "mira person", base_model="Flux.1 D")
LIBRARY = LoraIndex([GHIBLI, INK, FLUX, *(lora(f"other{n}", f"thing{n}", tags=(f"tag{n}",)) for n in range(9))])


def chosen(prompt: str, *loras: ProfileLora, options: Options | None = None, family: str = "") -> Selection:
    profile = Profile("Mira", key="mira", loras=loras, family=family)
    checkpoint = PONY if not family else BaseModel()
    return select(PromptDraft((Component(prompt),)), LIBRARY, checkpoint, options, profile=profile)


def names(selection: Selection) -> list[str]:
    return [use.record.name for use in selection.chosen]


def test_a_required_lora_is_used_and_says_whose_it_is():
    found = chosen("a fox", ProfileLora("ink", 0.6, required=True))
    assert [(use.record.name, use.strength.model) for use in found.chosen] == [("styles/ink", 0.6)]
    assert "the profile 'Mira' has it always" in found.report


def test_of_a_combination_the_profile_that_has_it_is_named():
    both = combined([Profile("Mira", loras=(ProfileLora("ink", required=True),)), Profile("Tom")])
    assert "the profile 'Mira' has it" in select(PromptDraft((Component("x"),)), LIBRARY, PONY, profile=both).report


def test_an_unwanted_one_is_not_used_and_the_persons_options_have_the_say():
    never = ProfileLora("styles/ghibli", weight=0)
    prompt = "a fox in ghibli style"
    assert names(chosen(prompt)) == ["styles/ghibli"]
    assert names(chosen(prompt, never)) == []
    assert names(chosen(prompt, never, options=Options(include="ghibli"))) == ["styles/ghibli"]
    always = ProfileLora("ink", required=True)
    assert names(chosen("a fox", always, options=Options(exclude="styles/*"))) == []
    own = chosen("a fox", always, options=Options(include="ink:0.3"))
    assert [use.strength.model for use in own.chosen] == [0.3]


def test_a_weighted_one_is_used_where_the_prompt_speaks_of_it():
    liked = ProfileLora("ink", 0.45, weight=5)
    found = chosen("a fox in ink style", liked)
    assert [(use.record.name, use.strength.model) for use in found.chosen] == [("styles/ink", 0.45)]
    assert names(chosen("a fox", liked)) == []
    one = Options(max_loras=1, variety=0)
    both = "ghibli style, ink style"
    assert names(chosen(both, liked, options=one)) == ["styles/ink"]
    assert names(chosen(both, ProfileLora("ghibli", weight=5), options=one)) == ["styles/ghibli"]


def test_a_lora_that_is_not_there_is_told_if_it_is_needed():
    found = chosen("a fox in ghibli style", ProfileLora("gone", required=True), ProfileLora("gone2", weight=3))
    assert names(found) == ["styles/ghibli"]
    assert len(found.problems) == 1
    assert found.problems[0].startswith("The profile 'Mira' needs a LoRA: There is no LoRA 'gone'.")


def test_its_family_stands_in_for_a_checkpoint_that_is_not_known():
    assert names(chosen("mira person")) == []
    assert names(chosen("mira person", family="Flux")) == ["other"]
    assert names(chosen("a fox in ghibli style", family="Flux")) == []


def test_the_stage_finds_the_drafts_profiles(tmp_path: Path):
    (tmp_path / "mira.yaml").write_text("loras: [{name: ink, required: true}]")

    class Loras:
        def index(self) -> LoraIndex:
            return LIBRARY

    context = StageContext(Wildcards([]), loras=Loras(), checkpoint=PONY, profiles=ProfileLibrary([tmp_path]))
    for more, expected in (
        ({"source": PromptSource(profiles="mira")}, ["styles/ink"]),
        ({"story": StoryUse("s", profiles="mira")}, ["styles/ink"]),
        ({}, []),
    ):
        draft = PromptDraft((Component("a fox"),), **more)
        assert [use.name for use in stage(Run("r", draft), context, Options()).draft.loras] == expected


@pytest.mark.parametrize("profile", [None, Profile("")])
def test_without_wishes_nothing_changes(profile: Profile | None):
    draft = PromptDraft((Component("a fox in ghibli style"),))
    with_it, without = select(draft, LIBRARY, PONY, profile=profile), select(draft, LIBRARY, PONY)
    assert (with_it.draft, with_it.report) == (without.draft, without.report)
