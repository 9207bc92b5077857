from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.prompt_file import (
    format_prompt_file,
    parse_prompt_file,
    planned_run,
    read_prompt_file,
)
from orchestrator_core.formats.prompt_rows import MAX_REPEATS, PlannedPrompt
from orchestrator_core.prompt import Component, LoraUse, PromptDraft, PromptSource
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run


def parse(value: Any) -> list[PlannedPrompt]:
    data = value if isinstance(value, str) else json.dumps(value)
    result = parse_prompt_file(data.encode())
    assert result.problems == ()
    return list(result.prompts)


def test_a_list_of_texts() -> None:
    assert parse(["a fox", "an owl"]) == [PlannedPrompt("a fox", row=1), PlannedPrompt("an owl", row=2)]


def test_objects_in_our_words() -> None:
    row = {
        "positive": "a fox", "negative": "bad", "seed": 2**64 - 1, "sampler": "dpmpp_2m", "steps": 12, "width": 640,
        "target": "forge", "loras": ["ink", "<lora:mist:0.5:0.6>", {"name": "x", "strength": 0.7, "sha256": "ab"}],
        "extra": {"inputs": {"a.b": 1}},
    }  # fmt: skip
    (planned,) = parse([row])
    assert planned == PlannedPrompt(
        "a fox", "bad", seed=2**64 - 1, target="forge", row=1,
        loras=(LoraUse("ink"), LoraUse("mist", 0.6, 0.5), LoraUse("x", 0.7, 0.7, "ab")),
        settings={"sampler": "dpmpp_2m", "steps": 12, "width": 640, "extra": {"inputs": {"a.b": 1}}},
    )  # fmt: skip
    assert planned.request(GenerationRequest("", "x", height=9)) == GenerationRequest(
        "a fox", "bad", planned.loras, sampler="dpmpp_2m", steps=12, width=640, height=9, seed=2**64 - 1,
        extra={"inputs": {"a.b": 1}},
    )  # fmt: skip


def test_what_a_row_leaves_open_is_taken_from_the_defaults() -> None:
    defaults = GenerationRequest("", "bad", (LoraUse("ink"),), "sd15", steps=9, seed=4)
    assert parse(["a fox"])[0].request(defaults) == defaults.replacing(positive="a fox")


def test_a_template_still_to_be_drawn() -> None:
    (planned,) = parse({"template": "a {fox|owl}", "seed": -1})
    assert (planned.positive, planned.template, planned.seed) == ("", "a {fox|owl}", None)


def test_payloads_of_a1111() -> None:
    payload = {
        "prompt": "a fox", "negative_prompt": "bad", "sampler_name": "DPM++ 2M", "scheduler": "Automatic", "seed": 5,
        "cfg_scale": 5.5, "denoising_strength": 0.4, "n_iter": 2, "batch_size": 3, "save_images": True, "styles": [],
        "override_settings": {"sd_model_checkpoint": "sd15", "CLIP_stop_at_last_layers": 2}, "alwayson_scripts": {},
    }  # fmt: skip
    first, second = parse(payload)
    assert (first.seed, second.seed) == (5, 8)
    assert first.settings == second.settings == {
        "sampler": "dpmpp_2m", "scheduler": "karras", "cfg": 5.5, "denoise": 0.4, "batch_size": 3,
        "checkpoint": "sd15", "clip_skip": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sampler", "settings"),
    [
        ("dpmpp_2m", {"sampler": "dpmpp_2m"}),
        ("DPM++ 2M", {"sampler": "dpmpp_2m", "scheduler": "karras"}),
        ("DPM++ SDE Exponential", {"sampler": "dpmpp_sde", "scheduler": "exponential"}),
        ("Euler a", {"sampler": "euler_ancestral", "scheduler": "normal"}),
        ("own", {"sampler": "own"}),
    ],
)
def test_labels_of_a1111_imply_a_scheduler(sampler: str, settings: dict[str, str]) -> None:
    assert parse({"prompt": "x", "sampler_index": sampler})[0].settings == settings


def test_lines_of_a1111() -> None:
    text = (
        'a fox, red\n\n--prompt "an owl" at night --negative_prompt bad --steps 5 --seed 7 --sampler_name "Euler a"\r\n'
    )
    first, second = parse(text)
    assert first == PlannedPrompt("a fox, red", row=1)
    assert (second.positive, second.negative, second.seed, second.row) == ("an owl at night", "bad", 7, 3)
    assert second.settings == {"steps": 5, "sampler": "euler_ancestral", "scheduler": "normal"}


def test_lines_may_begin_like_json() -> None:
    assert [planned.positive for planned in parse("{red|blue} fox\n[a:b:0.5] x")] == ["{red|blue} fox", "[a:b:0.5] x"]


def test_an_infotext_is_one_prompt() -> None:
    (planned,) = parse("a fox\nat night\nNegative prompt: bad\nSteps: 5, Sampler: LMS, Seed: 3, Size: 64x32")
    assert (planned.positive, planned.negative, planned.seed) == ("a fox\nat night", "bad", 3)
    assert planned.settings == {"sampler": "lms", "steps": 5, "width": 64, "height": 32}


def test_csv_of_dynamic_prompts() -> None:
    out = io.StringIO()
    rows = [("positive_prompt", "negative_prompt"), ("a {fox|owl}\nx", "bad"), ("a fox\nx", "bad"), ("an, owl", "")]
    csv.writer(out).writerows(rows)
    first, second = parse(out.getvalue())
    assert first == PlannedPrompt("a fox\nx", "bad", "a {fox|owl}\nx", "bad", row=3)
    assert (second.positive, second.negative, second.template) == ("an, owl", "", "a {fox|owl}\nx")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_known_by_their_bytes(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes("ein Füchslein\nzwei".encode(encoding))
    assert [planned.positive for planned in read_prompt_file(path).prompts] == ["ein Füchslein", "zwei"]


def test_bad_rows_are_numbered_and_the_others_go_on() -> None:
    rows = ["a fox", 3, "", {"seed": 4}, {"prompt": ["x"]}, None, {"prompt": "an owl", "steps": "many", "seed": 1.5}]
    result = parse_prompt_file(json.dumps(rows).encode())
    assert [planned.positive for planned in result.prompts] == ["a fox", "an owl"]
    assert result.prompts[1].settings == {}
    assert [(problem.row, problem.lost) for problem in result.problems] == [
        (2, True), (3, True), (4, True), (5, True), (6, True), (7, False), (7, False),
    ]  # fmt: skip
    assert str(result.problems[0]) == "row 2: is int, not a text or an object."
    assert str(result.problems[2]) == 'row 4: has neither a "prompt" nor a "template".'
    assert str(result.problems[6]) == "row 7: \"steps\" is 'many', not a number, and left out."


def test_unknown_keys_are_named_with_what_may_be_meant() -> None:
    (problem,) = parse_prompt_file(b'{"prompt": "x", "stepz": 3}').problems
    assert str(problem) == 'row 1: "stepz" is not known and left out; "steps"?'


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"width": -5}, '"width" is -5, not a whole number from 1'),
        ({"steps": True}, "'True', not a number"),
        ({"seed": 2**64}, "not a whole number from 0"),
        ({"cfg": "nan"}, "not a number"),
        ({"n_iter": MAX_REPEATS + 1}, f"from 1 to {MAX_REPEATS}"),
        ({"sampler": 3}, '"sampler" is int, not a text'),
        ({"loras": {"a": 1}}, '"loras" is no list'),
        ({"loras": [3]}, "a LoRA is '3', not a name"),
        ({"loras": [{"name": "x", "strength": "strong"}]}, "strength_model"),
        ({"steps": 10**400}, "not a number"),
    ],
)
def test_values_of_the_wrong_kind_cost_only_themselves(row: dict[str, Any], message: str) -> None:
    result = parse_prompt_file(json.dumps({"prompt": "x", **row}).encode())
    assert len(result.prompts) == 1
    assert message in result.problems[0].message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has no prompt that can be used"),
        (b"[]", "has no prompt"),
        (b"[3]", r"no prompt that can be used. The first problem, row 1: is int"),
        (b'{"prompt": "x"', "not valid JSON"),
        (b'{"schema_version": 9, "runs": []}', r"newer version \(schema 9\)"),
        (b'{"schema_version": "x", "runs": []}', "newer version"),
        (b"--steps", 'neither a "prompt"'),
        (b'--prompt "x', "No closing quotation"),
        (b"--prompt " + b"x" * 3_000_000, "more than 100,000 are not read"),
        (b"a fox\n\0\0\n", "no text file"),
        (b"[" * 100_000, "no prompt|nested"),
        (b'[{"a":' * 50_000, "nested too deeply"),
    ],
)
def test_a_file_without_a_usable_row_is_an_error(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse_prompt_file(data, "x.json")


@pytest.mark.parametrize("as_bytes", [True, False])
def test_half_a_character_becomes_a_question_mark(as_bytes: bool) -> None:
    text = r'["a \ud83d\ude00 b \ud800", {"prompt": "\uDFFF", "negative_prompt": "\\ud800"}]'
    found = parse_prompt_file(text.encode() if as_bytes else text.encode("utf-16")).prompts
    assert [planned.positive for planned in found] == ["a \U0001f600 b ?", "?"]
    assert found[1].negative == r"\ud800"


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        read_prompt_file(tmp_path / "none.json")


def run() -> Run:
    draft = PromptDraft(
        (Component("a fox"),),
        (Component("bad"),),
        (LoraUse("ink", 0.5),),
        7,
        PromptSource("a {fox|owl}", "bad", "impact"),
    )
    request = GenerationRequest("a fox", steps=3, seed=9, checkpoint="sd15")
    return Run("0001", draft, (GeneratedImage(Path("x.png"), request, "0001"),))


def test_our_own_runs_come_back() -> None:
    planned = planned_run(run())
    (back,) = parse(format_prompt_file([planned]))
    assert back == PlannedPrompt(**{**{name: getattr(planned, name) for name in PlannedPrompt.__slots__}, "row": 1})
    assert (back.run_id, back.template, back.dialect, back.seed) == ("0001", "a {fox|owl}", "impact", 9)
    assert back.settings["steps"] == 3


LORAS = st.builds(LoraUse, st.text(min_size=1), st.floats(-9, 9), st.floats(-9, 9), st.text(max_size=3))
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "sampler": st.sampled_from(["euler", "lms"]), "scheduler": st.sampled_from(["normal", "karras"]),
        "steps": st.integers(1, 999), "cfg": st.floats(0, 9), "checkpoint": st.text(min_size=1),
        "extra": st.dictionaries(st.text(), st.integers(), min_size=1),
    },
)  # fmt: skip
PLANNED = st.builds(
    PlannedPrompt, positive=st.text().filter(str.strip), negative=st.text(), template=st.text(), run_id=st.text(),
    negative_template=st.text(), dialect=st.text(), seed=st.none() | st.integers(0, 2**64 - 1), target=st.text(),
    loras=st.lists(LORAS, max_size=2).map(tuple), settings=SETTINGS,
)  # fmt: skip


@given(st.lists(PLANNED, min_size=1, max_size=3))
def test_any_plan_comes_back(plans: list[PlannedPrompt]) -> None:
    back = parse(format_prompt_file(plans))
    for number, (before, after) in enumerate(zip(plans, back, strict=True), 1):
        values = {name: getattr(before, name) for name in PlannedPrompt.__slots__}
        assert after == PlannedPrompt(**{**values, "row": number})


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        result = parse_prompt_file(data)
    except FormatError:
        return
    assert result.prompts
