"""A list of planned prompts: read from files, changed row by row, drawn, and written again. Frozen, like all values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from orchestrator_app.drawing import Drawing, drafts_of, new_seed
from orchestrator_app.exporting import planned
from orchestrator_app.sources import Wish, read_file
from orchestrator_app.studio.environment import Target
from orchestrator_app.studio.job import Task
from orchestrator_app.studio.odds import NO_ODDS, Odds
from orchestrator_core.errors import ConfigError, FormatError, OrchestratorError
from orchestrator_core.formats.extra_networks import extract_loras, lora_tag
from orchestrator_core.formats.prompt_file import format_prompt_file
from orchestrator_core.pipeline import new_run
from orchestrator_core.profiles.source import ProfileSource
from orchestrator_core.prompt import MAX_SEED, PromptDraft
from orchestrator_core.spec import problems_of
from orchestrator_core.stages import dispatch
from orchestrator_core.template import Wildcards

Choose = Callable[[PromptDraft, str, str], PromptDraft]  # with its LoRAs, for the target and checkpoint of these names

MOST = 20_000  # rows
PAGE = 10  # rows that are shown at a time


@dataclass(frozen=True, slots=True)
class Row:
    """One planned prompt. ``text`` is what a person changed it to: a template, drawn with the row's seed.

    ``draft``: it was drawn already, with all that is known of its words. ``odds``: the learned ones of the moment in
    which it was added, so that it stays what the table shows.
    """

    wish: Wish
    seed: int
    target: str
    file: str = ""
    text: str | None = None
    skip: bool = False
    draft: PromptDraft | None = None
    odds: Odds = NO_ODDS

    @property
    def place(self) -> str:
        """Where it came from: ``prompts.json, row 3``."""
        return f"{self.file}, row {self.wish.row}" if self.wish.row else self.file


@dataclass(frozen=True, slots=True)
class Read:
    """Rows of files, and what of these files could not be used."""

    rows: tuple[Row, ...] = ()
    problems: tuple[str, ...] = ()


def read_files(paths: Iterable[Path], targets: Sequence[str]) -> Read:
    """The rows of all files; a file that cannot be read is a problem, and the others are there all the same."""
    rows: list[Row] = []
    problems: list[str] = []
    for path in paths:
        try:
            source = read_file(path)
        except OrchestratorError as error:
            problems.append(str(error).replace(str(path), path.name))
            continue
        if source.pipeline is not None:
            problems.append(f"{path.name} is a pipeline; give it to orchestrator run.")
        problems += source.notes
        rows += [row_of(wish, targets, path.name) for wish in source.wishes]
    if len(rows) > MOST:
        problems.append(f"One batch has at most {MOST:,} rows; {len(rows) - MOST:,} too many, left out.")
    return Read(tuple(rows[:MOST]), tuple(problems))


def row_of(wish: Wish, targets: Sequence[str], file: str = "") -> Row:
    """A row for a wish; where the file names no target, or one that is not here, it is the first."""
    wanted = wish.target.casefold()
    target = next((name for name in targets if name.casefold() == wanted), targets[0] if targets else "")
    return Row(wish, new_seed() if wish.seed is None else wish.seed, target, file)


def with_odds(rows: Iterable[Row], odds: Callable[[Row], Odds]) -> tuple[Row, ...]:
    """Rows that are drawn by what was learned for such prompts."""
    return tuple(replace(row, odds=odds(row)) for row in rows)


def row_of_draft(draft: PromptDraft, target: str) -> Row:
    """A row for a prompt of the Generate page."""
    source = draft.source
    wish = Wish(
        source.template, source.negative, source.dialect, draft.seed, profiles=source.profiles, genre=source.genre
    )
    return Row(wish, draft.seed, target, "Generate", draft=draft)


@dataclass(frozen=True, slots=True)
class Edit:
    """What the table says of a row now."""

    text: str
    target: str
    seed: str
    skip: bool


def edited(
    rows: Sequence[Row], place: int, edit: Edit, wildcards: Wildcards, profiles: ProfileSource | None = None
) -> tuple[Row, ...]:
    """The rows with one as the table says. Raises ConfigError for a seed that is none.

    A text that is still the one that was drawn leaves the row's template as it is, and with it where its words came
    from.
    """
    row = rows[place]
    text = row.text if edit.text == text_of(row, wildcards, profiles) else edit.text
    # another seed of a row that has a template draws it anew
    draft = row.draft if edit.seed.strip() == str(row.seed) else None
    new = replace(
        row, text=text, target=edit.target or row.target, seed=parse_seed(edit.seed), skip=edit.skip, draft=draft
    )
    return tuple(rows) if new == row else (*rows[:place], new, *rows[place + 1 :])


def all_to(rows: Sequence[Row], target: str) -> tuple[Row, ...]:
    """All rows with this target."""
    return tuple(replace(row, target=target) for row in rows)


def summary(rows: Sequence[Row], targets: Sequence[str]) -> str:
    """``25 prompts · 13 to Forge · 12 to ComfyUI · 2 skipped``."""
    counts = Counter(row.target for row in rows if not row.skip)
    if not counts:
        return "Nothing to render yet."
    skipped = len(rows) - counts.total()
    per_target = [f"{counts[name]:,} to {name}" for name in targets if counts[name]]
    prompts = f"{counts.total():,} prompt{'' if counts.total() == 1 else 's'}"
    return " · ".join([prompts, *per_target] + ([f"{skipped:,} skipped"] if skipped else []))


def parse_seed(text: str) -> int:
    """Raises ConfigError."""
    if not text.strip().isdecimal() or int(text) > MAX_SEED:
        raise ConfigError(f"The seed {text.strip()[:40]!r} is no whole number from 0 to {MAX_SEED}.")
    return int(text)


def with_drafts(rows: Sequence[Row], drafts: Mapping[int, PromptDraft]) -> tuple[Row, ...]:
    """The rows (from 0) with what they became; a text that was typed is then the template that it was drawn from."""
    return tuple(
        replace(row, wish=_wish_of(row), text=None, draft=drafts[place]) if place in drafts else row
        for place, row in enumerate(rows)
    )


def _wish_of(row: Row) -> Wish:
    return row.wish if row.text is None else replace(row.wish, template=row.text, final=None)


# drawing


def draft_of(row: Row, wildcards: Wildcards, profiles: ProfileSource | None = None) -> PromptDraft:
    """The prompt of a row. Raises TemplateError."""
    if row.text is None and row.draft is not None:
        return row.draft
    wish = _wish_of(row)
    if wish.final is None:  # a draw begins with a new draft; as tags of the template the LoRAs are in it
        wish = replace(wish, template=wish.template + "".join(f" {lora_tag(lora)}" for lora in wish.loras))
        drawing = Drawing(count=1, seed=row.seed, library=profiles, weights=row.odds.weights)
        return row.odds.of(next(drafts_of(wish, wildcards, drawing)))
    return next(drafts_of(wish, wildcards, Drawing(count=1, library=profiles)))


def text_of(row: Row, wildcards: Wildcards, profiles: ProfileSource | None = None) -> str:
    """What the table shows of a row: the text that was typed, else the prompt that will be rendered."""
    if row.text is not None:
        return row.text
    try:
        return draft_of(row, wildcards, profiles).positive
    except OrchestratorError:
        return row.wish.template


def hint_of(row: Row, wildcards: Wildcards, profiles: ProfileSource | None = None) -> str:
    """The first thing that the row's template has to say, as a wildcard that is missing; what else is counted."""
    try:
        said = [found.message for found in draft_of(row, wildcards, profiles).diagnostics]
    except OrchestratorError as error:
        return str(error)
    return said[0] + (f" (and {len(said) - 1} more)" if said[1:] else "") if said else ""


def loras_of(
    row: Row, wildcards: Wildcards, choose: Choose, checkpoint: str, profiles: ProfileSource | None = None
) -> str:
    """``LoRA ink 0.8, fox 0.6``: what the row would be rendered with, by what is known now; or why that is not so."""
    try:
        own = str(row.wish.settings.get("checkpoint", checkpoint))
        draft = choose(draft_of(row, wildcards, profiles), row.target, own)
    except OrchestratorError as error:
        return str(error)
    loras = (*extract_loras(draft.positive)[1], *draft.loras)
    named = ", ".join(f"{lora.name} {lora.strength_model:g}" for lora in loras)
    return f"LoRA {named}" if named else "no LoRA"


@dataclass(frozen=True, slots=True)
class Plan:
    """``numbers[i]`` is the row (from 0) of ``tasks[i]``; ``problems`` say which rows cannot be rendered, by row."""

    tasks: tuple[Task, ...]
    problems: Mapping[int, str]


def plan(
    rows: Sequence[Row],
    wildcards: Wildcards,
    targets: Mapping[str, Target],
    defaults: dispatch.Options,
    choose: Choose | None = None,
    profiles: ProfileSource | None = None,
) -> Plan:
    """A task for each row that is not skipped; its number is the row's, from 1. ``choose`` gives it its LoRAs."""
    tasks: list[Task] = []
    problems: dict[int, str] = {}
    for place, row in enumerate(rows):
        if row.skip:
            continue
        try:
            drawn = draft_of(row, wildcards, profiles)
            task = _task(place + 1, row, drawn, targets, defaults)
            tasks.append(task if choose is None else _chosen(task, choose))
        except OrchestratorError as error:
            problems[place] = str(error)
    return Plan(tuple(tasks), problems)


def _task(number: int, row: Row, drawn: PromptDraft, targets: Mapping[str, Target], defaults: dispatch.Options) -> Task:
    target = targets.get(row.target)
    if target is None:
        raise ConfigError(f"There is no target {row.target!r}. There are: {', '.join(targets) or 'none'}.")
    settings = {**defaults.model_dump(), "seed": row.seed, **row.wish.settings}
    try:
        options = dispatch.Options.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(f"A setting of this row cannot be used: {problems_of(error)}.") from None
    return Task(number, target, new_run().replacing(draft=drawn), options)


def _chosen(task: Task, choose: Choose) -> Task:
    draft = choose(task.run.draft, task.target.name, task.options.checkpoint)
    return replace(task, run=task.run.replacing(draft=draft))


# export


def prompt_file_of(
    rows: Sequence[Row],
    wildcards: Wildcards,
    defaults: dispatch.Options,
    choose: Choose | None = None,
    profiles: ProfileSource | None = None,
) -> str:
    """The list as a prompt file, with targets and LoRAs, in which what was skipped is left out.

    Raises FormatError where nothing is left.
    """
    found = []
    for row in rows:
        if row.skip:
            continue
        options = dispatch.Options.model_validate({**defaults.model_dump(), **row.wish.settings, "seed": row.seed})
        draft = draft_of(row, wildcards, profiles)
        draft = draft if choose is None else choose(draft, row.target, options.checkpoint)
        run = new_run().replacing(draft=draft)
        found.append(replace(planned(run, dispatch.request_for(draft, options)), target=row.target.casefold()))
    if not found:
        raise FormatError("There is no row to write: the list is empty, or all of it is skipped.")
    return format_prompt_file(found)
