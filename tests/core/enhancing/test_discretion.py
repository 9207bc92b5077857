"""What is said of an enhancement goes along with the prompt, and must not tell where a person's things are."""

from __future__ import annotations

import logging

import pytest

from orchestrator_core.enhancing.caching import RememberedAnswers
from orchestrator_core.enhancing.discretion import discreet
from orchestrator_core.enhancing.enhancer import enhance
from orchestrator_core.enhancing.options import Options
from orchestrator_core.errors import LanguageModelError, StoreError
from orchestrator_core.llm.openai import OpenAIModel
from orchestrator_core.llm.server import Server
from orchestrator_core.llm.transformers_model import TransformersModel
from orchestrator_core.prompt import Component, PromptDraft
from tests.fakes import FakeLanguageModel

DRAFT = PromptDraft((Component("a fox"),), seed=5)
KEY = "sk-" + "abcdef0123456789abcdef0123"
FOLDER = "/" + "home/jane/models/secret"  # in parts, for no file of ours names one


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("http://192.168.0.20:11434/v1 did not answer lately.", "The server did not answer lately."),
        ("The answer of http://mybox:8080/v1 ends in the middle.", "The answer of the server ends in the middle."),
        ("The model at http://[fd00::1]:8080/v1: no.", "The model at the server: no."),
        (f"It says {KEY} is wrong.", "It says … is wrong."),
        (f"{FOLDER}: no language model is there.", "…: no language model is there."),
        (f"{FOLDER} of mine: there are 3 .gguf files.", "…: there are 3 .gguf files."),
        (f"The database {FOLDER} of/x.db is locked.", "The database … is locked."),
        ("D:\\Jane Doe\\x: it is gone.", "…: it is gone."),
        ("Name owner/name, or and/or.", "Name owner/name, or and/or."),
        ("nas.local (10.1.2.3) is not there", "… (…) is not there"),
        (
            "The question has 9,000 tokens, and writing reads 200.",
            "The question has 9,000 tokens, and writing reads 200.",
        ),
    ],
)
def test_a_reason_names_no_address_folder_or_key(told: str, expected: str):
    assert discreet(told) == expected


def test_the_prompt_says_why_it_was_kept_and_the_log_says_where(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "orchestrator")
    model = FakeLanguageModel(LanguageModelError("http://192.168.0.20:11434/v1 cannot be reached.", "unreachable"))
    enhanced = enhance(DRAFT, model, Options()).enhanced
    assert enhanced
    assert enhanced.detail == "The server cannot be reached."
    assert "http://192.168.0.20:11434/v1 cannot be reached." in caplog.text


def test_a_model_that_is_not_there_is_told_without_its_folder():
    enhanced = enhance(DRAFT, TransformersModel(FOLDER), Options()).enhanced
    assert enhanced
    assert "no language model is there" in enhanced.detail
    assert "jane" not in f"{enhanced.detail} {enhanced.model}"


def test_a_store_that_fails_is_told_without_its_place():
    class Failing(RememberedAnswers):
        def put(self, key: str, model: str, answer: str) -> None:
            raise StoreError(f"The database {FOLDER}/x.db is locked.")

    enhanced = enhance(DRAFT, FakeLanguageModel('{"add": ["soft light"]}'), Options(), answers=Failing()).enhanced
    assert enhanced
    assert enhanced.detail == "the answer is not remembered: The database … is locked."


def test_a_model_that_a_server_names_by_its_path_is_known_by_its_last_name():
    assert OpenAIModel(Server("http://127.0.0.1:1/v1"), f"{FOLDER}/").identity == "openai:secret"
    assert OpenAIModel(Server("http://127.0.0.1:1/v1"), "owner/name").identity == "openai:owner/name"
