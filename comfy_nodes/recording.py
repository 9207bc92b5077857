"""Recording: keeps runs in the store, from whichever node of a graph sees them; and a scene of a story once.

Several nodes may keep one prompt: two that save images, one that records them, one that keeps their scores. What they
have of it is one run with all its images and scores. Nothing is opened before there is something to keep.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.prompt import PromptDraft, StoryUse
from orchestrator_core.run import Run, new_run_id

EVENT = "orchestrator.stories"
_WAIT_S = 5.0  # for another program's lock: the queue stands still meanwhile
_LATEST = 200  # scenes, and runs, that are remembered
_log = logging.getLogger("orchestrator")

Tell = Callable[[str, Mapping[str, Any]], None]


class Recording:
    """One for the process; threads may share it. ``tell`` sends an event to all browser windows."""

    def __init__(self, tell: Tell = lambda event, data: None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        # By the identity of the scene's own object, which all drafts that were made from its draft share.
        self._scenes: OrderedDict[int, tuple[StoryUse, Run]] = OrderedDict()
        self._runs: OrderedDict[str, Run] = OrderedDict()

    def run_id_of(self, draft: PromptDraft | None, given: str = "") -> str:
        """The id that this prompt's run has already, as the scene of a story; else ``given``, or a new one."""
        run = self._known(draft, given or new_run_id())
        return run.id

    def record(self, run: Run) -> str:
        """Store the run; what is said of it. A database that cannot be used never stops a queue."""
        run = self._joined(run)
        try:
            from orchestrator_core.store import Store

            with Store.open(wait_s=_WAIT_S) as store:
                store.save_run(run)
        except (OrchestratorError, OSError, ImportError) as error:  # ImportError: requirements.txt was not installed
            _log.warning("Orchestrator: the run is not kept: %s", error)
            return f"Not kept: {error}"
        scene = ""
        if run.draft.story is not None:
            self._tell(EVENT, {"story": run.draft.story.story})
            scene = f", a scene of {run.draft.story.story}"
        count = len(run.images)
        return f"Kept as {run.id} with {count} image{'' if count == 1 else 's'}{scene}."

    def _known(self, draft: PromptDraft | None, run_id: str) -> Run:
        if draft is None or draft.story is None:
            return Run(run_id, draft or PromptDraft(()))
        with self._lock:
            use = draft.story
            found = self._scenes.setdefault(id(use), (use, Run(run_id, draft)))[1]
            self._scenes.move_to_end(id(use))
            while len(self._scenes) > _LATEST:
                self._scenes.popitem(last=False)
            return found

    def _joined(self, run: Run) -> Run:
        """The run with the images and scores that it has already."""
        known = self._known(run.draft, run.id)
        with self._lock:
            if run.draft.story is None:
                known = self._runs.get(run.id, known)
            joined = _both(known, run)
            if run.draft.story is not None:
                self._scenes[id(run.draft.story)] = (run.draft.story, joined)
            self._runs[joined.id] = joined
            self._runs.move_to_end(joined.id)
            while len(self._runs) > _LATEST:
                self._runs.popitem(last=False)
        return joined


def _both(known: Run, run: Run) -> Run:
    """What is known of a run, and what is new: of two scores of one thing by one scorer the new one."""
    images = {image.path: image for image in (*known.images, *run.images)}
    scores = {(s.image, s.component, s.metric, s.scorer, s.key, s.text): s for s in (*known.scores, *run.scores)}
    return run.replacing(id=known.id, images=tuple(images.values()), scores=tuple(scores.values()))
