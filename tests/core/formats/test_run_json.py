import json
from dataclasses import replace

import pytest
from hypothesis import given

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.run_json import run_from_json, run_to_json
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from tests.strategies import runs

RUN = Run("r1", PromptDraft((Component("a fox"),)))


@given(runs)
def test_every_run_comes_back_as_it_was(run: Run) -> None:
    assert run_from_json(json.loads(json.dumps(run_to_json(run)))) == run


@pytest.mark.parametrize("extra", [{"image": object()}, {1: "a"}])
def test_what_json_cannot_hold_is_refused_rather_than_lost(tmp_path, extra) -> None:
    image = GeneratedImage(tmp_path / "a.png", GenerationRequest("a fox", extra=extra), "r1")
    with pytest.raises(FormatError, match="JSON"):
        run_to_json(replace(RUN, images=(image,)))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema_version": 99}, "Update Orchestrator"),
        ({"schema_version": None}, "schema_version"),
        ({"draft": {"components": [{"text": 5}]}}, r"draft\.components\.0\.text"),
    ],
)
def test_what_is_no_saved_run_is_told_with_the_place(changes, told) -> None:
    with pytest.raises(FormatError, match=told):
        run_from_json({**run_to_json(RUN), **changes})
