"""Retry Until: renders again, with what was missing said more clearly, until an image shows enough of its prompt.

ComfyUI has no loops. A node may, while it runs, let the graph grow: by copies of what lies between the prompt and this
node, this node among them, whose outputs become its own. Each copy decides anew, so the tries are bounded by a widget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import host_language, host_vision
from .host import io
from .score_names import RETRY_UNTIL
from .score_types import Scored
from .sockets import DraftSocket, LlmSocket, ScoredSocket

if TYPE_CHECKING:
    from orchestrator_core.llm.port import LanguageModel
    from orchestrator_core.weights.retrying import Change

    from .score_tries import Tried

CHANGES = ("words and seed", "words", "seed")


class RetryUntil(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=RETRY_UNTIL,
            display_name="Retry Until",
            category="orchestrator",
            description="Renders again, with what was missing said more clearly, until an image shows enough of its "
            "prompt; hands on the best one.",
            inputs=_inputs(),
            outputs=[
                io.Image.Output("image", display_name="image", tooltip="The best image of all tries."),
                DraftSocket.Output("draft", display_name="draft", tooltip="The prompt that it was made from."),
                io.Float.Output(
                    "value",
                    display_name="value",
                    tooltip="How much of the first prompt it shows, 0 to 1; -1: not measured.",
                ),
                io.Boolean.Output("reached", display_name="reached", tooltip="Whether that is enough."),
                io.String.Output("report", display_name="report", tooltip="What was tried, in lines for a person."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.dynprompt],
            enable_expand=True,
        )

    @classmethod
    def execute(
        cls, images: Any, scored: Scored, until: float, tries: int, change: Change, llm: LanguageModel | None = None
    ) -> io.NodeOutput:
        from orchestrator_core.enhancing.rewording import Rewording
        from orchestrator_core.errors import Cancelled
        from orchestrator_core.weights.retrying import Options

        from .score_trying import after

        asked = Options(until=until, tries=tries, change=change)
        reword = Rewording(llm, is_cancelled=host_language.is_interrupted)
        get = host_vision.nodes_of(cls.hidden.dynprompt)
        try:
            tried, copies = after(get, str(cls.hidden.unique_id), images, scored, asked, reword)
        except Cancelled:
            host_language.end_if_interrupted()
            raise
        shown = tried.ui(until, goes_on=copies is not None)
        if copies is None:
            return io.NodeOutput(*_outputs(tried, until), ui=shown)
        graph, ids = host_vision.grown(copies)
        links = [[ids[tried.origin], number] for number in range(len(_OUTPUTS))]
        return io.NodeOutput(*links, ui=shown, expand=graph)


_OUTPUTS = ("image", "draft", "value", "reached", "report")


def _outputs(tried: Tried, until: float) -> tuple[Any, ...]:
    best, tries = tried.best, tried.tries
    value = -1.0 if tries.value is None else tries.value
    return best.image, best.scored.draft, value, tries.reaches(until), tries.report(until)


def _inputs() -> list[io.Input]:
    return [
        io.Image.Input("images", tooltip="The rendered images."),
        ScoredSocket.Input("scored", tooltip="Their scores, from a CLIP Scorer that has the draft connected."),
        io.Float.Input(
            "until",
            default=0.8,
            min=0.0,
            max=1.0,
            step=0.01,
            tooltip="How much of the prompt an image is to show, as the mean over its parts.",
        ),
        io.Int.Input("tries", default=4, min=1, max=20, tooltip="The most tries, the first among them."),
        io.Combo.Input(
            "change",
            options=list(CHANGES),
            default=CHANGES[0],
            tooltip="What is new in the next try: missing parts are said more clearly, the seed is another, or both.",
        ),
        LlmSocket.Input(
            "llm", optional=True, tooltip="Says what was missing in other words. Without one: a table, which has few."
        ),
    ]
