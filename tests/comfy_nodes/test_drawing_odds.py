"""Prompts drawn by learned odds before queueing: which odds, and where that is noted."""

from __future__ import annotations

from typing import Any

from comfy_nodes.drawing_odds import NONE, PROPERTY, Snapshot
from comfy_nodes.populate import Populate
from comfy_nodes.services import Services
from orchestrator_core.stages.generate_prompt import Options, generate, kept
from orchestrator_core.template import Wildcards

NODE = "OrchestratorWildcardPrompt"
TEMPLATE = "a {red|blue|green|ochre} fox"
WILDCARDS = Wildcards([])


class Learned:
    """Odds that prefer another value with each number."""

    def __init__(self, latest: int) -> None:
        self.latest = latest

    def number(self) -> int:
        return self.latest

    def now(self, options: Options, family: str) -> Snapshot:
        return self.at(self.latest, options, family)

    def at(self, number: int, options: Options, family: str) -> Snapshot:
        if not 0 < number <= self.latest:
            return NONE
        keys = sorted({choice.key for seed in range(40) for choice in choices(options, seed)})
        return Snapshot(number, {keys[number % 4]: 1000.0})


def choices(options: Options, seed: int) -> list[Any]:
    draft = generate(options.model_copy(update={"seed": seed}), WILDCARDS)
    return [choice for component in draft.components for choice in component.choices]


def wildcard_node(**inputs: Any) -> dict[str, Any]:
    return {"class_type": NODE, "inputs": {"template": TEMPLATE, "mode": "populate", "seed": 7, **inputs}}


def sent(odds: Any, node: dict[str, Any], properties: dict[str, Any] | None = None) -> dict[str, Any]:
    on_canvas = {"id": 4, "type": NODE, "widgets_values": {}, "properties": properties or {}}
    body = {"prompt": {"4": node}, "extra_data": {"extra_pnginfo": {"workflow": {"nodes": [on_canvas]}}}}
    services = Services(WILDCARDS, lambda *_: None, odds=odds)
    return Populate(services, patience=30)(body)


def inputs_of(body: dict[str, Any]) -> dict[str, Any]:
    return dict(body["prompt"]["4"]["inputs"])


def canvas_of(body: dict[str, Any]) -> dict[str, Any]:
    return dict(body["extra_data"]["extra_pnginfo"]["workflow"]["nodes"][0]["properties"])


def test_each_queued_prompt_is_drawn_by_the_odds_of_its_moment():
    first, second = sent(Learned(1), wildcard_node()), sent(Learned(2), wildcard_node())
    assert (inputs_of(first)["odds"], inputs_of(second)["odds"]) == (1, 2)
    assert inputs_of(first)["populated_text"] != inputs_of(second)["populated_text"]
    assert canvas_of(second) == {PROPERTY: 2}
    assert second["extra_data"]["extra_pnginfo"]["orchestrator"]["odds"] == 2


def test_the_same_graph_gives_the_same_prompt_however_much_was_learned_since():
    first = inputs_of(sent(Learned(1), wildcard_node()))
    again = inputs_of(sent(Learned(9), wildcard_node(odds=1)))
    assert again == first


def test_without_learned_odds_nothing_is_noted_and_the_draw_is_the_plain_one():
    plain = inputs_of(sent(Learned(0), wildcard_node()))
    assert "odds" not in plain
    assert plain["populated_text"] == generate(Options(template=TEMPLATE, seed=7), WILDCARDS).positive
    assert inputs_of(sent(Learned(5), wildcard_node(odds=0)))["populated_text"] == plain["populated_text"]


def test_a_template_that_draws_nothing_is_not_rendered_again_because_of_odds():
    assert "odds" not in inputs_of(sent(Learned(3), wildcard_node(template="a fox")))


def test_odds_that_are_not_known_here_are_none():
    found = inputs_of(sent(Learned(3), wildcard_node(odds=999)))
    assert "odds" not in found
    assert found["populated_text"] == generate(Options(template=TEMPLATE, seed=7), WILDCARDS).positive


def test_a_fixed_text_is_explained_by_the_odds_that_its_canvas_remembers():
    text = inputs_of(sent(Learned(2), wildcard_node()))["populated_text"]
    fixed = wildcard_node(mode="fixed", populated_text=text)
    found = inputs_of(sent(Learned(8), fixed, {PROPERTY: 2}))
    assert (found["odds"], found["populated_text"]) == (2, text)
    options = Options(template=TEMPLATE, seed=7)
    snapshot = Learned(8).at(2, options, "")
    draft = kept(options, text, "", WILDCARDS, weights=snapshot.weights, odds=2)
    assert len(draft.components[1].choices) == 1


def test_what_is_no_number_on_a_canvas_or_in_a_graph_is_passed_over():
    for odd in ("2", -1, True, None, [1], 2.0):
        assert "populated_text" in inputs_of(sent(Learned(2), wildcard_node(odds=odd)))
        assert sent(Learned(2), wildcard_node(mode="fixed", populated_text="x"), {PROPERTY: odd})
