"""What becomes of a stage that fails: its ``on_error``. Whoever stops a pipeline stops it, whatever a stage says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel

from orchestrator_core.errors import (
    Cancelled,
    ConfigError,
    FormatError,
    GeneratorError,
    Interrupted,
    OrchestratorError,
    PipelineError,
    RequestRefused,
)
from orchestrator_core.prompt import Diagnostic
from orchestrator_core.run import Run
from orchestrator_core.spec import StageSpec

FAILED = "stage-failed"  # the kind of the diagnostic that a stage leaves which was gone on without
_STOPS = (Interrupted, Cancelled)
_FOR_GOOD = (PipelineError, ConfigError, FormatError, RequestRefused)  # the same again would fail again
_LONGEST_WAIT = 3600.0  # seconds

Work = Callable[[BaseModel], Run]
Told = Callable[[str, str], None]  # a state of StageEvent, and the reason
Pause = Callable[[float], None]  # seconds; raises Interrupted where somebody stops it meanwhile


@dataclass(frozen=True, slots=True)
class Ways:
    """How a stage can be done: by its options, and by those that it falls back to."""

    options: BaseModel
    fallback: BaseModel | None = None


def done(spec: StageSpec, run: Run, work: Work, ways: Ways, told: Told, pause: Pause) -> tuple[Run, str, str]:
    """The run, "done" or "failed", and why. Raises what the stage raised where the pipeline is to stop."""
    try:
        return _tried(spec, lambda: work(ways.options), told, pause), "done", ""
    except _STOPS:
        raise
    except OrchestratorError as error:
        policy = spec.then if spec.on_error == "retry" else spec.on_error
        if policy == "fail":
            raise
        if policy == "fallback" and ways.fallback is not None:
            told("fell back", str(error))
            return work(ways.fallback), "done", f"with other options, as {error}"
        return _without(spec, run, error), "failed", str(error)


def _tried(spec: StageSpec, work: Callable[[], Run], told: Told, pause: Pause) -> Run:
    tries = spec.tries if spec.on_error == "retry" else 1
    for number in range(1, tries):
        try:
            return work()
        except (*_STOPS, *_FOR_GOOD):
            raise
        except OrchestratorError as error:
            told("retrying", f"try {number + 1} of {tries}: {error}")
            pause(min(spec.wait_s * 2 ** (number - 1), _LONGEST_WAIT))
    return work()


def _without(spec: StageSpec, run: Run, error: OrchestratorError) -> Run:
    """The run as it came, with what was finished before the failure, and a note."""
    finished = error.images if isinstance(error, GeneratorError) else ()
    note = Diagnostic(FAILED, f"Stage {spec.id!r} was gone on without: {error}")
    draft = run.draft.replacing(diagnostics=(*run.draft.diagnostics, note))
    return run.replacing(draft=draft, images=run.images + finished)
