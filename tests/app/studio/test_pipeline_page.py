"""The page Pipeline: run, stop, a stage again, what is stale, finished runs, one's own files, the queue."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.studio import pipeline_shelf
from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.jobs import Jobs
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pipeline_place import MeaningsEachTime, NamedThere
from orchestrator_app.studio.pipeline_results_html import items_html
from orchestrator_app.studio.pipeline_stale import stale_in
from orchestrator_app.studio.scoring import RunScoring
from orchestrator_app.studio.session import Session
from orchestrator_core.context import StageContext
from orchestrator_core.errors import RenderFailed
from orchestrator_core.jobs.place import QueuePlace
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest, ImageNotes
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from orchestrator_core.vision.port import Fulfilment
from tests.app.studio.studio_fakes import FakeHost, environment, target

gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"
STALE = "orc-state stale"
STAGES = [
    {"id": "draw", "type": "generatePrompt", "options": {"template": "a {red|white} fox"}},
    {"id": "enhance", "type": "llmEnhance", "options": {"amount": 2}},
    {"id": "render", "type": "dispatch", "options": {"steps": 4}},
]


class Page:
    """The page over two hosts; events are called as gradio calls them."""

    def __init__(self, folder: Path, **more: Any) -> None:
        from orchestrator_app.studio.pages.pipeline import PipelinePage
        from orchestrator_app.studio.pages.pipeline_opening import PipelineOpening
        from orchestrator_app.studio.pages.pipeline_running import PipelineRunning

        self.session, self.host, self.clicks = Session(), FakeHost(folder), count()
        targets = (target("ComfyUI", self.host),)
        self.live = LiveEnvironment(replace(environment(folder), targets=lambda _: targets, **more))
        with gr.Blocks(analytics_enabled=False), gr.Tabs(), gr.Tab("Pipeline") as tab:
            self.page = PipelinePage(self.live, gr.State(self.session), tab)
            self.page.connect()
        self.running, self.opening = PipelineRunning(self.page), PipelineOpening(self.page)

    @property
    def desk(self) -> Any:
        return self.session.pipeline

    def open(self, *stages: Any, **more: Any) -> Page:
        self.desk.open({"stages": list(stages or STAGES), **more}, "mine")
        return self

    def sent(self, **options: dict[str, str]) -> str:
        """What the page's fields hold, with these options changed."""
        cards = [
            {"key": card.key, "id": card.id, "options": options.get(card.id, {})}
            for card in self.desk.state.draft.cards
        ]
        return json.dumps(
            {"filled": str(self.desk.state.filled), "cards": [{"enabled": True, **card} for card in cards]}
        )

    def run(self, **options: dict[str, str]) -> list[str]:
        """The progress, as it was shown."""
        return self._shown(self.running._on_run(self.session, self.sent(**options), "ComfyUI"))

    def again(self, stage: str, act: str = "again", **options: dict[str, str]) -> list[str]:
        key = next(card.key for card in self.desk.state.draft.cards if card.id == stage)
        asked = json.dumps({"act": act, "key": key, "at": next(self.clicks)})
        return self._shown(self.running._on_again(asked, self.session, self.sent(**options), "ComfyUI"))

    def _shown(self, values: Iterator[Any]) -> list[str]:
        outputs = [dict(zip(self.running.outputs, value, strict=True)) for value in values]
        return [
            text
            for found in outputs
            for text in (found[self.page.progress], found[self.page.said])
            if isinstance(text, str)
        ]

    @property
    def marks(self) -> str:
        return self.page.show(self.session)[0]

    @property
    def states(self) -> dict[str, str]:
        return {stage: stand.state for stage, stand in self.desk.state.results.shown.stands.items()}


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(tmp_path).open()


def test_a_run_shows_what_became_of_each_stage_and_leaves_a_record(page: Page):
    assert "1 of 1 done, 1 image" in page.run()[-1]
    assert page.states == {"draw": "done", "enhance": "done", "render": "done"}
    assert [request.steps for request in page.host.requests] == [4]
    assert "data:image/jpeg" in page.marks
    folder = page.desk.state.results.folder
    assert folder.parent == pipeline_shelf.outputs_of(Settings())
    record = next(pipeline_shelf.records_in(folder, 9))
    assert record.result.run.images[0].path.is_file()


def test_a_changed_option_makes_its_stage_and_those_behind_it_stale(page: Page):
    page.run()
    page.desk.type(page.sent(enhance={"amount": "1"}))
    state = page.desk.state
    found = stale_in(state.results.shown.record, state.check.stages, state.results.varied)
    assert found.changed == {"enhance"}
    assert found.stale == {"enhance", "render"}
    assert page.marks.count(STALE) == 2


def test_a_stage_again_keeps_what_came_before_and_shows_what_changed(page: Page):
    page.run()
    before = page.desk.state.results.shown.record.result
    page.again("enhance", enhance={"amount": "1"})
    after = page.desk.state.results.shown
    assert after.record.result.snapshots["draw"].draft == before.snapshots["draw"].draft
    assert after.before is not None
    assert {change.what for change in after.changes} >= {"prompt", "images"}
    assert len(page.host.requests) == 2
    assert STALE not in page.marks
    assert "What changed" in page.page.show(page.session)[2]


def test_one_stage_alone_leaves_those_behind_it_stale_until_they_are_run(page: Page):
    page.run()
    page.again("enhance", "again_only", enhance={"amount": "1"})
    assert len(page.host.requests) == 1
    assert page.desk.state.results.shown.record.stale == ("render",)
    assert page.marks.count(STALE) == 1
    page.again("render")
    assert page.desk.state.results.shown.record.stale == ()
    assert page.host.requests[1].positive != page.host.requests[0].positive


def test_a_stage_before_that_was_changed_too_is_run_first(page: Page):
    page.run()
    page.again("render", draw={"template": "an owl"})
    assert page.host.requests[1].positive.startswith("an owl")


def test_a_stage_that_was_put_in_between_is_done_with_the_ones_behind_it(page: Page):
    page.run()
    loras = {"id": "more", "type": "llmEnhance", "options": {"amount": 1}}
    page.desk.write(json.dumps([STAGES[0], STAGES[1], loras, STAGES[2]]))
    assert "1 of 1 done" in page.again("render")[-1]
    assert page.states["more"] == "done"


def test_each_item_of_a_batch_can_be_looked_at_and_run_again_by_itself(page: Page):
    page.open(*STAGES, batch=[{"vary": "render.cfg", "values": [5, 7]}])
    page.run()
    results = page.desk.state.results
    assert [one.name for one in results.done] == ["1: render.cfg=5", "2: render.cfg=7"]
    page.page._on_pick("1\u241f0", page.session, page.sent())
    assert STALE not in page.marks  # its cfg is of the batch, not of the card
    page.again("render", render={"steps": "6"})
    assert [(request.cfg, request.steps) for request in page.host.requests] == [(5, 4), (7, 4), (7, 6)]
    assert len(page.desk.state.results.done) == 2


def test_an_item_that_fails_says_why_and_costs_no_other(tmp_path: Path):
    page = Page(tmp_path).open(STAGES[0], STAGES[2], batch=[{"vary": "templates", "values": ["a fox", "an owl"]}])
    page.host.errors = {"fox": RenderFailed(f"It ran out of memory {EVIL}.")}
    shown = page.run()[-1]
    assert "1 of 2 done" in shown
    assert "<script" not in shown + page.marks
    assert page.states["render"] == "failed"
    assert "It ran out of memory" in page.marks
    page.host.errors = {}
    page.again("render")
    assert page.states == {"draw": "done", "render": "done"}


def test_stop_reaches_the_host_and_what_is_done_stays(page: Page):
    from orchestrator_app.studio.pages.elsewhere import Elsewhere

    with gr.Blocks(analytics_enabled=False):
        elsewhere = Elsewhere(page.live)  # another page says that this one is at work
    page.host.hold = threading.Event()
    page.open(*STAGES, batch=[{"vary": "seeds", "first": 1, "count": 3}])
    values = page.running._on_run(page.session, page.sent(), "ComfyUI")
    next(values)
    assert page.host.began.wait(20)
    assert "item 1 of 3" in elsewhere.look()[0]
    page.running._on_stop(page.session)
    shown = page._shown(values)[-1]
    assert page.host.cancelled >= 1
    assert len(page.host.requests) == 1
    assert "0 of 3 done" in shown
    assert page.states["draw"] == "done"


def test_a_pipeline_that_cannot_run_says_why_and_begins_nothing(page: Page):
    assert "greater than or equal to 1" in page.run(render={"steps": "-1"})[-1]
    assert page.host.requests == []
    assert "greater than or equal" in page.running._on_plan(page.session, page.sent(), "ComfyUI")


def test_a_plan_says_prompts_seeds_and_requests_and_renders_nothing(page: Page):
    page.open(*STAGES, batch=[{"vary": "seeds", "first": 7, "count": 30}])
    plan = page.running._on_plan(page.session, page.sent(), "ComfyUI")
    assert "Items: 30 (seeds)" in plan
    assert "The first 20 are shown" in plan
    assert "512×512, euler/normal, 4 steps, cfg 7, seed 7" in plan
    assert page.host.requests == []


def test_a_finished_run_is_opened_again_with_its_items(page: Page):
    page.open(*STAGES, batch=[{"vary": "seeds", "first": 1, "count": 2}])
    page.run()
    folder = page.desk.state.results.folder
    other = Session()
    page.opening._on_folder(folder.name, other)
    results = other.pipeline.state.results
    assert [one.name for one in results.done] == ["1: draw.seed=1", "2: draw.seed=2"]
    assert results.shown.stands["render"].state == "done"
    told = dict(zip(page.page.whole, page.opening._on_folder("../gone", other), strict=True))
    assert "no record" in told[page.page.said]


def test_a_dropped_file_may_be_a_pipeline_or_a_record_or_neither(page: Page, tmp_path: Path):
    page.run()
    record = next((page.desk.state.results.folder / "pipeline").glob("*.json"))
    page.opening._on_file(str(record), page.session)
    assert page.desk.state.results.shown.stands["draw"].state == "done"
    yaml = tmp_path / "mine.yaml"
    yaml.write_text("- {id: draw, type: generatePrompt}\n")
    opened = dict(zip([page.page.file, *page.page.whole], page.opening._on_file(str(yaml), page.session), strict=True))
    assert opened[page.page.delete] == gr.update(visible=False)  # one's own of that name is another
    assert "none of your own" in page.opening._on_delete(page.session)[-1]
    assert [card.id for card in page.desk.state.draft.cards] == ["draw"]
    yaml.write_text("a: [")
    _, said, *_ = page.opening._on_file(str(yaml), page.session)
    assert "mine.yaml is not valid YAML" in said
    assert str(tmp_path) not in said
    assert [card.id for card in page.desk.state.draft.cards] == ["draw"]


def test_ones_own_are_saved_listed_and_deleted(page: Page):
    said, *_ = page.opening._on_save("night", page.session, page.sent(render={"steps": "8"}))
    assert "Saved" in said
    assert pipeline_shelf.names()[-1] == "night.json"
    assert pipeline_shelf.read("night.json")["stages"][2]["options"] == {"steps": 8}
    for bad in ("", "../up", "a/b", ".hidden", "a\\b"):
        assert "is no name for a file" in page.opening._on_save(bad, page.session, page.sent())[0]
    assert "Saved" in page.opening._on_save("night", page.session, page.sent(render={"steps": "9"}))[0]
    other = Page(page.host.folder).open()
    assert "already" in other.opening._on_save("night", other.session, other.sent())[0]
    assert pipeline_shelf.read("night.json")["stages"][2]["options"] == {"steps": 9}
    assert "Not saved" in page.opening._on_save("bad", page.session, page.sent(render={"steps": "no"}))[0]
    page.opening._on_delete(page.session)
    assert "night.json" not in pipeline_shelf.names()
    assert len(page.desk.state.draft.cards) == 3  # on the page it is still there


def test_both_views_are_in_step_and_what_is_no_json_is_not_lost(page: Page):
    page.page._on_mode("JSON", page.session, page.sent(render={"steps": "9"}))
    assert page.desk.state.draft.cards[2].options["steps"] == 9
    page.page._on_text("[{", page.session)
    stays = dict(zip(page.page.modes, page.page._on_mode("Cards", page.session, ""), strict=True))
    assert stays[page.page.mode] == "JSON"
    page.page._on_text(json.dumps(STAGES[:1]), page.session)
    cards = dict(zip(page.page.modes, page.page._on_mode("Cards", page.session, ""), strict=True))[page.page.cards]
    assert cards.count("<article") == 1


def test_each_item_is_a_job_of_the_queue_and_waits_there(tmp_path: Path):
    place = QueuePlace("The studio", list, is_wanted=lambda: False)
    page = Page(tmp_path, queue=place).open(*STAGES, batch=[{"vary": "seeds", "first": 1, "count": 3}])
    said = page.running._on_queue(page.session, page.sent(), "ComfyUI")
    assert "3 jobs added to the queue: 1 to 3." in said
    jobs = place.open().page(("waiting",))
    assert [job.target for job in jobs] == ["comfyui"] * 3
    assert jobs[1].title == "mine: draw.seed=2"
    place.close()


def test_runs_are_remembered_where_a_person_wants_that(tmp_path: Path):
    page = Page(tmp_path, store=Store.open).open()
    page.run()
    with Store.open() as store:
        assert store.load_run(page.desk.state.results.shown.record.result.run.id).images


def test_a_page_that_is_at_work_begins_no_second_run(page: Page):
    page.host.hold = threading.Event()
    values = page.running._on_run(page.session, page.sent(), "ComfyUI")
    next(values)
    assert "still at work" in page.run()[-1]
    page.running._on_stop(page.session)
    list(values)
    assert Jobs().running() == ()


def test_the_stages_of_scoring_look_in_a_turn_of_their_own(tmp_path: Path):
    turns: list[str] = []

    class Scoring:
        def looking(self, settings: Settings) -> StageContext:
            return StageContext(Wildcards([]))

        @contextmanager
        def turn(self, is_cancelled: Any) -> Iterator[None]:
            turns.append("in")
            yield
            turns.append("out")

    stages = [STAGES[0], STAGES[2], {"id": "score", "type": "scoreImages", "on_error": "skip"}]
    page = Page(tmp_path, scoring=Scoring()).open(*stages)
    page.run()
    assert turns == ["in", "out"]
    assert page.states["score"] == "failed"  # as no scorer is set


def test_fields_offer_what_the_target_has_and_a_batch_what_the_stages_have(page: Page):
    opened = dict(zip(page.page.opened, page.page._on_open(page.session, "ComfyUI"), strict=True))
    assert "<option>xl.safetensors</option>" in opened[page.page.lists]
    key = page.desk.state.draft.cards[0].key
    asked = json.dumps({"act": "duplicate", "key": key})
    lists = dict(zip(page.page.written, page.page._on_act(asked, page.session, page.sent()), strict=True))[
        page.page.lists
    ]
    assert "<option>draw2.template</option>" in lists
    assert "<option>xl.safetensors</option>" in lists


def test_a_lora_is_sent_by_the_name_that_the_target_has_for_it(tmp_path: Path):
    host = FakeHost(tmp_path)
    there = NamedThere(host.generator(), {"styles/ink": "ink"})
    loras = (LoraUse("styles/ink", 0.7, 0.7), LoraUse("other", 1, 1))
    there.generate(GenerationRequest("a fox", loras=loras), ImageNotes("1"), lambda _: None)
    assert [lora.name for lora in host.requests[0].loras] == ["ink", "other"]
    there.cancel()
    assert host.cancelled == 1


def test_of_very_many_items_those_around_the_chosen_one_are_offered(page: Page):
    page.run()
    done = page.desk.state.results.done * 500
    shown = items_html(done, 250, "pick")
    assert shown.count("<button") == 62
    assert 'chosen" data-send="250"' in shown
    assert "earlier" in shown
    assert "later" in shown
    assert "earlier" not in items_html(done, 0, "pick")


class Sees:
    """A scorer that sees nothing, and whoever opens it."""

    identity = "fake:1"

    def get(self, settings: Settings) -> Sees:
        return self

    def extras(self, settings: Settings) -> None:
        return None

    def score(self, images: Any, wanted: Any, is_cancelled: Any = None) -> list[list[Fulfilment]]:
        return [[Fulfilment(one, 0.9, 0.8, 1.0, 0.3, calibrated=True) for one in wanted] for _ in images]


def test_scores_of_a_pipeline_are_kept_and_learned_from_as_those_of_a_page(tmp_path: Path):
    kept: list[Any] = []
    scoring = RunScoring(Sees(), lambda _: Wildcards([]), lambda runs, _: kept.extend(runs))  # type: ignore[arg-type]
    score = {"id": "score", "type": "scoreImages", "when": "has_scorer"}
    page = Page(tmp_path, scoring=scoring).open(STAGES[0], STAGES[2], score)
    page.run()
    assert page.states["score"] == "done"
    assert [bool(run.scores) for run in kept] == [True]
    assert "score" in page.marks
    page.again("score", score={"learn": ""})
    assert len(kept) == 1


def test_a_text_encoder_is_held_only_while_it_is_asked():
    held: list[str] = []

    class Phrases:
        problem = "It is of another kind"

        def follow(self, records: Any) -> None:
            self.records = tuple(records)

        def learn(self, seconds: float | None) -> int:
            return len(self.records)

        def near(self, text: str) -> dict[str, str]:
            return {text: ",".join(self.records)}

    @contextmanager
    def meanings() -> Iterator[Any]:
        held.append("taken")
        yield loaded
        held.append("left")

    loaded: Phrases | None = Phrases()
    each = MeaningsEachTime(meanings)
    each.follow(["ink"])  # type: ignore[list-item]
    assert held == []
    assert (each.learn(), each.near("a fox"), each.problem) == (1, {"a fox": "ink"}, "It is of another kind")
    assert held == ["taken", "left"] * 2
    loaded = None
    assert (each.learn(), each.near("a fox")) == (0, {})
    assert each.problem.startswith("No text encoder is loaded here")


def test_a_click_that_is_told_twice_is_one(page: Page):
    added = json.dumps({"act": "add", "value": "selectLoras", "at": 1})
    page.page._on_act(added, page.session, page.sent())
    page.page._on_act(added, page.session, page.sent())
    assert len(page.desk.state.draft.cards) == 4
    page.run()
    again = json.dumps({"act": "again", "key": page.desk.state.draft.cards[0].key, "at": 2})
    for _ in range(2):
        list(page.running._on_again(again, page.session, page.sent(), "ComfyUI"))
    assert len(page.host.requests) == 2
