"""The tiny world's CLIP in a real ComfyUI: under its memory manager, and at the end of the loop that learns."""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.base_models import base_model_in
from orchestrator_core.run import Run
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.stages.score_images import score
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from orchestrator_core.vision.opening import ScorerSettings, open_scorer
from orchestrator_core.weights.crediting import observations_of
from orchestrator_core.weights.ledger import Ledger
from orchestrator_core.weights.observation import context_of
from orchestrator_core.weights.odds import odds
from tests.hosts.comfyui import ROOT, ComfyUI
from tests.hosts.test_comfyui_nodes import Graph, Server, node, ran

pytestmark = [pytest.mark.host, pytest.mark.slow]

TINY_WORLD = ROOT / "orchestrator_app" / "tiny_world" / "models" / "clip"
TEMPLATE = "a {red|green|blue} {circle|square|star}, {white|mint} background"
CHECKPOINT = "tiny-sd15.safetensors"
FAMILY = base_model_in(CHECKPOINT).family


@pytest.fixture(scope="module")
def clip(comfyui: ComfyUI) -> Path:
    """A model below ComfyUI's own models, where a person puts one: trained, and opened without open_clip."""
    place = comfyui.folder / "models" / "clip_score" / "tiny world"
    if not place.exists():
        shutil.copytree(TINY_WORLD, place)
    return place


@pytest.fixture
def server(comfyui: ComfyUI, clip: Path) -> Server:
    return Server(comfyui)


def graph(seed: int = 3, until: float = 0.3, batch: int = 2, recorded: bool = False) -> Graph:
    """Wildcard Prompt → KSampler, of one step → CLIP Scorer; and on to the store, where it is recorded."""
    found = {
        "1": node("CheckpointLoaderSimple", ckpt_name=CHECKPOINT),
        "2": node("OrchestratorWildcardPrompt", template=TEMPLATE, seed=seed),
        "3": node("OrchestratorScorerModel", installed="tiny world", measures_counts=True),
        "4": node("CLIPTextEncode", clip=["1", 1], text=["2", 0]),
        "5": node("EmptyLatentImage", width=64, height=64, batch_size=batch),
        "6": node(
            "KSampler", model=["1", 0], positive=["4", 0], negative=["4", 0], latent_image=["5", 0], seed=["2", 3],
            steps=1, cfg=1.0, sampler_name="euler", scheduler="normal", denoise=1.0,
        ),
        "7": node("VAEDecode", samples=["6", 0], vae=["1", 2]),
        "8": node("OrchestratorCLIPScorer", images=["7", 0], draft=["2", 2], scorer=["3", 0], until=until),
    }  # fmt: skip
    if recorded:
        found["9"] = node(
            "OrchestratorSaveImage", images=["7", 0], draft=["2", 2], filename_prefix="learn/x", format="png",
            quality=90, lossless=False, with_workflow=False,
        )  # fmt: skip
        found["10"] = node("OrchestratorFeedbackRecorder", scored=["8", 0], saved=["9", 0])
        found["11"] = node("OrchestratorRunRecorder", draft=["2", 2], saved=["9", 0])
    return found


def parts(done: dict[str, Any]) -> list[list[float | None]]:
    (shown,) = done["outputs"]["8"]["orchestrator_scores"]
    return [[part["probability"] for part in image["parts"]] for image in shown["images"]]


def models(server: Server) -> list[str]:
    """What of the scorer is among ComfyUI's own models."""
    return [name for name in server.call("/test/models")["listed"] if name in ("ModifiedResNet", "TextTransformer")]


def test_the_model_is_comfyuis_own_and_comes_back_with_equal_scores(server: Server) -> None:
    first = server.run(graph())
    measured = [value for row in parts(first) for value in row if value is not None]
    assert measured
    assert all(0 < value < 1 for value in measured)
    assert models(server)
    free(server)
    seen_again = graph()
    assert parts(server.run(seen_again)) == parts(first)
    assert not models(server)  # what was looked at is known without it
    seen_again["3"]["inputs"]["batch"] = 16  # to this scorer all is new
    done = server.run(seen_again)
    assert ran(done, "8")
    assert parts(done) == parts(first)
    assert models(server)


def free(server: Server) -> None:
    """What the button Unload Models does."""
    body = json.dumps({"unload_models": True}).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{server.comfyui.url}/free", body, headers), timeout=30).close()
    end = time.monotonic() + 30
    while models(server):
        assert time.monotonic() < end
        time.sleep(0.2)


def runs_of_these(store: Store) -> list[Run]:
    """The newest first, without those of other tests."""
    return [run for run in store.runs(100) if run.draft.source and run.draft.source.template == TEMPLATE]


def test_scores_images_and_prompt_are_one_run_in_the_store(server: Server) -> None:
    done = server.run(graph(seed=11, recorded=True))
    assert "10" in done["outputs"]
    with Store.open(server.comfyui.store, create=False) as store:
        run = next(run for run in runs_of_these(store) if run.draft.seed == 11)
    assert len(run.images) == 2
    assert {score.image for score in run.scores} == {image.path.name for image in run.images}
    assert {score.metric for score in run.scores} >= {"fulfilment"}


def test_a_model_that_is_gone_is_told_in_a_sentence(server: Server) -> None:
    found = graph()
    found["3"]["inputs"] = {"model": "no-such-model"}
    done = server.wait(server.queue(found))
    assert done["status"]["status_str"] == "error"
    assert "no-such-model" in str(done["status"]["messages"])


def values(runs: list[Run]) -> list[float]:
    return [each.value for run in runs for each in run.scores if each.component is not None]


def offline(runs: list[Run]) -> list[Run]:
    """The same images, looked at in this process."""
    scorer = open_scorer(ScorerSettings(model=str(TINY_WORLD), measures_counts=True))
    return [run.replacing(scores=score(run.images, run.draft, scorer, Wildcards([])).scores) for run in runs]


def queued(server: Server, seeds: range) -> list[dict[str, Any]]:
    ids = [server.queue(graph(seed=seed, batch=1, recorded=True)) for seed in seeds]
    return [server.wait(prompt_id) for prompt_id in ids]


def test_forty_queued_runs_move_the_odds_as_the_same_scores_predict(server: Server, tmp_path: Path) -> None:
    context = context_of("", "", FAMILY)
    server.call("/orchestrator/learning/set", {"mode": "fast"})
    begun = int(server.call("/orchestrator/learning")["history"][0]["number"])
    done = queued(server, range(100, 120))
    slots = {slot["slot"] for slot in server.call("/orchestrator/learning")["slots"]}
    for slot in slots:
        server.call("/orchestrator/learning/set", {"slot": slot, "direction": "prefer"})
    done += queued(server, range(200, 220))
    assert all(each["status"]["status_str"] == "success" for each in done)
    assert all(each["outputs"]["10"]["orchestrator_feedback"][0]["learned"] for each in done)
    ledger = Ledger(lambda: Store.open(server.comfyui.store, create=False))
    state = ledger.state()
    learned = odds(state, context)
    assert learned.number == state.number > begun
    with Store.open(server.comfyui.store, create=False) as store:
        runs = [run for run in runs_of_these(store) if 100 <= run.draft.seed < 220]
    runs.sort(key=lambda run: run.draft.seed)
    assert len(runs) == 40
    told = {one.identity: one for run in runs for one in observations_of(run, FAMILY)}
    kept = {one.identity: one for one in state.observations if one.identity in told}
    assert kept == told  # what is in the ledger is what the scores in the store say
    again = offline(runs)
    assert values(again) == pytest.approx(values(runs), abs=0.03)  # ComfyUI's were not rounded for a file
    elsewhere = Ledger(lambda: Store.open(tmp_path / "elsewhere.sqlite3"))
    elsewhere.change("switch", value=True)
    elsewhere.change("mode", value="fast")
    for slot in slots:
        elsewhere.change("direction", slot=slot, value="prefer")
    for run in runs:
        elsewhere.learn(run, FAMILY)
    assert len(learned.multipliers) > 5
    assert learned.multipliers == pytest.approx(elsewhere.odds(context).multipliers)
    later = [run for run in runs if run.draft.seed >= 200]
    assert 0 not in {run.draft.source.odds for run in later}  # all of these were drawn by learned odds
    for run in later[:3]:  # and the same seed with the same odds gives the same prompt
        snapshot = ledger.odds(context, run.draft.source.odds)
        options = Options(template=TEMPLATE, seed=run.draft.seed)
        assert generate(options, Wildcards([]), snapshot.multipliers).positive == run.draft.positive
    shown = {slot["slot"]: slot for slot in server.call("/orchestrator/learning")["slots"]}
    for slot, view in shown.items():
        for value in view["values"]:
            assert value["multiplier"] == pytest.approx(learned.multipliers.get(value["key"], 1.0)), slot
    server.call("/orchestrator/learning/undo", {"to": begun})
    assert odds(ledger.state(), context).multipliers == ledger.odds(context, begun).multipliers
    server.call("/orchestrator/learning/set", {"mode": "off"})


def test_an_image_is_marked_where_comfyui_saved_it(server: Server) -> None:
    done = server.run(graph(seed=55, batch=1, recorded=True))
    (image,) = done["outputs"]["9"]["images"]
    assert server.call("/orchestrator/marks", {**image, "stars": 4}) == {"words": "4 stars"}
    assert server.call("/orchestrator/marks", {**image, "favourite": True}) == {"words": "favourite"}
    assert server.call("/orchestrator/marks", image) == {"words": ""}
    for odd in ({**image, "filename": "../../user/x.png"}, {**image, "filename": "gone.png"}):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            server.call("/orchestrator/marks", odd)


def test_what_is_asked_beside_fulfilment_is_on_the_node_and_what_cannot_be_had_is_told(server: Server) -> None:
    found = graph(batch=1)
    found["12"] = node("OrchestratorScorerModel", model="gone_tagger", backend="tagger")
    found["5"]["inputs"]["batch_size"] = 2
    found["8"]["inputs"] |= {
        "style": "anime", "whole": True, "reference_images": ["7", 0], "compare": ["12", 0], "references": "nobody",
    }  # fmt: skip
    (shown,) = server.run(found)["outputs"]["8"]["orchestrator_scores"]
    (style, *_) = [part for part in shown["images"][0]["parts"] if part["metric"] == "style"]
    assert (style["text"], style["calibrated"]) == ("anime", True)
    assert [line.partition(" ")[2].partition(" ")[0] for line in shown["whole"]] == ["prompt_cosine"] * 2
    assert ["nobody" in text for text in shown["problems"]].count(True) == 1
    assert ["gone_tagger" in text for text in shown["problems"]].count(True) == 1
