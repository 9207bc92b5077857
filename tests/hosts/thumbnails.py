"""Makes the thumbnails of ``example_workflows/``: ``python -m tests.hosts.thumbnails``, which needs Chromium.

ComfyUI's template browser shows nothing else of a pack's workflow, on cards of some 220 pixels, where a picture of a
graph is a dark smudge. So each says in large letters what it is about and what it draws, above a sketch of its graph.
The page is the same wherever it is made, the picture differs with the fonts: so the JPEG's comment has the page's
digest, and a test compares that.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from comfy_nodes.drawn import drawn_as_json
from comfy_nodes.profile_names import profile_names
from orchestrator_app.bundled import bundled_folder
from orchestrator_app.example_workflows import EXAMPLES, ExampleWorkflow, draw
from orchestrator_app.example_workflows_graphs import LiveExample
from orchestrator_app.example_workflows_live import LIVE_EXAMPLES
from orchestrator_core.enhancing.enhancer import enhance
from orchestrator_core.enhancing.options import Options
from orchestrator_core.enhancing.rules import RulesModel
from orchestrator_core.formats.sharing_nodes import WILDCARD_PROMPT
from orchestrator_core.memory.following import Sources
from orchestrator_core.memory.notes import with_scene
from orchestrator_core.memory.story import Story
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.prompt import Component, Origin, PromptDraft
from orchestrator_core.run import Run
from orchestrator_core.stages.follow_story import Options as StoryOptions
from orchestrator_core.stages.follow_story import follow_story
from orchestrator_core.stages.generate_prompt import Options as PromptOptions
from orchestrator_core.stages.generate_prompt import generate
from orchestrator_core.template import Template, Wildcards

if TYPE_CHECKING:
    from playwright.sync_api import Browser

AnyExample = ExampleWorkflow | LiveExample

SIZE = (1200, 800)
MOST = 100_000  # bytes
STYLE = Path(__file__).with_name("thumbnails.css")
SKETCH = 132  # pixels that the sketch of the graph is high


@dataclass(frozen=True, slots=True)
class Row:
    """A prompt, or a piece of it; the last one of a card may be cut short."""

    lines: int  # at most
    what: str = "positive"  # or "negative", "template"
    label: str = ""
    start: int = 0  # the first word, or part of the template, that is shown
    end: int | None = None


ROWS = {  # of each card; where there are more than drafts, each shows the first draft
    "01_first_wildcards": [Row(1, "template", start=1, end=3), Row(4)],
    "02_batch_of_ten": [Row(1, label=str(number), start=2) for number in range(1, 5)],
    "03_negative_follows": [Row(2, label="+"), Row(2, "negative", "−")],
    "04_two_characters": [Row(2, label="she"), Row(2, label="he")],
    "05_text_to_image": [Row(5)],
    "06_portrait_in_two_passes": [Row(5)],
    "07_landscape_best_of_four": [Row(5)],
    "08_loras_that_fit": [Row(1, "template", end=2), Row(4)],
    "09_a_story_of_scenes": [Row(1, label="1"), Row(1, label="2"), Row(3, label="+", start=9)],  # what stays in all
    "10_enhanced_prompts": [Row(5)],
    "11_prompts_that_get_better": [Row(1, "template", end=2), Row(4)],
}
SEEDS = {  # whose words are short
    "01_first_wildcards": [2],
    "02_batch_of_ten": [101, 102, 103, 104],
    "09_a_story_of_scenes": [126, 246, 126],
}
ADDED = {"llm": 325, "profile": 272, "memory": 4}  # hues of what nobody drew, as in the nodes


def card(example: AnyExample) -> str:
    """The page that is photographed."""
    workflow = json.loads((bundled_folder("example_workflows") / f"{example.name}.json").read_text("utf-8"))
    number, rows, drafts = example.name.partition("_")[0], ROWS[example.name], list(drafts_of(example))
    drafts += drafts[:1] * (len(rows) - len(drafts))
    body = "".join(as_html(row, draft) for row, draft in zip(rows, drafts, strict=True))
    kind = "live" if isinstance(example, LiveExample) else "stock"
    says = "Draws anew at each run" if kind == "live" else "ComfyUI’s own nodes"
    return (
        f'<!doctype html><meta charset="utf-8"><style>{STYLE.read_text("utf-8")}</style><body class="{kind}">'
        f"<h1><b>{int(number)}</b>{escape(title_of(workflow))}</h1><main>{body}</main>"
        f"<footer>{sketch(workflow)}<p>{says}</p></footer>"
    )


def title_of(workflow: Mapping[str, Any]) -> str:
    """The heading of its note."""
    (note,) = [node for node in workflow["nodes"] if node["type"] == "MarkdownNote"]
    return str(note["widgets_values"][0]).splitlines()[0].removeprefix("# ")


def drafts_of(example: AnyExample) -> Iterator[PromptDraft]:
    if isinstance(example, ExampleWorkflow):
        yield draw(example)[0]
        return
    wildcards = Wildcards([bundled_folder("wildcards")])
    if example.story is not None:
        yield from scenes_of(example, wildcards)
        return
    for values in example.prompts.values():
        if values.get("mode") == "fixed":
            yield PromptDraft((Component(values["populated_text"], Origin.user),))
            continue
        template = Template(values["template"], values.get("negative_template", ""))
        for seed in SEEDS.get(example.name, [values["seed"]]):
            draft = template.draw(wildcards, seed=seed)
            yield draft if example.enhanced is None else enhance(draft, RulesModel(), Options(**example.enhanced))


def scenes_of(example: LiveExample, wildcards: Wildcards) -> Iterator[PromptDraft]:
    """The prompts of its seeds, each as the scene after the one before."""
    (values,) = example.prompts.values()
    chosen = profile_names(example.profiles or {})
    profiles = ProfileLibrary([bundled_folder("profiles")])
    story = Story("")
    for number, seed in enumerate(SEEDS[example.name]):
        draft = generate(PromptOptions(**{**values, "seed": seed}, profiles=chosen), wildcards, profiles=profiles)
        told = follow_story(draft, story, StoryOptions(**example.story or {}), Sources(profiles)).draft
        story = with_scene(story, Run(str(number), told))
        yield told


def as_html(row: Row, draft: PromptDraft) -> str:
    head = f"<b>{escape(row.label)}</b>" if row.label else ""
    drawn = drawn_as_json(draft)
    if row.what == "template":
        words = template_words(drawn, draft.source.template, row)
    else:
        words = "".join(
            colored(
                word["text"], f"{word['kind']} s{word['shade']}", is_drawn=bool(word["number"]) or word["kind"] in ADDED
            )
            for word in drawn["words" if row.what == "positive" else "negative_words"][row.start : row.end]
        )
    words = words.lstrip(", ") if row.start else words
    return f'<p class="{row.what}" style="--lines: {row.lines}">{head}<span>{words}</span></p>'


def template_words(drawn: Mapping[str, Any], template: str, row: Row) -> str:
    """Some parts of the template, each in the colour of what came of it, with what is between them."""
    looks = {word["slot"]: f"{word['kind']} s{word['shade']}" for word in reversed(drawn["words"]) if word["slot"]}
    slots = [slot for slot in drawn["slots"] if slot["where"] == "positive"][row.start : row.end]
    html, end = "", slots[0]["start"]
    for slot in slots:
        html += escape(template[end : slot["start"]])
        html += colored(template[slot["start"] : slot["end"]], looks.get(slot["id"], ""), is_drawn=True)
        end = slot["end"]
    return html


def colored(text: str, look: str, *, is_drawn: bool) -> str:
    core = text.strip(" ,;\n")
    if not core or not is_drawn:
        return escape(text)
    before, _, after = text.partition(core)
    added = ADDED.get(look.partition(" ")[0])
    hue = f' style="--hue: {added}"' if added is not None else ""
    return f'{escape(before)}<i class="w {look}"{hue}>{escape(core)}</i>{escape(after)}'


def sketch(workflow: Mapping[str, Any]) -> str:
    """Its nodes as boxes, ours in a colour, and its links."""
    nodes = {node["id"]: (*node["pos"], *node["size"]) for node in workflow["nodes"]}
    left, top = min(box[0] for box in nodes.values()), min(box[1] for box in nodes.values())
    width = max(box[0] + box[2] for box in nodes.values()) - left
    height = max(box[1] + box[3] for box in nodes.values()) - top
    links = "".join(link_between(nodes[link[1]], nodes[link[3]]) for link in workflow["links"])
    boxes = "".join(
        f'<rect class="{look_of(node)}" x="{x}" y="{y}" width="{w}" height="{h}" rx="24"/>'
        for node in workflow["nodes"]
        for x, y, w, h in [nodes[node["id"]]]
    )
    return f'<svg viewBox="{left} {top} {width} {height}" height="{SKETCH}">{links}{boxes}</svg>'


def link_between(one: tuple[float, ...], other: tuple[float, ...]) -> str:
    x, y, to_x, to_y = one[0] + one[2], one[1] + one[3] / 2, other[0], other[1] + other[3] / 2
    return f'<path d="M{x} {y} C{x + 60} {y} {to_x - 60} {to_y} {to_x} {to_y}"/>'


def look_of(node: Mapping[str, Any]) -> str:
    if node["type"] == "MarkdownNote":
        return "note"
    return "draws" if node["type"] == WILDCARD_PROMPT else "ours" if node["type"].startswith("Orchestrator") else "core"


def digest(page: str) -> bytes:
    return hashlib.sha256(page.encode()).hexdigest()[:16].encode()


def photographed(browser: Browser, page: str) -> bytes:
    """A PNG of a card. Raises ValueError where something of it has no room."""
    with browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}) as opened:
        opened.set_content(page)
        high, wide = opened.evaluate("() => [document.body.scrollHeight, document.body.scrollWidth]")
        if high > SIZE[1] or wide > SIZE[0]:
            raise ValueError(f"The card is {wide} × {high} pixels, more than {SIZE[0]} × {SIZE[1]}.")
        return bytes(opened.screenshot())


def thumbnail(png: bytes, comment: bytes) -> bytes:
    """A JPEG, in the best quality that ``MOST`` bytes allow."""
    with Image.open(io.BytesIO(png)) as image:
        picture = image.convert("RGB")
    for quality in (90, 85, 80, 70, 60):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True, progressive=True, comment=comment)
        if file.tell() <= MOST:
            return file.getvalue()
    raise ValueError("The picture has too many details for a thumbnail.")


def make_thumbnails(folder: Path) -> list[Path]:
    from playwright.sync_api import sync_playwright

    made = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for example in (*LIVE_EXAMPLES, *EXAMPLES):
            page = card(example)
            made.append(folder / f"{example.name}.jpg")
            made[-1].write_bytes(thumbnail(photographed(browser, page), digest(page)))
        browser.close()
    return made


if __name__ == "__main__":
    for made_path in make_thumbnails(Path(sys.argv[1]) if len(sys.argv) > 1 else bundled_folder("example_workflows")):
        print(made_path)
