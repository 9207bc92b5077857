"""LLM Enhance in a real ComfyUI: by rules, by a server, by a model in its process under its own memory manager."""

from __future__ import annotations

import json
import time
import urllib.error
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_core.enhancing.options import Options
from orchestrator_core.formats.image_metadata import ImageMetadata
from orchestrator_core.llm.settings import LlmSettings
from tests.core.llm.stand_in_llm import StandIn, chunk, said, streamed
from tests.hosts.canvas import open_canvas
from tests.hosts.comfyui import ROOT, ComfyUI
from tests.hosts.test_comfyui_loras import ran, until
from tests.hosts.test_comfyui_nodes import Server, heard, node, window
from tests.hosts.tiny_llm import WORDS, write_llm
from tests.llm_server import running_smollm

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.host, pytest.mark.slow]

Graph = dict[str, Any]
ENHANCE, MODEL = "OrchestratorLLMEnhance", "OrchestratorLLMModel"
ADDS = json.dumps({"add": ["soft light", "wet stone"]})


def graph(text: str, llm: dict[str, Any] | None = None, **options: Any) -> Graph:
    """The prompt alone, which is quick; ``llm`` are the widgets of an LLM Model."""
    found = {
        "enhance": node(ENHANCE, text=["text", 0], **options),
        "text": node("PrimitiveString", value=text),
        "report": node("PreviewAny", source=["enhance", 5]),
    }
    if llm is not None:
        found["llm"] = node(MODEL, **llm)
        found["enhance"]["inputs"]["llm"] = ["llm", 0]
    return found


def picture(template: str, llm: dict[str, Any], **options: Any) -> Graph:
    """Wildcard Prompt → LLM Enhance → LoRA Selector → a picture of 64 pixels."""
    return {
        "loader": node("CheckpointLoaderSimple", ckpt_name="tiny-sd15.safetensors"),
        "prompt": node("OrchestratorWildcardPrompt", template=template, negative_template="blurry", seed=3),
        "llm": node(MODEL, **llm),
        "enhance": node(
            ENHANCE, draft=["prompt", 2], llm=["llm", 0], model=["loader", 0], clip=["loader", 1], **options
        ),
        "select": node("OrchestratorLoRASelector", model=["loader", 0], clip=["loader", 1], draft=["enhance", 0]),
        "positive": node("CLIPTextEncode", text=["select", 2], clip=["select", 1]),
        "negative": node("CLIPTextEncode", text=["enhance", 2], clip=["select", 1]),
        "size": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "sampler": node(
            "KSampler", model=["select", 0], seed=3, steps=2, cfg=4.0, sampler_name="euler", scheduler="normal",
            positive=["positive", 0], negative=["negative", 0], latent_image=["size", 0], denoise=1.0,
        ),
        "decode": node("VAEDecode", samples=["sampler", 0], vae=["loader", 2]),
        "save": node(
            "OrchestratorSaveImage", images=["decode", 0], draft=["select", 3], filename_prefix="enhance",
            format="png", quality=90, lossless=False, with_workflow=True,
        ),
    }  # fmt: skip


@pytest.fixture
def server(comfyui: ComfyUI) -> Server:
    return Server(comfyui)


@pytest.fixture
def person(server: Server) -> Iterator[Any]:
    """Sets something on ComfyUI's page, and takes it back."""
    changed: list[str] = []

    def change(name: str, value: str) -> None:
        changed.append(name)
        setting(server, f"Orchestrator.{name}", value)

    yield change
    for name in changed:
        setting(server, f"Orchestrator.{name}", "")


def setting(server: Server, name: str, value: str) -> None:
    with pytest.raises(json.JSONDecodeError):  # it answers nothing
        server.call(f"/settings/{name}", value)


def told(done: dict[str, Any]) -> dict[str, Any]:
    return dict(done["outputs"]["enhance"]["orchestrator_enhanced"][0])


def text_of(done: dict[str, Any]) -> str:
    return "".join(word["text"] for word in told(done)["words"])


def report(done: dict[str, Any]) -> str:
    return str(done["outputs"]["report"]["text"][0])


def notes(server: Server, done: dict[str, Any]) -> tuple[ImageMetadata, dict[str, Any]]:
    (image,) = server.images(done)
    return image, json.loads(image.texts["orchestrator"])


def test_without_a_model_the_rules_add_words_and_the_node_says_so(server: Server) -> None:
    done = server.run(graph("a fox, (red scarf:1.2)"))
    assert text_of(done).startswith("a fox, (red scarf:1.2), ")
    assert (told(done)["status"], told(done)["model"].split(":")[0]) == ("enhanced", "rules")
    assert report(done).splitlines()[0] == f"enhanced by {told(done)['model']}"
    assert {word["kind"] for word in told(done)["words"]} == {"user", "llm"}


def test_a_picture_says_what_was_added_by_whom_and_the_queue_goes_on_without_the_server(server: Server) -> None:
    with running_smollm() as smollm:
        llm = {"backend": "openai", "url": smollm.url, "first_token_s": 60.0}
        done = server.run(picture("a knight in a dark forest, <lora:tiny_ink:0.5>", llm, amount=3))
        image, said_of = notes(server, done)
        assert told(done)["status"] == "enhanced", told(done)
        assert text_of(done).startswith("a knight in a dark forest, ")
        (added,) = [text for origin, text in said_of["added"] if origin == "llm"]
        assert added
        assert added in image.request.positive  # type: ignore[union-attr]
        assert (said_of["enhanced"], said_of["llm"]) == ("enhanced", told(done)["model"])
        assert said_of["llm"].startswith("openai:SmolLM2")
        assert image.request.negative == "blurry"  # type: ignore[union-attr]
        smollm.kill()
        kept = server.run(picture("a heron on a pier", llm, amount=3))
        again = server.run(picture("a knight in a dark forest, <lora:tiny_ink:0.5>", llm, amount=3, keep="knight"))
    image, said_of = notes(server, kept)
    assert (told(kept)["status"], text_of(kept)) == ("kept", "a heron on a pier")
    assert image.request.positive == "a heron on a pier"  # type: ignore[union-attr]
    assert said_of["enhanced"] == "kept"
    assert "127.0.0.1" not in told(kept)["detail"]
    assert told(kept)["detail"]
    assert told(again)["status"] == "kept"


def test_the_weights_of_a_model_in_its_process_are_comfyuis_to_move_and_to_drop(server: Server) -> None:
    write_llm(server.comfyui.folder / "models" / "LLM" / "tiny")
    llm = {"backend": "transformers", "folder": "tiny"}

    def written(number: int) -> dict[str, Any]:
        """The same question each time, since refresh is added to the seed; asked anew, since it is of the key too."""
        return told(server.run(graph("a quiet harbour", llm, seed=9 - number, refresh=number)))

    def models() -> dict[str, Any]:
        return dict(server.call("/test/models"))

    first = written(0)
    assert first["status"] == "enhanced", first
    assert [word for word in WORDS if word in str(first["words"][-1])]
    assert first["model"].startswith("transformers:tiny ")
    assert models() == {"listed": ["LanguageModel"], "alive": 1}
    free(server, unload_models=True)
    until(lambda: models() == {"listed": [], "alive": 1})
    assert written(1)["words"] == first["words"]
    assert models() == {"listed": ["LanguageModel"], "alive": 1}
    free(server, unload_models=True, free_memory=True)
    until(lambda: models() == {"listed": [], "alive": 0})
    assert written(2)["words"] == first["words"]
    assert models() == {"listed": ["LanguageModel"], "alive": 1}
    server.run(graph("a lane"))  # in which nobody needs it
    until(lambda: models() == {"listed": [], "alive": 0})


def free(server: Server, **what: bool) -> None:
    with pytest.raises(json.JSONDecodeError):  # it answers nothing
        server.call("/free", what)


def test_text_is_told_while_it_arrives_and_nobody_else_waits_for_it(server: Server) -> None:
    with StandIn(said(json.dumps({"add": ["soft golden light", "wet stone"]}), pause=0.3)) as llm:
        with window(server) as (client, socket):
            queued = server.queue(graph("a pond", {"url": llm.url}), client_id=client)
            until(lambda: llm.asked)
            started = time.monotonic()
            server.call("/system_stats")
            assert time.monotonic() - started < 0.3
            done = server.wait(queued)
            pieces = heard(socket)
        assert text_of(done) == "a pond, soft golden light, wet stone"
        assert pieces["orchestrator.enhancing"]["node"] == "enhance"
        assert pieces["orchestrator.enhancing"]["text"].startswith("soft golden")


def test_interrupt_ends_an_endless_answer_and_the_next_prompt_runs(server: Server) -> None:
    endless = streamed(*[chunk("fog, ")] * 400, pause=0.1)
    with StandIn(endless, said(ADDS)) as llm:
        queued = server.queue(graph("a moor", {"url": llm.url}))
        until(lambda: llm.asked)
        started = time.monotonic()
        with pytest.raises(json.JSONDecodeError):
            server.call("/interrupt", {})
        done = server.wait(queued)
        assert time.monotonic() - started < 5
        assert "execution_interrupted" in [kind for kind, _ in done["status"]["messages"]]
        assert text_of(server.run(graph("a moor", {"url": llm.url}))) == "a moor, soft light, wet stone"


def test_a_prompt_is_asked_for_once_and_again_only_after_a_failure_or_a_refresh(server: Server) -> None:
    with StandIn(said("no"), said("no"), said(ADDS)) as llm:
        asked = graph("a causeway", {"url": llm.url})
        assert told(server.run(asked))["status"] == "kept"
        assert told(server.run(asked))["status"] == "enhanced"  # a failure deserves another try
        count = len(llm.asked)
        assert not ran(server.run(asked), "enhance")
        also = graph("a causeway", {"url": llm.url})
        also["text"] = node("PrimitiveStringMultiline", value="a causeway")
        assert told(server.run(also))["status"] == "cached"
        assert len(llm.asked) == count
        assert told(server.run(graph("a causeway", {"url": llm.url}, refresh=1)))["status"] == "enhanced"


def test_stop_ends_the_run_with_the_reason(server: Server) -> None:
    done = server.wait(server.queue(graph("a mill", {"url": "http://127.0.0.1:9/v1"}, on_error="stop")))
    (error,) = [data for kind, data in done["status"]["messages"] if kind == "execution_error"]
    assert error["node_id"] == "enhance"
    assert error["exception_message"].strip().startswith("http://127.0.0.1:9/v1")


def test_off_leaves_the_prompt_and_takes_the_marks_out(server: Server) -> None:
    done = server.run(graph("a mill, [[keep: red]] door", {"backend": "off"}))
    assert (text_of(done), told(done)["status"]) == ("a mill, red door", "unchanged")


@pytest.mark.parametrize(
    ("llm", "words"),
    [
        ({"url": "ftp://example.com"}, "ftp"),
        ({"backend": "transformers", "folder": "//nas/models"}, "another machine"),
    ],
)
def test_what_names_no_model_is_refused_before_anything_runs(server: Server, llm: Graph, words: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.queue(graph("a mill", llm))
    assert words in refused.value.read().decode()


def test_the_text_encoder_of_an_old_model_cannot_write_and_the_run_says_so(server: Server) -> None:
    asked = graph("a mill", {"backend": "host", "clip": ["loader", 1]})
    asked["loader"] = node("CheckpointLoaderSimple", ckpt_name="tiny-sd15.safetensors")
    done = server.wait(server.queue(asked))
    (error,) = [data for kind, data in done["status"]["messages"] if kind == "execution_error"]
    assert error["node_id"] == "llm"
    assert "cannot write" in error["exception_message"]


def test_address_and_key_come_from_the_persons_settings_and_go_into_no_image(server: Server, person: Any) -> None:
    key = "sk-tell-nobody"
    with StandIn(said(ADDS)) as llm:
        person("LlmUrl", llm.url)
        person("LlmKey", key)
        done = server.run(picture("a well in a yard", {"backend": "openai"}))
        headers = [headers for method, path, headers in llm.calls if path.endswith("/chat/completions")]
        assert [each["Authorization"] for each in headers] == [f"Bearer {key}"]
        found = server.call("/orchestrator/llm/models")
        assert found["servers"][0] == {"url": llm.url, "widget": "", "models": ["tiny"], "problem": ""}
    assert told(done)["status"] == "enhanced"
    (image,) = (path.read_bytes() for path in server.files(done))
    for secret in (key, llm.url, llm.url.split(":")[-1]):
        assert secret.encode() not in image


def test_a_graph_cannot_send_prompts_elsewhere(server: Server, person: Any) -> None:
    """By the address of a machine that nobody has: it is refused before anything would be sent."""
    person("LlmHosts", "elsewhere.invalid")
    done = server.run(graph("a mill", {"url": "http://192.0.2.1:9/v1", "connect_s": 0.5}))
    assert told(done)["status"] == "kept"
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.call("/orchestrator/llm/models?url=http://192.0.2.1:9/v1")
    assert "url" in json.loads(refused.value.read())["error"]


@pytest.mark.parametrize(("kind", "fields"), [(ENHANCE, Options.model_fields), (MODEL, LlmSettings.model_fields)])
def test_every_option_is_a_widget_with_the_options_own_words(server: Server, kind: str, fields: Any) -> None:
    info = server.call(f"/object_info/{kind}")[kind]
    named = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text("utf-8"))[kind]["inputs"]
    there = {**info["input"].get("required", {}), **info["input"]["optional"]}
    assert list(there) == list(named)
    assert set(fields) - {"allowed_hosts"} <= set(there)
    assert {name: there[name][1]["tooltip"] for name in there} == {
        name: text["tooltip"] for name, text in named.items()
    }
    assert "allowed_hosts" not in there
    assert not {name for name in there if "key" in name}


ADD_NODES = """() => {
    app.graph.clear();
    const add = (type, x) => {
        const node = LiteGraph.createNode(type);
        node.pos = [x, 60];
        app.graph.add(node);
        return node;
    };
    const text = add('PrimitiveString', 0), llm = add('OrchestratorLLMModel', 300);
    const enhance = add('OrchestratorLLMEnhance', 760), shown = add('PreviewAny', 1250);
    text.widgets[0].value = 'a weir';
    text.connect(0, enhance, enhance.inputs.findIndex(input => input.name === 'text'));
    llm.connect(0, enhance, enhance.inputs.findIndex(input => input.name === 'llm'));
    enhance.connect(5, shown, 0);
    app.canvas.ds.scale = 1;
    app.canvas.ds.offset[0] = app.canvas.ds.offset[1] = 40;
    app.canvas.setDirty(true, true);
}"""
RUN = "() => app.queuePrompt(0, 1)"
NODE = "() => app.graph._nodes.find(node => node.comfyClass === 'OrchestratorLLMEnhance')"


def test_the_page_shows_the_text_while_it_comes_and_what_came_of_it(
    server: Server, person: Any, chromium: Browser
) -> None:
    answer = said(json.dumps({"add": ["soft golden light", "wet stone"]}), pause=0.2)
    with StandIn(answer, models=("qwen", "gemma")) as llm, open_canvas(chromium, server.comfyui.url) as canvas:
        page = canvas.page
        person("LlmUrl", llm.url)
        page.evaluate(ADD_NODES)
        page.locator(".ore-choose button").click()
        page.locator(".orc-dialog li", has_text="gemma").click()
        page.evaluate(RUN)
        page.locator(".ore-arriving", has_text="soft golden").wait_for()
        assert page.locator(".ore-badge").inner_text() == "asking …"
        page.locator(".ore-badge.enhanced").wait_for()
        assert page.locator(".ore-by").inner_text() == "by gemma"
        assert page.locator(".ore-view .orc-words").inner_text() == "a weir, soft golden light, wet stone"
        assert page.locator(".ore-view .orc-words .orc-w.llm").all_inner_texts() == ["soft golden light, wet stone"]
        assert llm.asked[0]["model"] == "gemma"
        llm.stop()
        page.evaluate(f"({NODE})().widgets.find(widget => widget.name === 'amount').value = 2")
        page.evaluate(RUN)
        page.locator(".ore-badge.kept").wait_for()
        assert page.locator(".ore-view .orc-problem").inner_text().startswith("The server")
        assert page.locator(".ore-view .orc-words").inner_text() == "a weir"
        assert page.evaluate(f"({NODE})().properties.orchestrator_told.positive") == "a weir"
        assert not page.evaluate(f"({NODE})().widgets.some(widget => widget.name === 'control_after_generate')")
