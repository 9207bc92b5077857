"""What every server of the API can do with a picture; ``api_contract.py`` has these among its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api_client import DRAW, RENDER, ApiServer

__all__ = [
    "test_a_picture_tells_of_its_words_and_is_rendered_again_with_another",
    "test_a_pipeline_becomes_a_workflow",
    "test_the_stages_are_described_with_their_options",
]


def test_a_picture_tells_of_its_words_and_is_rendered_again_with_another(api: ApiServer, tmp_path: Path):
    from orchestrator_core.gallery.service import Gallery
    from orchestrator_core.request import GeneratedImage, GenerationRequest
    from orchestrator_core.run import Run, new_run_id
    from orchestrator_core.stages.generate_prompt import Options, generate
    from orchestrator_core.store import Store
    from orchestrator_core.template import Wildcards

    if not api.database:
        pytest.skip("nobody says where this server's store is")
    draft = generate(Options(template="a {fox|owl} that is <b>again</b>", seed=3), Wildcards([]))
    run_id, request = new_run_id(), GenerationRequest(draft.positive, seed=3)
    with Store.open(api.database) as store:
        store.save_run(Run(run_id, draft, (GeneratedImage(tmp_path / "again.png", request, run_id),)))
        (image,) = Gallery(store).page(f"run:{run_id} missing:yes").images
    try:
        path = f"/gallery/images/{image.id}"
        words = api.get(f"{path}/words")["words"]
        assert "".join(word["text"] for word in words) == draft.positive
        assert [word["origin"] for word in words] == ["template", "option", "template"]
        assert api.get(f"{path}/slots")["slots"] == [{"slot": "{fox|owl}", "value": words[1]["text"]}]
        assert api.get(f"{path}/taught")["values"] == []
        assert api.get(f"{path}/workflow")["source"] == "run"
        asked = {"vary": "{fox|owl}", "target": "http://nobody.invalid"}
        (job,) = api.post(f"{path}/again", asked, 201)["jobs"]
        assert api.get(f"/jobs/{job['id']}")["pipeline"]["stages"][0]["options"] == {"seed": 3}
        api.post(f"/jobs/{job['id']}/cancel", {})
    finally:
        with Store.open(api.database) as store:
            store.delete_run(run_id)
    for path in ("words", "taught", "slots", "workflow"):
        assert api.ask("GET", f"/gallery/images/999999999/{path}").code == "no_such_image"


def test_the_stages_are_described_with_their_options(api: ApiServer):
    stages = {stage["type"]: stage for stage in api.get("/stages")["stages"]}
    assert list(stages)[:2] == ["generatePrompt", "followStory"]
    assert stages["dispatch"]["schema"]["properties"]["steps"]["default"] == 20


def test_a_pipeline_becomes_a_workflow(api: ApiServer):
    told = api.post("/pipelines:workflow", {"pipeline": [DRAW, RENDER]})
    assert "KSampler" in [node["type"] for node in told["workflow"]["nodes"]]
    assert api.ask("POST", "/pipelines:workflow", {"pipeline": [RENDER]}).code == "pipeline"
