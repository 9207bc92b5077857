from __future__ import annotations

import time

import pytest

from orchestrator_core.formats.cards.appearance import appearance_of, outfit_of


@pytest.mark.parametrize(
    ("text", "looks", "outfit"),
    [
        (
            "She has long, silver hair and bright green eyes, with freckles. Her pointed ears twitch.",
            ("long silver hair", "bright green eyes", "freckles", "pointed ears"),
            "",
        ),
        (
            '[Character("Mira"){Species("Elf") Hair("silver" + "long") Eyes("green") Clothes("red cloak" + "boots")}]',
            ("Elf", "silver hair", "long hair", "green eyes"),
            "red cloak, boots",
        ),
        (
            "[Mira's appearance: silver hair, freckles; Mira's personality: kind; clothes: red cloak]",
            ("silver hair", "freckles"),
            "red cloak",
        ),
        (
            "**Appearance:** tall\nHair: black\nOutfit: leather coat, boots\n",
            ("tall", "black hair"),
            "leather coat, boots",
        ),
        ("He is patient and knows the long body of the law.", ("long body",), ""),
        ("Nothing is said. Eyes of the storm.", (), ""),
        ("", (), ""),
    ],
)
def test_looks_are_found_where_a_card_says_them(text: str, looks: tuple[str, ...], outfit: str):
    assert (appearance_of(text), outfit_of(text)) == (looks, outfit)


@pytest.mark.parametrize("text", ["long " * 4000, "Hair(" * 4000, "appearance:" * 4000, "red, " * 4000, "[" * 20_000])
def test_no_text_takes_long(text: str):
    start = time.process_time()
    appearance_of(text)
    assert time.process_time() - start < 2
