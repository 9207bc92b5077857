"""The page Learn: nothing is changed before it is shown what would move, and everything has a way back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.studio.html import SENT
from orchestrator_app.studio.learn_desk import Change
from orchestrator_app.studio.learn_html import Happening, Move, history_html, moves_html, odds_html, slots_html
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.session import Session
from orchestrator_app.studio.trends_html import EffectView, OverTime, effect_words, over_time_html
from tests.app.studio.studio_fakes import FakeDesk, environment

gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")


class Page:
    """The page with its session, by the names of its outputs."""

    def __init__(self, folder: Path, desk: FakeDesk | None) -> None:
        from orchestrator_app.studio.clock import Clock
        from orchestrator_app.studio.pages.learn import LearnPage

        self.session = Session()
        with gr.Blocks(analytics_enabled=False), gr.Tab("Learn") as tab:
            live = LiveEnvironment(replace(environment(folder), desk=desk))
            self.page = LearnPage(live, None, tab, Clock())
        self.shown = self._named(self.page._on_open(self.session))

    def _named(self, values: tuple[Any, ...]) -> dict[str, Any]:
        return {
            name: values[place]
            for name, element in vars(self.page).items()
            for place, output in enumerate(self.page.outputs)
            if output is element
        }

    def does(self, values: tuple[Any, ...]) -> dict[str, Any]:
        self.shown = self._named(values)
        return self.shown


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def page(tmp_path: Path, desk: FakeDesk) -> Page:
    return Page(tmp_path, desk)


def test_learning_is_off_until_somebody_applies_the_switch(page: Page, desk: FakeDesk):
    assert page.shown["is_on"] is False
    shown = page.does(page.page._changing("switch")(True, page.session))
    assert shown["pending"]["visible"] is True
    assert desk.applied == []
    assert page.does(page.page._on_apply(page.session))["is_on"] is True
    assert desk.applied == [Change("switch", value=True)]


def test_a_change_shows_first_what_it_would_move(page: Page, desk: FakeDesk):
    desk.apply(Change("switch", value=True))
    shown = page.does(page.page._changing("direction")("prefer", page.session))
    assert "crimson" in shown["moves"]
    assert "1×" in shown["moves"]
    assert "2.2×" in shown["moves"]
    assert page.does(page.page._on_cancel(page.session))["pending"]["visible"] is False
    assert [change.what for change in desk.applied] == ["switch"]


def test_what_the_page_fills_in_itself_is_no_wish(page: Page):
    for what, value in (("switch", False), ("mode", "careful"), ("direction", "report")):
        page.page._changing(what)(value, page.session)  # type: ignore[arg-type]
    assert page.session.learn.pending is None


def test_a_click_on_a_value_pins_it_or_leaves_it_out(page: Page, desk: FakeDesk):
    page.does(page.page._on_value(f"off:colors/warm#crimson{SENT}1", page.session))
    page.page._on_apply(page.session)
    assert desk.applied == [Change("off", "colors/warm", "colors/warm#crimson")]
    assert '<tr class="off">' in page.does(page.page._on_open(page.session))["odds"]


def test_an_entry_of_the_history_leads_back_to_it(page: Page, desk: FakeDesk):
    desk.apply(Change("switch", value=True))
    desk.apply(Change("mode", value="fast"))
    page.page._on_moment(f"1{SENT}9", page.session)
    assert page.does(page.page._on_apply(page.session))["mode"] == "careful"
    assert [change.what for change in desk.applied] == ["switch"]


def test_the_last_step_is_undone_after_it_was_shown_what_that_moves(page: Page, desk: FakeDesk):
    assert page.shown["undo"]["interactive"] is False
    desk.apply(Change("switch", value=True))
    desk.apply(Change("mode", value="fast"))
    assert page.does(page.page._on_open(page.session))["undo"]["interactive"] is True
    assert page.does(page.page._on_undo(page.session))["pending"]["visible"] is True
    assert page.session.learn.pending == Change("undo", value=1)
    assert page.does(page.page._on_apply(page.session))["mode"] == "careful"


def test_a_slot_is_switched_off_and_on(page: Page, desk: FakeDesk):
    page.page._changing("direction")("off", page.session)
    page.page._on_apply(page.session)
    assert desk.applied == [Change("direction", "colors/warm", value="off")]
    shown = page.does(page.page._on_open(page.session))
    assert shown["direction"] == "off"
    assert '<em class="off">off</em>' in shown["slots"]


def test_what_it_has_brought_and_which_values_go_together_is_shown(page: Page):
    shown = page.shown["over_time"]
    assert "62 %" in shown
    assert "+10 to +28 points" in shown
    assert "crimson + owl &lt;b&gt;" in shown
    assert "worse" in shown
    assert "<b>" not in shown
    assert "62 % of each prompt was shown by the odds as written, 81 % by learned ones." in page.shown["status"]


def test_a_file_that_holds_nothing_learned_changes_nothing(page: Page, desk: FakeDesk, tmp_path: Path):
    for text, said in (("{}", "holds nothing"), ("\xff", "cannot be read")):
        (tmp_path / "learned.json").write_bytes(text.encode("latin-1"))
        _, *values = page.page._on_file(str(tmp_path / "learned.json"), page.session)
        assert said in page.does(tuple(values))["said"]
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(1_000_000_000)  # a hole: it takes no room on the disk
    _, *values = page.page._on_file(str(tmp_path / "huge.json"), page.session)
    assert "more than 32 MB" in page.does(tuple(values))["said"]
    assert (desk.applied, page.session.learn.pending) == ([], None)


def test_a_store_that_cannot_be_read_is_told_and_the_page_stands(page: Page, desk: FakeDesk):
    desk.problem = "The database is locked."
    assert "The database is locked." in page.does(page.page._on_open(page.session))["said"]
    assert "value" not in page.page._on_tick(page.session)


def test_a_place_without_a_store_says_that_nothing_is_learned(tmp_path: Path):
    assert "nothing is learned here" in Page(tmp_path, None).shown["said"]


def test_what_was_learned_elsewhere_is_shown_at_the_next_look(page: Page, desk: FakeDesk):
    before = page.page._on_tick(page.session)
    desk.apply(Change("mode", value="fast"))
    assert "value" not in before
    assert page.page._on_tick(page.session) == "1"


def test_files_to_take_along_are_prepared_on_demand(page: Page):
    json, *tables, said = page.page._on_save()
    assert Path(json["value"]).read_text() == '{"schema_version": 1}'
    assert [Path(table["value"]).name for table in tables] == ["scores.csv", "values.csv", "pairs.csv", "effect.csv"]
    assert said == ""


# what it shows


def test_odds_say_what_the_author_set_what_holds_now_and_why(desk: FakeDesk):
    desk.applied = [Change("switch", value=True), Change("direction", "colors/warm", value="prefer")]
    table = odds_html(desk.look().slots[0], "box")
    assert "25 % by its author, 55 % now" in table
    assert "fulfilled in 14 of 16, style +0.4σ" in table
    assert "not enough data" in table
    assert "rust &lt;b&gt;" in table
    assert "rust <b>" not in table


def test_slots_say_their_direction_and_are_escaped(desk: FakeDesk):
    found = slots_html(desk.look().slots, "colors/warm", "box")
    assert "reports" in found
    assert "not enough data" in found
    assert slots_html((), "", "box") == ""


def test_a_change_that_moves_nothing_says_so():
    assert "stay as they are" in moves_html([Move("a", "b", 1.0, 1.001)])
    assert moves_html([Move("a", str(n), 1.0, 2.0) for n in range(50)]).count("<tr>") == 40


def test_a_change_that_does_not_show_is_told_so_and_not_listed():
    assert "less than shows here" in moves_html([Move("a", "b", 1.401, 1.408)])


def test_images_are_some_lines_of_the_history_and_wishes_one_each():
    seen = [Happening(n, 0, f"run {n}", kind="observe", undone=n < 3) for n in range(30, 0, -1)]
    shown = history_html([Happening(31, 0, "a wish <b>", kind="set"), *seen], "box")
    assert shown.count("data-send=") == 1 + 3 + 1
    assert "a wish &lt;b&gt;" in shown
    assert "21 – 30" in shown
    assert "1 – 2" in shown
    assert shown.count("taken back") == 1


def test_what_may_be_chance_is_called_that():
    one = EffectView("a", "b", 0.6, 4, 0.7, 4, 0.7, -0.1, 0.3)
    assert "which may be chance" in effect_words(OverTime((one,)))
    assert (
        effect_words(OverTime((replace(one, n_after=0),)))
        == effect_words(OverTime())
        == over_time_html(OverTime())
        == ""
    )
    assert "None, as far as can be told" in over_time_html(OverTime((one,), looked=9))
    assert "often enough yet" in over_time_html(OverTime((one,)))


def test_without_a_history_there_is_none():
    assert "Nothing was learned yet" in history_html((), "box")
