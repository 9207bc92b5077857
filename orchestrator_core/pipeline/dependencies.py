"""What a stage's result depends on beside its options and the run: a part of the key that it is cached by.

Only what is sure and takes longer than looking is cached. Drawing a prompt and choosing LoRAs take less time than to
hash all wildcards and the library; by meaning, a choice depends on how far an encoder has come; a host says nothing of
the files of its models; and a story, or what is learned, changes by being told. These are done anew each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator_core.context import StageContext
from orchestrator_core.run import Run
from orchestrator_core.stages import llm_enhance

# JSON values; None where the stage is not cached this time.
Depends = Callable[[Run, StageContext, Any], Mapping[str, Any] | None]


def of_enhancing(run: Run, context: StageContext, options: llm_enhance.Options) -> Mapping[str, Any] | None:
    """The rules that stand in for a model answer at once, and so are not cached."""
    if context.llm is None:
        return None
    return {"model": context.llm.identity, "checkpoint": [context.checkpoint.family, context.checkpoint.sub_family]}
