"""What a Story Memory does, apart from ComfyUI: the next scene, what decides on it, and what is shown of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_core.base_models import BaseModel
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.llm.port import LanguageModel
from orchestrator_core.memory.background import state_text
from orchestrator_core.memory.following import Followed, Sources
from orchestrator_core.memory.source import Rehearsal, StorySource
from orchestrator_core.memory.state import SceneState
from orchestrator_core.prompt import Diagnostic, PromptDraft
from orchestrator_core.run import Run, new_run_id
from orchestrator_core.stages.follow_story import Options, follow_story

from .drawn import drawn_as_json

if TYPE_CHECKING:
    from .story_part import StoryServices


@dataclass(frozen=True, slots=True)
class Asked:
    """``run`` and ``node``: ids of the graph's run and of the node, which may tell several scenes in it."""

    options: Options
    checkpoint: BaseModel
    model: LanguageModel | None = None
    run: str = ""
    node: str = ""


class Batch:
    """The scenes of one run of a graph: a node that is given a list of prompts tells one after the other.

    Nothing of them is kept yet, as they have still to be rendered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: tuple[str, str] | None = None
        self._stories: Rehearsal | None = None

    def stories(self, run: str, node: str, source: StorySource) -> Rehearsal:
        with self._lock:
            if self._stories is None or not run or self._current != (run, node):
                self._current, self._stories = (run, node), Rehearsal(source)
            return self._stories


def next_scene(services: StoryServices, draft: PromptDraft, asked: Asked) -> Followed:
    """The draft as the next scene. Where the story cannot be read the prompt stays as it is, which is told.

    Raises Cancelled.
    """
    if not asked.options.story.strip() or asked.options.action == "off":
        return Followed(draft)
    stories = services.batch.stories(asked.run, asked.node, services.stories)
    sources = Sources(services.shelf, services.books, asked.model)
    family = asked.checkpoint.sub_family or asked.checkpoint.family
    try:
        story = stories.open(asked.options.story)
    except (OrchestratorError, OSError, ImportError) as error:
        return untold(draft, f"The story goes on without this scene: {error}")
    followed = follow_story(draft, story, asked.options, sources, family)
    stories.told(Run(new_run_id(), followed.draft))
    return followed


def untold(draft: PromptDraft, problem: str) -> Followed:
    said = Diagnostic("story", problem, where="the story")
    return Followed(draft.replacing(diagnostics=(*draft.diagnostics, said)), problems=(problem,))


def version_of(services: StoryServices, story: str | None) -> str:
    """Another one as soon as the next scene of this story could be. None: a name that only the run knows."""
    try:
        if story is None:
            told = repr([(one.name, one.told_ms, one.scenes) for one in services.stories.list()])
        else:
            told = services.stories.open(story).version
    except (OrchestratorError, OSError, ImportError) as error:
        told = str(error)
    return f"{told} {services.shelf.library.version} {services.books.version}"


def background_text(draft: PromptDraft) -> str:
    """What a language model is told, for a person or for another pack's node."""
    return "\n\n".join(f"{told.title}\n{told.text}" if told.title else told.text for told in draft.background)


def scene_card(followed: Followed) -> dict[str, Any]:
    """What the node shows of a scene."""
    draft = followed.draft
    use, drawn = draft.story, drawn_as_json(draft)
    lore = followed.lore.activation
    return {
        "story": use.story if use else "",
        "scene": use.scene if use else 0,
        "action": use.action if use else "off",
        "state": state_lines(followed.state),
        "changes": [{"text": str(change), "source": change.source} for change in followed.changes],
        "lore": [told.entry.title for told in lore.entries],
        "problems": list(followed.problems),
        **{name: drawn[name] for name in ("words", "decisions", "negative_words", "negative_decisions")},
    }


def state_lines(state: SceneState) -> Sequence[str]:
    return state_text(state).splitlines()


def options_of(values: Mapping[str, Any]) -> Options:
    """The widgets' values; a graph of an older version has not all of them. Raises pydantic's ValidationError."""
    given = {name: values[name] for name in Options.model_fields if values.get(name) is not None}
    return Options.model_validate(given)
