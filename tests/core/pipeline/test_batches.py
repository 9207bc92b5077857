from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.context import StageContext
from orchestrator_core.errors import GeneratorError, Interrupted, PipelineError
from orchestrator_core.pipeline import StageEvent
from orchestrator_core.pipeline.batches import Items, count_of, product_of, run_batch
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.spec import PipelineSpec, pipeline_from
from orchestrator_core.template import Wildcards
from tests.fakes import FakeGenerator, FakeLanguageModel

STAGES = [
    {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox", "seed": 5}},
    {"id": "loras", "type": "selectLoras", "enabled": False},
    {"id": "render", "type": "dispatch"},
]


def pipeline(*batch: object) -> PipelineSpec:
    return pipeline_from({"stages": STAGES, "batch": list(batch)})


def test_what_goes_on_together_is_zipped_and_groups_are_multiplied():
    batch = pipeline(
        [{"vary": "seeds", "values": [1, 2]}, {"vary": "templates", "values": ["a fox", "an owl"]}],
        {"vary": "render.width", "values": [512, 768, 1024]},
    )
    items = Items(batch)
    assert len(items) == count_of(batch) == 6
    assert product_of(batch) == "6 = 2 × 3 (seeds + templates × render.width)"
    assert [item.values for item in items][:4] == [
        {"draw.seed": 1, "draw.template": "a fox", "render.width": 512},
        {"draw.seed": 1, "draw.template": "a fox", "render.width": 768},
        {"draw.seed": 1, "draw.template": "a fox", "render.width": 1024},
        {"draw.seed": 2, "draw.template": "an owl", "render.width": 512},
    ]
    last = items[-1].pipeline
    assert last.batch == ()
    assert last.stages[0].options == {"template": "an owl", "seed": 2}
    assert last.stages[2].options == {"width": 1024}


def test_a_pipeline_without_a_batch_is_one_item():
    assert [item.values for item in Items(pipeline())] == [{}]
    assert pipeline([]) == pipeline()


@given(st.lists(st.integers(1, 4), max_size=4))
def test_every_combination_comes_once_in_the_order_of_a_product(sizes: list[int]):
    options = ("draw.seed", "render.seed", "render.steps", "render.width")
    groups = [{"vary": option, "first": 16, "count": size} for option, size in zip(options, sizes, strict=False)]
    found = [tuple(item.values.values()) for item in Items(pipeline(*groups))]
    assert found == list(product(*(range(16, 16 + size) for size in sizes)))


def test_a_million_fold_product_is_refused_with_its_count_and_at_once():
    batch = pipeline({"vary": "seeds", "count": 1000}, {"vary": "render.seed", "count": 1000})
    with pytest.raises(PipelineError, match=r"1,000,000 = 1,000 × 1,000 \(seeds × render.seed\) items, and 100,000"):
        Items(batch)
    assert count_of(pipeline({"vary": "seeds", "count": 10**30})) == 10**30


def test_a_count_of_thousands_of_digits_is_told_by_its_size():
    with pytest.raises(PipelineError, match=r"about 10\^8000 = about 10\^4000 × about 10\^4000 \(seeds"):
        Items(pipeline({"vary": "seeds", "count": 10**4000}, {"vary": "render.seed", "count": 10**4000}))


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        ({"vary": "render.width", "values": [512, 1]}, "Value 2 of render.width: Stage 'render'.*width"),
        ({"vary": "draw.sead", "values": [1]}, "Value 1 of draw.sead.*Did you mean 'seed'"),
        ({"vary": "render.steps", "first": 1, "count": 1001}, "Value 1001 of render.steps"),
    ],
)
def test_a_value_that_no_stage_takes_is_told_before_anything_runs(axis: dict, told: str):
    with pytest.raises(PipelineError, match=told):
        Items(pipeline(axis))


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(PipelineError, match="seeds has no values"):
        Items(pipeline({"vary": "render.cfg", "values": [5]}, {"vary": "seeds", "values": []}))


def test_one_item_that_fails_costs_no_other_and_progress_tells_which_it_is():
    generator, events = FakeGenerator(), list[StageEvent]()
    generator.enqueue(1, GeneratorError("out of paper"), OSError(28, "No space left on device", "a.png"), 1)
    items = Items(pipeline({"vary": "seeds", "first": 1, "count": 4}))
    results = list(run_batch(items, StageContext(Wildcards([]), generator), events.append))
    assert [result.error for result in results] == [
        "",
        "out of paper",
        "[Errno 28] No space left on device: 'a.png'",
        "",
    ]
    assert [result.result.run.draft.seed for result in results if not result.error] == [1, 4]
    done = [(event.item, event.items) for event in events if event.stage.id == "render" and event.state == "done"]
    assert done == [(1, 4), (4, 4)]


def test_an_item_that_fails_keeps_the_images_that_were_finished():
    generator = FakeGenerator()
    finished = GeneratedImage(generator.folder / "half.png", GenerationRequest("a fox"), "r")
    generator.enqueue(GeneratorError("out of paper", (finished,)))
    (result,) = run_batch(Items(pipeline()), StageContext(Wildcards([]), generator))
    assert result.result.run.images == (finished,)


def test_the_language_model_is_told_which_item_is_the_last():
    model = FakeLanguageModel()
    stages = [STAGES[0], {"id": "enhance", "type": "llmEnhance"}]
    items = Items(pipeline_from({"stages": stages, "batch": [{"vary": "seeds", "count": 2}]}))
    list(run_batch(items, StageContext(Wildcards([]), llm=model)))
    assert [ask.is_last for ask in model.history][0::2] == [False, True]  # each is asked twice: {} is no answer


def test_an_item_can_begin_with_what_those_before_it_taught():
    template = {"vary": "templates", "values": ["__fox__|{a|b}", "{a|b}", "{a|b}"]}
    odds = iter([1, 2, 3])
    results = run_batch(
        Items(pipeline(template)), lambda item: StageContext(Wildcards([]), FakeGenerator(), odds=next(odds))
    )
    assert [result.result.run.draft.source.odds for result in results] == [1, 2, 3]


class Pressed(FakeGenerator):
    """Somebody presses Ctrl-C while it renders."""

    def generate(self, request, notes, on_progress):
        raise KeyboardInterrupt


def test_a_key_that_is_pressed_stops_a_batch_and_keeps_what_was_done_of_the_item():
    results = run_batch(Items(pipeline({"vary": "seeds", "count": 3})), StageContext(Wildcards([]), Pressed()))
    stopped = next(results)
    assert (stopped.error, list(stopped.result.states)) == ("stopped by hand", ["draw", "loras"])
    with pytest.raises(KeyboardInterrupt):
        next(results)


def test_a_batch_that_is_stopped_keeps_what_is_done():
    generator = FakeGenerator()
    generator.enqueue(1, Interrupted("stopped"))
    results = run_batch(Items(pipeline({"vary": "seeds", "count": 3})), StageContext(Wildcards([]), generator))
    assert not next(results).error
    stopped = next(results)
    assert stopped.error == "stopped"
    assert list(stopped.result.snapshots) == ["draw"]
    with pytest.raises(Interrupted):
        next(results)
    assert len(generator.history) == 2
