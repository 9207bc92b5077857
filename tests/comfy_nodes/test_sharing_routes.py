"""The routes by which the page shares a workflow or a past run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from comfy_nodes.routes import Reply
from comfy_nodes.sharing_routes import MAX_BODY, SharingAnswers, sharing_routes
from orchestrator_core.config import data_folder
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.sharing_nodes import OUR_NODES
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, new_run_id
from orchestrator_core.store import Store
from orchestrator_core.template import Template, Wildcards
from tests.comfy_nodes.test_routes import HOST, Asked, Body
from tests.core.formats.test_sharing import canvas, graph
from tests.core.template.engine import NONE, wildcards_in
from tests.fakes import awaited

REQUEST = GenerationRequest("a red fox", "blur", checkpoint="sd15", seed=3)


def reply(answers: SharingAnswers, asked: Asked, path: str) -> Reply:
    (route,) = [route for route in sharing_routes(answers) if route.path == f"/orchestrator/{path}"]
    assert route.method == asked.method
    return awaited(route.handler(asked))  # type: ignore[arg-type]


def share(answers: SharingAnswers, **body: Any) -> Any:
    found = reply(answers, Asked("POST", Body(json.dumps(body).encode())), "share")
    assert found.status == 200, found.data
    return json.loads(json.dumps(found.data))


def refused(body: Any, answers: SharingAnswers | None = None, **more: Any) -> tuple[int, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = reply(answers or SharingAnswers(NONE), Asked("POST", Body(data), **more), "share")
    assert list(found.data) == ["error"]
    assert "\n" not in found.data["error"]
    return found.status, found.data["error"]


def runs(answers: SharingAnswers | None = None, **query: str) -> Any:
    found = reply(answers or SharingAnswers(NONE), Asked("GET", query=query), "runs")
    assert found.status == 200, found.data
    return found.data["runs"]


def save(*templates: str, image: Path | None = None) -> list[Run]:
    saved = []
    for seed, template in enumerate(templates):
        run = Run(new_run_id(), Template(template).draw(Wildcards([]), seed=seed))
        if image:
            run = run.replacing(images=(GeneratedImage(image, REQUEST, run.id),))
        saved.append(run)
    with Store.open() as store:
        store.save_runs(saved)
    return saved


def test_the_open_graph_becomes_a_template():
    found = share(SharingAnswers(NONE), workflow=canvas(), prompt=graph(), kind="stock", name="Foxes")
    request = request_from_graph(graph_from_workflow(found["template"]))
    assert (request.positive, request.seed) == ("a crimson fox", 7)
    assert found["taken_out"] == []
    assert found["warnings"] == []
    assert "# Foxes" in json.dumps(found["template"])


def test_a_prompt_that_never_ran_is_drawn_with_the_servers_wildcards(tmp_path: Path):
    answers = SharingAnswers(wildcards_in(tmp_path, {"colors/warm.txt": "crimson"}))
    blank = canvas(graph(populated_text="", populated_negative="", template="a __colors/warm__ fox"))
    found = share(answers, workflow=blank, kind="stock")
    assert request_from_graph(graph_from_workflow(found["template"])).positive == "a crimson fox"


def test_a_template_that_cannot_be_drawn_is_kept_and_told():
    blank = canvas(graph(populated_text="", method="nonsense"))
    found = share(SharingAnswers(NONE), workflow=blank, kind="stock")
    assert found["template"]["nodes"]
    blank = canvas(graph(populated_text="", populated_negative="", missing="error", template="__none__ fox"))
    assert "was not drawn yet" in share(SharingAnswers(NONE), workflow=blank, kind="stock")["warnings"][0]


def test_the_host_tells_its_version_and_its_nodes_and_models():
    asked: list[set[str]] = []

    def node_info(kinds: Any) -> dict[str, Any]:
        asked.append(set(kinds))
        return {"Loader": {"input": {"required": {"ckpt_name": [["a/b.safetensors"], {}]}}, "output": []}}

    workflow = {"nodes": [{"id": 1, "type": "Loader", "widgets_values": ["a/b.safetensors"], "properties": {}}]}
    answers = SharingAnswers(NONE, lambda: "0.4.2", node_info)
    found = share(answers, workflow={**workflow, "extra": {"x": canvas()}}, kind="live")
    assert found["template"]["nodes"][0]["widgets_values"] == ["a/b.safetensors"]
    assert "Loader" in asked[0]
    assert share(answers, workflow=canvas(), kind="live")["template"]["nodes"][0]["properties"]["ver"] == "0.4.2"


def test_a_past_run_becomes_a_template():
    (run,) = save("a {red|blue} fox")
    found = share(SharingAnswers(NONE), run_id=run.id, kind="live")
    prompt = next(node for node in found["template"]["nodes"] if node["type"] == "OrchestratorWildcardPrompt")
    assert prompt["widgets_values"][0] == "a {red|blue} fox"
    assert found["image"] is None
    stock = share(SharingAnswers(NONE), run_id=run.id, kind="stock")
    assert request_from_graph(graph_from_workflow(stock["template"])).positive == run.draft.positive


def test_the_workflow_in_a_past_runs_image_is_what_is_shared(tmp_path: Path):
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", json.dumps(canvas()))
    info.add_text("prompt", json.dumps(graph(populated_text="a pink owl")))
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=info)
    (run,) = save("x", image=tmp_path / "a.png")
    view = {"filename": "a.png", "subfolder": "", "type": "output"}
    found = share(SharingAnswers(NONE, view_of=lambda path: view), run_id=run.id, kind="stock")
    result = graph_from_workflow(found["template"], OUR_NODES)
    assert request_from_graph(result).positive == "a pink owl"
    assert request_from_graph(result).steps == 4
    assert found["image"] == view


def test_past_runs_are_listed_newest_first_and_page_by_page(tmp_path: Path):
    saved = save("a fox", "an owl", "a red fox", image=tmp_path / "gone.png")
    found = runs()
    assert [run["id"] for run in found] == sorted((run.id for run in saved), reverse=True)
    by_id = {run["id"]: run for run in found}
    first = by_id[saved[0].id]
    assert (first["positive"], first["template"], first["seed"], first["images"]) == ("a fox", "a fox", "0", 1)
    assert abs(first["made_ms"] - int(saved[0].id[:12], 16)) == 0
    assert first["image"] is None
    assert [run["id"] for run in runs(limit="1", before=found[0]["id"])] == [found[1]["id"]]
    assert len(runs(search="FOX")) == 2


def test_without_a_database_there_are_no_runs_and_none_is_made():
    assert runs() == []
    assert not data_folder().exists()
    status, message = refused({"run_id": "0" * 32, "kind": "live"})
    assert status == 400
    assert "there is no database yet" in message
    assert not data_folder().exists()


def test_a_broken_database_is_told_in_a_sentence():
    data_folder().mkdir(parents=True)
    (data_folder() / "orchestrator.sqlite3").write_bytes(b"no database" * 1000)
    found = reply(SharingAnswers(NONE), Asked("GET"), "runs")
    assert found.status == 400
    assert "\n" not in found.data["error"]


@pytest.mark.parametrize(
    "body",
    [{}, [], {"kind": "stock"}, {"kind": "both", "workflow": {}}, {"kind": "live", "workflow": []}, b"{", b"\xff",
     {"kind": "live", "workflow": {"nodes": []}, "run_id": "0" * 32}, {"kind": "live", "run_id": "../../etc/passwd"},
     {"kind": "live", "workflow": {"nodes": [3]}}, {"kind": "live", "workflow": {"nodes": []}, "path": "x"},
     {"kind": "live", "workflow": {"nodes": []}, "name": "x" * 301}, {"kind": "stock", "workflow": {"1": {}}}],
)  # fmt: skip
def test_what_is_no_request_is_refused_in_a_sentence(body: Any):
    assert refused(body)[0] == 400


@pytest.mark.parametrize(
    "workflow",
    [{}, {"1": 3}, {"nodes": [3]}, {"nodes": [{}]}, {"nodes": [{"id": "?", "type": "x"}]},
     {"nodes": [], "links": [[1]]}, {"nodes": [{"id": 1, "type": "x", "inputs": [3]}]},
     {"nodes": [], "definitions": {"subgraphs": [3]}}],
)  # fmt: skip
def test_what_is_no_workflow_is_told_in_words_for_people(workflow: Any):
    _, message = refused({"kind": "stock", "workflow": workflow})
    assert "workflow" in message.lower()
    assert not re.search(r"Error|object (is|has)|formats\.", message), message


def test_a_node_that_describes_itself_oddly_is_told():
    odd = SharingAnswers(NONE, node_info=lambda kinds: {"KSampler": {"input": 3, "output": None}})
    status, message = refused({"kind": "stock", "workflow": canvas()}, odd)
    assert status == 400
    assert "KSampler" in message


def test_only_comfyuis_own_page_may_ask():
    for headers in ({"Host": HOST, "Origin": "https://evil.example"}, {"Host": HOST, "Sec-Fetch-Site": "cross-site"}):
        assert refused({"kind": "stock", "workflow": canvas()}, headers=headers)[0] == 403
        assert reply(SharingAnswers(NONE), Asked("GET", headers=headers), "runs").status == 403


def test_four_megabytes_are_read_and_no_more():
    body = Body(b" " * (100 << 20))
    assert refused(b"", content_length=100 << 20)[0] == 413
    found = reply(SharingAnswers(NONE), Asked("POST", body), "share")
    assert (found.status, found.data["error"].startswith("The body is larger than 4 MB")) == (413, True)
    assert body.taken <= MAX_BODY + 1
    large = {**canvas(), "extra": {"x": ["y" * 1000] * 2000}}
    assert share(SharingAnswers(NONE), workflow=large, kind="live")["taken_out"] == ["the workflow: left out extra.x"]


def test_a_graph_that_renders_with_core_nodes_is_stock_already():
    workflow = workflow_from_graph(text_to_image_graph(REQUEST))
    found = share(SharingAnswers(NONE), workflow=workflow, kind="stock")
    request = request_from_graph(graph_from_workflow(found["template"]))
    assert request == REQUEST.replacing(checkpoint="sd15.safetensors")
