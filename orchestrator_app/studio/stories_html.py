"""Stories as HTML: the list, the timeline of scenes, the log of changes, and the lore of the next scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from orchestrator_app.contact_sheet.words import Shades, words_html
from orchestrator_app.studio.html import clickable, escape, legend_html, notice, number, picture
from orchestrator_app.studio.profiles_html import prompt_html
from orchestrator_app.studio.story_next import NextScene
from orchestrator_core.lore.book import Book, Entry
from orchestrator_core.memory.background import state_text
from orchestrator_core.memory.library import StoryBrief
from orchestrator_core.memory.story import Logged, Scene, Story
from orchestrator_core.provenance import explain
from orchestrator_core.run import COMPARED

PAGE = 12  # scenes
_PICTURES = 2  # of a scene
_STEPS = 60  # changes of the log
_ENTRIES = 60  # of lore that is not called for
_SOURCES = {"person": "you", "code": "prompt or profile", "llm": "language model"}
_ACTIONS = {"continue": "goes on", "new_scene": "new scene", "develop": "develops somebody"}

Picture = Callable[[Path], bytes]


def list_html(stories: Sequence[StoryBrief], chosen: str, to: str) -> str:
    """A line for each story; a click sends its name."""
    if not stories:
        return notice("There is no story yet. Begin one below, or name a new one on the page Generate.", "quiet")
    lines = [
        f'<div class="orc-story{" picked" if one.name == chosen else ""}" role="button" tabindex="0"'
        f' data-send="{escape(one.name)}"><span>{escape(one.name)}</span>'
        f"<small>{number(one.scenes, 'scene')}{escape(_with(one.profiles))}</small></div>"
        for one in stories
    ]
    return clickable(to, "".join(lines), "orc-stories")


def _with(profiles: Sequence[str]) -> str:
    return f" · {', '.join(profiles)}" if profiles else ""


def head_html(story: Story) -> str:
    parts = [number(len(story.scenes), "scene")]
    parts += [f"with {', '.join(story.profiles)}"] if story.profiles else []
    parts += [f"lore of {', '.join(story.books)}"] if story.books else []
    return f'<h3 class="orc-name">{escape(story.name)} <small>{escape(" · ".join(parts))}</small></h3>'


# the timeline


def shown_scenes(story: Story, page: int) -> tuple[list[Scene], int]:
    """(the scenes of this page of the timeline, the newest first; the page that it is)."""
    last = max(0, (len(story.scenes) - 1) // PAGE)
    page = min(max(0, page), last)
    return list(reversed(story.scenes))[page * PAGE : (page + 1) * PAGE], page


def timeline_html(story: Story, page: int, to: str, thumbnail: Picture) -> str:
    """A card for each scene. A click sends ``out:3`` or ``in:3``, to leave a scene out or take it in again."""
    scenes, _ = shown_scenes(story, page)
    if not scenes:
        said = "Nothing was told yet. A scene comes with each picture that is rendered with this story on Generate."
        return notice(said, "quiet")
    shades = Shades()
    cards = "".join(_scene(story, scene, shades, thumbnail) for scene in scenes)
    legend = legend_html(scene.draft for scene in scenes if scene.draft is not None)
    return legend + clickable(to, cards, "orc-scenes")


def where_html(story: Story, page: int) -> str:
    scenes, page = shown_scenes(story, page)
    if len(story.scenes) <= PAGE:
        return ""
    return f'<p class="orc-where">scenes {scenes[-1].number:,} – {scenes[0].number:,} of {len(story.scenes):,}</p>'


def _scene(story: Story, scene: Scene, shades: Shades, thumbnail: Picture) -> str:
    word, send = ("take it in again", "in") if scene.is_left_out else ("leave it out", "out")
    what = "left out" if scene.is_left_out else _ACTIONS.get(scene.action, scene.action)
    head = f"{what} · seed {scene.seed}" + (f" · {_time(scene.time_ms)}" if scene.time_ms else "")
    return (
        f'<article class="orc-scene{" out" if scene.is_left_out else ""}">'
        f'<div class="pictures">{_pictures(scene, thumbnail)}</div>'
        f"<div><h4>Scene {scene.number:,}<small>{escape(head)}</small>"
        f' <span class="orc-link" role="button" tabindex="0" data-send="{send}:{scene.number}">{word}</span></h4>'
        f'<div class="orc-card"><p class="orc-words" dir="auto">{_prompt(scene, shades)}</p></div>{_scores(scene)}'
        f"{_changed(story, scene)}{_more(story, scene)}</div></article>"
    )


def _time(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000).astimezone():%d %b %Y, %H:%M}"


def _pictures(scene: Scene, thumbnail: Picture) -> str:
    shown = [data for image in scene.images[:_PICTURES] if (data := thumbnail(image.path))]
    if shown:
        alt = f"scene {scene.number}"
        return "".join(f'<img loading="lazy" alt="{alt}" src="{picture(data)}">' for data in shown)
    return f'<span class="none">{"its picture is gone" if scene.images else "no picture"}</span>'


def _prompt(scene: Scene, shades: Shades) -> str:
    if scene.draft is None:
        return escape(scene.prompt)
    return words_html(explain(scene.draft.components), shades) or "<em>nothing</em>"


def _scores(scene: Scene) -> str:
    """Each metric's best value of its images."""
    best: dict[str, float] = {}
    for score in scene.scores:
        if score.component is None and not score.metric.startswith(COMPARED):
            best[score.metric] = max(score.value, best.get(score.metric, score.value))
    said = " · ".join(f"{metric} {value:.3g}" for metric, value in best.items())
    return f'<p class="orc-changes">{escape(said)}</p>' if said else ""


def _changed(story: Story, scene: Scene) -> str:
    made = [str(one.change) for one in story.log if one.change.scene == scene.number and one.status == "active"]
    lines = [f"→ {'; '.join(made)}"] if made else []
    lines += [f"lore: {', '.join(scene.lore)}"] if scene.lore else []
    return "".join(f'<p class="orc-changes">{escape(line)}</p>' for line in lines)


def _more(story: Story, scene: Scene) -> str:
    tags = " ".join(f"<code>{escape(tag)}</code>" for tag in scene.tags)
    state = escape(state_text(story.state_after(scene))).replace("\n", "<br>")
    return (
        f'<details><summary>tags, and how it stood</summary><p class="orc-changes">{tags}</p>'
        f'<p class="orc-changes">{state or "Nothing is known of it."}</p></details>'
    )


# the log


def log_html(story: Story) -> str:
    """The changes, the last one first: in which scene, who made it, what."""
    if not story.log:
        return notice("Nothing has changed yet.", "quiet")
    rows = "".join(_row(one) for one in list(reversed(story.log))[:_STEPS])
    rest = len(story.log) - _STEPS
    more = notice(f"… and {number(rest, 'change')} before.", "quiet") if rest > 0 else ""
    return f'<div class="orc-log"><table>{rows}</table></div>{more}'


def _row(logged: Logged) -> str:
    change = logged.change
    where = f"scene {change.scene}" if change.scene else "between"
    undone = "" if logged.status == "active" else ' class="undone"'
    said = escape(str(change)) + ("" if logged.status == "active" else f" <small>{logged.status}</small>")
    return f"<tr{undone}><td>{where}</td><td>{_SOURCES[change.source]}</td><td>{said}</td></tr>"


# the next scene


def next_html(scene: NextScene) -> str:
    """The prompt that it would be, what would change, and the lore: told, called for and left out, not called for."""
    followed = scene.followed
    changes = "; ".join(f"{change}" for change in followed.changes)
    said = f'<p class="orc-changes">→ {escape(changes)}</p>' if changes else ""
    problems = "".join(notice(problem, "hint") for problem in dict.fromkeys(followed.problems))
    shown = f'<div class="orc-prompts">{prompt_html(followed.draft, Shades())}</div>'
    return f'{legend_html([followed.draft])}{shown}<div class="orc-scene-said">{said}</div>{problems}{lore_html(scene)}'


def lore_html(scene: NextScene) -> str:
    """Each entry with why it is told, or why not."""
    found = scene.followed.lore.activation
    lines = [
        _entry("active", told.entry, told.book, f"told: {told.reason} {told.detail}".strip()) for told in found.entries
    ]
    lines += [
        _entry("dropped", one.entry, one.book, f"called for, but left out: {one.reason}") for one in found.dropped
    ]
    named = {(told.book, told.entry.uid) for told in found.entries}
    named |= {(one.book, one.entry.uid) for one in found.dropped}
    rest = [(book, entry) for book, entry in _all(scene.books) if (book.name, entry.uid) not in named]
    lines += [_entry("quiet", entry, book.name, _waits(entry)) for book, entry in rest[:_ENTRIES]]
    if not lines:
        return notice("There is no lore: neither the story nor those who are there have a book.", "quiet")
    more = notice(f"… and {len(rest) - _ENTRIES:,} more.", "quiet") if len(rest) > _ENTRIES else ""
    head = (
        f"<summary>Lore: {len(found.entries):,} of {number(len(lines), 'entry').replace('entrys', 'entries')}</summary>"
    )
    return f'<details class="orc-lore" open>{head}{"".join(lines)}{more}</details>'


def _all(books: Iterable[Book]) -> list[tuple[Book, Entry]]:
    return [(book, entry) for book in books for entry in book.entries]


def _waits(entry: Entry) -> str:
    return f"waits for {', '.join(entry.keys[:6])}" if entry.enabled else "switched off"


def _entry(kind: str, entry: Entry, book: str, why: str) -> str:
    text = " ".join(entry.content.split())
    tags = f" · words for the prompt: {', '.join(entry.tags)}" if entry.tags else ""
    return (
        f'<p class="{kind}"><b>{escape(entry.title)}</b> <small>{escape(book)} · {escape(why)}{escape(tags)}</small>'
        f"<br>{escape(text if len(text) <= 200 else text[:199] + '…')}</p>"
    )
