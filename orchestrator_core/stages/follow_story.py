"""followStory: draft + story → the draft as the story's next scene; its run, once kept, is added to the story."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError
from orchestrator_core.memory.following import Asked, Followed, Sources, follow
from orchestrator_core.memory.story import Action, Story
from orchestrator_core.memory.telling import Wish
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.run import Run


class Options(BaseModel):
    """What can be set about the story of a prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    story: str = Field("", max_length=200, description="The story's name; a new name begins a story. Empty: none.")
    action: Action = Field(
        "continue",
        description="Go on; begin a scene somewhere else, at another time; go on and tell something new of somebody; "
        "or leave the story out.",
    )
    who: str = Field("", max_length=1000, description="Who is there from now on: names, separated by commas.")
    where: str = Field("", max_length=300, description="Where it is from now on, as: old tavern.")
    when: str = Field("", max_length=300, description="When it is from now on, as: night.")
    mood: str = Field("", max_length=300, description="In what mood, as: tense.")
    outfit: str = Field("", max_length=3000, description="Who wears what, a line each, as: Mira: red cloak, boots.")
    lore: bool = Field(True, description="Tell what the story's books know of what is in the prompt.")
    lore_tokens: int = Field(300, ge=0, le=100_000, description="The most that lore takes, in words and marks.")
    recent_scenes: int = Field(3, ge=0, le=50, description="How many scenes before it a language model is told of.")

    def asked(self, family: str = "") -> Asked:
        """As ``memory.following`` takes them."""
        wish = Wish(self.action, self.who, self.where, self.when, self.mood, self.outfit)
        return Asked(wish, self.lore_tokens if self.lore else 0, self.recent_scenes, family)


def follow_story(
    draft: PromptDraft, story: Story, options: Options | None = None, sources: Sources | None = None, family: str = ""
) -> Followed:
    """The draft as the story's next scene, and why: see ``memory.following.follow``."""
    options = options or Options()
    if not options.story.strip() and not story.name:
        return Followed(draft)
    return follow(draft, story, options.asked(family), sources)


def stage(run: Run, context: StageContext, options: Options) -> Run:
    """Makes the run's draft the next scene of its story."""
    if not options.story.strip() or options.action == "off":
        return run
    if context.stories is None:
        raise PipelineError("followStory has no stories to go on with: this host opened none. Leave the stage out.")
    sources = Sources(context.profiles, context.books, context.llm)
    family = context.checkpoint.sub_family or context.checkpoint.family
    followed = follow_story(run.draft, context.stories.open(options.story), options, sources, family)
    return run.replacing(draft=followed.draft)
