"""The real thing: SmolLM2 behind llama.cpp's server."""

from __future__ import annotations

import json
import threading
import time

import pytest

from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.llm.listing import list_models
from orchestrator_core.llm.openai import OpenAIModel
from orchestrator_core.llm.port import Ask, Message
from orchestrator_core.llm.server import Server
from tests.llm_server import running_smollm

pytestmark = [pytest.mark.network, pytest.mark.slow]

ASK = Ask(
    (Message("system", "You describe images in a few words."), Message("user", "a knight in a dark forest")),
    max_tokens=24,
    temperature=0,
)
SCHEMA = {
    "type": "object",
    "properties": {"add": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 2}},
    "required": ["add"],
    "additionalProperties": False,
}


def test_a_real_model_answers_in_pieces_and_the_same_again(smollm: str) -> None:
    pieces: list[str] = []
    model = OpenAIModel(Server(smollm))
    text = model.generate(ASK, pieces.append)
    assert len(text.split()) > 5
    assert len(pieces) > 5
    assert "".join(pieces) == text
    assert model.generate(ASK) == text


def test_a_real_server_lists_its_model_and_its_folder_is_not_shown(smollm: str) -> None:
    (name,) = list_models(Server(smollm))
    assert name.endswith("SmolLM2-135M-Instruct.Q4_1.gguf")
    assert OpenAIModel(Server(smollm)).identity == "openai:SmolLM2-135M-Instruct.Q4_1.gguf"


def test_a_real_model_keeps_to_a_schema(smollm: str) -> None:
    asked = Ask(ASK.messages, SCHEMA, max_tokens=60, temperature=0.7, seed=3)
    answer = json.loads(OpenAIModel(Server(smollm)).generate(asked))
    assert list(answer) == ["add"]
    assert all(len(phrase) <= 20 for phrase in answer["add"])


def test_a_real_server_is_let_go_when_the_person_stops(smollm: str) -> None:
    stopped = threading.Event()
    long = Ask(ASK.messages, max_tokens=400, temperature=0)
    with pytest.raises(Cancelled):
        OpenAIModel(Server(smollm)).generate(long, lambda text: stopped.set(), stopped.is_set)
    started = time.monotonic()
    OpenAIModel(Server(smollm)).generate(Ask(ASK.messages, max_tokens=1))
    assert time.monotonic() - started < 10  # it does not first write the 400 words


def test_pulling_the_plug_of_a_real_server_in_the_middle_of_a_batch_loses_no_prompt() -> None:
    outcomes: list[str] = []
    pieces: list[str] = []
    with running_smollm() as server:
        model = OpenAIModel(Server(server.url))

        def on_text(text: str) -> None:
            pieces.append(text)
            if len(outcomes) == 2 and len(pieces) == 3:  # in the middle of the third answer
                server.kill()

        for _ in range(50):
            pieces.clear()
            try:
                model.generate(ASK, on_text)
                outcomes.append("answered")
            except LanguageModelError as error:
                outcomes.append(error.kind)
            if len(outcomes) == 2:
                started = time.monotonic()
    assert outcomes == ["answered"] * 2 + ["unreachable"] * 48
    assert time.monotonic() - started < 10
