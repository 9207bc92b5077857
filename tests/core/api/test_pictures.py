"""What a picture can do: its words, what it taught, again, varied, as a workflow; stories."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.api.place import KeptStore
from orchestrator_core.context import StageContext
from orchestrator_core.errors import GeneratorUnreachable
from orchestrator_core.formats.image_metadata import with_metadata
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.jobs import desk
from orchestrator_core.jobs.lane import Lane
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.prompt import Component, LoraUse, Origin, PromptDraft, StoryUse
from orchestrator_core.request import GeneratedImage, GenerationRequest, notes_for
from orchestrator_core.run import Run, Score
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from orchestrator_core.weights import regression
from orchestrator_core.weights.ledger import Ledger
from tests.core.api.api_place import Asker, asking
from tests.core.gallery.images import a1111, comfyui, picture, put
from tests.core.jobs.at_work import DRAW, eventually, lane, new_job, working
from tests.fakes import FakeGenerator

TEMPLATE = "a __colors/warm__ {fox|owl|hare} in __colors/warm__ light"
SIZE = {"width": 64, "height": 64}
RUN = "0199aabbccdd" + "0" * 20


@pytest.fixture
def wildcards(tmp_path: Path) -> Wildcards:
    folder = tmp_path / "wildcards" / "colors"
    folder.mkdir(parents=True)
    (folder / "warm.txt").write_text("crimson\namber\nrust\n2::gold\n", "utf-8")
    return Wildcards([tmp_path / "wildcards"])


@pytest.fixture
def ask(tmp_path: Path, wildcards: Wildcards) -> Iterator[Asker]:
    """The gallery has one image, of a run: number 1."""
    context = StageContext(wildcards)
    store = KeptStore(lambda: Store.open(tmp_path / "store.sqlite3"))
    ports = {"open_store": store, "context": lambda: context, "ledger": Ledger(store)}
    with closing(store), asking(tmp_path, targets=lambda: ("comfyui",), **ports) as asker:
        save(asker, a_run(tmp_path, wildcards))
        yield asker


def save(ask: Asker, *runs: Run) -> None:
    with ask.api.place.open_store() as store:
        store.save_runs(runs)


def drawn(wildcards: Wildcards, **options: Any) -> PromptDraft:
    return generate(Options(template=TEMPLATE, negative_template="{dull|dark}", seed=5, **options), wildcards)


def a_run(folder: Path, wildcards: Wildcards, draft: PromptDraft | None = None, run_id: str = RUN, **more: Any) -> Run:
    """Of one image, with scores of its words."""
    draft = draft or drawn(wildcards)
    path = put(folder / "out" / f"{run_id}.png", picture(colour=int(run_id, 16) % 251))
    request = GenerationRequest(
        draft.positive, draft.negative_prompt, draft.loras, "sd15/dream.safetensors", seed=77, **SIZE
    )
    place = next(n for n, part in enumerate(draft.components) if part.choices)
    score = Score(run_id, path.name, place, "fulfilment", 0.8, key=draft.components[place].choices[-1].key)
    return Run(run_id, draft, (GeneratedImage(path, request, run_id),), (score,), **more)


# words


def test_the_words_joined_are_the_prompt_and_say_where_they_came_from(ask: Asker):
    whole = ask.told("GET", "/gallery/images/1")
    words = ask.told("GET", "/gallery/images/1/words")["words"]
    assert "".join(word["text"] for word in words) == whole["prompt"]
    first = next(word for word in words if word["origin"] == "wildcard")
    assert (first["wildcard"], first["value"], first["score"]) == ("colors/warm", first["text"], 0.8)
    assert re.fullmatch(r"colors/warm\.txt:\d+ · \d+ %, 1 of \d+", first["label"])
    option = next(word for word in words if word["origin"] == "option")
    assert (option["wildcard"], option["score"]) == ("{fox|owl|hare}", None)


def test_words_fit_a_prompt_that_was_trimmed_or_changed_after_the_draw(
    ask: Asker, tmp_path: Path, wildcards: Wildcards
):
    draft = drawn(wildcards)
    spaced = draft.replacing(components=(Component("  "), *draft.components, Component(" \n")))
    run = a_run(tmp_path, wildcards, spaced, "0199aabbccde" + "0" * 20)
    other = a_run(tmp_path, wildcards, draft, "0199aabbccdf" + "0" * 20)
    trimmed = replaced(run, positive=spaced.positive.strip())
    changed = replaced(other, positive=f"{draft.positive} at dawn")
    save(ask, trimmed, changed)
    for image, text in ((2, draft.positive), (3, f"{draft.positive} at dawn")):
        words = ask.told("GET", f"/gallery/images/{image}/words")["words"]
        assert "".join(word["text"] for word in words) == text
        assert 0.8 in [word["score"] for word in words]
    assert words[-1]["origin"] == "user"


def replaced(run: Run, **changes: Any) -> Run:
    image = run.images[0]
    return run.replacing(images=(GeneratedImage(image.path, image.request.replacing(**changes), run.id),))


def test_an_image_of_another_program_has_no_words(ask: Asker, tmp_path: Path):
    image = found(ask, tmp_path, a1111("a fox <script>"))
    assert ask.told("GET", f"/gallery/images/{image}/words") == {"words": []}
    assert ask.told("GET", f"/gallery/images/{image}/slots") == {"slots": []}


def found(
    ask: Asker, folder: Path, texts: dict[str, str], size: tuple[int, int] = (64, 64), name: str = "other.png"
) -> int:
    """The number of an image in a folder that is looked through."""
    put(folder / "other" / name, with_metadata(picture(size=(64, 64)), texts))
    with ask.api.place.open_store() as store:
        gallery = Gallery(store)
        if not gallery.roots():
            gallery.add_root(folder / "other")
        gallery.index()
        return gallery.page(f"name:{name}").images[0].id


# taught


def save_eight(ask: Asker, folder: Path, wildcards: Wildcards) -> None:
    """Runs of eight seeds, each with a value of one wildcard."""
    drafts = [generate(Options(template="a __colors/warm__ fox", seed=seed), wildcards) for seed in range(8)]
    save(
        ask,
        *(a_run(folder, wildcards, draft, f"{n + 0x0199BB000000:012x}" + "1" * 20) for n, draft in enumerate(drafts)),
    )


def test_what_marks_taught_is_the_chance_with_them_and_without(ask: Asker, tmp_path: Path, wildcards: Wildcards):
    assert ask.told("GET", "/gallery/images/1/taught") == {"values": [], "is_learning": False, "notice": ""}
    ledger = ask.api.place.ledger
    assert ledger is not None
    ledger.change("switch", value=True)
    ledger.change("mode", value="fast")
    save_eight(ask, tmp_path, wildcards)
    with ask.api.place.open_store() as store:
        gallery = Gallery(store)
        liked = {image.id: "gold" in image.prompt for image in gallery.page("-name:0199aabb", 100).images}
        for image, is_gold in liked.items():
            Marking(gallery).mark(image, {"favourite": True} if is_gold else {"reject": True})
    best = next(image for image, is_gold in liked.items() if is_gold)
    told = ask.told("GET", f"/gallery/images/{best}/taught")
    assert told["is_learning"] is True
    (value,) = told["values"]
    assert (value["slot"], value["value"]) == ("colors/warm", "gold")
    assert value["profile"].startswith("no profile")
    assert 0.4 < value["before"] < value["after"] < 1  # 2 of 5 as its author wrote it
    assert ledger.state().observations  # what was asked changed nothing
    assert (ask.told("GET", f"/gallery/images/{best}/taught"), told["notice"]) == (told, "")


def test_marks_that_are_of_too_many_values_to_learn_from_are_told(
    ask: Asker, tmp_path: Path, wildcards: Wildcards, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(regression, "MOST", 1)
    save_eight(ask, tmp_path, wildcards)
    with ask.api.place.open_store() as store:
        gallery = Gallery(store)
        shown = gallery.page("-name:0199aabb", 100).images[::-1]
        for image in shown:
            Marking(gallery).mark(image.id, {"favourite": True})
    first = shown[0].prompt
    for image in shown:
        told = ask.told("GET", f"/gallery/images/{image.id}/taught")
        assert told["notice"].startswith("" if image.prompt == first else "Its marks are kept, but not learned from")
        assert bool(told["notice"]) == (image.prompt != first)
    assert {image.prompt == first for image in shown} == {True, False}


# again


def job(ask: Asker, image: int, **asked: Any) -> dict[str, Any]:
    jobs = ask.told("POST", f"/gallery/images/{image}/again", asked)["jobs"]
    whole: dict[str, Any] = ask.told("GET", f"/jobs/{jobs[0]['id']}")
    return whole


def run_given(ask: Asker, job_id: str) -> dict[str, Any]:
    with ask.api.place.open_store() as store:
        return dict(Queue(store).job(job_id).run or {})


def prompt_given(ask: Asker, job_id: str) -> str:
    return "".join(part["text"] for part in run_given(ask, job_id)["draft"]["components"])


def test_the_same_again_is_a_job_that_begins_with_the_prompt(ask: Asker, tmp_path: Path):
    told = job(ask, 1, target="forge", count=5)
    assert (told["target"], told["tags"], told["checkpoint"]) == ("forge", ["again"], "sd15/dream.safetensors")
    assert [stage["type"] for stage in told["pipeline"]["stages"]] == ["dispatch", "scoreImages"]
    options = told["pipeline"]["stages"][0]["options"]
    assert options == {"checkpoint": "sd15/dream.safetensors", "seed": 77, **SIZE}
    assert prompt_given(ask, told["id"]) == ask.told("GET", "/gallery/images/1")["prompt"]
    assert run_given(ask, told["id"])["images"] == []
    assert ask.told("GET", "/jobs")["counts"]["waiting"] == 1  # the very same is one image


def test_with_new_seeds_the_words_stay(ask: Asker, tmp_path: Path):
    jobs = ask.told("POST", "/gallery/images/1/again", {"seed": "new", "count": 3})["jobs"]
    whole = [ask.told("GET", f"/jobs/{one['id']}") for one in jobs]
    seeds = {one["pipeline"]["stages"][0]["options"]["seed"] for one in whole}
    assert len(seeds | {77}) == 4
    assert len({prompt_given(ask, one["id"]) for one in jobs}) == 1
    assert ask.told("POST", "/gallery/images/1/again", {"seed": "new", "count": 3})["new"] == 3  # as often as one likes


def test_one_slot_says_something_else_and_all_the_rest_stays(ask: Asker, tmp_path: Path):
    slots = ask.told("GET", "/gallery/images/1/slots")["slots"]
    names = ["__colors/warm__", "{fox|owl|hare}", "__colors/warm__ (2)", "{dull|dark}"]
    assert [slot["slot"] for slot in slots] == names
    before = ask.told("GET", "/gallery/images/1")["prompt"].split()
    jobs = ask.told("POST", "/gallery/images/1/again", {"vary": "{fox|owl|hare}", "count": 9})["jobs"]
    after = [prompt_given(ask, one["id"]).split() for one in jobs]
    assert {words[2] for words in after} == {"fox", "owl", "hare"} - {before[2]}
    assert all(words[:2] + words[3:] == before[:2] + before[3:] for words in after)
    seeds = {ask.told("GET", f"/jobs/{one['id']}")["pipeline"]["stages"][0]["options"]["seed"] for one in jobs}
    assert seeds == {77}
    second = ask.told("POST", "/gallery/images/1/again", {"vary": "__colors/warm__ (2)"})["jobs"][0]
    words = prompt_given(ask, second["id"]).split()
    assert words[:4] == before[:4] and words[4] != before[4]


def test_a_slot_is_varied_under_what_was_added_since(ask: Asker, tmp_path: Path, wildcards: Wildcards):
    draft = drawn(wildcards)
    added = (Component(", inkwash", Origin.trigger_words), Component(", in deep fog", Origin.llm))
    story = StoryUse("Winter", 3)
    richer = draft.replacing(components=(*draft.components, *added), loras=(LoraUse("Ink"),), story=story)
    save(ask, a_run(tmp_path, wildcards, richer, "0199aabbccde" + "0" * 20))
    told = job(ask, 2, vary="{fox|owl|hare}")
    run = run_given(ask, told["id"])
    text = "".join(part["text"] for part in run["draft"]["components"])
    assert text.endswith(", inkwash, in deep fog") and text != richer.positive
    assert [lora["name"] for lora in run["draft"]["loras"]] == ["Ink"]
    assert run["draft"]["story"] is None  # it is no new scene


def test_all_drawn_anew_is_the_pipeline_that_made_it_with_another_seed(ask: Asker, tmp_path: Path):
    told = job(ask, 1, vary="*")
    draw, render, score = told["pipeline"]["stages"]
    assert (draw["options"]["template"], draw["options"]["negative_template"]) == (TEMPLATE, "{dull|dark}")
    assert "seed" not in render["options"] and score["type"] == "scoreImages"
    pipeline = [
        {"id": "a", "type": "generatePrompt", "options": {"template": "a {fox|owl}", "seed": 3}},
        {"id": "l", "type": "selectLoras"},
        {"id": "r", "type": "dispatch", "options": {"steps": 9, "seed": 4}},
    ]
    made = ask.told("POST", "/jobs", {"pipeline": pipeline})["jobs"][0]
    save(ask, Run(made["run_id"], PromptDraft((Component("a fox"),)), (shot(tmp_path, made["run_id"]),)))
    stages = job(ask, 2, vary="*")["pipeline"]["stages"]
    assert [stage["id"] for stage in stages] == ["a", "l", "r"]
    assert stages[0]["options"]["seed"] != 3
    assert stages[2]["options"] == {"steps": 9}
    assert [stage["id"] for stage in job(ask, 2)["pipeline"]["stages"]] == ["r"]


def shot(folder: Path, run_id: str) -> GeneratedImage:
    path = put(folder / "out" / f"{run_id}.png", picture(colour=99))
    return GeneratedImage(path, GenerationRequest("a fox", seed=4, steps=9, **SIZE), run_id)


def test_an_image_of_another_program_is_made_again_by_its_metadata(ask: Asker, tmp_path: Path):
    text = a1111("a fox")["parameters"].replace("8x8", "64x64")
    told = job(ask, found(ask, tmp_path, {"parameters": text}))
    assert told["pipeline"]["stages"][0]["options"] == {
        "checkpoint": "dream",
        "sampler": "euler_ancestral",
        "seed": 1,
        **SIZE,
    }
    assert prompt_given(ask, told["id"]) == "a fox"


def test_what_says_too_little_is_refused_with_the_reason(ask: Asker, tmp_path: Path):
    silent = found(ask, tmp_path, {})
    small = found(ask, tmp_path, a1111("a fox"), name="small.png")  # of 8 x 8 pixels
    gone = put(tmp_path / "other" / "gone.png", b"\x89PNG")
    with ask.api.place.open_store() as store:
        Gallery(store).index()
    gone.unlink()
    cases = [
        (silent, {}, 409, "no_run", "has no prompt"),
        (small, {}, 422, "not_again", "width"),
        (1, {"vary": "__colours__"}, 422, "not_again", "There are: __colors/warm__"),
        (silent, {"vary": "*"}, 409, "no_run", "no prompt"),
        (99, {}, 404, "no_such_image", "no image"),
        (1, {"count": 0}, 422, "invalid", "count"),
        (1, {"seed": 3}, 422, "invalid", "seed"),
        (1, {"target": 3}, 422, "invalid", "target"),
        (1, {"slot": "x"}, 422, "invalid", "slot"),
        (1, {"vary": "\ud800\0"}, 422, "not_again", "no slot"),
    ]
    for image, asked, status, code, words in cases:
        answer = ask("POST", f"/gallery/images/{image}/again", asked)
        told = json.loads(answer.body)["error"]
        assert (answer.status, told["code"]) == (status, code), told
        assert words in told["message"]
    assert ask.told("GET", "/jobs")["counts"]["waiting"] == 0


def test_a_slot_with_one_value_has_nothing_else_to_say(ask: Asker, tmp_path: Path, wildcards: Wildcards):
    draft = generate(Options(template="a {fox} in {snow|snow}", seed=5), wildcards)
    save(ask, a_run(tmp_path, wildcards, draft, "0199aabbccde" + "0" * 20))
    told = json.loads(ask("POST", "/gallery/images/2/again", {"vary": "{snow|snow}"}).body)["error"]
    assert "nothing else to say" in told["message"]


def test_asked_twice_under_a_key_adds_once(ask: Asker):
    asked = {"seed": "new", "count": 2}
    first = ask("POST", "/gallery/images/1/again", asked, idempotency_key="k")
    again = ask("POST", "/gallery/images/1/again", asked, idempotency_key="k")
    assert (first.status, again.status) == (201, 200)
    assert [one["id"] for one in json.loads(first.body)["jobs"]] == [
        one["id"] for one in json.loads(again.body)["jobs"]
    ]
    fewer = {"seed": "new", "count": 1}
    assert ask.code("POST", "/gallery/images/1/again", fewer, idempotency_key="k") == (422, "idempotency_key_reuse")
    assert ask.code("POST", "/gallery/images/1/again", {"seed": "new", "count": 2, "vary": "{dull|dark}"},
                    idempotency_key="k") == (422, "idempotency_key_reuse")  # fmt: skip


def test_targets_are_those_of_the_place_and_of_workers_that_live(ask: Asker, tmp_path: Path):
    own = {"name": "comfyui", "title": "ComfyUI", "away": ""}
    assert ask.told("GET", "/gallery/targets") == {"targets": [own]}
    there = lane(FakeGenerator(), "forge", "http://127.0.0.1:7860")
    with ask.api.place.open_store() as store, working(store, tmp_path, there):
        told = {one["name"]: one["title"] for one in ask.told("GET", "/gallery/targets")["targets"]}
    assert told == {
        "comfyui": "ComfyUI",
        "forge": "Forge",
        "http://127.0.0.1:7860": "Forge (127.0.0.1:7860)",
    }
    embedded = lane(FakeGenerator(), "", "embedded", str(tmp_path))
    with ask.api.place.open_store() as store, working(store, tmp_path, embedded):
        told = {one["name"]: one["title"] for one in ask.told("GET", "/gallery/targets")["targets"]}
    assert told == {"comfyui": "ComfyUI", "embedded": "This machine, without a host"}


class Host(FakeGenerator):
    """One that is away until it is there."""

    is_there = False

    def refresh(self) -> None:
        self.others()

    def lacks(self, request: GenerationRequest) -> Sequence[str]:
        return []

    def others(self) -> int:
        if not self.is_there:
            raise GeneratorUnreachable("Nothing answers at 127.0.0.1:7860.")
        return 0


def test_a_target_whose_host_does_not_answer_is_told_as_away(
    ask: Asker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(desk, "GREET_S", 0.01)
    away, there = Host(tmp_path), Host(tmp_path)
    there.is_there = True

    def lane_of(host: Host, *serves: str) -> Lane:
        return replace(lane(host, *serves, resource=serves[-1]), host=host, reach=host.refresh)

    def told() -> dict[str, str]:
        return {one["name"]: one["away"] for one in ask.told("GET", "/gallery/targets")["targets"]}

    lanes = lane_of(away, "forge", "http://127.0.0.1:7860"), lane_of(there, "comfyui", "http://127.0.0.1:8188")
    no = "Nothing answers at 127.0.0.1:7860."
    with ask.api.place.open_store() as store, working(store, tmp_path, *lanes):
        gone = {"comfyui": "", "forge": no, "http://127.0.0.1:7860": no, "http://127.0.0.1:8188": ""}
        eventually(lambda: told() == gone)
        Queue(store).add(new_job(DRAW))  # what renders nothing is done by whoever is free
        eventually(lambda: Queue(store).job(1).state == "done")
        away.is_there = True
        eventually(lambda: not any(told().values()))
        away.is_there = False
        Queue(store).add(new_job(target="forge"))
        eventually(lambda: told() == gone)
        with working(store, tmp_path, lane_of(there, "forge", "http://127.0.0.1:7861")):
            eventually(lambda: told().get("forge") == "" and told()["http://127.0.0.1:7860"] == no)


def test_words_of_an_image_that_only_its_file_tells_of(ask: Asker, tmp_path: Path, wildcards: Wildcards):
    draft = drawn(wildcards)
    request = GenerationRequest(draft.positive, draft.negative_prompt, seed=77, **SIZE)
    text = format_infotext(request, notes_for("0199aabbccde" + "0" * 20, draft))
    image = found(ask, tmp_path, {"parameters": text})
    words = ask.told("GET", f"/gallery/images/{image}/words")["words"]
    assert "".join(word["text"] for word in words) == draft.positive
    assert [word["origin"] for word in words].count("wildcard") == 2
    assert len(ask.told("GET", f"/gallery/images/{image}/slots")["slots"]) == 4
    (tmp_path / "other" / "other.png").unlink()
    assert ask.told("GET", f"/gallery/images/{image}/words")["words"] == []
    gone = job(ask, image)  # as far as the gallery remembers
    assert prompt_given(ask, gone["id"]) == draft.positive
    assert gone["pipeline"]["stages"][0]["options"] == {"seed": 77, **SIZE}


# workflows


def test_the_workflow_in_the_file_is_given_as_it_is(ask: Asker, tmp_path: Path):
    workflow = {"nodes": [{"id": 1, "type": "Note", "widgets_values": ["<b>"]}], "links": [], "version": 0.4}
    image = found(ask, tmp_path, {**comfyui("a fox"), "workflow": json.dumps(workflow)})
    told = ask.told("GET", f"/gallery/images/{image}/workflow")
    assert told == {"workflow": workflow, "source": "image", "warnings": []}


def test_without_a_workflow_one_is_made_of_what_is_known(ask: Asker, tmp_path: Path):
    of_run = ask.told("GET", "/gallery/images/1/workflow")
    assert of_run["source"] == "run"
    (prompt,) = [node for node in of_run["workflow"]["nodes"] if node["type"] == "OrchestratorWildcardPrompt"]
    assert TEMPLATE in prompt["widgets_values"]
    graph = ask.told("GET", f"/gallery/images/{found(ask, tmp_path, comfyui('a fox'))}/workflow")
    assert graph["source"] == "image"
    assert "KSampler" in [node["type"] for node in graph["workflow"]["nodes"]]
    ours = json.loads(comfyui("x")["prompt"])
    ours["2"]["inputs"]["text"] = ["8", 0]
    ours["8"] = {"class_type": "OrchestratorWildcardPrompt", "inputs": {"template": "a {fox|owl}", "seed": 3}}
    image = found(ask, tmp_path, {"prompt": json.dumps(ours)}, name="ours.png")
    told = ask.told("GET", f"/gallery/images/{image}/workflow")
    assert "OrchestratorWildcardPrompt" in [node["type"] for node in told["workflow"]["nodes"]]
    plain = ask.told("GET", f"/gallery/images/{found(ask, tmp_path, a1111('an owl'), name='a.png')}/workflow")
    assert any("an owl" in node.get("widgets_values", []) for node in plain["workflow"]["nodes"])
    assert plain["warnings"]
    nothing = ask.told("GET", f"/gallery/images/{found(ask, tmp_path, {}, name='b.png')}/workflow")
    assert nothing["workflow"] is None and nothing["warnings"]


@pytest.mark.parametrize("text", ["[]", "{", '{"nodes": 3}', '{"nodes": []', "1e999", '"x"', "[" * 9000, "\0"])
def test_a_workflow_that_is_none_costs_no_more_than_itself(ask: Asker, tmp_path: Path, text: str):
    image = found(ask, tmp_path, {**a1111("a fox"), "workflow": text})
    told = ask.told("GET", f"/gallery/images/{image}/workflow")
    assert "KSampler" in [node["type"] for node in told["workflow"]["nodes"]]


def test_a_pipeline_is_exported_as_a_workflow(ask: Asker):
    told = ask.told("POST", "/pipelines:workflow", {"pipeline": "quick"})
    assert {"OrchestratorWildcardPrompt", "KSampler"} <= {node["type"] for node in told["workflow"]["nodes"]}
    for pipeline in (
        "nowhere",
        [{"id": "a", "type": "dispatch"}],
        [{"id": "a", "type": "generatePrompt", "options": {"x": 1}}],
    ):
        assert ask.code("POST", "/pipelines:workflow", {"pipeline": pipeline}) == (422, "pipeline")


# stages


def test_each_stage_is_described_with_what_is_there_to_choose(ask: Asker):
    told = {stage["type"]: stage for stage in ask.told("GET", "/stages")["stages"]}
    assert list(told) == ["generatePrompt", "followStory", "llmEnhance", "selectLoras", "dispatch", "scoreImages"]
    options = told["dispatch"]["schema"]["properties"]
    assert options["steps"] | {"description": ""} == {
        "type": "integer",
        "default": 20,
        "minimum": 1,
        "maximum": 1000,
        "title": "Steps",
        "description": "",
    }
    assert options["seed"]["title"] == "Image seed"
    assert "euler" in options["sampler"]["x-choices"] and options["checkpoint"]["x-choices"] == ["dream"]
    assert told["dispatch"]["reads"] == ["prompt", "loras", "seed"]
    assert told["llmEnhance"]["schema"]["properties"]["mode"]["enum"][0] == "append"


# stories


def test_stories_are_strips_of_their_last_images_the_newest_first(ask: Asker, tmp_path: Path, wildcards: Wildcards):
    runs = []
    for number in range(15):
        story = StoryUse("Winter" if number < 14 else "<b>Sea</b>", number)
        draft = drawn(wildcards).replacing(story=story)
        runs.append(a_run(tmp_path, wildcards, draft, f"{number + 0x0199BB000000:012x}" + "1" * 20))
    save(ask, *runs)
    sea, winter = ask.told("GET", "/gallery/stories")["stories"]
    assert (sea["name"], sea["images"], winter["name"], winter["images"]) == ("<b>Sea</b>", 1, "Winter", 14)
    assert [card["run_id"] for card in winter["cards"]] == [run.id for run in runs[2:14]]


def test_lora_tests_are_grids_the_best_row_first(ask: Asker, tmp_path: Path):
    from orchestrator_core.gallery import grids
    from tests.core.gallery import test_grids

    assert ask.told("GET", "/gallery/grids") == {"grids": []}
    with ask.api.place.open_store() as store:
        ids = test_grids.rendered(store, tmp_path / "test", [0.5, 0.5, 0.2, None, 0.9, 0.7])
        grids.keep(store, grids.kept_test(test_grids.plan(), tmp_path, "LoRAs", ids))
    (listed,) = ask.told("GET", "/gallery/grids")["grids"]
    found = ask.told("GET", f"/gallery/grids/{listed['id']}")
    assert found["axes"] == {
        "loras": ["styles/ink", "fox"],
        "strengths": [0.5],
        "seeds": [1, 2],
        "prompts": ["a <b>hill</b>, {trigger}"],
    }
    assert [row["lora"] for row in found["rows"]] == ["fox", "", "styles/ink"]
    assert found["rows"][0]["image"]["score"] == 0.9
    assert ask.code("GET", "/gallery/grids/x") == (404, "no_such_grid")
