"""The LoRA tests of a studio: where they are, what a page asks for as a plan, and how far a running one is, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from orchestrator_app.lora_test.asking import Asked, lines_of, plan_of_asked, title_of
from orchestrator_app.lora_test.folder import FILE, GRID, TestFolder
from orchestrator_app.lora_test.running import TestRun
from orchestrator_app.lora_test.watching import words_of
from orchestrator_app.output_folder import slug
from orchestrator_app.studio import html
from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.job import OVER
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_core.config import data_folder
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.testing import TestPlan
from orchestrator_core.loras.testing_numbers import numbers_in, seeds_in
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import Choices
from orchestrator_core.stages import dispatch

KEPT = 40  # tests that a page offers to go on with
MOST_SHOWN = 600  # images in a page's grid; the file beside the images has no limit


def folder_of_tests(settings: Settings) -> Path:
    """Where the studio's tests are: a folder for each."""
    parent = Path(settings.output_folder).expanduser() if settings.output_folder else data_folder() / "outputs"
    return parent / "lora_tests"


def earlier_tests(settings: Settings) -> list[str]:
    """The names of their folders, the newest first."""
    try:
        found = [path.parent for path in folder_of_tests(settings).glob(f"*/{FILE}")]
        return [path.name for path in sorted(found, reverse=True)][:KEPT]
    except OSError:
        return []


def new_folder(settings: Settings, plan: TestPlan, where: str) -> TestFolder:
    """Its folder is made when something is written."""
    name = title_of(plan)
    stem = f"{datetime.now().astimezone():%Y-%m-%d_%H%M%S}_{slug(name) or 'test'}"
    return TestFolder(folder_of_tests(settings) / stem, plan, name, where)


def asked_of(texts: Mapping[str, str], options: dispatch.Options) -> Asked:
    """What the page's elements say, by their names. Raises ConfigError."""
    return Asked(
        loras=texts["loras"],
        query=texts["query"],
        prompts=lines_of([texts["prompts"]]),
        negative=texts["negative"],
        strengths=numbers_in(texts["strengths"], "Strengths"),
        seeds=seeds_in(texts["seeds"]),
        settings=dispatch.request_for(PromptDraft(()), options),
    )


def plan_for(live: LiveEnvironment, asked: Asked, target_name: str, *, ask: bool) -> TestPlan:
    """The plan; ``ask``: the target too, for what it has. Without a library nobody else knows any LoRA.

    Raises OrchestratorError.
    """
    target = live.target(target_name)
    records = _records(live)
    choices: Choices | None = live.choices(target) if ask or not records else None
    return plan_of_asked(asked, records, live.wildcards, target, choices)


def _records(live: LiveEnvironment) -> Sequence[LoraRecord]:
    try:
        return list(live.loras.records().values())
    except OrchestratorError:
        return []


def plan_html(plan: TestPlan, most: int, where: str) -> str:
    """How many images, rendered where and how, and what is not tested and why."""
    settings = plan.settings
    how = (
        f"Rendered by {where} with {settings.checkpoint or 'its own model'}, {settings.width} × {settings.height}, "
        f"{settings.steps} steps, as the page Generate says."
    )
    refused = [f"{one.name}: {one.reason}" for one in plan.refused]
    left = f"Not tested: {'; '.join(refused[:5])}{' …' if len(refused) > 5 else ''}." if refused else ""
    many = f"That is more than {most:,} images." if plan.count > most else ""
    return (
        html.summary_html(plan.sentence)
        + html.notice(how, "quiet")
        + html.notice(left, "hint")
        + html.notice(many, "hint")
    )


def running_html(test: TestRun) -> str:
    """A bar, what is being rendered, and what went wrong."""
    states = test.job.states
    over = sum(state.phase in OVER for state in states)
    now = next((state for state in states if state.phase == "running"), None)
    line = f"{over:,} of {html.number(len(states), 'image')}"
    if now is not None:
        line += f" · {words_of(test.folder, test.cell(now))}"
        if now.progress is not None and now.progress.steps:
            line += f": step {now.progress.step}/{now.progress.steps}"
    errors = dict.fromkeys(state.error for state in states if state.error)
    share = 100 * over / len(states) if states else 100
    return (
        f'<div class="orc-progress {"over" if test.done.is_set() else "running"}"><div class="orc-bar">'
        f'<i style="width:{share:.1f}%"></i></div><p role="status">{html.escape(line)}</p>'
        f"{''.join(html.notice(text) for text in (*errors, *test.job.notes, test.problem))}</div>"
    )


def folder_html(folder: TestFolder) -> str:
    """What is there of a test, where, and what went wrong in it."""
    left = len(folder.missing())
    text = f"{folder.done:,} of {html.number(folder.plan.count, 'image')} in {folder.path}. "
    more = "Press Run to go on." if left else f"{GRID} beside them opens in any browser."
    errors = list(dict.fromkeys(part.error for cell in folder.cells if (part := folder.part(cell)).error))
    return html.notice(text + more, "hint" if left else "good") + "".join(html.notice(text) for text in errors[:3])


def grid_html(folder: TestFolder) -> str:
    """The grid within the page, in a frame of its own that can reach nothing of it."""
    if not folder.done:
        return ""
    if folder.plan.count > MOST_SHOWN:
        where = folder.path / GRID
        return html.notice(f"{folder.plan.count:,} images are too many to be shown here. Open {where}.", "hint")
    page = html.escape(folder.one_file())
    style = "width:100%;height:82vh;border:1px solid var(--border-color-primary);border-radius:8px"
    return (
        f'<iframe class="orc-grid" title="The grid" sandbox="allow-scripts" style="{style}" srcdoc="{page}"></iframe>'
    )
