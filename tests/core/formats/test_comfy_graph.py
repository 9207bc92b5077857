from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_graph import model_file, text_to_image_graph
from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest

FILES = st.sampled_from(["sd15.safetensors", "sub/v1.5.ckpt", "win\\x.pt"])
TEXTS = st.text(st.characters(exclude_characters="<"))
REQUESTS = st.builds(
    GenerationRequest,
    positive=TEXTS, negative=TEXTS,
    loras=st.lists(st.builds(LoraUse, FILES, st.floats(-2, 2), st.floats(-2, 2)), max_size=3).map(tuple),
    checkpoint=FILES, sampler=st.sampled_from(["euler", "dpmpp_2m"]), scheduler=st.sampled_from(["normal", "karras"]),
    steps=st.integers(1, 99), cfg=st.floats(0, 30), denoise=st.floats(0, 1), width=st.integers(16, 4096),
    height=st.integers(16, 4096), seed=st.integers(0, 2**64 - 1), batch_size=st.integers(1, 64),
    vae=st.just("") | FILES, clip_skip=st.integers(1, 12),
    extra=st.just({}) | st.builds(lambda index: {"batch_index": index}, st.integers(0, 63)),
)  # fmt: skip


def classes(graph: dict[str, Any]) -> list[str]:
    return [node["class_type"] for node in graph.values()]


def node_titled(graph: dict[str, Any], title: str) -> dict[str, Any]:
    return next(node for node in graph.values() if node["_meta"]["title"] == title)


@given(REQUESTS)
def test_a_request_comes_back_from_its_graph(request_: GenerationRequest) -> None:
    assert request_from_graph(text_to_image_graph(request_)) == request_


def test_the_plain_graph_has_comfyuis_seven_nodes_and_says_what_they_hold() -> None:
    graph = text_to_image_graph(GenerationRequest("a fox", "blurry", checkpoint="sd15"), "here/fox")
    assert {node["_meta"]["title"]: node["class_type"] for node in graph.values()} == {
        "checkpoint": "CheckpointLoaderSimple", "positive": "CLIPTextEncode", "negative": "CLIPTextEncode",
        "size": "EmptyLatentImage", "sampler": "KSampler", "decode": "VAEDecode", "save": "SaveImage",
    }  # fmt: skip
    assert node_titled(graph, "checkpoint")["inputs"]["ckpt_name"] == "sd15.safetensors"
    assert node_titled(graph, "save")["inputs"]["filename_prefix"] == "here/fox"


def test_tags_in_the_text_become_loaders_behind_the_requests_own() -> None:
    request = GenerationRequest(
        "a <lora:ink:0.6:0.8>fox<lora:Mist:1>", loras=(LoraUse("sub/mist.safetensors", 0.5, 0.5),), clip_skip=2
    )
    graph = text_to_image_graph(request)
    assert classes(graph)[:4] == ["CheckpointLoaderSimple", "LoraLoader", "LoraLoader", "CLIPSetLastLayer"]
    read = request_from_graph(graph)
    assert read.positive == "a fox"
    assert read.loras == (LoraUse("sub/mist.safetensors", 0.5, 0.5), LoraUse("ink.safetensors", 0.8, 0.6))
    assert node_titled(graph, "clip skip")["inputs"] == {"stop_at_clip_layer": -2, "clip": ["3", 1]}


def test_a_text_that_no_canvas_widget_can_hold_gets_its_own_node() -> None:
    graph = text_to_image_graph(GenerationRequest("see https://x", "plain"))
    assert node_titled(graph, "positive text")["inputs"] == {"value": "see https://x"}
    assert "negative text" not in [node["_meta"]["title"] for node in graph.values()]
    assert request_from_graph(graph).positive == "see https://x"


@pytest.mark.parametrize(
    ("name", "file"),
    [("", ""), ("ink", "ink.safetensors"), ("v1.5", "v1.5.safetensors"), ("a.CKPT", "a.CKPT"), ("b/c.pt", "b/c.pt")],
)
def test_model_names_get_a_suffix_where_they_have_none(name: str, file: str) -> None:
    assert model_file(name) == file


def made(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def advanced_graph() -> dict[str, Any]:
    """A Flux graph as people write them: custom sampler, guidance, values from primitive nodes."""
    return {
        "12": made("UNETLoader", unet_name="flux.safetensors", weight_dtype="default"),
        "11": made("DualCLIPLoader", clip_name1="a", clip_name2="b", type="flux"),
        "10": made("VAELoader", vae_name="ae.safetensors"),
        "40": made("LoraLoaderModelOnly", lora_name="turbo.safetensors", strength_model=0.9, model=["12", 0]),
        "30": made("ModelSamplingFlux", model=["40", 0], width=9, height=9, max_shift=1.1),
        "6": made("CLIPTextEncode", text=["50", 0], clip=["11", 0]),
        "50": made("PrimitiveStringMultiline", value="a red fox"),
        "26": made("FluxGuidance", conditioning=["6", 0], guidance=3.5),
        "22": made("BasicGuider", model=["30", 0], conditioning=["26", 0]),
        "25": made("RandomNoise", noise_seed=["51", 0]),
        "51": made("PrimitiveInt", value=77),
        "16": made("KSamplerSelect", sampler_name="euler"),
        "17": made("BasicScheduler", scheduler="simple", steps=4, denoise=1.0, model=["30", 0]),
        "27": made("EmptySD3LatentImage", width=1024, height=768, batch_size=1),
        "13": made(
            "SamplerCustomAdvanced",
            noise=["25", 0],
            guider=["22", 0],
            sampler=["16", 0],
            sigmas=["17", 0],
            latent_image=["27", 0],
        ),
        "8": made("VAEDecode", samples=["13", 0], vae=["10", 0]),
        "9": made("SaveImage", filename_prefix="x", images=["8", 0]),
    }


def test_a_flux_graph_is_read() -> None:
    assert request_from_graph(advanced_graph()) == GenerationRequest(
        "a red fox", "", (LoraUse("turbo.safetensors", 0.9, 0.0),), "flux.safetensors", "euler", "simple", 4, 7.0, 1.0,
        1024, 768, 77, vae="ae.safetensors",
    )  # fmt: skip


@pytest.mark.parametrize("number", [10**400, -(10**400), float("inf"), float("nan"), True, "9" * 400])
def test_numbers_that_no_host_can_use_are_left_out(number: Any) -> None:
    graph = text_to_image_graph(GenerationRequest("x", loras=(LoraUse("sd15.pt", 0.5, 0.5),)))
    for node in graph.values():
        node["inputs"] |= {
            key: number for key in ("seed", "steps", "cfg", "width", "strength_model") if key in node["inputs"]
        }
    found = request_from_graph(graph)
    assert (found.seed, found.steps, found.cfg, found.width) == (0, 20, 7.0, 512)
    assert found.loras[0].strength_model == 1.0


def test_of_two_passes_the_first_is_read() -> None:
    graph = text_to_image_graph(GenerationRequest("a fox", seed=1, width=640, checkpoint="sd15"))
    first = next(key for key, node in graph.items() if node["class_type"] == "KSampler")
    second = {**graph[first]["inputs"], "seed": 2, "denoise": 0.4, "latent_image": ["91", 0]}
    hires = {
        "90": {"class_type": "KSampler", "inputs": second},
        "91": {"class_type": "LatentUpscale", "inputs": {"samples": [first, 0], "width": 1280, "height": 1024}},
    }
    read = request_from_graph(hires | graph)
    assert (read.seed, read.denoise, read.width) == (1, 1.0, 640)


def test_texts_that_nodes_put_together_are_read() -> None:
    graph = text_to_image_graph(GenerationRequest("x", "bad"))
    encoder = node_titled(graph, "positive")
    encoder["inputs"]["text"] = ["70", 0]
    graph["70"] = {
        "class_type": "StringConcatenate",
        "inputs": {"string_a": "best", "string_b": ["71", 0], "delimiter": ", "},
    }
    graph["71"] = {
        "class_type": "ImpactWildcardProcessor",
        "inputs": {"wildcard_text": "a {fox|owl}", "populated_text": "an owl", "mode": "populate", "seed": 4},
    }
    assert request_from_graph(graph).positive == "best, an owl"


def test_a_zeroed_negative_is_no_prompt() -> None:
    graph = text_to_image_graph(GenerationRequest("a fox"))
    positive = next(key for key, node in graph.items() if node["_meta"]["title"] == "positive")
    graph["80"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": [positive, 0]}}
    node_titled(graph, "sampler")["inputs"]["negative"] = ["80", 0]
    assert request_from_graph(graph).negative == ""


def test_loaders_that_take_the_texts_themselves_are_read() -> None:
    lora = {"on": True, "lora": "i.pt", "strength": 0.5}
    off = {"on": False, "lora": "j.pt", "strength": 0.5}
    links: dict[str, Any] = {"positive": ["1", 1], "negative": ["1", 2], "latent_image": ["1", 3]}
    graph = {
        "1": made("Efficient Loader", ckpt_name="a.ckpt", positive="fox", negative="bad"),
        "2": made("KSampler (Efficient)", model=["3", 0], seed=5, **links),
        "3": made("Power Lora Loader (rgthree)", model=["1", 0], lora_1=lora, lora_2=off),
    }
    read = request_from_graph(graph)
    assert (read.positive, read.negative, read.checkpoint, read.seed) == ("fox", "bad", "a.ckpt", 5)
    assert read.loras == (LoraUse("i.pt", 0.5, 0.5),)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"nodes": [], "links": []}, "canvas workflow, not an API graph. In ComfyUI use Workflow > Export"),
        ({}, "not an API graph"),
        ([], "not an API graph"),
        ({"1": {"inputs": {}}}, 'node "1" has no class_type'),
        ({"1": {"class_type": "X"}}, r'node "1" \(X\) has no inputs'),
        ({"1": {"class_type": "LoadImage", "inputs": {}}}, "no sampler"),
    ],
)
def test_what_is_no_graph_is_refused_with_what_to_do(value: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        request_from_graph(value)


VALUES = st.one_of(st.none(), st.text(max_size=3), st.integers(), st.floats(), st.booleans(), st.just({}))
LINKS = st.tuples(st.sampled_from("123456"), st.integers(0, 2)).map(list)
NAMES = st.sampled_from(
    ["positive", "negative", "latent_image", "guider", "noise", "sigmas", "sampler", "text", "value", "clip", "model",
     "seed", "steps", "width", "lora_name", "string_a", "samples", "ckpt_name", "batch_index", "stop_at_clip_layer"]
)  # fmt: skip
NODES = st.fixed_dictionaries(
    {
        "class_type": st.sampled_from(["KSampler", "CLIPTextEncode", "VAEDecode", "LoraLoader"]),
        "inputs": st.dictionaries(NAMES, VALUES | LINKS, max_size=8),
    }
)


@given(st.dictionaries(st.sampled_from("123456"), NODES, min_size=1))
def test_any_graph_is_read_or_refused(graph: dict[str, Any]) -> None:
    try:
        read = request_from_graph(graph)
    except FormatError:
        return
    assert isinstance(read.positive, str)
    assert type(read.seed) is int


def test_our_own_node_gives_each_encoder_its_own_text() -> None:
    graph = text_to_image_graph(GenerationRequest("", "", seed=3))
    inputs = {"template": "a {fox|owl}", "populated_text": "a fox", "populated_negative": "dark", "seed": 12}
    graph["90"] = {"class_type": "OrchestratorWildcardPrompt", "inputs": inputs}
    by_title = {node["_meta"]["title"]: node["inputs"] for node in graph.values() if "_meta" in node}
    by_title["positive"]["text"], by_title["negative"]["text"] = ["90", 0], ["90", 1]
    by_title["sampler"]["seed"] = ["90", 3]
    read = request_from_graph(graph)
    assert (read.positive, read.negative, read.seed) == ("a fox", "dark", 12)
    inputs["populated_negative"] = ""
    assert request_from_graph(graph).negative == ""
