"""The pages as gradio has them, whichever gradio is installed: run it with 4.40, 5 and 6."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.studio.forms import fields_of, read
from orchestrator_core.pipeline import STAGES, new_run
from orchestrator_core.request import ImageNotes
from orchestrator_core.stages import dispatch, generate_prompt
from tests.app.studio.studio_fakes import FakeHost, environment, target
from tests.parity import id_in_forge, options, place_in_forge

gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def pages(tmp_path: Path) -> Any:
    from orchestrator_app.studio.build import build

    return build(environment(tmp_path))


def elements(pages: Any) -> dict[str, Any]:
    found = [block for block in pages.blocks.values() if getattr(block, "elem_id", None)]
    by_id = {block.elem_id: block for block in found}
    assert len(by_id) == len(found)  # no id twice
    return by_id


def test_every_option_of_every_stage_has_its_element(pages: Any):
    found = elements(pages)
    for option in options():
        field = fields_of(STAGES[option.stage].options)[option.name]
        element = found[id_in_forge(option)]
        assert element.label == place_in_forge(option).partition(": ")[2]
        assert field.description.split("{")[0].split("_")[0] in element.info.replace("\\", "")


def test_choices_are_those_of_the_model(pages: Any):
    found = elements(pages)
    assert [value for _, value in found["orchestrator_generate_prompt_method"].choices] == [
        "random",
        "combinatorial",
        "cyclical",
    ]
    slider = found["orchestrator_dispatch_clip_skip"]
    assert (slider.minimum, slider.maximum, slider.step) == (1, 12, 1)


def test_a_number_that_may_be_empty_is_a_text(pages: Any):
    """gradio 6 shows an empty number as 0, and takes it for one that was chosen."""
    assert isinstance(elements(pages)["orchestrator_generate_prompt_index"], gr.Textbox)
    assert read(generate_prompt.Options, {"index": ""}, fields_of(generate_prompt.Options)).index is None
    assert read(generate_prompt.Options, {"index": "3"}, fields_of(generate_prompt.Options)).index == 3


def test_the_pages_go_into_those_of_a_host(tmp_path: Path):
    from orchestrator_app.studio.build import build

    pages = build(environment(tmp_path))
    for block in pages.blocks.values():
        block.do_not_save_to_config = True  # as the Forge tab does
    with gr.Blocks(analytics_enabled=False) as host, gr.Tabs(), gr.Tab("Orchestrator"):
        pages.render()
    assert "orchestrator_generate_prompt_template" in elements(host)
    assert len(host.fns) == len(pages.fns)
    assert host.get_config_file()["components"]


def test_two_can_be_built_in_one_process(tmp_path: Path):
    """Reload UI of Forge builds the tab once more."""
    from orchestrator_app.studio.build import build

    first, second = build(environment(tmp_path)), build(environment(tmp_path))
    assert elements(first).keys() == elements(second).keys()


def test_nothing_of_it_is_in_gradios_own_api(pages: Any):
    described = pages.get_api_info() or {}
    assert described.get("named_endpoints", {}) == {}


def test_each_page_that_is_opened_has_a_session_of_its_own(pages: Any):
    import copy

    from orchestrator_app.studio.session import Session

    (state,) = [block for block in pages.blocks.values() if isinstance(block, gr.State)]
    assert isinstance(state.value, Session)
    assert copy.deepcopy(state.value) is not state.value


def test_an_image_that_is_gone_costs_only_itself(tmp_path: Path):
    from orchestrator_app.studio.job import Task, TaskState
    from orchestrator_app.studio.live import LiveEnvironment
    from orchestrator_app.studio.pages.results import ResultsPanel
    from orchestrator_app.studio.session import Session

    live, session, host = LiveEnvironment(environment(tmp_path)), Session(), FakeHost(tmp_path)
    with gr.Blocks(analytics_enabled=False):
        panel = ResultsPanel(live, None, lambda session: session.generate, "x")
    states = []
    for number in (1, 2):
        task = Task(number, target("Forge", host), new_run(), dispatch.Options())
        images = host.generator().generate(task.request, ImageNotes(task.run.id), lambda _: None)
        states.append(TaskState(task, task.run.replacing(images=images), "done"))
    states[0].images[0].path.unlink()
    gallery, *_ = panel.added(session, states)
    assert [Path(path).name for path, _ in gallery["value"]] == [states[1].images[0].path.name]
    assert panel.added(session, states) == panel.unchanged


def loaded_by(module: str) -> set[str]:
    code = f"import {module}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("module", ["environment", "live", "job", "batch", "forms", "html", "standalone", "targets"])
def test_what_is_no_page_needs_no_gradio(module: str):
    loaded = loaded_by(f"orchestrator_app.studio.{module}")
    assert not loaded & {"gradio", "torch", "numpy", "PIL", "sqlalchemy", "websockets", "rich"}


def test_the_style_changes_nothing_outside_of_the_studio():
    from orchestrator_app.studio.style import STYLE

    rules = [
        line.split("{")[0].strip()
        for line in STYLE.splitlines()
        if "{" in line and not line.startswith((" ", "/", "@"))
    ]
    own = ("orc-", "orchestrator", ".dark .orc-")
    assert [rule for rule in rules if not all(any(o in part for o in own) for part in rule.split(","))] == []
    assert "http" not in STYLE
