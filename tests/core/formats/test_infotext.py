from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator_core.formats.infotext import Infotext, format_infotext, parse_infotext
from orchestrator_core.formats.infotext_pairs import quote, read_pairs, unquote
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest, ImageNotes

HOST_PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')  # modules/infotext_utils.py of Forge


def read_as_forge(text: str) -> dict[str, str]:
    """What the host's own reader makes of an infotext, by its rules (its code is not used)."""
    *lines, last = text.strip().split("\n")
    if len(HOST_PAIR.findall(last)) < 3:
        lines, last = [*lines, last], ""
    found: dict[str, str] = {"Prompt": "", "Negative prompt": ""}
    key = "Prompt"
    for line in map(str.strip, lines):
        if line.startswith("Negative prompt:"):
            key, line = "Negative prompt", line[16:].strip()
        found[key] += ("\n" if found[key] else "") + line
    for name, value in HOST_PAIR.findall(last):
        found[name] = json.loads(value) if value[:1] == '"' == value[-1:] and len(value) > 1 else value
    return found


HOSTILE = st.sampled_from(
    ["\n", "Negative prompt:", "Negative prompt: x", "Steps: 3, x: y, Seed: 4", '"', "\\", ",", ": ", "<lora:a:1>", " ",
     "Template: x", "Negative Template:", "Orchestrator: {}", "Hashes: {\"a\": 1}", "{", "}", "\t", "\r", "\x00", "🦊",
     "ä", "\u2028", "512x512", "Version: Orchestrator 0.1.0"]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(st.one_of(HOSTILE, st.text(max_size=5)), max_size=12).map("".join))
ANY_TEXT = st.one_of(TEXTS, st.text(st.characters()))  # with lone surrogates
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SEEDS = st.integers(0, 2**64 - 1)
NAMES = st.one_of(st.sampled_from(["", "sd15", "sd/xl base_1.0.safetensors", "a\\b.ckpt", "x, y: z"]), TEXTS)
SAMPLERS = st.one_of(st.sampled_from(["euler", "dpmpp_2m", "Euler", "DPM++ 2M Karras", "res_multistep"]), TEXTS)
SCHEDULERS = st.one_of(st.sampled_from(["normal", "karras", "Automatic", "Uniform", "ddim_uniform"]), TEXTS)
LORAS = st.builds(LoraUse, NAMES, NUMBERS, NUMBERS, st.sampled_from(["", "0123456789abcdef"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2), max_leaves=3)
REQUESTS = st.builds(
    GenerationRequest,
    positive=ANY_TEXT, negative=TEXTS, loras=st.lists(LORAS, max_size=2).map(tuple), checkpoint=NAMES,
    sampler=SAMPLERS, scheduler=SCHEDULERS, steps=st.integers(1, 10**6), cfg=NUMBERS, denoise=st.floats(0, 1),
    width=st.integers(1, 10**7), height=st.integers(1, 10**7), seed=SEEDS,
    batch_size=st.integers(1, 9), vae=NAMES, clip_skip=st.integers(1, 12),
    extra=st.dictionaries(st.text(), JSON, max_size=2),
)  # fmt: skip
REROLLS = st.lists(st.tuples(TEXTS, st.integers(0, 10**9)), max_size=2).map(tuple)
NOTES = st.builds(
    ImageNotes, TEXTS, TEXTS, TEXTS, TEXTS, st.none() | SEEDS,
    rerolls=st.just(()) | REROLLS, method=st.just("random") | TEXTS, index=st.none() | SEEDS,
    missing=st.just("keep") | TEXTS, added=st.just(()) | st.lists(st.tuples(TEXTS, TEXTS), max_size=2).map(tuple),
    enhanced=st.just("") | TEXTS, llm=st.just("") | TEXTS, natural=st.just("") | TEXTS,
)  # fmt: skip
KEYS = st.one_of(st.sampled_from(["Hires upscale", "Seed", "Version", "Hashes", "ab", "Template"]), TEXTS)
FIELDS = st.dictionaries(KEYS, TEXTS, max_size=3)
PLAIN = GenerationRequest("a fox", "blurry", checkpoint="sd15", seed=7, sampler="dpmpp_2m", scheduler="karras")
NOTED = ImageNotes("0001", template="a {fox|owl}", negative_template="blurry", prompt_seed=3)


@given(REQUESTS, NOTES, FIELDS)
@example(GenerationRequest("\nNegative prompt: x\nSteps: 3, x: y, Seed: 4", "Negative prompt: b"), ImageNotes(""), {})
@example(GenerationRequest("a <lora:a:1>", loras=(LoraUse("sub/b.safetensors", 0.5, 0.6, "ab" * 32),)), NOTED, {})
@example(GenerationRequest("x"), ImageNotes("", "", "", "impact"), {"Hashes": '{"model": "12"}', "Hires steps": "5"})
def test_what_is_written_reads_back(request_: GenerationRequest, notes: ImageNotes, more: dict[str, str]) -> None:
    assert parse_infotext(format_infotext(request_, notes, more)) == Infotext(request_, notes, more)


@given(REQUESTS, NOTES)
def test_it_is_utf8_and_its_parameters_are_one_line(request_: GenerationRequest, notes: ImageNotes) -> None:
    text = format_infotext(request_, notes)
    assert text.encode().decode() == text
    assert text.rpartition("\n")[2].startswith("Steps: ")


def test_an_ordinary_prompt_is_written_as_the_hosts_write_it() -> None:
    request = PLAIN.replacing(loras=(LoraUse("style/ink.safetensors", 0.8, 0.8, "ab" * 32),), clip_skip=2, denoise=0.5)
    assert format_infotext(request, ImageNotes("")).splitlines()[:2] == [
        "a fox <lora:ink:0.8>",
        "Negative prompt: blurry",
    ]
    line = format_infotext(PLAIN.replacing(clip_skip=2, denoise=0.5), NOTED).splitlines()[2]
    assert line.startswith(
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 7, Size: 512x512, Model: sd15, "
        "Denoising strength: 0.5, Clip skip: 2, Version: Orchestrator "
    )
    assert "Template: a {fox|owl}, Negative Template: blurry" in line
    assert r'Orchestrator: "{\"schema_version\":1,\"run_id\":\"0001\",' in line


def test_an_ordinary_prompt_is_not_written_twice() -> None:
    assert "request" not in parse_ours(format_infotext(PLAIN, NOTED))


def parse_ours(text: str) -> dict[str, Any]:
    return dict(json.loads(dict(read_pairs(text.splitlines()[-1]))["Orchestrator"]))


@given(TEXTS.filter(lambda text: "\n" not in text), NOTES)
def test_forges_own_expression_reads_what_we_write(template: str, notes: ImageNotes) -> None:
    notes = ImageNotes(notes.run_id, template=template, prompt_seed=1)
    found = read_as_forge(format_infotext(PLAIN, notes))
    assert (found["Prompt"], found["Negative prompt"]) == ("a fox", "blurry")
    assert (found["Steps"], found["Sampler"], found["Schedule type"]) == ("20", "DPM++ 2M", "Karras")
    assert (found["Seed"], found["Size"], found["CFG scale"]) == ("7", "512x512", "7")
    assert json.loads(found["Orchestrator"])["prompt_seed"] == 1
    if template.strip() == template and not template.startswith('"'):
        assert found.get("Template", "") == template


def test_forge_output_is_read() -> None:
    info = parse_infotext(
        "a cat <lora:ink:0.6:0.8>, (best:1.2)\nsecond line\nNegative prompt: ugly\nbad\n"
        "Steps: 25, Sampler: DPM++ 2M SDE, Schedule type: Karras, CFG scale: 6.5, Seed: 123456789012, Size: 832x1216, "
        "Model hash: 31e35c80fc, Model: sd_xl_base_1.0, Denoising strength: 0.4, Hires resize: 1024x1024, "
        'Hires steps: 10, Lora hashes: "ink: 1b2c3d4e5f6a", Version: f2.0.1v1.10.1'
    )
    assert info.request == GenerationRequest(
        "a cat , (best:1.2)\nsecond line", "ugly\nbad", (LoraUse("ink", 0.8, 0.6),), "sd_xl_base_1.0",
        "dpmpp_2m_sde", "karras", 25, 6.5, 1.0, 832, 1216, 123456789012,
    )  # fmt: skip
    assert list(info.fields.items()) == [
        ("Model hash", "31e35c80fc"), ("Denoising strength", "0.4"), ("Hires resize", "1024x1024"),
        ("Hires steps", "10"), ("Lora hashes", "ink: 1b2c3d4e5f6a"), ("Version", "f2.0.1v1.10.1"),
    ]  # fmt: skip


def test_unquoted_json_of_civitai_is_taken_whole() -> None:
    resources = '[{"type":"checkpoint","modelVersionId":12,"modelName":"A, b: c"},{"type":"lora","weight":0.8}]'
    text = f'x\nSteps: 30, Sampler: Undefined, Seed: 1, Civitai resources: {resources}, Hashes: {{"model": "ab"}}'
    assert dict(parse_infotext(text).fields) == {"Civitai resources": resources, "Hashes": '{"model": "ab"}'}
    assert parse_infotext(text).request.sampler == "Undefined"


def test_joint_names_and_automatic_are_resolved_and_kept() -> None:
    joint = parse_infotext("x\nSteps: 20, Sampler: DPM++ 2M Karras, Seed: 1")
    assert (joint.request.sampler, joint.request.scheduler) == ("dpmpp_2m", "karras")
    assert joint.fields == {"Sampler": "DPM++ 2M Karras"}
    automatic = parse_infotext("x\nSteps: 20, Sampler: Euler a, Schedule type: Automatic, Seed: 1")
    assert (automatic.request.sampler, automatic.request.scheduler) == ("euler_ancestral", "normal")
    assert automatic.fields == {"Schedule type": "Automatic"}


def test_templates_of_dynamic_prompts_are_read_in_both_forms() -> None:
    new = ', Template: "a {fox, red|owl}", Negative Template: b'
    old = "\nTemplate: a {fox, red|owl}\nNegative Template: b"
    for templates in (new, old):
        info = parse_infotext("a fox\nNegative prompt: b\nSteps: 20, Sampler: Euler, Seed: 1" + templates)
        assert (info.request.positive, info.request.negative) == ("a fox", "b")
        assert (info.notes.template, info.notes.negative_template) == ("a {fox, red|owl}", "b")


def test_a_last_line_with_two_pairs_belongs_to_the_prompt() -> None:
    assert parse_infotext("a cat\nSteps: 3, Seed: 4").request.positive == "a cat\nSteps: 3, Seed: 4"


def test_a_key_given_twice_is_kept_twice() -> None:
    assert parse_infotext("x\nab: 1, ab: 2, ab: 3").fields == {"ab": "1", "ab 2": "2", "ab 3": "3"}


def test_values_that_are_no_numbers_stay_readable() -> None:
    info = parse_infotext("x\nSteps: many, CFG scale: nan, Seed: 1e5, Size: big, Clip skip: 99999999999999999999999")
    assert info.request == GenerationRequest("x")
    assert info.fields == {
        "Steps": "many", "CFG scale": "nan", "Seed": "1e5", "Size": "big", "Clip skip": "99999999999999999999999",
    }  # fmt: skip


@pytest.mark.parametrize(
    "ours",
    ["[]", "nonsense", '{"request": {"width": "wide"}}', '{"request": {"loras": [3]}}', '{"fields": {"a": 1}}',
     '{"notes": []}', '{"prompt_seed": true}', '{"request": {"loras": [{"strength_model": "x"}]}}', "[" * 5000],
)  # fmt: skip
def test_damaged_notes_of_ours_are_kept_as_a_field(ours: str) -> None:
    info = parse_infotext(f"x\nSteps: 1, Seed: 2, Orchestrator: {quote(ours)}")
    assert info.request == GenerationRequest("x", steps=1, seed=2)
    assert unquote(info.fields["Orchestrator"]) == ours


def test_notes_of_a_later_version_are_read_as_far_as_known() -> None:
    ours = quote('{"schema_version":9,"run_id":"r","new":1}')
    info = parse_infotext(f"x\nSteps: 1, Seed: 2, Orchestrator: {ours}")
    assert info.notes.run_id == "r"


def test_swarmui_is_read() -> None:
    info = parse_infotext(json.dumps({
        "sui_image_params": {
            "prompt": "a fox", "negativeprompt": "bad", "model": "xl/base", "seed": 2**63, "steps": 12, "cfgscale": 5.5,
            "width": 768, "height": 512, "sampler": "dpmpp_2m", "scheduler": "karras", "loras": ["ink"],
            "loraweights": ["0.7"], "clipstopatlayer": "-2", "aspectratio": "3:2",
        },
        "sui_extra_data": {"original_prompt": "a <random:fox,owl>"}, "sui_models": [],
    }))  # fmt: skip
    assert info.request == GenerationRequest(
        "a fox", "bad", (LoraUse("ink", 0.7, 0.7),), "xl/base", "dpmpp_2m", "karras", 12, 5.5, 1.0, 768, 512, 2**63,
        clip_skip=2,
    )  # fmt: skip
    assert info.notes.template == "a <random:fox,owl>"
    assert info.fields["aspectratio"] == "3:2"


def test_fooocus_is_read() -> None:
    info = parse_infotext(json.dumps({
        "prompt": "a fox", "negative_prompt": "bad", "base_model": "xl", "seed": "42", "steps": 30,
        "guidance_scale": 4.0, "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "resolution": "(832, 1216)",
        "metadata_scheme": "fooocus", "loras": [["ink", 0.5, "hash"]], "sharpness": 2.0,
    }))  # fmt: skip
    assert info.request == GenerationRequest(
        "a fox", "bad", (LoraUse("ink", 0.5, 0.5),), "xl", "dpmpp_2m_sde_gpu", "karras", 30, 4.0, 1.0, 832, 1216, 42
    )
    assert info.fields["sharpness"] == "2.0"


def test_json_that_is_nobodys_metadata_is_a_prompt() -> None:
    assert parse_infotext('{"a": 1}').request.positive == '{"a": 1}'


@given(ANY_TEXT)
def test_any_text_is_read(text: str) -> None:
    assert isinstance(parse_infotext(text).request.positive, str)


@pytest.mark.parametrize(
    "text", ["a" * 300_000, " " * 300_000 + "x", 'aa:"' * 80_000, "ab:" * 100_000, "{" * 300_000, "ab: 1, " * 60_000]
)
def test_reading_time_is_linear(text: str) -> None:
    start = time.process_time()
    parse_infotext("x\n" + text)
    assert time.process_time() - start < 3


@pytest.mark.parametrize("piece", ["a", " a", "a-", "ab!", "ab: 1 "])
def test_a_long_line_without_pairs_is_no_work(piece: str) -> None:
    start = time.process_time()
    parse_infotext("x\n" + piece * (900_000 // len(piece)))
    assert time.process_time() - start < 1.5


@given(st.text('ab1 -/:,"\\狐\n', max_size=60), st.integers(0, 120))
def test_pairs_are_those_that_forges_own_expression_finds(text: str, longer: int) -> None:
    text = "a" * longer + text
    found = re.findall(r'(\w[\w \-/]{1,99}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', text)
    assert list(read_pairs(text)) == [(key, unquote(value)) for key, value in found]


@pytest.mark.parametrize("file", ["/data/private/photo.png", "D:\\data\\private\\photo.png", Path("private/photo.png")])
def test_where_an_input_image_lay_is_not_written(file: object) -> None:
    request = GenerationRequest("a fox", extra={"images": {"load image.image": file}, "inputs": {"6.steps": 4}})
    text = format_infotext(request, ImageNotes("1"))
    assert "private" not in text
    assert parse_infotext(text).request.extra == {"images": {"load image.image": "photo.png"}, "inputs": {"6.steps": 4}}
