"""A rendering that was sent before by who ended since: found by its run and its graph, waited for, and taken."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.errors import RenderFailed
from orchestrator_core.formats.image_metadata import add_metadata, read_image
from orchestrator_core.formats.image_notes import notes_as_json
from orchestrator_core.generators.comfy_http import ComfyGenerator
from orchestrator_core.generators.comfy_job import Timeouts
from orchestrator_core.generators.comfy_strays import OwnFiles
from orchestrator_core.request import GenerationRequest, ImageNotes, Progress
from tests.core.generators.stand_in_comfy import StandIn, png

pytestmark = pytest.mark.network

REQUEST = GenerationRequest("a fox", seed=7, steps=2)
NOTES = ImageNotes("0001")
QUICK = Timeouts(connect=2.0, check=0.05, gone=0.3)


@pytest.fixture
def server() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.stop()
    server.join()


def ignore(progress: Progress) -> None:
    """Shows none."""


def generator_for(server: StandIn, folder: Path, own: OwnFiles | None = None) -> ComfyGenerator:
    return ComfyGenerator(folder, server.url, timeouts=QUICK, own=own)


def test_a_rendering_that_was_finished_meanwhile_is_not_sent_again(server: StandIn, tmp_path: Path) -> None:
    (first,) = generator_for(server, tmp_path).generate(REQUEST, NOTES, ignore)
    (image,) = generator_for(server, tmp_path).adopted(REQUEST, NOTES, ignore)
    assert (image.request, image.run_id) == (first.request, "0001")
    assert read_image(image.path).notes == NOTES
    assert server.calls.count("POST /prompt") == 1


def test_one_that_still_runs_is_waited_for(tmp_path: Path) -> None:
    go_on = threading.Event()

    def job(server: StandIn, prompt_id: str) -> None:
        server.emit("execution_start", prompt_id)
        go_on.wait(20)
        server.finish(prompt_id)

    server = StandIn(job)
    try:
        body = {"prompt_id": "p", "prompt": graph_of(server, tmp_path), "extra_data": sent_with(NOTES)}
        server.queued(body)
        threading.Timer(0.2, go_on.set).start()
        assert len(generator_for(server, tmp_path).adopted(REQUEST, NOTES, ignore)) == 1
        assert "POST /prompt" not in server.calls
    finally:
        go_on.set()
        server.stop()
        server.join()


def graph_of(server: StandIn, folder: Path) -> dict[str, Any]:
    return generator_for(server, folder)._graph_for(REQUEST)


def sent_with(notes: ImageNotes) -> dict[str, Any]:
    return {"extra_pnginfo": {"orchestrator": notes_as_json(notes)}}


@pytest.mark.parametrize(
    ("request_", "notes"),
    [(REQUEST.replacing(seed=8), NOTES), (REQUEST, ImageNotes("0002")), (REQUEST.replacing(steps=3), NOTES)],
    ids=["another seed", "another run", "other steps"],
)
def test_what_is_not_this_very_rendering_is_left_alone(
    server: StandIn, tmp_path: Path, request_: GenerationRequest, notes: ImageNotes
) -> None:
    generator_for(server, tmp_path).generate(REQUEST, NOTES, ignore)
    assert generator_for(server, tmp_path).adopted(request_, notes, ignore) == ()


def test_one_that_failed_is_done_again(server: StandIn, tmp_path: Path) -> None:
    server.on_prompt = lambda server, prompt_id: server.fail(prompt_id)
    with pytest.raises(RenderFailed):
        generator_for(server, tmp_path).generate(REQUEST, NOTES, ignore)
    assert generator_for(server, tmp_path).adopted(REQUEST, NOTES, ignore) == ()


@pytest.mark.parametrize(
    "answer", [b"[]", b"{}", b'{"queue_running": [7, [1], [1, 2, 3, 4]]}', b'{"a": {"prompt": 3}}']
)
def test_a_server_that_says_it_otherwise_has_nothing(server: StandIn, tmp_path: Path, answer: bytes) -> None:
    server.answers |= {"queue": (200, answer), "history": (200, answer)}
    assert generator_for(server, tmp_path).adopted(REQUEST, NOTES, ignore) == ()


# a server of this process, whose files are at hand


def left_behind(server: StandIn, folder: Path, name: str = "ComfyUI_00001_.png") -> Path:
    """As ComfyUI writes an image."""
    path = folder / name
    path.write_bytes(png())
    graph = graph_of(server, folder)
    add_metadata(path, {"prompt": json.dumps(graph), "orchestrator": json.dumps(notes_as_json(NOTES))})
    return path


def test_an_image_that_a_server_left_before_it_was_ended_too_is_taken(server: StandIn, tmp_path: Path) -> None:
    path = left_behind(server, tmp_path)
    (image,) = generator_for(server, tmp_path, OwnFiles(tmp_path)).adopted(REQUEST, NOTES, ignore)
    assert image.path == path
    assert read_image(path).request == image.request
    assert list(tmp_path.iterdir()) == [path]


def test_an_image_that_is_cut_short_and_half_of_a_batch_are_not(server: StandIn, tmp_path: Path) -> None:
    path = left_behind(server, tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    generator = generator_for(server, tmp_path, OwnFiles(tmp_path))
    assert generator.adopted(REQUEST, NOTES, ignore) == ()
    left_behind(server, tmp_path, "ComfyUI_00002_.png")
    left_behind(server, tmp_path, "ComfyUI_00003_.png")
    assert generator.adopted(REQUEST, NOTES, ignore) == ()  # two, and one was asked for


@pytest.mark.parametrize("says_all", [True, False])
def test_images_of_a_server_of_this_process_stay_where_it_put_them(
    server: StandIn, tmp_path: Path, says_all: bool
) -> None:
    before = png()
    (tmp_path / "x_00001_.png").write_bytes(before)
    (image,) = generator_for(server, tmp_path, OwnFiles(tmp_path, says_all)).generate(REQUEST, NOTES, ignore)
    assert [path.name for path in tmp_path.iterdir()] == ["x_00001_.png"] == [image.path.name]
    found = read_image(image.path)
    assert (found.notes == NOTES, image.path.read_bytes() == before) == (says_all, not says_all)
    assert "GET /view" not in server.calls


def test_the_very_same_again_takes_no_image_from_the_run_that_had_it_first(server: StandIn, tmp_path: Path) -> None:
    """ComfyUI renders nothing then, and names the file that it wrote before."""
    generator = generator_for(server, tmp_path, OwnFiles(tmp_path))
    (tmp_path / "x_00001_.png").write_bytes(png())
    (first,) = generator.generate(REQUEST, NOTES, ignore)
    before = first.path.read_bytes()
    (again,) = generator.generate(REQUEST, ImageNotes("0002"), ignore)
    assert again.path != first.path
    assert first.path.read_bytes() == before
    assert [read_image(image.path).notes for image in (first, again)] == [NOTES, ImageNotes("0002")]


# what a queue asks before it sends


def test_what_a_server_lacks_is_told_without_asking_it(server: StandIn, tmp_path: Path) -> None:
    generator = generator_for(server, tmp_path)
    wanted = REQUEST.replacing(checkpoint="dream", sampler="eular")
    assert generator.lacks(wanted) == []  # not known yet
    generator.refresh()
    asked = list(server.calls)
    checkpoint, sampler = generator.lacks(wanted)
    assert "dream" in checkpoint
    assert "euler" in sampler
    assert generator.lacks(REQUEST.replacing(checkpoint="base")) == []
    assert server.calls == asked


def test_how_busy_a_server_is_with_whatever(server: StandIn, tmp_path: Path) -> None:
    generator = generator_for(server, tmp_path)
    assert generator.others() == 0
    server.running.append("a")
    server.pending += ["b", "c"]
    assert generator.others() == 3
    server.answers["prompt"] = (200, b'{"exec_info": "?"}')
    assert generator.others() == 0
