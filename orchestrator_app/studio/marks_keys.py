"""Marks of images by keys and clicks: what a key means, the bar that shows them, and the script that hears the keys."""

from __future__ import annotations

from dataclasses import replace

from orchestrator_app.studio.html import clickable, escape
from orchestrator_core.weights.marking import MOST_STARS, Marks

UNDO = "undo"
_STARS = {str(stars): stars for stars in range(1, MOST_STARS + 1)}
_KEYS = (*_STARS, "f", "x")

# Hears the keys of the mark bar that is to be seen, and clicks there. It is put in place once for each page, when an
# image is first chosen. Who types, or holds another key with it, means something else. Constant, like all scripts here.
KEYS_SCRIPT = """() => {
    if (window.orchestratorHearsMarks) return [];
    window.orchestratorHearsMarks = true;
    document.addEventListener('keydown', event => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
        const at = event.composedPath()[0] || event.target;
        const typing = 'input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable], '
            + '[role=textbox], [role=listbox], [role=combobox]';
        if (at.closest && at.closest(typing)) return;
        const bar = [...document.querySelectorAll('.orc-marks')].find(each => each.offsetParent !== null);
        const button = bar && bar.querySelector(`[data-key="${event.key.toLowerCase().replace(/[^1-5fx]/g, '')}"]`);
        if (!button) return;
        event.preventDefault();
        button.click();
    });
    return [];
}"""


def marked(marks: Marks, key: str) -> Marks:
    """The marks after this key: what is there already is taken away again. Raises KeyError for a key that is none."""
    if key == "f":
        return replace(marks, favourite=not marks.favourite, reject=False)
    if key == "x":
        return replace(marks, reject=not marks.reject, favourite=False)
    stars = _STARS[key]
    return replace(marks, stars=0 if marks.stars == stars else stars)


def marks_html(marks: Marks, to: str, *, can_undo: bool = False) -> str:
    """The bar: five stars, a heart, a cross. A click sends its key to the text box ``to``."""
    stars = "".join(_button(str(star), "★", f"{star} of {MOST_STARS}", star <= marks.stars) for star in range(1, 6))
    heart = _button("f", "♥", "favourite", marks.favourite)
    cross = _button("x", "✕", "reject", marks.reject)
    undo = _button(UNDO, "↶", "take the last mark back", False) if can_undo else ""
    keys = "<small>keys <kbd>1</kbd>–<kbd>5</kbd>, <kbd>F</kbd>, <kbd>X</kbd></small>"
    return clickable(to, f"{stars}<span></span>{heart}{cross}{undo}{keys}", "orc-marks")


def _button(key: str, sign: str, said: str, is_on: bool) -> str:
    heard = f' data-key="{key}"' if key in _KEYS else ""
    return (
        f'<i class="{"on" if is_on else "off"} k-{key}" role="button" tabindex="0" data-send="{key}"{heard} '
        f'aria-pressed="{str(is_on).lower()}" aria-label="{escape(said)}" title="{escape(said)}">{sign}</i>'
    )


def marks_sign(marks: Marks) -> str:
    """The marks in a few signs, for a caption: ``♥ ★★★``."""
    return " ".join(["♥"] * marks.favourite + ["✕"] * marks.reject + ["★" * marks.stars] * bool(marks.stars))
