"""The workflows of ``example_workflows/`` that use our nodes: each run of them draws a new prompt.

They are written by ``python -m orchestrator_app.example_workflows`` beside those that do without.
"""

from __future__ import annotations

from orchestrator_app.example_workflows_graphs import (
    CHOOSE,
    DRAW,
    ENHANCE,
    LANGUAGE,
    LEARN,
    LOOK,
    PROFILES,
    REMEMBER,
    SAVE,
    SCORE,
    SHOW,
    TELL,
    Group,
    LiveExample,
    shown_by,
)
from orchestrator_app.example_workflows_notes import CHOSEN, ENHANCED, FIRST, FOLLOWS, LEARNED, PEOPLE, SCENES, TEN
from orchestrator_core.formats.comfy_workflow import Box

_SHE, _HE = f"{DRAW}: she", f"{DRAW}: he"

# Three columns that are the same in all of them, and what is drawn in the middle.
_SETTINGS: dict[str, Box] = {"checkpoint": (0, 0, 320, 98), "size": (0, 220, 320, 106)}
_ONE: dict[str, Box] = {
    **_SETTINGS,
    "note": (-20, 430, 360, 520),
    DRAW: (410, 0, 460, 950),
    "positive": (940, 0, 320, 120),
    "negative": (940, 220, 320, 120),
    SHOW: (940, 440, 320, 510),
    "sampler": (1330, 0, 300, 262),
    "decode": (1330, 390, 300, 46),
    SAVE: (1330, 530, 300, 420),
    REMEMBER: (1330, 860, 300, 90),
}
_GROUPS: tuple[Group, ...] = (
    ("Model and size", ("checkpoint", "size")),
    ("Prompt", (DRAW, "positive", "negative", SHOW)),
    ("Picture", ("sampler", "decode", SAVE)),
)
_RECORDED = (*_GROUPS[:2], ("Picture", ("sampler", "decode", SAVE, REMEMBER)))
_BATCH: dict[str, Box] = {**_ONE, SAVE: (1330, 530, 300, 240)}
_LORAS: dict[str, Box] = {
    **_SETTINGS,
    "note": (-20, 430, 360, 520),
    DRAW: (410, 0, 460, 950),
    CHOOSE: (940, 0, 400, 950),
    "positive": (1410, 0, 320, 120),
    "negative": (1410, 220, 320, 120),
    SHOW: (1410, 440, 320, 510),
    "sampler": (1800, 0, 300, 262),
    "decode": (1800, 390, 300, 46),
    SAVE: (1800, 530, 300, 420),
}
_ENHANCED: dict[str, Box] = {
    **_LORAS,
    LANGUAGE: (940, 0, 420, 300),
    ENHANCE: (940, 380, 420, 720),
    CHOOSE: (1430, 0, 400, 950),
    "positive": (1900, 0, 320, 120),
    "negative": (1900, 220, 320, 120),
    SHOW: (1900, 440, 320, 510),
    "sampler": (2290, 0, 300, 262),
    "decode": (2290, 390, 300, 46),
    SAVE: (2290, 530, 300, 420),
}
_LORA_GROUPS = (
    _GROUPS[0],
    ("Prompt", (DRAW,)),
    ("LoRAs for it", (CHOOSE,)),
    ("Texts", ("positive", "negative", SHOW)),
    _GROUPS[2],
)
_ENHANCED_GROUPS = (*_LORA_GROUPS[:2], ("More words", (LANGUAGE, ENHANCE)), *_LORA_GROUPS[2:])
_STORY: dict[str, Box] = {
    **_SETTINGS,
    "note": (-20, 430, 360, 520),
    PROFILES: (410, 0, 360, 950),
    DRAW: (840, 0, 460, 950),
    TELL: (1370, 0, 420, 950),
    "positive": (1860, 0, 320, 120),
    "negative": (1860, 220, 320, 120),
    SHOW: (1860, 440, 320, 510),
    "sampler": (2250, 0, 300, 262),
    "decode": (2250, 390, 300, 46),
    SAVE: (2250, 530, 300, 420),
}
_STORY_GROUPS = (
    _GROUPS[0],
    ("Who, and how it is drawn", (PROFILES,)),
    ("What happens", (DRAW,)),
    ("What stays", (TELL,)),
    ("Texts", ("positive", "negative", SHOW)),
    _GROUPS[2],
)
_SCORED: dict[str, Box] = {
    **_ONE,
    SAVE: (1330, 530, 300, 420),
    LOOK: (1700, 0, 360, 262),
    SCORE: (1700, 390, 360, 560),
    LEARN: (2130, 0, 340, 950),
}
_SCORED_GROUPS = (*_GROUPS, ("What the pictures show", (LOOK, SCORE)), ("What is learned of it", (LEARN,)))
_TWO: dict[str, Box] = {
    **_SETTINGS,
    "note": (-20, 430, 360, 520),
    _SHE: (410, 0, 420, 950),
    _HE: (900, 0, 420, 950),
    "together": (410, 1100, 420, 270),
    "positive": (900, 1100, 420, 90),
    "negative": (900, 1280, 420, 90),
    shown_by(_SHE): (1390, 0, 320, 620),
    shown_by(_HE): (1390, 720, 320, 650),
    "sampler": (1780, 0, 300, 262),
    "decode": (1780, 390, 300, 46),
    SAVE: (1780, 530, 300, 420),
}
_TWO_GROUPS: tuple[Group, ...] = (
    ("Model and size", ("checkpoint", "size")),
    ("Two people", (_SHE, _HE)),
    ("One prompt of both", ("together", "positive", "negative")),
    ("Where the words are from", (shown_by(_SHE), shown_by(_HE))),
    ("Picture", ("sampler", "decode", SAVE)),
)

LIVE_EXAMPLES = (
    LiveExample(
        name="01_first_wildcards",
        note=FIRST,
        prompts={
            DRAW: {
                "template": "{wildlife photograph|2::__styles/illustration__} of a __colors/warm__ {2::fox|owl|hare},\n"
                "{in the falling snow|in __places/nature__, __light/natural__}, {1-2$$, $$__moods/calm__}",
                "negative_template": "{3$$, $$__negative/general__}",
                "seed": 1,
            }
        },
        groups=_GROUPS,
        boxes=_ONE,
    ),
    LiveExample(
        name="02_batch_of_ten",
        note=TEN,
        prompts={
            DRAW: {
                "template": "__styles/landscape/painting__ of __places/{2::nature|fantasy}__, __light/natural__,\n"
                "{2$$ and $$__moods/{calm|grand}__} mood, __colors/palettes__",
                "negative_template": "{3$$, $$__negative/landscape__}, watermark, text",
                "seed": 100,
            }
        },
        groups=_RECORDED,
        boxes=_BATCH,
        is_recorded=True,
        control={DRAW: "increment"},
        size=(768, 512),
    ),
    LiveExample(
        name="03_negative_follows",
        note=FOLLOWS,
        prompts={
            DRAW: {
                "template": "${medium=!{photo|painting}}${season=!{spring|summer|autumn|winter}}"
                "__styles/portrait/${medium}__ of a __characters/heritage__ __characters/occupations__,\n"
                "wearing __clothing/${season}__, __nature/season/${season}__, __quality/${medium}__",
                "negative_template": "__negative/medium/${medium}__, __negative/season/${season}__, "
                "{2$$, $$__negative/people__}",
                "seed": 21,
            }
        },
        groups=_GROUPS,
        boxes=_ONE,
        size=(512, 768),
    ),
    LiveExample(
        name="04_two_characters",
        note=PEOPLE,
        prompts={
            _SHE: {
                "template": "photo of two friends: the __characters/occupations__ __characters/ages__ with "
                "__characters/hair__, wearing __clothing/autumn__",
                "negative_template": "{3$$, $$__negative/people__}, text",
                "populated_text": "photo of two friends: the lighthouse keeper in their twenties with short copper "
                "hair, wearing a yellow raincoat",
                "populated_negative": "extra fingers, crossed eyes, text",
                "mode": "fixed",
                "seed": 3,
            },
            _HE: {
                "template": "the __characters/occupations__ __characters/ages__ with __characters/features__, "
                "__characters/expressions__, wearing __clothing/autumn__,\nboth {on a pier|in a small kitchen}, "
                "__light/natural__",
                "seed": 12,
            },
        },
        groups=_TWO_GROUPS,
        boxes=_TWO,
        join=" and ",
        control={_SHE: "fixed"},
        size=(768, 512),
    ),
    LiveExample(
        name="08_loras_that_fit",
        note=CHOSEN,
        prompts={
            DRAW: {
                "template": "{ink wash painting|watercolor|pixel art|oil painting|paper cut-out} of a __colors/warm__ "
                "{fox|owl|hare},\n{in the falling snow|in __places/nature__}, __light/natural__",
                "negative_template": "{3$$, $$__negative/general__}",
                "seed": 5,
            }
        },
        groups=_LORA_GROUPS,
        boxes=_LORAS,
        has_loras=True,
    ),
    LiveExample(
        name="09_a_story_of_scenes",
        note=SCENES,
        prompts={
            DRAW: {
                "template": "Mira {mends|folds|carries|finds|studies|hides|paints|turns over} a __colors/warm__ "
                "{net|letter|lantern|sea chart|shell|bottle|logbook|kite|compass|music box},\n"
                "{close-up|seen from behind|full body|from above|through the window}",
                "seed": 126,
            }
        },
        groups=_STORY_GROUPS,
        boxes=_STORY,
        profiles={"character": "characters/mira", "style": "styles/gouache"},
        story={"story": "The lamp"},
    ),
    LiveExample(
        name="10_enhanced_prompts",
        note=ENHANCED,
        prompts={
            DRAW: {
                "template": "a __colors/warm__ {fox|owl|hare} {in the falling snow|in __places/nature__},\n"
                "{ink wash painting|watercolor|oil painting}",
                "negative_template": "{3$$, $$__negative/general__}",
                "seed": 3,
            }
        },
        groups=_ENHANCED_GROUPS,
        boxes=_ENHANCED,
        enhanced={"amount": 5},
        has_loras=True,
    ),
    LiveExample(
        name="11_prompts_that_get_better",
        note=LEARNED,
        prompts={
            DRAW: {
                "template": "{ink wash painting|watercolor|oil painting|pixel art} of a __colors/warm__ "
                "{fox|owl|hare|lynx|heron},\n{in the falling snow|in __places/nature__}",
                "negative_template": "{3$$, $$__negative/general__}",
                "seed": 8,
            }
        },
        groups=_SCORED_GROUPS,
        boxes=_SCORED,
        is_scored=True,
        batch=4,
    ),
)
