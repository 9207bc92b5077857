"""What stops a rendering costs none of what was finished before it, and the report covers every prompt."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from orchestrator_app.drawing import Drawing
from orchestrator_app.output_folder import OutputFolder
from orchestrator_app.planning import Planned, plan
from orchestrator_app.progress import Lines
from orchestrator_app.rendering import NOT_RENDERED, Renderer
from orchestrator_app.sources import Source, Wish
from orchestrator_core.context import StageContext
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress
from orchestrator_core.run import Run
from orchestrator_core.template import Wildcards
from tests.fakes import FakeGenerator


class Generator(FakeGenerator):
    """Writes the files whose paths it gives; counts how often it is stopped."""

    cancelled = 0

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        images = super().generate(request, notes, on_progress)
        for image in images:
            image.path.write_bytes(b"pixels")
        return images

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.fixture
def folder(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path)


def planned(context: StageContext, count: int) -> list[Planned]:
    return plan(Source("", (Wish("a {b|c}"),)), Drawing(count=count, seed=1), {}, context, 1)


def test_ctrl_c_while_a_result_is_stored_keeps_it_and_stops_the_rest(folder: OutputFolder):
    context, generator = StageContext(Wildcards([folder.path])), Generator(folder.path)
    saved: list[Run] = []

    def save(run: Run) -> None:
        saved.append(run)
        if len(saved) == 2:
            raise KeyboardInterrupt

    renderer = Renderer(context, generator, folder, save)
    results = renderer.render(planned(context, 4), Lines(4))
    assert [len(result.images) for result in results] == [1, 1, 0, 0]
    assert [result.error for result in results] == ["", "", NOT_RENDERED, NOT_RENDERED]
    assert (renderer.stopped_by_hand, generator.cancelled, len(generator.history)) == (True, 1, 2)
    assert len(saved) == 4


def test_a_full_disk_stops_the_rest_and_is_named(folder: OutputFolder):
    context, generator = StageContext(Wildcards([folder.path])), Generator(folder.path)
    generator.enqueue(1, OSError(errno.ENOSPC, "No space left on device", "0002.png"))
    results = Renderer(context, generator, folder, lambda _: None).render(planned(context, 3), Lines(3))
    assert [len(result.images) for result in results] == [1, 0, 0]
    assert [result.error for result in results] == ["", "0002.png: No space left on device", NOT_RENDERED]
    assert results[0].images[0].path.read_bytes() == b"pixels"
