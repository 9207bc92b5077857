"""What lies beside a LoRA: every ecosystem's files, in every encoding, and broken ones."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator_core.loras.findings import Findings, plain_text
from orchestrator_core.loras.missing import problems
from orchestrator_core.loras.record import ExamplePrompt
from orchestrator_core.loras.sidecars import add_sidecar, preview_of, suffix_of
from tests.core.loras.lora_files import fact, read

CIVITAI: dict[str, Any] = {
    "id": 135867,
    "modelId": 122359,
    "name": "v1.0",
    "baseModel": "Illustrious",
    "trainedWords": ["ghibli style", "foo, red hat"],
    "description": "<p>First</p>",
    "model": {"name": "Ghibli", "type": "LORA", "nsfw": True, "tags": ["style", "anime"], "description": "<b>Bold</b>"},
    "files": [
        {"name": "other.safetensors", "hashes": {"SHA256": "AA" * 32}},
        {"name": "foo.safetensors", "primary": True, "hashes": {"SHA256": "BB" * 32, "AutoV3": "ABCDEF012345"}},
    ],
    "images": [
        {"url": "x", "meta": {"prompt": "<lora:foo:0.6> a cat, ghibli style"}},
        {"url": "x", "meta": {"prompt": "a dog <lora:foo:0.9> <lora:other:0.2>"}},
        {"url": "x", "meta": {"prompt": "a fox", "civitaiResources": [{"modelVersionId": 135867, "weight": 0.7}]}},
        {"url": "x", "meta": {"prompt": "a cow, <lora:one:0.1> <lora:two:0.2>"}},
        {"url": "x", "meta": None},
    ],
}


@pytest.mark.parametrize("suffix", [".civitai.info", ".info", ".json"])
def test_civitais_answer_is_read_whatever_the_file_is_called(tmp_path: Path, suffix: str):
    record = read(tmp_path, {suffix: CIVITAI})
    assert record.title == "Ghibli - v1.0"
    assert fact(record, "base_model", suffix) == "Illustrious"
    assert record.trigger_words == ("ghibli style", "foo, red hat")
    assert record.tags == ("style", "anime")
    assert record.description == "Bold\n\nFirst"
    assert (record.model_id, record.version_id, record.nsfw) == ("122359", "135867", True)
    assert fact(record, "sha256", suffix) == "bb" * 32
    assert record.autov3 == "abcdef012345"


def test_example_prompts_keep_the_strength_that_this_lora_had_in_them(tmp_path: Path):
    record = read(tmp_path, {".civitai.info": CIVITAI})
    assert record.examples == (
        ExamplePrompt("<lora:foo:0.6> a cat, ghibli style", 0.6),
        ExamplePrompt("a dog <lora:foo:0.9> <lora:other:0.2>", 0.9),
        ExamplePrompt("a fox", 0.7),
        ExamplePrompt("a cow, <lora:one:0.1> <lora:two:0.2>", None),
    )
    assert record.preferred_strength == 0.7


def test_the_same_examples_in_two_files_are_there_once(tmp_path: Path):
    record = read(tmp_path, {".civitai.info": CIVITAI, ".metadata.json": {"civitai": CIVITAI}})
    assert len(record.examples) == 4


def test_a_meta_within_meta_is_read(tmp_path: Path):
    answer = {"modelId": 1, "images": [{"meta": {"id": 3, "meta": {"prompt": "a cat"}}}]}
    assert read(tmp_path, {".civitai.info": answer}).examples == (ExamplePrompt("a cat"),)


def test_a1111s_metadata_is_read(tmp_path: Path):
    record = read(
        tmp_path,
        {
            ".json": {
                "description": "What it is",
                "sd version": "SD1",
                "activation text": "foo, red hat, ",
                "preferred weight": 0.65,
                "negative text": "blurry",
                "notes": "from a friend",
            }
        },
    )
    assert record.trigger_words == ("foo, red hat",)
    assert (record.preferred_strength, record.negative, record.notes) == (0.65, "blurry", "from a friend")
    assert (record.description, record.base_model) == ("What it is", "SD 1.5")


def test_a_preferred_weight_of_0_is_none(tmp_path: Path):
    record = read(tmp_path, {".json": {"activation text": "foo", "preferred weight": 0}})
    assert record.preferred_strength is None


def test_groups_of_activation_text_stay_groups(tmp_path: Path):
    record = read(tmp_path, {".json": {"sd version": "SD1", "activation text groups": [["foo", "red hat"], "bar"]}})
    assert record.trigger_words == ("foo, red hat", "bar")


def test_lora_managers_metadata_is_read(tmp_path: Path):
    tips = {"strength": 0.75, "clip_strength": 0.5, "strength_range": "0.3-0.8"}
    record = read(
        tmp_path,
        {
            ".metadata.json": {
                "model_name": "My Foo",
                "base_model": "SD 1.5",
                "sha256": "CC" * 32,
                "tags": ["character"],
                "notes": "good",
                "modelDescription": "<p>text</p>",
                "usage_tips": json.dumps(tips),
                "trainedWords": ["foo"],
                "favorite": True,
                "exclude": True,
                "civitai": {},
            }
        },
    )
    assert (record.title, record.base_model, record.tags) == ("My Foo", "SD 1.5", ("character",))
    assert (record.preferred_strength, record.preferred_clip_strength) == (0.75, 0.5)
    assert record.strength_range == (0.3, 0.8)
    assert (record.description, record.notes, record.trigger_words) == ("text", "good", ("foo",))
    assert (record.favourite, record.excluded) == (True, True)
    assert fact(record, "sha256", ".metadata.json") == "cc" * 32


def test_usage_tips_that_are_broken_are_said_and_the_rest_is_read(tmp_path: Path):
    record = read(tmp_path, {".metadata.json": {"model_name": "Foo", "usage_tips": "{broken"}})
    assert record.title == "Foo"
    assert "unreadable_sidecar" in record.missing


@pytest.mark.parametrize(
    ("tips", "expected"),
    [
        ({"strength_min": 0.2, "strength_max": 1}, (0.2, 1.0)),
        ({"strength_range": "-1 - 2"}, (-1.0, 2.0)),
        ({"strength_range": "0.8"}, None),
        ({"strength_range": "0.9-0.2"}, None),
        ({"strength_range": [1, 2]}, None),
    ],
)
def test_ranges_of_strength(tmp_path: Path, tips: dict[str, Any], expected: object):
    assert read(tmp_path, {".metadata.json": {"usage_tips": json.dumps(tips)}}).strength_range == expected


def test_stability_matrix_info_is_read(tmp_path: Path):
    record = read(
        tmp_path,
        {
            ".cm-info.json": {
                "ModelId": 5,
                "ModelName": "Foo",
                "ModelDescription": "<p>x</p>",
                "Nsfw": True,
                "Tags": ["clothing"],
                "VersionId": 6,
                "BaseModel": "SD 1.5",
                "Hashes": {"SHA256": "DD" * 32},
                "TrainedWords": ["foo dress"],
                "UserTitle": None,
            }
        },
    )
    assert (record.title, record.base_model, record.trigger_words) == ("Foo", "SD 1.5", ("foo dress",))
    assert (record.model_id, record.version_id, record.nsfw, record.category) == ("5", "6", True, "clothing")


def test_swarms_json_is_read(tmp_path: Path):
    record = read(
        tmp_path,
        {
            ".swarm.json": {
                "modelspec.title": "Foo",
                "modelspec.architecture": "stable-diffusion-v1/lora",
                "modelspec.trigger_phrase": "foo style, best",
                "modelspec.tags": "style, ink",
                "modelspec.usage_hint": "weight 0.8",
            }
        },
    )
    assert (record.title, record.trigger_words, record.tags) == ("Foo", ("foo style, best",), ("style", "ink"))
    assert record.preferred_strength == 0.8


def test_rgthrees_info_behind_the_full_name_is_read(tmp_path: Path):
    info = {
        "name": "Foo - v1",
        "baseModel": "SD 1.5",
        "sha256": "EE" * 32,
        "trainedWords": [
            {"word": "mine", "user": True},
            {"word": "theirs", "civitai": True},
            {"word": "1girl", "metadata": True, "count": 90},
        ],
        "raw": {"civitai": {"modelId": 7}},
    }
    record = read(tmp_path, {".safetensors.rgthree-info.json": info})
    assert (record.title, record.base_model, record.model_id) == ("Foo - v1", "SD 1.5", "7")
    assert record.trigger_words == ("mine",)


def test_notes_in_text_files_are_read(tmp_path: Path):
    record = read(tmp_path, {".txt": "about it", ".md": "---\nauthor: x\n---\n# Notes"})
    assert (record.description, record.notes) == ("about it", "# Notes")


def test_a_hash_beside_the_file_is_a_hint_and_no_more(tmp_path: Path):
    record = read(tmp_path, {".sha256": "AB" * 32 + "\n"})
    assert record.sha256 == ""
    assert fact(record, "sha256", ".sha256") == "ab" * 32
    assert "other_hash" not in record.missing


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("suffix", [".json", ".txt"])
def test_any_encoding_is_read(tmp_path: Path, encoding: str, suffix: str):
    text = json.dumps({"description": "café"}, ensure_ascii=False) if suffix == ".json" else "café"
    record = read(tmp_path, {suffix: text.encode(encoding)})
    assert record.description == "café"
    assert "unreadable_sidecar" not in record.missing


@pytest.mark.parametrize(
    "content",
    [b"", b"   ", b"[]", b'"text"', b"{", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b"\x00\x01\x02\xff", b"null"],
    ids=lambda content: repr(content[:8]),
)
def test_a_sidecar_that_is_none_is_flagged_and_the_rest_is_read(tmp_path: Path, content: bytes):
    record = read(tmp_path, {".json": content, ".civitai.info": CIVITAI})
    assert record.title == "Ghibli - v1.0"
    assert "unreadable_sidecar" in record.missing
    assert any("foo.json" in sentence for sentence in problems(record))


def test_a_sidecar_of_fifty_megabytes_is_flagged_and_not_read(tmp_path: Path):
    (tmp_path / "foo.civitai.info").touch()
    os.truncate(tmp_path / "foo.civitai.info", 50_000_000)
    record = read(tmp_path, {".json": {"notes": "here"}})
    assert record.notes == "here"
    assert any("50,000,000 bytes" in sentence for sentence in problems(record))


def test_a_folder_named_like_a_sidecar_is_flagged(tmp_path: Path):
    (tmp_path / "foo.json").mkdir()
    assert "unreadable_sidecar" in read(tmp_path).missing


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_sidecar_without_permission_is_flagged(tmp_path: Path):
    (tmp_path / "foo.json").write_text("{}")
    (tmp_path / "foo.json").chmod(0)
    assert "unreadable_sidecar" in read(tmp_path).missing


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=10,
)
KEYS = ("activation text", "sd version", "preferred weight", "activation text groups", "notes", "modelId", "images")
KEYS += ("trainedWords", "model", "files", "civitai", "usage_tips", "tags", "raw", "ModelId", "Hashes", "description")
KEYS += ("modelspec.title", "modelspec.usage_hint", "modelspec.trigger_phrase", "sha256", "base_model", "favorite")
SUFFIXES = (".civitai.info", ".json", ".info", ".metadata.json", ".cm-info.json", ".swarm.json", ".txt", ".md")
SUFFIXES += (".safetensors.rgthree-info.json", ".sha256")


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(value=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6))
@example(value={"trainedWords": 1.0})  # rgthree's are a list
def test_values_of_any_type_never_raise_and_can_be_stored(tmp_path: Path, suffix: str, value: dict[str, Any]):
    path = tmp_path / f"foo{suffix}"
    path.write_text(json.dumps(value))
    found = Findings()
    add_sidecar(found, str(path), str(tmp_path / "foo.safetensors"), ["foo"])
    for item in found.facts:
        assert isinstance(item.value, str)
        assert "\0" not in item.value
        item.value.encode()


def test_halves_of_characters_and_nuls_are_taken_out(tmp_path: Path):
    record = read(tmp_path, {".json": '{"notes": "a\\u0000b\\ud800", "activation text": "x\\u0000y"}'})
    assert (record.notes, record.trigger_words) == ("ab?", ("xy",))


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain", "plain"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<script>alert(1)</script>safe", "safe"),
        ("safe<script src=x>alert(1)", "safe"),
        ("<style>p {}</style><!-- hidden -->x", "x"),
        ("<img src=x onerror=alert(1)>y", "y"),
        ("<img src=x onerror=alert(1)", ""),
        ("&lt;b&gt; &amp; &quot;", '<b> & "'),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("a &nbsp;  b", "a b"),
    ],
)
def test_html_becomes_text_and_scripts_are_gone(markup: str, text: str):
    assert plain_text(markup) == text


@pytest.mark.parametrize("piece", ["<script>", "<!--", "<", "<a ", "&lt;", " \n"])
def test_hostile_html_takes_no_time(piece: str):
    assert len(plain_text(piece * 40_000)) <= 200_000


@pytest.mark.parametrize(
    ("sidecar", "suffix"),
    [
        ("foo.civitai.info", ".civitai.info"),
        ("foo.JSON", ".json"),
        ("foo.safetensors.rgthree-info.json", ".rgthree-info.json"),
        ("foo.safetensors.sha256", ".sha256"),
        ("foobar.json", ""),
        ("bar.json", ""),
    ],
)
def test_what_follows_the_models_name_is_the_suffix(sidecar: str, suffix: str):
    assert suffix_of(f"/x/{sidecar}", "/x/foo.safetensors") == suffix


def test_previews_are_taken_in_the_hosts_order():
    order = [
        "foo.png",
        "foo.preview.png",
        "foo.jpg",
        "foo.preview.jpeg",
        "foo.webp",
        "foo.thumb.jpg",
        "foo.preview.mp4",
    ]
    for first in range(len(order)):
        assert preview_of(reversed(order[first:]), "foo.safetensors") == order[first]
    assert preview_of(["foo.json", "foo2.png"], "foo.safetensors") == ""
