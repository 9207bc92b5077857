from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.formats.infotext import Infotext, format_infotext, parse_infotext
from orchestrator_core.formats.infotext_completion import complete_infotext
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest, ImageNotes
from tests.core.formats.test_infotext import ANY_TEXT, NOTES, REQUESTS

FORGES = (
    "a fox <lora:ink:0.8>\nNegative prompt: bad\n"
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.0, Seed: 5, Size: 512x768, "
    'Model hash: 58cc41b6f8, Model: dream, Clip skip: 2, Lora hashes: "ink: 6b9e04a1ab7c", '
    "Version: f2.0.1v1.10.1-previous-669-gdfdcbab6"
)
REQUEST = GenerationRequest(
    "a fox", "bad", (LoraUse("ink", 0.8, 0.8),), "dream", "dpmpp_2m", "karras", 20, 7.0, 1.0, 512, 768, 5, clip_skip=2
)


def test_a_hosts_infotext_stays_as_it_is_and_says_what_it_was_drawn_from() -> None:
    text = complete_infotext(FORGES, REQUEST, ImageNotes("r1", "a {fox|owl}, sitting", "bad"))
    assert text == (
        f'{FORGES}, Template: "a {{fox|owl}}, sitting", Negative Template: bad, '
        'Orchestrator: "{\\"schema_version\\":1,\\"run_id\\":\\"r1\\",\\"dialect\\":\\"dynamicprompts\\"}"'
    )
    found = parse_infotext(text)
    assert found.request == REQUEST
    assert found.fields["Lora hashes"] == "ink: 6b9e04a1ab7c"
    assert found.fields["Version"].startswith("f2.0.1")


def test_what_it_does_not_say_of_the_request_is_added() -> None:
    request = replace(REQUEST, checkpoint="sd/dream.safetensors", extra={"inputs": {"txt2img.hr_scale": 2}})
    text = complete_infotext(FORGES, request, ImageNotes("r1"))
    assert text.startswith(f"{FORGES}, Orchestrator: ")
    assert parse_infotext(text).request == request


def test_nothing_is_added_where_nothing_is_known() -> None:
    assert complete_infotext(FORGES, REQUEST, ImageNotes("")) == FORGES


def test_a_template_that_an_extension_of_the_host_wrote_stays_beside_ours() -> None:
    theirs = f"{FORGES}, Template: the sent prompt"
    text = complete_infotext(theirs, REQUEST, ImageNotes("r1", "a {fox|owl}"))
    assert text.startswith(f"{theirs}, Orchestrator: ")
    assert parse_infotext(text).notes.template == "a {fox|owl}"


def test_a_text_that_is_no_infotext_is_written_anew() -> None:
    note = ImageNotes("r1", "a {fox|owl}")
    assert complete_infotext("what a fox", REQUEST, note) == format_infotext(REQUEST, note)


@given(REQUESTS, NOTES, REQUESTS, st.booleans())
def test_what_is_completed_is_read_back(
    theirs: GenerationRequest, note: ImageNotes, ours: GenerationRequest, same: bool
) -> None:
    host = format_infotext(theirs, ImageNotes(""), {"Model hash": "58cc41b6f8"})
    wanted = theirs if same else ours
    found = parse_infotext(complete_infotext(host, wanted, note))
    assert found == Infotext(wanted, note, parse_infotext(host).fields)


@given(ANY_TEXT, REQUESTS, NOTES)
def test_any_text_of_a_host_is_survived(text: str, request: GenerationRequest, note: ImageNotes) -> None:
    found = parse_infotext(complete_infotext(text, request, note))
    assert (found.request, found.notes) == (request, note)
