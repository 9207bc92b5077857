"""Scores as they are told, and the tries of a Retry Until, on fakes of a batch."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from comfy_nodes.score_repeating import GetNode
from comfy_nodes.score_telling import json_of, report_of, ui_of
from comfy_nodes.score_tries import Tried
from comfy_nodes.score_trying import Copies
from comfy_nodes.score_trying import after as after_try
from comfy_nodes.score_types import Scored, ScoredImage
from orchestrator_core.enhancing.rewording import Rewording
from orchestrator_core.errors import ConfigError
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.vision.port import Fulfilment, Wanted, Whole
from orchestrator_core.weights.retrying import SEED_TOLD, Change, Options, retried_with

DRAFT = PromptDraft((Component("a red fox"),), seed=7)
BOTH = "words and seed"


def asking(until: float, tries: int, change: Change) -> Options:
    return Options(until=until, tries=tries, change=change)


def after(get: GetNode, node_id: str, images: Any, found: Scored, asked: Options) -> tuple[Tried, Copies | None]:
    return after_try(get, node_id, images, found, asked, Rewording())


class Batch(list[str]):
    """Images by name; a list of numbers takes some of them, as of a tensor."""

    def __getitem__(self, numbers: Any) -> Any:
        found = list(self)
        return Batch(found[n] for n in numbers) if isinstance(numbers, list) else found[numbers]


def fulfilment(text: str, probability: float | None, **changes: Any) -> Fulfilment:
    wanted = Wanted(0, text, "free" if probability is not None else "unmeasurable", reason=changes.pop("why", ""))
    low, high = (0.0, 1.0) if probability is None else (max(0, probability - 0.1), min(1, probability + 0.1))
    return Fulfilment(wanted, probability, low, high, 0.3, **{"calibrated": True, **changes})


def scored(*values: float | None, draft: PromptDraft = DRAFT) -> Scored:
    images = [ScoredImage(f"{n}", (fulfilment("a red fox", value),), value) for n, value in enumerate(values)]
    return Scored(draft, "clip:tiny 0a:float32:1", 0.5, tuple(images))


def test_the_best_image_comes_first_and_one_without_a_value_last():
    found = scored(0.2, None, 0.9, 0.9)
    assert found.order == (2, 3, 0, 1)
    assert [found.passes(number) for number in range(4)] == [False, False, True, True]


def test_what_cannot_be_measured_says_why_and_a_guess_says_that_it_is_one():
    parts = (
        fulfilment("red", 0.9),
        fulfilment("three foxes", None, why="a count"),
        fulfilment("snow", 0.6, calibrated=False),
    )
    image = ScoredImage("0", parts, 0.9, (Whole("aesthetic", 5.5),))
    found = Scored(DRAFT, "clip:x:y:1", 0.5, (image,))
    report = report_of(found)
    assert "red: 90% (80% to 100%)" in report
    assert "three foxes: a count" in report
    assert "snow: 60% (50% to 70%), uncalibrated" in report
    assert "aesthetic 5.50" in report
    (shown,) = ui_of(found)["orchestrator_scores"]
    assert [part["reason"] for part in shown["images"][0]["parts"]] == ["", "a count", ""]
    assert json.loads(json_of(found))["images"][0]["components"][1]["probability"] is None


def test_a_prompt_of_which_nothing_can_be_measured_or_that_is_not_there_is_told():
    assert "Nothing of this prompt" in ui_of(scored(None))["orchestrator_scores"][0]["problems"][0]
    assert "connect a draft" in report_of(scored(None, draft=PromptDraft(())))


def graph(**retry: Any) -> dict[str, Any]:
    def node(class_type: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": class_type, "inputs": inputs}

    return {
        "2": node("OrchestratorWildcardPrompt", template="a red fox", seed=7),
        "3": node("CLIPTextEncode", text=["2", 0]),
        "6": node("KSampler", positive=["3", 0], seed=["2", 3]),
        "8": node("OrchestratorCLIPScorer", images=["6", 0], draft=["2", 2]),
        "9": node("OrchestratorRetryUntil", images=["6", 0], scored=["8", 0], **retry),
    }


def test_enough_is_handed_on_at_once():
    tried, copies = after(graph().get, "9", Batch(["a", "b"]), scored(0.3, 0.9), asking(0.8, 4, BOTH))
    assert copies is None
    assert (tried.best.image, tried.tries.value, tried.tries.reaches(0.8)) == (["b"], 0.9, True)


def test_too_little_is_rendered_again_with_the_next_seed_until_the_tries_are_used_up():
    found, asked, shown = graph(), asking(0.8, 3, "seed"), []
    for number, value in enumerate((0.2, 0.6, 0.4)):
        tried, copies = after(found.get, "9", Batch([f"try {number}"]), scored(value), asked)
        shown.append(copies)
        if copies is not None:
            assert copies["6"]["inputs"]["seed"] == 8 + number
            assert "3" not in copies  # the words stay
            found["9"]["inputs"]["tried"] = copies["9"]["inputs"]["tried"]
    assert shown[2] is None
    assert (tried.best.image, tried.tries.value, tried.tries.best) == (["try 1"], 0.6, 1)
    assert [one.changes for one in tried.attempts] == [(), (SEED_TOLD,), (SEED_TOLD,)]
    assert tried.tries.report(0.8).splitlines()[0] == "80% not reached; the best is try 2"
    assert tried.ui(0.8, goes_on=False)["orchestrator_tries"][0]["tries"][1]["is_best"]


def test_what_was_missing_is_said_more_clearly_each_time_up_to_a_bound():
    found, asked = graph(), asking(0.8, 9, "words")
    draft = PromptDraft((Component("a "), Component("red "), Component("fox, <lora:x:1>")), seed=7)
    texts = []
    for _ in range(6):
        missing = {1: "red", 2: "fox", 9: "gone"}
        parts = tuple(replace(fulfilment(text, 0.1), wanted=Wanted(n, text, "free")) for n, text in missing.items())
        image = ScoredImage("0", (*parts, fulfilment("a count", None)), 0.1)
        tried, copies = after(found.get, "9", Batch(["a"]), Scored(draft, "clip:x:y:1", 0.5, (image,)), asked)
        if copies is None or copies["8"]["inputs"]["draft"] == draft:
            break
        draft = copies["8"]["inputs"]["draft"]
        texts.append(copies["3"]["inputs"]["text"])
        assert "6" in copies
        assert copies["6"]["inputs"]["seed"] == ["2", 3]  # the same noise
        found["9"]["inputs"]["tried"] = copies["9"]["inputs"]["tried"]
    assert texts == [f"a (red:{strength}) (fox:{strength}), <lora:x:1>" for strength in ("1.1", "1.2", "1.3")]
    assert tried.attempts[2].changes == tuple(f"({word}:1.2), of which 10% was shown" for word in ("red", "fox"))


def test_where_no_word_can_be_said_more_clearly_the_seed_is_another():
    draft = PromptDraft((Component("(fox:1.4)"),), seed=7)
    tried, copies = after(graph().get, "9", Batch(["a"]), scored(0.1, draft=draft), asking(0.8, 4, "words"))
    assert copies is not None
    assert copies["6"]["inputs"]["seed"] == 8
    assert copies["9"]["inputs"]["tried"][1] == (SEED_TOLD,)
    assert len(tried.attempts) == 1


def test_what_cannot_be_measured_is_not_tried_again():
    assert after(graph().get, "9", Batch(["a"]), scored(None), asking(0.8, 4, BOTH))[1] is None


def test_words_cannot_be_changed_where_no_draft_leads_to_the_scorer():
    found = graph()
    del found["8"]["inputs"]["draft"]
    with pytest.raises(ConfigError, match="set change to seed"):
        after(found.get, "9", Batch(["a"]), scored(0.1), asking(0.8, 4, BOTH))


def test_an_equal_try_does_not_take_the_place_of_an_earlier_one():
    tried = Tried("9").adding(Batch(["a"]), scored(0.5), ()).adding(Batch(["b"]), scored(0.5), ())
    assert tried.best.image == ["a"]


def test_a_next_try_says_what_was_changed_in_the_prompt_that_its_image_is_saved_with():
    copies = after(graph().get, "9", Batch(["a"]), scored(0.1), asking(0.8, 4, BOTH))[1]
    assert copies is not None
    draft = copies["8"]["inputs"]["draft"]
    assert retried_with(draft) == "Try 2: (a red fox:1.1), of which 10% was shown."
