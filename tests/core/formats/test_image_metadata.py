from __future__ import annotations

import io
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.image_metadata import (
    add_metadata,
    metadata_texts,
    read_image,
    read_image_data,
    with_metadata,
)
from orchestrator_core.formats.image_notes import notes_as_json
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.formats.png_text import MAX_TEXT_BYTES
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest, ImageNotes

REQUEST = GenerationRequest("a 🦊 in the snöw", "bad", checkpoint="sd15.ckpt", seed=9, width=6, height=4)
NOTES = ImageNotes("0001", template="a {fox|owl}", prompt_seed=3)
GRAPH = text_to_image_graph(REQUEST)
TEXTS = metadata_texts(format_infotext(REQUEST, NOTES), GRAPH, workflow_from_graph(GRAPH))
FORMATS = ["PNG", "JPEG", "WEBP"]


def image(kind: str = "PNG", **options: Any) -> bytes:
    picture = Image.new("RGB", (6, 4), "red")
    picture.putpixel((2, 1), (0, 200, 30))
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGBA").tobytes()


@pytest.mark.parametrize("kind", FORMATS)
def test_metadata_is_written_and_read_and_the_pixels_stay(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "image.dat"  # the name says nothing
    path.write_bytes(image(kind))
    add_metadata(path, TEXTS)
    assert pixels(path.read_bytes()) == pixels(image(kind))
    found = read_image(path)
    assert found.request == REQUEST.replacing(checkpoint="sd15.ckpt")
    assert found.notes == NOTES
    assert (found.graph, found.workflow) == (GRAPH, workflow_from_graph(GRAPH))
    assert (found.format.upper(), found.width, found.height) == (kind, 6, 4)
    assert (found.software, found.problems) == ("Orchestrator", ())
    assert [file.name for file in tmp_path.iterdir()] == ["image.dat"]


@pytest.mark.parametrize("kind", FORMATS)
def test_writing_twice_replaces(kind: str) -> None:
    once = with_metadata(image(kind), {"parameters": "first"})
    twice = with_metadata(once, {"parameters": "second"})
    assert read_image_data(twice).texts == {"parameters": "second"}
    assert len(twice) == len(with_metadata(image(kind), {"parameters": "second"}))


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_layout_of_webp_takes_metadata(options: dict[str, Any], mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (6, 4), (9, 99, 199, 50)[: len(mode)]).save(out, "WEBP", **options)
    written = with_metadata(out.getvalue(), {"parameters": "x"})
    assert read_image_data(written).texts == {"parameters": "x"}
    assert pixels(written) == pixels(out.getvalue())
    with Image.open(io.BytesIO(written)) as picture:
        assert (picture.size, picture.mode) == ((6, 4), mode)


def test_pillow_reads_what_we_write_and_chooses_the_same_chunks() -> None:
    texts = {"parameters": "snöw", "other": "🦊"}
    ours = with_metadata(image(), texts)
    with Image.open(io.BytesIO(ours)) as picture:
        assert picture.info == texts
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    assert ours == image(pnginfo=info)


@given(
    st.dictionaries(
        st.text(st.characters(max_codepoint=255, exclude_characters="\0"), min_size=1, max_size=79), st.text()
    )
)
def test_any_texts_survive_in_a_png(texts: dict[str, str]) -> None:
    assert read_image_data(with_metadata(image(), texts)).texts == texts


@given(st.text(), st.text(st.characters(max_codepoint=127, exclude_characters="\0"), min_size=1))
@example("\u0300", "a combining accent, which read the other way round is a control character")
@example("\u0601\u0601", "signs of Arabic, which are letters of Croatian the other way round")
def test_any_parameters_survive_in_exif(parameters: str, name: str) -> None:
    texts = {"parameters": parameters, "prompt": json.dumps({"text": name})}
    for kind in ("JPEG", "WEBP"):
        assert read_image_data(with_metadata(image(kind), texts)).texts == texts


def test_compressed_texts_are_read() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "x" * 1000, zip=True)
    info.add_itxt("Comment", "ü🦊", "de", "Kommentar", zip=True)
    assert read_image_data(image(pnginfo=info)).texts == {"parameters": "x" * 1000, "Comment": "ü🦊"}


def test_what_is_behind_a_png_stays() -> None:
    assert with_metadata(image() + b"more", {"a": "b"}).endswith(b"IEND\xaeB`\x82more")


def test_infotext_of_a1111_in_exif_is_read() -> None:
    exif = Image.Exif()
    exif[0x8769] = {0x9286: b"UNICODE\0" + "a fox\nSteps: 5, Seed: 6, Size: 6x4".encode("utf-16-be")}
    little = Image.Exif()
    little[0x8769] = {0x9286: b"UNICODE\0" + "ein Füchslein\nSteps: 5, Seed: 6, Size: 6x4".encode("utf-16-le")}
    plain = Image.Exif()
    plain[0x8769] = {0x9286: b"ASCII\0\0\0a fox\nSteps: 5, Seed: 6, Size: 6x4"}
    for kind in ("JPEG", "WEBP"):
        for block, prompt in ((exif, "a fox"), (little, "ein Füchslein"), (plain, "a fox")):
            request = read_image_data(image(kind, exif=block)).request
            assert request == GenerationRequest(prompt, steps=5, seed=6, width=6, height=4)


def test_graphs_of_comfyui_in_exif_are_read() -> None:
    exif = Image.Exif()
    exif[0x0110] = "prompt:" + json.dumps(GRAPH)
    exif[0x010F] = "Workflow:" + json.dumps({"nodes": []})
    found = read_image_data(image("WEBP", exif=exif))
    assert found.request == REQUEST
    assert (found.workflow, found.software) == ({"nodes": []}, "ComfyUI")


def png_with(**texts: str) -> bytes:
    return with_metadata(image(), texts)


def test_an_image_of_a_stock_comfyui_is_read() -> None:
    notes = json.dumps(notes_as_json(NOTES))
    found = read_image_data(png_with(prompt=json.dumps(GRAPH), orchestrator=notes, parameters=json.dumps("a\nb")))
    assert (found.notes, found.infotext and found.infotext.request.positive) == (NOTES, "a\nb")
    assert read_image_data(png_with(prompt=json.dumps(GRAPH))).request == REQUEST


@pytest.mark.parametrize(
    ("texts", "software", "positive"),
    [
        ({"parameters": "x\nSteps: 1, Seed: 2, Version: f2.0.1v1.10.1"}, "Forge", "x"),
        ({"parameters": "x\nSteps: 1, Seed: 2, Version: v1.9.4"}, "A1111", "x"),
        ({"parameters": '{"sui_image_params": {"prompt": "x", "seed": 4}}'}, "SwarmUI", "x"),
        ({"parameters": '{"prompt": "x", "base_model": "b", "guidance_scale": 4}'}, "A1111 or Forge", "x"),
        ({"invokeai_metadata": '{"positive_prompt": "x", "model": {"name": "m"}}'}, "InvokeAI", "x"),
        ({"Software": "NovelAI", "Description": "x", "Comment": '{"uc": "bad", "seed": 3}'}, "NovelAI", "x"),
        ({"Software": "GIMP"}, "GIMP", None),
        ({"prompt": "{broken"}, "", None),
    ],
)  # fmt: skip
def test_other_programs_are_recognised(texts: dict[str, str], software: str, positive: str | None) -> None:
    found = read_image_data(png_with(**texts))
    assert found.software == software
    assert (found.request.positive if found.request else None) == positive


def test_texts_that_cannot_be_read_are_named_and_the_rest_is_there() -> None:
    found = read_image_data(png_with(prompt="{broken", workflow="[" * 100_000, parameters="a fox"))
    assert found.infotext is not None
    assert [problem.split(" is ")[0] for problem in found.problems] == ['The text "prompt"', 'The text "workflow"']


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_a_compression_bomb_is_refused() -> None:
    bomb = chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"x" * (MAX_TEXT_BYTES + 1), 9))
    with pytest.raises(FormatError, match=r'with "parameters", the PNG\'s texts are more than'):
        read_image_data(image()[:33] + bomb + image()[33:])


def test_damage_is_named_with_its_place() -> None:
    data = bytearray(png_with(parameters="a fox"))
    data[data.index(b"a fox")] = 0
    with pytest.raises(FormatError, match=r"text chunk at byte 33 is damaged \(checksum\)"):
        read_image_data(bytes(data))
    broken = image()[:33] + chunk(b"zTXt", b"parameters\0\0nonsense") + image()[33:]
    with pytest.raises(FormatError, match='compressed text "parameters" is damaged'):
        read_image_data(broken)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_image_that_is_cut_short_is_refused_wherever_the_cut_is(kind: str) -> None:
    whole = with_metadata(image(kind), {"parameters": "a fox", "prompt": "{}"})
    # Behind the start of scan, a JPEG has no lengths that could tell.
    end = whole.index(b"\xff\xda") if kind == "JPEG" else len(whole)
    for length in range(12, end, 7):
        with pytest.raises(FormatError, match=r"^here(:| is no)"):
            read_image_data(whole[:length], "here")


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"<html>not found</html>", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WAVE", b"\xff\xd8\xff"]
)
def test_what_is_no_image_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"x\.png"):
        read_image(path)
    with pytest.raises(FormatError, match=r"x\.png"):
        add_metadata(path, {"parameters": "a"})
    assert path.read_bytes() == data


def test_a_file_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read: No such file"):
        read_image(tmp_path / "none.png")


def test_what_does_not_fit_is_refused_with_what_to_do() -> None:
    with pytest.raises(FormatError, match="save as PNG or WebP"):
        with_metadata(image("JPEG"), {"workflow": "x" * 70_000})
    with pytest.raises(FormatError, match='"other" has no place in EXIF'):
        with_metadata(image("WEBP"), {"other": "x"})
    for keyword in ("", "x" * 80, "🦊", "a\0b"):
        with pytest.raises(FormatError, match="keyword of a PNG text"):
            with_metadata(image(), {keyword: "x"})


@given(st.sampled_from(FORMATS), st.integers(0, 400), st.binary(min_size=1, max_size=6))
def test_any_damage_is_read_or_refused(kind: str, place: int, junk: bytes) -> None:
    data = bytearray(with_metadata(image(kind), {"parameters": "a fox", "prompt": "{}"}))
    data[place : place + len(junk)] = junk
    try:
        found = read_image_data(bytes(data))
    except FormatError:
        return
    assert isinstance(found.texts, dict)


def test_pillow_reads_the_exif_that_we_write() -> None:
    texts = {"parameters": "a 🦊", "prompt": json.dumps(GRAPH), "workflow": "{}"}
    camera = Image.Exif()
    camera[0x010E], camera[0x8825], camera[0x8769] = "a photo", {1: "N"}, {0x829A: 0.5}
    for kind in ("JPEG", "WEBP"):
        for options in ({}, {"exif": camera}):
            with Image.open(io.BytesIO(with_metadata(image(kind, **options), texts))) as picture:
                exif = picture.getexif()
                assert exif[0x0110] == "prompt:" + texts["prompt"]
                assert exif.get_ifd(0x8769)[0x9286] == b"UNICODE\0" + "a 🦊".encode("utf-16-be")
                if options:
                    assert (exif[0x010E], exif.get_ifd(0x8825)[1], exif.get_ifd(0x8769)[0x829A]) == (
                        "a photo",
                        "N",
                        0.5,
                    )


def test_invokeais_loras_are_read() -> None:
    uses = [{"lora": {"model_name": "old"}, "weight": 0.5}, {"model": {"name": "new"}, "weight": "0.75"}, 3]
    found = read_image_data(png_with(invokeai_metadata=json.dumps({"positive_prompt": "x", "seed": 7, "loras": uses})))
    assert found.request == GenerationRequest("x", loras=(LoraUse("old", 0.5, 0.5), LoraUse("new", 0.75, 0.75)), seed=7)


def test_a_text_of_megabytes_is_named_and_not_searched() -> None:
    found = read_image_data(with_metadata(image(), {"parameters": "aa, " * 300_000}))
    assert found.infotext is None
    assert len(found.texts["parameters"]) == 1_200_000
    assert "1,200,000 characters; more than 1,048,576 are not read" in found.problems[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "image.png")
    with pytest.raises(FormatError, match="is no image file"):
        read_image(tmp_path / "image.png")
    with pytest.raises(FormatError, match="is no file that could be read"):
        add_metadata(tmp_path / "image.png", TEXTS)
