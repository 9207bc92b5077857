from __future__ import annotations

import base64
import io
import math
import time
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.llm.server import Server
from orchestrator_core.llm.wire import Patience
from orchestrator_core.vision.vlm_endpoint import EndpointVlm
from tests.core.llm.stand_in_llm import Answer, StandIn, raw, refused, whole
from tests.llm_server import running_smollm

if TYPE_CHECKING:
    from PIL.Image import Image

np = pytest.importorskip("numpy")
pytest.importorskip("PIL")
pytestmark = pytest.mark.network

HASTY = Patience(connect=1.0, first=0.2, silence=0.2, total=0.5)
IMAGE = np.zeros((4, 6, 3), dtype=np.uint8)


def answered(text: str | None, *tokens: dict[str, float]) -> Answer:
    """An answer; for each of its tokens the most probable ones there."""
    rows = [{"top_logprobs": [{"token": token, "logprob": log} for token, log in each.items()]} for each in tokens]
    choice: dict[str, Any] = {"message": {"content": text}, "finish_reason": "length"}
    return whole({"choices": [choice | ({"logprobs": {"content": rows}} if rows else {})]})


def vlm(server: StandIn, patience: Patience | None = None, **changes: Any) -> EndpointVlm:
    return EndpointVlm(Server(server.url, patience=patience), "seer", **changes)


def picture_in(asked: dict[str, Any]) -> Image:
    from PIL import Image

    url = asked["messages"][0]["content"][0]["image_url"]["url"]
    kind, data = url.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_yes_comes_with_its_odds_and_the_image_is_sent_with_the_question() -> None:
    with StandIn(answered("Yes", {"Yes": math.log(0.8), "No": math.log(0.2)})) as server:
        verdict = vlm(server).judge(IMAGE, "Is it dark?")
    assert verdict.probability == pytest.approx(0.8)
    assert verdict.has_odds
    (asked,) = server.asked
    assert (asked["model"], asked["max_tokens"], asked["temperature"], asked["stream"]) == ("seer", 1, 0, False)
    assert (asked["logprobs"], asked["top_logprobs"]) == (True, 20)
    assert asked["messages"][0]["content"][1] == {"type": "text", "text": "Is it dark?"}
    assert picture_in(asked).size == (6, 4)


def test_a_large_image_is_sent_small_with_its_shape() -> None:
    with StandIn(answered("Yes")) as server:
        vlm(server).judge(np.zeros((1000, 2000, 3), dtype=np.uint8), "?")
    assert picture_in(server.asked[0]).size == (768, 384)


def test_a_server_without_logprobs_says_a_bare_yes_or_no() -> None:
    with StandIn(answered("No.")) as server:
        verdict = vlm(server).judge(IMAGE, "?")
    assert verdict.probability == 0
    assert not verdict.has_odds


def test_what_a_server_refuses_is_left_out_and_never_asked_again() -> None:
    answers = (
        refused(400, "top_logprobs must be at most 5"),
        refused(400, "logprobs are not supported"),
        refused(400, "unknown field: seed"),
        answered("Yes"),
    )
    with StandIn(*answers) as server:
        asking = vlm(server)
        assert asking.judge(IMAGE, "?").probability == 1
        assert asking.judge(IMAGE, "?").probability == 1
    assert [asked.get("top_logprobs") for asked in server.asked] == [20, 5, None, None, None]
    assert ["seed" in asked for asked in server.asked] == [True, True, True, False, False]


def test_a_model_that_begins_with_a_quotation_mark_is_given_room() -> None:
    quote = {'"': -0.01}
    with StandIn(answered('"', quote), answered('"Yes"', quote, {"Yes": -0.1, "No": -2.4})) as server:
        asking = vlm(server)
        verdict = asking.judge(IMAGE, "?")
        asking.judge(IMAGE, "?")
    assert verdict.probability == pytest.approx(1 / (1 + math.exp(-2.3)))
    assert [asked["max_tokens"] for asked in server.asked] == [1, 8, 8]


def test_an_answer_that_is_neither_is_told_as_it_is() -> None:
    with StandIn(answered("I cannot say.")) as server:
        verdict = vlm(server).judge(IMAGE, "?")
    assert (verdict.probability, verdict.text) == (None, "I cannot say.")


def test_a_model_that_sees_no_images_is_told_with_what_to_choose() -> None:
    words = "image input is not supported - hint: you may need to provide the mmproj"
    with (
        StandIn(refused(500, words)) as server,
        pytest.raises(LanguageModelError, match=r"mmproj.*Qwen2.5-VL") as caught,
    ):
        vlm(server).judge(IMAGE, "?")
    assert caught.value.kind == "refused"
    assert len(server.asked) == 1


def test_a_silent_server_is_left_after_its_time_and_then_alone() -> None:
    with StandIn(raw(b"", pause=1.0)) as server:
        asking = vlm(server, HASTY)
        for _ in range(2):
            with pytest.raises(LanguageModelError) as caught:
                asking.judge(IMAGE, "?")
            assert caught.value.kind == "slow"
        start = time.monotonic()
        with pytest.raises(LanguageModelError, match="left alone"):
            asking.judge(IMAGE, "?")
        assert time.monotonic() - start < 0.1


def test_somebody_may_stop_it_while_it_waits() -> None:
    looks = iter([False, False, False])
    with StandIn(raw(b"", pause=1.0)) as server, pytest.raises(Cancelled):
        vlm(server).judge(IMAGE, "?", lambda: next(looks, True))


@pytest.mark.parametrize(
    "answer",
    [
        whole({"choices": []}),
        whole({"choices": "no"}),
        whole([1]),
        whole("<html>", kind="text/html"),
        whole("[" * 5000),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(answer: Answer) -> None:
    with StandIn(answer) as server, pytest.raises(LanguageModelError, match="does not answer as an OpenAI-compatible"):
        vlm(server).judge(IMAGE, "?")


@pytest.mark.parametrize(
    "told",
    [
        None,
        3,
        {},
        {"content": None},
        {"content": 3},
        {"content": [None, {"top_logprobs": 1}, {"top_logprobs": [1, {}]}]},
        {"content": [{"top_logprobs": [{"token": "no", "logprob": -(10**400)}, {"token": "no", "logprob": math.nan}]}]},
    ],
)
def test_log_probabilities_that_are_none_leave_the_word(told: Any) -> None:
    with StandIn(whole({"choices": [{"message": {"content": "yes"}, "logprobs": told}]})) as server:
        verdict = vlm(server).judge(IMAGE, "?")
    assert (verdict.probability, verdict.has_odds) == (1.0, False)


def test_a_caption_is_text_without_log_probabilities() -> None:
    with StandIn(answered(" A red fox.\n")) as server:
        assert vlm(server).say(IMAGE, "What is it?", 30) == "A red fox."
    (asked,) = server.asked
    assert asked["max_tokens"] == 30
    assert "logprobs" not in asked


def test_the_first_model_of_the_server_is_asked_where_none_is_named() -> None:
    with StandIn(answered("yes"), models=("first", "second")) as server:
        asking = EndpointVlm(Server(server.url))
        asking.judge(IMAGE, "?")
        assert asking.identity == "openai:first"
    assert server.asked[0]["model"] == "first"


@pytest.mark.slow
def test_a_real_server_without_eyes_is_told() -> None:
    with running_smollm() as server:
        asking = EndpointVlm(Server(server.url))
        with pytest.raises(LanguageModelError, match=r"refused an image for SmolLM2.*mmproj.*Choose a model that sees"):
            asking.judge(IMAGE, "?")
