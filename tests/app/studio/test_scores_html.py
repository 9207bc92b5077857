"""Scores as bars: what was measured, how surely, and what was not."""

from __future__ import annotations

from orchestrator_app.studio.scores_html import (
    MOST,
    Line,
    Scored,
    bars_html,
    compared_of,
    lines_of,
    scores_html,
    summary,
    wholes_of,
)
from orchestrator_core.run import Score


def score(text: str, value: float, component: int | None = 0, **more: object) -> Score:
    return Score("run", "a.png", component, "fulfilment", value, text=text, **more)  # type: ignore[arg-type]


def test_a_component_has_a_bar_with_its_probability_and_its_interval():
    page = bars_html(Scored("a.png", lines_of([score("a fox", 0.92, low=0.8, high=0.97)])))
    assert "92 %" in page
    assert "with 90 % certainty between 80 and 97 %" in page
    assert "width:92.0%" in page
    assert "left:80.0%;width:17.0%" in page


def test_what_is_uncalibrated_says_so():
    page = bars_html(Scored("a.png", lines_of([score("fog", 0.6, calibrated=False)])))
    assert "≈ 60 %" in page
    assert "uncalibrated" in page
    assert 'class="seen rough"' in page


def test_what_is_not_measured_says_why_and_counts_for_nothing():
    lines = (Line("two", None, reason="a count cannot be seen by this scorer"), Line("a fox", 0.3))
    page = bars_html(Scored("a.png", lines))
    assert "a count cannot be seen" in page
    assert summary(lines) == "0 of 1 seen"
    assert summary(lines[:1]) == ""


def test_numbers_for_the_whole_image_stand_apart():
    aesthetic = Score("run", "a.png", None, "aesthetic", 5.93)
    scores = [score("", 0.5, None), aesthetic, score("fox", 0.9, 2), score("red", 0.1, 1)]
    assert [line.text for line in lines_of(scores)] == ["red", "fox"]
    assert wholes_of(scores) == ("on average 50 %", "aesthetic 5.93")
    assert "for information only" in bars_html(Scored("a.png", (), "", wholes_of(scores)))


def test_words_of_a_prompt_are_text_and_nothing_else():
    page = scores_html([Scored("<b>.png", (Line("<script>x", 0.5),), "★")])
    assert "<script>" not in page
    assert "&lt;b&gt;.png" in page


def test_many_images_are_shown_in_part_and_the_rest_is_counted():
    page = scores_html([Scored(f"{place}.png", (Line("fox", 0.5),)) for place in range(MOST + 3)])
    assert page.count("<article") == MOST
    assert "3 images more" in page
    assert scores_html([]) == ""


def test_what_is_there_missing_and_unasked_stands_below_the_bars_and_is_no_bar():
    scores = [
        score("red fox", 0.9),
        score("anime", 0.1, 0, calibrated=False),
        Score("run", "a.png", 0, "compared:missing", 0.12, text="red scarf"),
        Score("run", "a.png", 1, "compared:missing", 0.03, text="<snow>"),
        Score("run", "a.png", None, "compared:unasked", 1.0, text="tree"),
    ]
    assert [line.text for line in lines_of(scores)] == ["red fox", "anime"]
    assert wholes_of(scores) == ()
    compared = compared_of(scores)
    assert compared == (("missing", "red scarf 12 %, <snow> 3 %"), ("unasked", "tree"))
    page = bars_html(Scored("a.png", (), compared=compared, problems=("No tagger is there.",)))
    assert '<p class="orc-compared missing"><b>missing:</b>' in page
    assert "&lt;snow&gt;" in page
    assert "No tagger is there." in page


def test_style_has_a_bar_and_is_not_counted_among_what_was_asked_for():
    lines = lines_of([score("red fox", 0.9), Score("run", "a.png", 0, "style", 0.2, text="anime")])
    assert summary(lines) == "1 of 1 seen"
    assert "<small>style</small>" in bars_html(Scored("a.png", lines))
