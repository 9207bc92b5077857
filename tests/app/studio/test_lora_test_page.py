"""The LoRA test page: what it says before it renders, a test from begin to end, and one that is gone on with."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.lora_test.folder import TestFolder
from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.lora_place import LoraPlace
from orchestrator_app.studio.lora_tests import earlier_tests, folder_of_tests
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import RenderFailed
from orchestrator_core.request import Choices
from orchestrator_core.template import Wildcards
from tests.app.studio.studio_fakes import FakeHost, KeptSettings
from tests.core.loras.library_files import write_lora

gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'sd-orchestrator[studio]'")

CHOICES = Choices(("sd15.safetensors",), (), ("euler",), ("normal",), ("ink.safetensors", "<b>mist.safetensors"))
SAID = {"prompts": "a hill, {trigger}", "strengths": "0.5, 1", "seeds": "1", "query": "", "negative": ""}


class Studio:
    """The page beside the Generate page, with two LoRAs that the target has and one that it has not."""

    def __init__(self, folder: Path) -> None:
        from orchestrator_app.studio.pages.generate import GeneratePage
        from orchestrator_app.studio.pages.lora_test import LoraTestPage

        self.loras, self.host, self.session = folder / "loras", FakeHost(folder), Session()
        for name in ("ink", "<b>mist", "elsewhere"):
            write_lora(self.loras / f"{name}.safetensors", f"{name} words")
        self.place = LoraPlace(lambda _: [self.loras])
        target = Target("ComfyUI", self.host.generator, lambda: CHOICES, "http://there")
        environment = StudioEnvironment(lambda _: (target,), lambda _: Wildcards([]), KeptSettings(), loras=self.place)
        self.live = LiveEnvironment(environment)
        with gr.Blocks(analytics_enabled=False):
            with gr.Tabs(), gr.Tab("Generate") as tab:
                generate = GeneratePage(self.live, gr.State(self.session), tab)
            with gr.Tab("LoRA test") as tab:
                self.page = LoraTestPage(self.live, gr.State(self.session), tab, generate)
            self.page.connect()
        self.live.loras.watcher.refresh()

    def values(self, **said: str) -> list[Any]:
        texts = {"loras": "ink", **SAID, **said}
        rendering = [element.value for element in self.page.generate.render_inputs]
        return ["ComfyUI", *(texts[name] for name in self.page.fields), *rendering]

    def run(self, which: str = "A new test", **said: str) -> list[tuple[Any, ...]]:
        return list(self.page._on_run(self.session, which, *self.values(**said)))


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    found = Studio(tmp_path)
    yield found
    found.place.close()


def frame(value: str) -> str:
    """The page within the frame."""
    assert 'sandbox="allow-scripts"' in value
    return unescape(value.partition('srcdoc="')[2])


def test_the_count_is_said_as_one_types(studio: Studio):
    said = studio.page._on_change("A new test", *studio.values(loras="*"))
    assert "3 LoRAs × 2 strengths × 1 prompt × 1 seed + 1 baseline = 7 images" in said
    assert "Rendered by ComfyUI with its own model, 512 × 512, 20 steps" in said
    assert "There is no LoRA &#x27;imk&#x27;" in studio.page._on_change("A new test", *studio.values(loras="imk"))
    assert "Say which LoRAs to test" in studio.page._on_change("A new test", *studio.values(loras=""))


def test_a_test_is_rendered_shown_and_kept(studio: Studio):
    *_, last = studio.run(loras="*")
    _, _, progress, which, grid, file = last
    assert [request.positive for request in studio.host.requests] == [
        "a hill", *["a hill, <b>mist words"] * 2, *["a hill, ink words"] * 2,
    ]  # fmt: skip
    assert [use.name for request in studio.host.requests for use in request.loras][-1] == "ink.safetensors"
    assert "5 of 5 images in " in progress
    page = frame(grid)
    assert page.count('href="data:image/webp') == 5
    assert "the host does not have it" in page
    assert "<b>mist words" not in page
    assert Path(file["value"][0]).read_text("utf-8").count('href="data:image/webp') == 5
    assert which["value"] == earlier_tests(Settings())[0]
    assert (folder_of_tests(Settings()) / which["value"] / "grid.html").is_file()


def test_what_failed_is_said_and_only_that_is_rendered_when_it_goes_on(studio: Studio):
    studio.host.errors = {"ink": RenderFailed("Out of <memory>.")}
    *_, last = studio.run()
    assert "1 of 3 images" in last[2]
    assert "Out of &lt;memory&gt;." in last[2]
    name = last[3]["value"]
    studio.host.errors, studio.host.requests = {}, []
    *_, last = studio.run(which=name, loras="nothing of this counts")
    assert [request.positive for request in studio.host.requests] == ["a hill, ink words"] * 2
    assert "3 of 3 images" in last[2]


def test_an_interrupt_keeps_what_is_there(studio: Studio):
    studio.host.hold = threading.Event()
    running = studio.page._on_run(studio.session, "A new test", *studio.values())
    next(running)
    assert studio.host.began.wait(20)
    assert studio.page._on_interrupt(studio.session)["interactive"] is False
    *_, last = running
    assert studio.host.cancelled >= 1
    assert "0 of 3 images" in last[2]
    assert "Press Run to go on." in last[2]
    assert len(TestFolder.reopened(folder_of_tests(Settings()) / last[3]["value"]).missing()) == 3


def test_a_running_test_keeps_hashing_waiting_and_no_second_one_begins_on_its_page(studio: Studio):
    studio.host.hold = threading.Event()
    running = studio.page._on_run(studio.session, "A new test", *studio.values())
    next(running)
    assert studio.host.began.wait(20)
    assert len(studio.live.jobs.running()) == 1
    with pytest.raises(gr.Error, match="still running"):
        next(studio.page._on_run(studio.session, "A new test", *studio.values()))
    studio.host.hold.set()
    assert list(running)


def test_an_earlier_test_is_offered_and_shown(studio: Studio):
    *_, last = studio.run()
    name = last[3]["value"]
    chooser, _ = studio.page._on_open("A new test", *studio.values())
    assert chooser["choices"] == ["A new test", name]
    summary, said, grid, _ = studio.page._on_which(name, *studio.values(seeds="1,2,3"))
    assert "= 3 images" in summary
    assert "3 of 3 images" in said
    assert frame(grid).count("data:image/webp") == 3
    assert studio.page._on_which("../../etc", *studio.values())[1:3] == ("", "")


def test_too_many_images_are_refused_before_anything_is_made(studio: Studio):
    (only,) = studio.run(seeds="0-400")
    assert "more than 500 at once" in only[2]
    assert studio.host.requests == []
    assert earlier_tests(Settings()) == []


def test_a_test_is_given_as_a_workflow(studio: Studio):
    files, said = studio.page._on_workflow("A new test", *studio.values())
    assert said == ""
    workflow = json.loads(Path(files["value"][0]).read_text("utf-8"))
    assert [group["title"] for group in workflow["groups"]] == ["baseline, without LoRA", "ink at 0.5", "ink at 1"]
    _, said = studio.page._on_workflow("A new test", *studio.values(seeds="1-20"))
    assert "a workflow holds at most 24" in said
