"""Scoring and rendering again in a real ComfyUI, with a scorer that sees red and a node that paints by the seed."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from tests.hosts.comfyui import ComfyUI
from tests.hosts.test_comfyui_nodes import Graph, Server, node, ran

pytestmark = [pytest.mark.host, pytest.mark.slow]

TEMPLATE = "a {red|blue} fox, {snow|rain}"


@pytest.fixture
def server(comfyui: ComfyUI) -> Server:
    return Server(comfyui)


def graph(seed: int = 3, batch: int = 1, until: float = 0.35) -> Graph:
    """Wildcard Prompt → an image as red as the seed's last digit → CLIP Scorer."""
    return {
        "2": node("OrchestratorWildcardPrompt", template=TEMPLATE, seed=seed),
        "3": node("TestScorer"),
        "7": node("TestPaint", text=["2", 0], seed=["2", 3], batch=batch),
        "8": node("OrchestratorCLIPScorer", images=["7", 0], draft=["2", 2], scorer=["3", 0], until=until),
    }


def retrying(tries: int, change: str = "seed", **options: Any) -> Graph:
    return {
        **graph(**options),
        "9": node("OrchestratorRetryUntil", images=["7", 0], scored=["8", 0], until=0.75, tries=tries, change=change),
        "10": saving(["9", 0], "retried"),
    }


def saving(link: list[Any], prefix: str) -> dict[str, Any]:
    return node("SaveImage", images=link, filename_prefix=f"scoring/{prefix}")


def reds(server: Server, done: dict[str, Any], key: str) -> list[float]:
    """How red the images are that a node saved."""
    paths = server.files({"outputs": {key: done["outputs"].get(key, {})}})
    found = []
    for path in paths:
        with Image.open(path) as image:
            found.append(round(image.convert("RGB").getpixel((0, 0))[0] / 255, 1))  # type: ignore[index]
    return found


def test_a_batch_is_sorted_and_parted_and_each_part_of_the_prompt_has_a_bar(server: Server) -> None:
    found = graph(batch=3)
    for key, output in (("11", 1), ("12", 2), ("13", 3), ("14", 4)):
        found[key] = saving(["8", output], key)
    done = server.run(found)
    assert [reds(server, done, key) for key in ("11", "12", "13", "14")] == [[0.5], [0.5, 0.4, 0.3], [0.5, 0.4], [0.3]]
    (shown,) = done["outputs"]["8"]["orchestrator_scores"]
    assert [image["passed"] for image in shown["images"]] == [False, True, True]
    assert [part["measure"] for part in shown["images"][0]["parts"] if part["key"]] == ["siblings", "siblings"]


def test_an_output_without_images_blocks_what_needs_it_and_nothing_else(server: Server) -> None:
    found = graph(batch=2, until=0.99)
    found |= {"13": saving(["8", 3], "none"), "14": saving(["8", 4], "all")}
    done = server.run(found)
    assert "13" not in done["outputs"]
    assert reds(server, done, "14") == [0.4, 0.3]


def test_the_same_images_and_prompt_are_scored_once(server: Server) -> None:
    first, second = server.run(graph(seed=15)), server.run(graph(seed=15))
    assert ran(first, "8")
    assert not ran(second, "8")
    assert second["outputs"]["8"] == first["outputs"]["8"]


def test_too_little_is_rendered_again_until_it_is_enough(server: Server) -> None:
    done = server.run(retrying(6))
    assert reds(server, done, "10") == [0.8]
    (told,) = max(tries_in(done), key=lambda told: len(told[0]["tries"]))
    assert [round(each["value"], 1) for each in told["tries"]] == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    assert told["is_reached"]
    assert not ran(server.run(retrying(6)), "9")  # all of it is in the cache


def test_the_tries_are_bounded_and_the_best_is_kept(server: Server) -> None:
    done = server.run(retrying(3, seed=8, batch=1))
    assert reds(server, done, "10") == [0.8]  # at once
    done = server.run(retrying(3, seed=9999999))  # .9
    assert len(tries_in(done)) == 1
    done = server.run(retrying(4, seed=20, batch=1))
    assert reds(server, done, "10") == [0.3]
    assert max(len(told[0]["tries"]) for told in tries_in(done)) == 4


def test_what_was_missing_is_said_more_clearly_with_the_same_noise(server: Server) -> None:
    done = server.run(retrying(3, "words", seed=42))
    (told,) = max(tries_in(done), key=lambda told: len(told[0]["tries"]))
    first, second, _ = told["tries"]
    assert first["value"] < second["value"]  # the painter takes brackets for red
    assert second["changes"]
    assert all(change.startswith("(") and ":1.1), of which " in change for change in second["changes"])


def test_an_image_of_a_wrong_kind_ends_with_a_sentence(server: Server) -> None:
    found = graph()
    del found["8"]["inputs"]["scorer"]
    done = server.wait(server.queue(found))
    assert "connect a Scorer Model" in str(done["status"]["messages"])


def tries_in(done: dict[str, Any]) -> list[Any]:
    return [output["orchestrator_tries"] for output in done["outputs"].values() if "orchestrator_tries" in output]
