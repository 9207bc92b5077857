"""--enhance of ``orchestrator prompt`` and ``run``: by the rules, and by a server that is not there."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import pytest

from orchestrator_app.enhancing import Enhancing, enhancing_of, has_stage, model_for
from orchestrator_core.errors import ConfigError
from orchestrator_core.spec import pipeline_from
from tests.app.conftest import Cli


def test_a_prompt_is_enhanced_and_it_is_said_by_whom(cli: Cli):
    done = cli("prompt", "a fox in the snow", "--enhance", "--seed", "3", "--enhance-amount", "2")
    assert done.out.startswith("a fox in the snow, ")
    assert done.err == "[1] enhanced by rules:1\n"
    assert cli("prompt", "a fox in the snow", "--enhance", "--seed", "3", "--enhance-amount", "2").out == done.out


def test_the_checkpoint_decides_how_it_is_spoken_to(cli: Cli):
    done = cli("prompt", "a fox in the snow", "--enhance", "--base-model", "Flux.1")
    assert done.out.startswith("a fox in the snow. ")


def test_an_explanation_says_which_words_were_added(cli: Cli):
    done = cli("prompt", "a {fox} in snow", "--enhance", "--enhance-amount", "1", "--seed", "3", "--explain")
    assert "by the numbers below, or was added, by whom." in done.out
    assert "a [1 fox] in snow, [enhancing: " in done.out
    assert "by whom" not in cli("prompt", "a {fox} in snow", "--explain").out


def test_json_says_what_came_of_it(cli: Cli):
    told = json.loads(cli("prompt", "a fox", "--enhance", "--enhance-mode", "tags+natural", "--json").out)
    assert told["enhanced"]["status"] == "enhanced"
    assert told["enhanced"]["natural"].startswith("A fox. ")
    assert told["components"][-1]["origin"] == "llm"
    assert json.loads(cli("prompt", "a fox", "--json").out)["enhanced"] is None


@pytest.mark.network
def test_without_its_server_the_prompt_is_kept_and_that_is_said(cli: Cli):
    done = cli("prompt", "a fox", "--enhance", "--llm-url", "http://127.0.0.1:9/v1")
    assert (done.status, done.out) == (0, "a fox\n")
    assert "prompt 1 was not enhanced: The server" in done.err
    stopped = cli("prompt", "a fox", "--enhance", "--llm-url", "http://127.0.0.1:9/v1", "--enhance-on-error", "stop")
    assert (stopped.status, stopped.out) == (2, "")


def test_options_of_what_was_not_asked_for_are_refused(cli: Cli):
    done = cli("prompt", "a fox", "--enhance-max-tokens", "30")
    assert "--enhance-max-tokens is for enhancing prompts: add --enhance." in done.err


def test_run_enhances_before_it_renders(cli: Cli, tmp_path: Path):
    done = cli("run", "a {fox|owl}", "--enhance", "-n", "2", "--no-render", "-o", tmp_path / "out", "--seed", "1")
    assert done.err.count("enhanced by rules:1") == 2
    (folder,) = (tmp_path / "out").iterdir()
    prompts = (folder / "prompts.txt").read_text("utf-8").splitlines()
    assert all(prompt.count(",") >= 3 for prompt in prompts if prompt)


@pytest.mark.parametrize(
    ("given", "backend"),
    [
        ({}, None),
        ({"llm_url": "http://127.0.0.1:1"}, "openai"),
        ({"llm_model": "qwen3"}, "openai"),
        ({"llm_folder": "/models/x"}, "transformers"),
        ({"llm_backend": "rules", "llm_url": "x"}, "rules"),
    ],
)
def test_who_names_a_server_or_a_folder_means_that_it_is_asked(given: dict[str, object], backend: str | None):
    assert enhancing_of(Namespace(enhance=True, **given)).model.get("backend") == backend


def test_settings_that_cannot_be_are_told():
    with pytest.raises(ConfigError, match="connect_s"):
        model_for(Enhancing({}, {"backend": "openai", "connect_s": -1}))
    assert model_for(Enhancing({})) is None


def test_the_stage_comes_behind_the_drawing_and_a_pipelines_own_takes_the_options():
    stages = [{"id": "enhance", "type": "generatePrompt"}, {"id": "r", "type": "dispatch"}]
    added = Enhancing({"amount": 2}).added_to(pipeline_from(stages))
    assert [(stage.id, stage.type) for stage in added.stages] == [
        ("enhance", "generatePrompt"),
        ("enhance2", "llmEnhance"),
        ("r", "dispatch"),
    ]
    again = Enhancing({"style": "pony"}).added_to(added)
    assert again.stages[1].options == {"amount": 2, "style": "pony"}
    assert has_stage(again) and not has_stage(pipeline_from(stages))
    assert Enhancing().added_to(added) is added
