"""The demonstration: its page, and that its loop learns from real images of the tiny world's own models."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from orchestrator_app.learning_demo.page import Demo, Odds, Part, Shown, demo_page

WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc)


def page(**changes: object) -> str:
    given = {
        "template": "a __tiny/color__",
        "parts": (Part("Before", "", (Shown("images/a b.png", "red <b>", 0.5), Shown("b.png", "blue", 1.0))),),
        "odds": (
            Odds("tiny/color", "red", 0.5, 0.9, 12, "1.8×: shown in 11 of 12"),
            Odds("tiny/color", "blue", 0.5, 0.1, 3, ""),
        ),
        "plot": "<svg></svg>",
        "facts": ("2 images",),
        **changes,
    }
    return demo_page(Demo(WHEN, **given))  # type: ignore[arg-type]


def test_the_page_shows_what_was_learned():
    found = page()
    for text in ("75 %", "2 January 2026, 03:04", "1.8×", "0.2×", "shown in 11 of 12", "src='images/a%20b.png'"):
        assert text in found


def test_no_text_becomes_markup():
    found = page(template="<script>alert(1)</script>", facts=("<i>",))
    assert "<script>" not in found
    assert "red &lt;b&gt;" in found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers with numpy 2
def test_a_template_learns_from_images_that_are_rendered_and_scored(tmp_path: Path):
    for name in ("torch", "diffusers", "transformers", "peft", "open_clip"):
        pytest.importorskip(name, reason=f"no {name}")
    from orchestrator_app.learning_demo.loop import CONTEXT, LearningLoop, asked_of
    from orchestrator_app.learning_demo.telling import told
    from orchestrator_core.formats.image_metadata import read_image

    loop = LearningLoop.open(tmp_path, 3)
    images = list(loop.go(10))
    state = loop.ledger.state()
    assert {one.image for one in state.observations} == {image.path.name for image in images}
    assert len(list(state.observations)) == 5 * len(images)
    last = read_image(images[-1].path).infotext
    assert last is not None
    assert last.notes.odds == state.number - 1
    assert set(asked_of(images[0].run)) == {"count", "style", "color", "shape", "background"}
    number = loop.ledger.number
    (frozen,) = loop.frozen(1)
    assert loop.ledger.number == number
    assert 0 <= frozen.fulfilled <= 1
    made = told([*images, frozen], loop.ledger, tmp_path, 1, 9.0)
    assert "By what it learned" in made.html
    assert loop.ledger.odds(CONTEXT).number == number


def test_without_its_packages_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from orchestrator_app.cli import main
    from orchestrator_app.commands import demo

    monkeypatch.setattr(demo, "NEEDED", ("torch", "no_such_package_at_all"))
    assert main(["demo"]) == 1
    assert "no_such_package_at_all" in capsys.readouterr().err
