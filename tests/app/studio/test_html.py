"""What the studio shows as HTML: all of it, and never as markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_app.studio import html, job_html, wildcards_html
from orchestrator_app.studio.drawing import Drawn
from orchestrator_app.studio.job import Task, TaskState
from orchestrator_app.studio.targets import comfy_target
from orchestrator_core.pipeline import new_run
from orchestrator_core.prompt import Component, LoraUse, PromptDraft
from orchestrator_core.request import GenerationRequest, Progress
from orchestrator_core.stages import dispatch
from orchestrator_core.template import Template, Wildcards
from orchestrator_core.template.check import check
from orchestrator_core.template.folders import Changes
from tests.app.studio.studio_fakes import FakeHost, target

HOSTILE = '<img src=x onerror="alert(1)">${alert(1)}{{value}}\' onclick=alert(1) <script>alert(1)</script>'


class Seen(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers |= {value or "" for name, value in attributes if name.startswith("on")}

    def handle_data(self, data: str) -> None:
        self.text += data


def prompts(drawn: Drawn, **options: object) -> str:
    return html.prompts_html(drawn, "reroll", "pick", **{"can_reroll": True, **options})  # type: ignore[arg-type]


def assert_harmless(page: str) -> None:
    seen = Seen(page)
    assert not seen.tags & {"script", "img", "iframe"}
    assert len(seen.handlers) <= 2  # our own two, which are constant
    assert all("alert" not in handler for handler in seen.handlers)


def test_a_hostile_wildcard_is_text(tmp_path: Path):
    (tmp_path / "bad.txt").write_text(HOSTILE.replace("{", "\\{").replace("}", "\\}") + "\n")
    wildcards = Wildcards(tmp_path)
    draft = Template("a __bad__", "__bad__").draw(wildcards, 1)
    page = prompts(Drawn((draft,)))
    assert_harmless(page)
    assert "<script>alert(1)</script>" in draft.positive
    assert draft.positive in Seen(page).text
    for page in (
        wildcards_html.values_html(wildcards, "bad"),
        wildcards_html.hits_html(wildcards, "alert", "name"),
        wildcards_html.findings_html(check(wildcards)),
    ):
        assert_harmless(page)


def test_hostile_names_problems_and_settings_are_text(tmp_path: Path):
    draft = PromptDraft((Component(HOSTILE),))
    state = TaskState(Task(1, target("X", FakeHost(tmp_path)), new_run(), dispatch.Options()), new_run(), "failed")
    for page in (
        html.notice(HOSTILE),
        html.prompts_html(Drawn((draft,), HOSTILE), "a", "b", can_reroll=False),
        html.summary_html(
            html.summary(
                [GenerationRequest("a", checkpoint=HOSTILE)],
                1,
                replace(target("X", FakeHost(tmp_path)), name=HOSTILE, where=HOSTILE),
            )
        ),
        job_html.row_head(1, HOSTILE, False, state, HOSTILE, hint=HOSTILE + "."),
        html.origins_html(draft, HOSTILE),
        wildcards_html.changes_html(Changes(added=(HOSTILE,))),
        wildcards_html.values_html(Wildcards([]), HOSTILE),
        wildcards_html.tree_html(Wildcards([]), HOSTILE, "x"),
    ):
        assert_harmless(page)


@given(st.text("ab ,{}|<>&\"'_$:\n", max_size=40))
def test_the_words_that_are_shown_are_the_prompt(text: str):
    draft = Template(text).draw(Wildcards([]), 3)
    page = prompts(Drawn((draft,)))
    shown = re.search(r'<p class="orc-words" dir="auto">(.*?)</p>', page, re.DOTALL)
    assert shown is not None
    words = unescape(re.sub(r"<span [^>]*>|</span>", "", shown[1]))
    assert words == (draft.positive or "<em>This prompt is empty.</em>")


def test_words_say_where_they_come_from_and_can_be_drawn_again():
    page = prompts(Drawn((Template("a {fox|owl}").draw(Wildcards([]), 9),)))
    assert re.search(r'data-tip="\{fox\|owl\} · 50 %, 1 of 2" data-send="9:[0-9a-f]+" role="button"', page)
    assert "an option of {a|b}" in Seen(page).text
    assert 'data-send="9:' not in prompts(Drawn((Template("a {fox|owl}").draw(Wildcards([]), 9),)), can_reroll=False)


def test_what_a_template_has_to_say_is_said_once_for_all_prompts():
    drafts = tuple(Template("a {fox|owl").draw(Wildcards([]), seed) for seed in range(4))
    assert Seen(prompts(Drawn(drafts))).text.count("never closed") == 1


def test_more_prompts_than_are_shown_are_counted():
    assert "… and 996 prompts more." in Seen(prompts(Drawn((PromptDraft(()),)), more=996)).text


def test_a_click_says_what_was_clicked():
    assert html.clicked(f"9:abc{html.SENT}1700000000000") == "9:abc"
    assert f"data-to={chr(34)}box{chr(34)}" in html.clickable("box", "", "x")
    assert escape(html.SENT) == html.SENT


def test_the_summary_says_what_will_be_sent():
    request = GenerationRequest(
        "a fox <lora:mist:0.5>", loras=(LoraUse("ink"),), checkpoint="sd15", scheduler="karras", denoise=0.5
    )
    forge = target("Forge", FakeHost(Path()))
    assert html.summary([request] * 4, 4, forge) == (
        "4 prompts · 512 × 512 · 20 steps euler / karras · cfg 7 · denoise 0.5 · model sd15 · LoRA ink, mist · "
        "to Forge (forge of a test)"
    )
    assert html.summary([], 0, forge) == "Nothing to render yet."


def test_the_summary_says_which_model_it_is_where_none_is_chosen():
    comfy = comfy_target("http://127.0.0.1:8188", Path())
    assert "· ComfyUI's first model · to ComfyUI (http://127.0.0.1:8188)" in html.summary(
        [GenerationRequest("a")], 1, comfy
    )


def test_a_row_says_what_is_odd_in_it_and_a_problem_only_once():
    seen = Seen(job_html.row_head(1, "a.json, row 1", False, None, hint="There is no wildcard 'x'."))
    assert "There is no wildcard 'x'." in seen.text
    assert Seen(job_html.row_head(1, "a", False, None, "Broken.", hint="Broken.")).text.count("Broken.") == 1


def state_of(phase: str, progress: Progress | None = None, number: int = 2, **more: object) -> TaskState:
    task = Task(number, target("Forge", FakeHost(Path())), new_run(), dispatch.Options())
    return TaskState(task, task.run, phase, progress, **more)  # type: ignore[arg-type]


def test_progress_says_which_prompt_and_which_step():
    states = [
        state_of("done", number=1),
        state_of("running", Progress("sampling", 3, 8, b"\xff\xd8")),
        state_of("waiting"),
    ]
    assert job_html.progress_line(states) == "prompt 2 of 3: step 3/8"
    page = job_html.progress_html(states)
    assert 'src="data:image/jpeg;base64,/9g="' in page
    assert 'style="width:45.2%"' in page
    assert job_html.progress_line([state_of("running", Progress("loading"))]) == "prompt 2 of 1: loading"
    assert job_html.progress_line([state_of("running")]) == "prompt 2 of 1: sent to Forge"
    assert job_html.progress_line([state_of("failed"), state_of("stopped")]) == "0 images, 1 failed, 1 stopped"
    assert job_html.progress_html([]) == ""


def test_one_reason_of_many_rows_is_said_once():
    page = job_html.progress_html(
        [state_of("failed", error="gone"), state_of("failed", error="gone")], ["Not remembered: locked"]
    )
    assert Seen(page).text.count("gone") == 1
    assert "Not remembered: locked" in Seen(page).text


def test_pictures_are_known_by_their_first_bytes():
    assert html.picture(b"\x89PNG\r\n").startswith("data:image/png;")
    assert html.picture(b"RIFF....WEBP").startswith("data:image/webp;")


def test_the_tree_has_folders_and_search_opens_them(tmp_path: Path):
    (tmp_path / "colors").mkdir()
    (tmp_path / "colors" / "warm.txt").write_text("crimson\n3::amber\n")
    (tmp_path / "animals.txt").write_text("fox\n")
    wildcards = Wildcards(tmp_path)
    page = wildcards_html.tree_html(wildcards, "", "name")
    assert Seen(page).text == "2 wildcardscolors 1warmanimals"
    assert 'data-send="colors/warm"' in page
    assert "animals" not in Seen(wildcards_html.tree_html(wildcards, "warm", "name")).text
    values = Seen(wildcards_html.values_html(wildcards, "colors/warm")).text
    assert "amber375 %colors/warm.txt:2" in values
    assert "There is no wildcard 'cold'" in Seen(wildcards_html.values_html(wildcards, "cold")).text
    assert "colors/warm" in Seen(wildcards_html.hits_html(wildcards, "amb", "name")).text
    assert "No value holds" in Seen(wildcards_html.hits_html(wildcards, "zebra", "name")).text


def test_findings_show_the_place_and_mark_what_is_wrong(tmp_path: Path):
    (tmp_path / "a.txt").write_text("a {fox|owl\na __gone__ cat\n")
    page = wildcards_html.findings_html(check(Wildcards(tmp_path)))
    assert "2 problems, 0 notes" in Seen(page).text
    assert "<mark>__gone__</mark>" in page
    assert "a.txt:2" in Seen(page).text
    assert "Nothing is wrong" in wildcards_html.findings_html([])


def test_a_reload_says_what_changed():
    changes = Changes(added=("a", "b"), removed=("c",))
    assert Seen(wildcards_html.changes_html(changes)).text == "Read again: 2 added (a, b), 1 removed (c)."
    assert "nothing has changed" in wildcards_html.changes_html(Changes())
