"""What became of a prompt, as a person sees it: who enhanced it, each part with its tick, and why it was kept."""

from __future__ import annotations

from orchestrator_app.studio.html import SENT
from orchestrator_app.studio.job import Task, TaskState
from orchestrator_app.studio.job_html import progress_html, progress_line, row_head
from orchestrator_app.studio.prepared_html import prepared_html, ticked, told_of, writer_of
from orchestrator_app.studio.preparing import Prepared
from orchestrator_app.studio.targets import comfy_target
from orchestrator_core.enhancing.assembling import appended
from orchestrator_core.pipeline import new_run
from orchestrator_core.prompt import Component, Enhancement, PromptDraft, StoryUse
from orchestrator_core.stages import dispatch

HOSTILE = "<b onmouseover='x'>\"&"
BEFORE = PromptDraft((Component("a fox"),), seed=7)


def enhanced(status: str = "enhanced", detail: str = "", natural: str = "", model: str = "openai:qwen3:8b") -> Prepared:
    after = appended(BEFORE.components, ["soft light", "old bark"]) if status == "enhanced" else BEFORE.components
    said = Enhancement(status, detail, model, natural)
    return Prepared(BEFORE.replacing(components=after, enhanced=said), BEFORE)


def state(phase: str, number: int = 1, prepared: Prepared | None = None, text: str = "") -> TaskState:
    run = new_run().replacing(draft=prepared.draft if prepared else BEFORE)
    task = Task(number, comfy_target("http://127.0.0.1:1", None), run, dispatch.Options())  # type: ignore[arg-type]
    return TaskState(task, run, phase, text=text)  # type: ignore[arg-type]


def test_each_part_has_a_tick_that_a_click_takes_away():
    shown = prepared_html(enhanced(), "tick", {"7": frozenset({"old bark"})})
    assert 'aria-checked="true" tabindex="0" data-to="tick" data-send="7:-soft%20light"' in shown
    assert 'aria-checked="false" tabindex="0" data-to="tick" data-send="7:+old%20bark"' in shown
    assert "by qwen3:8b" in shown
    assert "as it was before" in shown
    left_out = ticked(f"7:-soft%20light{SENT}1", {})
    assert left_out == {"7": frozenset({"soft light"})}
    assert ticked(f"7:-soft%20light{SENT}1", left_out) == left_out  # gradio 5 may tell of one click twice
    assert ticked(f"7:+soft%20light{SENT}2", left_out) == {"7": frozenset()}


def test_why_a_prompt_was_kept_is_said_and_the_second_text_shown():
    shown = prepared_html(enhanced("kept", f"It is away {HOSTILE}"), "tick", {})
    assert "kept as it was" in shown
    assert "It is away" in shown
    assert "<b onmouseover" not in shown
    assert "orc-part" not in shown
    assert "A fox sits." in prepared_html(enhanced(natural="A fox sits."), "tick", {})
    assert "not asked yet" in prepared_html(Prepared(BEFORE, BEFORE, waits=True), "tick", {})
    assert prepared_html(Prepared(BEFORE, BEFORE), "tick", {}) == ""


def test_a_scene_says_what_it_changes_and_nothing_of_it_is_markup():
    notes = (
        '{"changes":[{"op":"set","field":"where","subject":"","value":"old tavern","source":"code"}],"lore":["Inn"]}'
    )
    use = StoryUse(HOSTILE, 3, "continue", notes)
    shown = prepared_html(Prepared(BEFORE.replacing(story=use), BEFORE), "tick", {})
    assert "scene 3 of &lt;b" in shown
    assert "where: old tavern; lore: Inn" in shown
    assert "<b onmouseover" not in shown
    damaged = BEFORE.replacing(story=StoryUse("Tale", 3, "continue", "{"))
    assert prepared_html(Prepared(damaged, BEFORE), "tick", {}) == ""


def test_a_row_says_the_same_in_a_line():
    draft = enhanced().draft.replacing(story=StoryUse("Tale", 2))
    assert told_of(draft) == "scene 2 of Tale · enhanced by qwen3:8b"
    assert told_of(enhanced("kept", "It is away.").draft) == "kept as it was: It is away."
    assert told_of(BEFORE) == told_of(None) == ""
    assert HOSTILE not in row_head(1, "a", False, None, told=HOSTILE)


def test_who_writes_is_named_in_words():
    assert [writer_of(model) for model in ("rules:1", "transformers:SmolLM2 0a1b", "openai:")] == [
        "the rules",
        "SmolLM2",
        "the language model",
    ]


def test_what_a_model_writes_is_shown_while_it_arrives():
    states = (state("writing", 2, text=f"soft {HOSTILE}"), state("waiting", 3))
    assert progress_line(states) == "prompt 2 of 2: the language model writes"
    assert "soft &lt;b" in progress_html(states)
    half = '{"add": ["soft \\"rim\\" light", "morn'
    assert 'dir="auto">soft \\&quot;rim\\&quot; light · morn</p>' in progress_html([state("writing", text=half)])
    assert progress_line((state("writing"),)) == "prompt 1 of 1: being prepared"
    assert progress_line((state("done"),)) == "1 prompt ready to be rendered"


def test_prompts_that_were_kept_are_counted_by_the_reason_whatever_its_seconds():
    kept = [state("done", n, enhanced("kept", f"Left alone for {60 - n} s more.")) for n in range(1, 15)]
    shown = progress_html((*kept, state("done", 15, enhanced("kept", "Gone."))))
    assert "14 prompts kept as written (1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 4 more): Left alone for 59 s more." in shown
    assert "1 prompt kept as written (15): Gone." in shown
