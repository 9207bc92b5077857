"""The nodes in a real ComfyUI, over HTTP and the websocket, as a program uses them."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import sqlite3
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from comfy_nodes.widgets import WIDGETS
from orchestrator_core.formats.image_metadata import ImageMetadata, read_image
from orchestrator_core.formats.node_definitions import node_definition
from orchestrator_core.store import Store
from orchestrator_core.template import Template, Wildcards
from tests.api_client import ApiServer
from tests.core.jobs.at_work import eventually
from tests.hosts.comfyui import ROOT, ComfyUI
from tests.hosts.queue_rows import empty_queue

pytestmark = [pytest.mark.host, pytest.mark.slow]

TEMPLATE = "a __colors/warm__ {fox|owl|lynx|crane}"
NEGATIVE = "{blurry|dark}, text"
Graph = dict[str, Any]


class Server:
    """Queues graphs, and waits for what comes of them."""

    def __init__(self, comfyui: ComfyUI) -> None:
        self.comfyui = comfyui
        self.output = comfyui.folder / "output"

    def call(self, path: str, data: Any = None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(self.comfyui.url + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read())

    def queue(self, graph: Graph, **body: Any) -> str:
        return str(self.call("/prompt", {"prompt": graph, **body})["prompt_id"])

    def wait(self, prompt_id: str) -> dict[str, Any]:
        end = time.monotonic() + 240
        while time.monotonic() < end:
            if found := self.call(f"/history/{prompt_id}").get(prompt_id):
                return dict(found)
            time.sleep(0.1)
        raise AssertionError(f"{prompt_id} does not end")

    def run(self, graph: Graph, **body: Any) -> dict[str, Any]:
        done = self.wait(self.queue(graph, **body))
        assert done["status"]["status_str"] == "success", done["status"]
        return done

    def images(self, done: dict[str, Any]) -> list[ImageMetadata]:
        return [read_image(path) for path in self.files(done)]

    def files(self, done: dict[str, Any]) -> list[Path]:
        found = [image for output in done["outputs"].values() for image in output.get("images", ())]
        return [self.output / image["subfolder"] / image["filename"] for image in found]


@pytest.fixture
def server(comfyui: ComfyUI) -> Server:
    return Server(comfyui)


@pytest.fixture
def own_wildcards(comfyui: ComfyUI) -> Iterator[Path]:
    """A folder of the host's, which the node reads."""
    folder = comfyui.folder / "models" / "wildcards"
    folder.mkdir(exist_ok=True)
    yield folder
    for path in folder.glob("*.txt"):
        path.unlink()


def bundled() -> Wildcards:
    return Wildcards(ROOT / "wildcards")


def graph(seed: int = 7, batch: int = 1, **inputs: Any) -> Graph:
    """Wildcard Prompt → CLIPTextEncode → KSampler → Save Image With Origin → Run Recorder."""
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="tiny-sd15.safetensors"),
        "2": node(
            "OrchestratorWildcardPrompt",
            **{"template": TEMPLATE, "negative_template": NEGATIVE, "seed": seed, **inputs},
        ),
        "3": node("CLIPTextEncode", clip=["1", 1], text=["2", 0]),
        "4": node("CLIPTextEncode", clip=["1", 1], text=["2", 1]),
        "5": node("EmptyLatentImage", width=64, height=64, batch_size=batch),
        "6": node(
            "KSampler", model=["1", 0], positive=["3", 0], negative=["4", 0], latent_image=["5", 0], seed=["2", 3],
            steps=2, cfg=7.0, sampler_name="euler", scheduler="normal", denoise=1.0,
        ),
        "7": node("VAEDecode", samples=["6", 0], vae=["1", 2]),
        "8": node(
            "OrchestratorSaveImage", images=["7", 0], draft=["2", 2], filename_prefix="nodes/x", format="png",
            quality=90, lossless=False, with_workflow=True,
        ),
        "9": node("OrchestratorRunRecorder", draft=["2", 2], saved=["8", 0]),
    }  # fmt: skip


def inspecting(**inputs: Any) -> Graph:
    """Only the prompt, which is quick."""
    return {
        "2": node("OrchestratorWildcardPrompt", **{"template": TEMPLATE, "seed": 7, **inputs}),
        "9": node("OrchestratorPromptInspector", draft=["2", 2]),
    }


def canvas() -> dict[str, Any]:
    """As much of a canvas as the pack looks at: a Wildcard Prompt that has drawn nothing yet."""
    held = ["", "", "", "", "populate", "dynamicprompts", "random", 0, "fixed", -1, "keep", ""]
    return {"nodes": [{"id": 2, "type": "OrchestratorWildcardPrompt", "widgets_values": held}]}


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def words(done: dict[str, Any], key: str = "9") -> str:
    return "".join(word["text"] for word in done["outputs"][key]["orchestrator_words"])


def prompts(server: Server, done: dict[str, Any]) -> list[str]:
    return [image.request.positive for image in server.images(done) if image.request]


def ran(done: dict[str, Any], key: str) -> bool:
    """Whether the node was run, and not taken from the cache."""
    cached = [data["nodes"] for kind, data in done["status"]["messages"] if kind == "execution_cached"]
    return key not in cached[0]


def second_run(
    run: Callable[[], dict[str, Any]], prompt: str, between: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """The later of two runs of a graph that were both drawn before they were queued. On a busy machine a draw may come
    too late for that: the node draws then, and its inputs are others than those that the host remembers.
    """
    for _ in range(5):
        first = run()
        between()
        second = run()
        if all(done["prompt"][2][prompt]["inputs"]["populated_text"] for done in (first, second)):
            break
    return second


def pixels(path: Path) -> str:
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        return hashlib.sha256(picture.tobytes()).hexdigest()


def test_the_widgets_stand_in_the_order_that_workflows_keep(server: Server) -> None:
    info = server.call("/object_info/OrchestratorWildcardPrompt")["OrchestratorWildcardPrompt"]
    order = [*info["input_order"]["required"], *info["input_order"]["optional"]]
    assert order == [name for name in WIDGETS if name != "control_after_generate"]
    assert WIDGETS[WIDGETS.index("seed") + 1] == "control_after_generate"


def test_a_prompt_is_drawn_rendered_saved_and_kept(server: Server) -> None:
    done = server.run(graph(batch=2))
    drawn = Template(TEMPLATE, NEGATIVE).draw(bundled(), 7)
    found = server.images(done)
    assert len(found) == 2
    for number, image in enumerate(found):
        assert image.request is not None
        assert image.notes is not None
        assert (image.request.positive, image.request.negative) == (drawn.positive, drawn.negative_prompt)
        assert (image.request.seed, image.request.extra) == (7, {"batch_index": number})
        assert (image.notes.template, image.notes.negative_template, image.notes.prompt_seed) == (TEMPLATE, NEGATIVE, 7)
        assert image.graph is not None
        assert image.graph["2"]["inputs"]["populated_text"] == drawn.positive
        assert image.problems == ()
    assert "Kept as " in done["outputs"]["9"]["text"][0]
    notes = found[0].notes
    with Store.open(server.comfyui.store, create=False) as store:
        run = store.load_run(notes.run_id if notes else "")
    assert (run.draft.components, run.draft.seed) == (drawn.components, 7)
    assert [image.path for image in run.images] == server.files(done)


def test_the_same_graph_gives_the_same_image_after_a_restart(server: Server) -> None:
    before = pixels(server.files(server.run(graph(seed=31)))[0])
    server.comfyui.kill()
    server.comfyui.start()
    assert pixels(server.files(server.run(graph(seed=31)))[0]) == before


def test_ten_seeds_give_ten_prompts_each_in_its_own_image(server: Server) -> None:
    waiting = [server.queue(graph(seed=seed)) for seed in range(100, 110)]
    for seed, prompt_id in zip(range(100, 110), waiting, strict=True):
        (image,) = server.images(server.wait(prompt_id))
        assert image.request is not None
        assert image.request.positive == Template(TEMPLATE, NEGATIVE).draw(bundled(), seed).positive


def test_nothing_is_rendered_again_that_would_be_the_same(server: Server) -> None:
    first = server.run(graph(seed=41, template="a plain fox", negative_template=""))
    again = server.run(graph(seed=41, template="a plain fox", negative_template=""))
    assert ran(first, "2")
    assert not any(ran(again, key) for key in ("2", "3", "6", "8"))


def test_a_new_seed_renders_nothing_anew_where_it_draws_nothing(server: Server) -> None:
    def constant(seed: int) -> Graph:
        changed = graph(seed=seed, template="a plain owl", negative_template="dark")
        changed["6"]["inputs"]["seed"] = 5
        return changed

    server.run(constant(1))
    assert not any(ran(server.run(constant(2)), key) for key in ("2", "6", "8"))


def test_a_wildcard_file_that_changes_elsewhere_renders_nothing_anew(server: Server, own_wildcards: Path) -> None:
    empty_queue(server.comfyui.store)  # a job of another file would take what the host remembers of the last prompt
    (own_wildcards / "mine.txt").write_text("heron\n")
    time.sleep(2.1)  # how often the folders are looked at
    own = graph(template="a __mine__", negative_template="")
    assert prompts(server, server.run(own)) == ["a heron"]
    values = itertools.count()

    def change_another() -> None:
        (own_wildcards / "other.txt").write_text(f"value {next(values)}\n")
        time.sleep(2.1)

    assert not ran(second_run(lambda: server.run(own), "2", change_another), "6")
    (own_wildcards / "mine.txt").write_text("egret\n")
    time.sleep(2.1)
    changed = server.run(own)
    assert ran(changed, "6")
    assert prompts(server, changed) == ["a egret"]


def test_a_linked_template_is_drawn_again_when_a_file_was_edited_in_place(server: Server, own_wildcards: Path) -> None:
    def run() -> str:
        made = inspecting(template=["5", 0])
        made["5"] = node("StringTrim", string=" a __mine__ ", mode="Both")
        return words(server.run(made))

    (own_wildcards / "mine.txt").write_text("heron\n")
    time.sleep(2.1)  # how often the folders are looked at
    assert run() == "a heron"
    (own_wildcards / "mine.txt").write_text("egret\n")
    assert run() == "a egret"  # at once: the time of the folder itself has not changed


def test_the_first_prompt_after_a_start_is_drawn_before_it_is_queued(server: Server) -> None:
    drawn = Template(TEMPLATE).draw(bundled(), 7).positive
    for seconds in (3, 10, 20):  # on a busy machine the folders are not read after three
        server.comfyui.kill()
        server.comfyui.start()
        time.sleep(seconds)
        told = server.run(inspecting())["prompt"][2]["2"]["inputs"]["populated_text"]
        if told:
            break
    assert told == drawn
    assert not ran(second_run(lambda: server.run(inspecting()), "2"), "9")


def test_a_fixed_text_is_not_rendered_again_for_another_seed(server: Server) -> None:
    def fixed(seed: int) -> Graph:
        made = graph(seed=seed, mode="fixed", populated_text="a heron at dawn", populated_negative="dark")
        made["6"]["inputs"]["seed"] = 5
        made["8"] = node("SaveImage", images=["7", 0], filename_prefix="nodes/core")
        del made["9"]  # a draft says which seed its words are from
        return made

    server.run(fixed(1))
    assert not any(ran(server.run(fixed(2)), key) for key in ("2", "6", "8"))


def test_a_fixed_text_is_rendered_as_it_is_with_the_origins_that_are_left(server: Server) -> None:
    drawn = Template(TEMPLATE).draw(bundled(), 7).positive
    done = server.run(inspecting(mode="fixed", populated_text=f"{drawn}, sleeping"))
    assert words(done) == f"{drawn}, sleeping"
    kinds = {word["text"].strip(): word["kind"] for word in done["outputs"]["9"]["orchestrator_words"]}
    assert kinds[", sleeping"] == "user"
    assert "wildcard" in kinds.values()


def test_a_template_that_is_made_in_the_run_is_drawn_in_the_run(server: Server) -> None:
    made = graph(template=["20", 0])
    made["20"] = node("StringConcatenate", string_a="a {fox|owl|lynx}", string_b="{1|2|3}", delimiter=" ")
    (image,) = server.images(server.run(made, extra_data={"extra_pnginfo": {"workflow": canvas()}}))
    expected = Template("a {fox|owl|lynx} {1|2|3}").draw(bundled(), 7).positive
    assert image.graph is not None
    assert image.graph["2"]["inputs"]["populated_text"] == expected
    assert image.workflow is not None
    assert image.workflow["nodes"][0]["widgets_values"][WIDGETS.index("populated_text")] == expected


def test_a_list_of_templates_is_drawn_one_by_one(server: Server) -> None:
    made = inspecting(template=["5", 0])
    made["5"] = node("TestLines", text="a {fox|owl|lynx}\nthe {cat|dog|cow}")
    expected = [Template(text).draw(bundled(), 7).positive for text in ("a {fox|owl|lynx}", "the {cat|dog|cow}")]
    assert words(server.run(made)) == "".join(expected)


def test_each_image_of_a_list_has_its_own_prompt(server: Server) -> None:
    made = graph(seed=81, template=["10", 0], negative_template="")
    made["10"] = node("TestLines", text="a {fox|owl|lynx}\nthe {cat|dog|cow}")
    images = server.images(server.run(made, extra_data={"extra_pnginfo": {"workflow": canvas()}}))
    assert [image.notes.template for image in images if image.notes] == ["a {fox|owl|lynx}", "the {cat|dog|cow}"]
    for image in images:
        assert image.notes is not None
        assert image.request is not None
        assert image.workflow is not None
        expected = Template(image.notes.template).draw(bundled(), 81).positive
        assert image.request.positive == expected
        assert image.workflow["nodes"][0]["widgets_values"][2] == expected


def test_core_s_save_image_holds_a_text_that_only_the_run_could_draw(server: Server) -> None:
    made = graph(seed=82, template=["10", 0], negative_template="{blurry|dark}")
    made["10"] = node("StringTrim", string=" a {fox|owl|lynx} ", mode="Both")
    made["8"] = node("SaveImage", images=["7", 0], filename_prefix="nodes/core")
    del made["9"]
    done = server.run(made, extra_data={"extra_pnginfo": {"workflow": canvas()}})
    (image,) = server.images(done)
    expected = Template("a {fox|owl|lynx}", "{blurry|dark}").draw(bundled(), 82)
    assert image.graph is not None
    assert image.graph["2"]["inputs"]["populated_text"] == expected.positive
    assert image.workflow is not None
    assert image.workflow["nodes"][0]["widgets_values"][2:4] == [expected.positive, expected.negative_prompt]
    assert image.request is not None
    assert (image.request.positive, image.request.negative) == (expected.positive, expected.negative_prompt)
    assert image.notes is not None
    assert (image.notes.template, image.notes.prompt_seed) == ("a {fox|owl|lynx}", 82)
    (shown,) = done["outputs"]["2"]["orchestrator_populated"]
    assert (shown["node"], shown["positive"]) == ("2", expected.positive)


def test_a_seed_that_a_node_computes_may_be_any_number(server: Server) -> None:
    made = inspecting(seed=["5", 0])
    made["5"] = node("PrimitiveInt", value=-5)
    assert words(server.run(made)) == Template(TEMPLATE).draw(bundled(), 2**64 - 5).positive


def test_a_missing_wildcard_stays_as_text_and_stops_nothing(server: Server) -> None:
    assert words(server.run(inspecting(template="a __../../etc/passwd__ __no/such__ fox"))) == (
        "a __../../etc/passwd__ __no/such__ fox"
    )


def test_an_error_is_one_sentence_without_a_stack_trace(server: Server) -> None:
    with window(server) as (client, socket):
        server.wait(server.queue(graph(template="a __no/such__", missing="error"), client_id=client))
        error = heard(socket)["execution_error"]
    assert "There is no wildcard 'no/such'" in error["exception_message"]
    assert error["traceback"] == []
    assert words(server.run(inspecting()))


def test_the_graph_of_an_older_version_runs(server: Server) -> None:
    assert words(server.run(inspecting())) == Template(TEMPLATE).draw(bundled(), 7).positive


def test_the_widgets_are_in_the_order_that_workflows_are_written_in(server: Server) -> None:
    info = server.call("/object_info/OrchestratorWildcardPrompt")
    definition = node_definition("OrchestratorWildcardPrompt", info)
    assert definition is not None
    names = [[item.name, "control_after_generate"] if item.extra else [item.name] for item in definition.widgets]
    assert tuple(name for pair in names for name in pair) == WIDGETS
    assert definition.outputs == (
        ("positive", "STRING"), ("negative", "STRING"), ("draft", "PROMPT_DRAFT"), ("seed", "INT"),
    )  # fmt: skip


def test_a_locked_database_stops_no_queue(server: Server) -> None:
    server.run(graph(seed=91))  # the database is there
    with closing(sqlite3.connect(server.comfyui.store)) as other:
        other.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        done = server.run(graph(seed=92))
    assert time.monotonic() - started < 25  # the store's own patience is 30 seconds
    assert done["outputs"]["9"]["text"][0].startswith("Not kept: ")
    assert "locked" in done["outputs"]["9"]["text"][0] or "busy" in done["outputs"]["9"]["text"][0]
    assert len(server.images(done)) == 1


def test_a_run_that_is_saved_again_is_kept_once(server: Server) -> None:
    """The second recorder keeps what the first one kept."""
    made = graph(seed=93)
    made["11"] = node("OrchestratorRunRecorder", draft=["2", 2], saved=["8", 0])
    done = server.run(made)
    assert done["outputs"]["9"]["text"] == done["outputs"]["11"]["text"]
    run_id = done["outputs"]["9"]["text"][0].split()[2]
    with Store.open(server.comfyui.store, create=False) as store:
        assert [run.id for run in store.runs(500)].count(run_id) == 1


def test_an_image_of_a_canvas_is_rendered_again_by_the_queue(server: Server) -> None:
    """The same picture; and with a slot that says something else, all other words."""
    made = graph(seed=94, batch=2, template="a {fox|owl} of {snow|fog}", negative_template="")
    done = server.run(made)
    run_id = done["outputs"]["9"]["text"][0].split()[2]
    api = ApiServer(f"{server.comfyui.url}/orchestrator/v1")
    first, second = sorted(api.get(f"/gallery/images?q=run:{run_id}")["images"], key=lambda card: card["name"])
    words = api.get(f"/gallery/images/{second['id']}/words")["words"]
    assert "".join(word["text"] for word in words) == second["prompt"]
    assert api.get(f"/gallery/images/{second['id']}/workflow")["source"] == "image"
    path = f"/gallery/images/{second['id']}/again"
    jobs = [api.post(path, {"target": "comfyui", **asked}, 201)["jobs"][0] for asked in ({}, {"vary": "{fox|owl}"})]
    for job in jobs:
        ended = eventually(lambda job=job: _ended(api.get(f"/jobs/{job['id']}")), 240)
        assert (ended["state"], ended["error"]) == ("done", "")
    same, other = (api.get(f"/gallery/images?q=run:{job['run_id']}")["images"][0] for job in jobs)
    sent = {card["name"]: api.ask("GET", f"/gallery/images/{card['id']}/file").body for card in (first, second, same)}
    shown = [Image.open(io.BytesIO(data)).convert("RGB") for data in sent.values()]
    furthest = [max(high for _, high in ImageChops.difference(one, shown[2]).getextrema()) for one in shown[:2]]
    assert furthest[1] <= 3 < furthest[0]  # alone it is rounded otherwise than within its batch
    before, after = second["prompt"].split(), other["prompt"].split()
    assert {before[1], after[1]} == {"fox", "owl"} and before[2:] == after[2:]


def _ended(job: Any) -> Any:
    return job if job["state"] not in ("waiting", "running") else None


def test_webp_and_jpeg_say_where_they_came_from(server: Server) -> None:
    for kind in ("webp", "jpeg"):
        made = graph(seed=51)
        made["8"]["inputs"]["format"] = kind
        (image,) = server.images(server.run(made, extra_data={"extra_pnginfo": {"workflow": {"nodes": []}}}))
        assert image.format.lower() == kind
        assert image.notes is not None
        assert image.notes.template == TEMPLATE
        assert image.graph is not None


def test_a_workflow_that_has_no_room_in_a_jpeg_costs_the_image_nothing(server: Server) -> None:
    made = graph(seed=52)
    made["8"]["inputs"]["format"] = "jpeg"
    done = server.run(made, extra_data={"extra_pnginfo": {"workflow": {"nodes": [], "x": "y" * 70_000}}})
    (image,) = server.images(done)
    assert image.notes is not None
    assert image.notes.template == TEMPLATE
    assert "do not fit into a JPEG" in done["outputs"]["8"]["text"][0]


@pytest.mark.parametrize(
    ("prefix", "says"),
    [
        ("../../escaped", "leads out of the output folder"),
        ("a\0b", "characters that no file name can have"),
        ("a\ud800", "characters that no file name can have"),
        ("a" * 300, "200 are the most"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_in_a_sentence(server: Server, prefix: str, says: str) -> None:
    made = graph(seed=53)
    made["8"]["inputs"]["filename_prefix"] = prefix
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.queue(made)
    (problem,) = json.loads(refused.value.read())["node_errors"]["8"]["errors"]
    assert says in problem["details"]
    assert problem["type"] == "custom_validation_failed"


def test_a_name_may_come_from_another_node(server: Server) -> None:
    made = graph(seed=54)
    made["10"] = node("PrimitiveString", value="linked/name")
    made["8"]["inputs"]["filename_prefix"] = ["10", 0]
    (path,) = server.files(server.run(made))
    assert path.parent.name == "linked"
    assert path.name.startswith("name_")


@pytest.mark.parametrize(
    ("prefix", "says"), [("../../escaped", "leads out of the output folder"), ("a\0b", "no file name can have")]
)
def test_a_linked_name_that_cannot_be_used_costs_no_image(server: Server, prefix: str, says: str) -> None:
    made = graph(seed=55)
    made["10"] = node("PrimitiveString", value=prefix)
    made["8"]["inputs"]["filename_prefix"] = ["10", 0]
    done = server.run(made)
    (path,) = server.files(done)
    assert path.name.startswith("orchestrator_")
    assert says in done["outputs"]["8"]["text"][0]


def test_a_format_that_there_is_not_costs_no_image(server: Server) -> None:
    made = graph(seed=56)
    made["8"]["inputs"]["format"] = "tiff"
    done = server.run(made)
    (image,) = server.images(done)
    assert image.format == "PNG"
    assert done["outputs"]["8"]["text"] == ['Saved as PNG. There is no format "tiff": png, webp, jpeg.']


def test_the_inspector_counts_tokens_with_the_loaded_encoder(server: Server) -> None:
    made = inspecting(template="a red fox")
    made["1"] = node("CheckpointLoaderSimple", ckpt_name="tiny-sd15.safetensors")
    made["9"]["inputs"]["clip"] = ["1", 1]
    (found,) = server.run(made)["outputs"]["9"]["orchestrator_tokens"]
    assert found == {"encoder": "l", "tokens": 3, "chunks": 1, "length": 77}


def test_only_the_window_that_queued_is_told(server: Server) -> None:
    with window(server) as (mine, first), window(server) as (_, second):
        server.run(inspecting(seed=61), client_id=mine)
        assert heard(first)["orchestrator.populated"]["node"] == "2"
        assert "orchestrator.populated" not in heard(second)


@contextmanager
def window(server: Server) -> Iterator[tuple[str, Any]]:
    """(the id of a browser window, what it hears)."""
    from websockets.sync.client import connect

    client = uuid.uuid4().hex
    with connect(f"{server.comfyui.url.replace('http', 'ws')}/ws?clientId={client}") as socket:
        yield client, socket


def heard(socket: Any) -> dict[str, Any]:
    """The last message of each kind."""
    found = {}
    end = time.monotonic() + 1.0
    while (left := end - time.monotonic()) > 0:
        try:
            message = socket.recv(timeout=left)
        except TimeoutError:
            break
        if isinstance(message, str):
            told = json.loads(message)
            found[told["type"]] = told["data"]
    return found


def test_a_hostile_request_is_answered_and_the_queue_goes_on(server: Server) -> None:
    hostile: list[Any] = [[], "x", {"workflow": []}, {"workflow": {"nodes": [{"id": 2}], "definitions": 3}}]
    for info in hostile:
        server.wait(server.queue(inspecting(seed=71), extra_data={"extra_pnginfo": info}))
    server.wait(server.queue(inspecting(seed=71), client_id={"a": 1}))
    assert words(server.run(inspecting(seed=72)))


def test_the_host_imports_the_pack_without_a_complaint(server: Server) -> None:
    log = (server.comfyui.folder / "server.log").read_text()
    assert "sd-orchestrator" in log
    assert not [line for line in log.splitlines() if "IMPORT FAILED" in line and "orchestrator" in line]
