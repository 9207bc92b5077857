"""Image files as each program writes them, in each format that it writes: the prompt in its own place."""

from __future__ import annotations

import gzip
import io
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.core.gallery.images import a1111, comfyui, fooocus, forge, invokeai, novelai, swarmui

_USER_COMMENT, _SOFTWARE, _MAKER_NOTE, _MODEL, _MAKE = 0x9286, 0x0131, 0x927C, 0x0110, 0x010F


class Sample(NamedTuple):
    """``data``: the file for a prompt."""

    name: str
    tool: str
    data: Callable[[str], bytes]


def samples() -> Iterator[Sample]:
    """PNG as text chunks, the others as EXIF."""
    for tool, texts in _CHUNKS.items():
        yield Sample(f"{tool}.png", tool.partition(",")[0], lambda prompt, texts=texts: png(texts(prompt)))  # type: ignore[misc]
    for tool, block in _BLOCKS.items():
        for suffix, made in (("jpg", jpeg), ("webp", webp), ("avif", avif)):
            yield Sample(f"{tool}.{suffix}", tool, lambda prompt, block=block, made=made: made(block(prompt)))  # type: ignore[misc]
    yield Sample("NovelAI, stealth.png", "NovelAI", lambda prompt: stealthy(json.dumps(novelai(prompt))))
    yield Sample("A1111, stealth.png", "A1111", lambda prompt: stealthy(a1111(prompt)["parameters"], packed=False))


def png(texts: Mapping[str, str]) -> bytes:
    """By Pillow, as the programs do."""
    info, data = PngInfo(), io.BytesIO()
    for name, text in texts.items():
        info.add_text(name, text)
    Image.new("RGB", (16, 16)).save(data, "PNG", pnginfo=info)
    return data.getvalue()


def _exif(tags: Mapping[int, str], comment: bytes = b"") -> bytes:
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    if comment:
        exif[0x8769] = {_USER_COMMENT: comment}  # get_ifd would do for Pillow 10 and newer alone
    return exif.tobytes()


def jpeg(exif: bytes) -> bytes:
    return _with_exif("JPEG", exif)


def webp(exif: bytes) -> bytes:
    return _with_exif("WEBP", exif)


def _with_exif(kind: str, exif: bytes) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (16, 16)).save(data, kind, exif=exif)
    return data.getvalue()


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def avif(
    exif: bytes, size: tuple[int, int] = (16, 16), brand: bytes = b"avif", xmp: bytes = b"", pixels: bytes = b"none"
) -> bytes:
    """The boxes of an AVIF as libavif writes them; its pixels are none. Not every Pillow has an encoder."""
    block = struct.pack(">I", 6) + b"Exif\0\0" + exif.removeprefix(b"Exif\0\0")
    items = [(1, b"av01\0", pixels), (2, b"Exif\0", block)]
    items += [(3, b"mime\0application/rdf+xml\0", xmp)] if xmp else []
    infe = [box(b"infe", struct.pack(">IHH", 2 << 24, item, 0), kind) for item, kind, _ in items]
    ispe = box(b"ispe", struct.pack(">III", 0, *size))

    def meta(start: int) -> bytes:
        iloc = struct.pack(">IHH", 0, 0x4400, len(items))
        for item, _, data in items:
            iloc += struct.pack(">HHHII", item, 0, 1, start, len(data))
            start += len(data)
        inside = [box(b"hdlr", struct.pack(">II4s13x", 0, 0, b"pict")), box(b"pitm", struct.pack(">IH", 0, 1))]
        inside += [box(b"iloc", iloc), box(b"iinf", struct.pack(">IH", 0, len(items)), *infe)]
        return box(b"meta", bytes(4), *inside, box(b"iprp", box(b"ipco", ispe)))

    head = box(b"ftyp", brand, bytes(4), b"avifmif1miaf")
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", *(data for _, _, data in items))


def stealthy(text: str, *, packed: bool = True, size: tuple[int, int] = (130, 140)) -> bytes:
    """As NovelAI hides it: column by column in the lowest bits of the alpha."""
    body = gzip.compress(text.encode()) if packed else text.encode()
    said = (b"stealth_pngcomp" if packed else b"stealth_pnginfo") + struct.pack(">I", 8 * len(body)) + body
    bits = "".join(f"{byte:08b}" for byte in said)
    width, height = size
    alpha = bytearray(b"\xff" * (width * height))
    for place, bit in enumerate(bits):
        column, row = divmod(place, height)
        alpha[row * width + column] = 254 | int(bit)
    picture = Image.effect_noise(size, 40).convert("RGB")
    picture.putalpha(Image.frombytes("L", size, bytes(alpha)))
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def _a1111_block(texts: Callable[[str], dict[str, str]]) -> Callable[[str], bytes]:
    return lambda prompt: _exif({}, b"UNICODE\0" + texts(prompt)["parameters"].encode("utf-16-be"))


def _comfyui_block(prompt: str) -> bytes:
    return _exif({_MODEL: f"prompt:{comfyui(prompt)['prompt']}", _MAKE: 'workflow:{"nodes": []}'})


def _fooocus_block(prompt: str) -> bytes:
    tags = {_USER_COMMENT: fooocus(prompt)["parameters"], _SOFTWARE: "Fooocus v2.5.5", _MAKER_NOTE: "fooocus"}
    return _exif(tags)


def _swarmui_block(prompt: str) -> bytes:
    return _exif({}, b"UNICODE\0" + swarmui(prompt)["parameters"].encode("utf-16-le"))


def _graph(prompt: str, nodes: Mapping[str, tuple[str, dict[str, Any]]]) -> dict[str, str]:
    """ComfyUI's plain graph with these nodes in it, or in place of its own; None leaves one out."""
    graph = json.loads(comfyui(prompt)["prompt"])
    graph |= {key: {"class_type": kind, "inputs": inputs} for key, (kind, inputs) in nodes.items()}
    return {"prompt": json.dumps(graph)}


def _concatenated(prompt: str) -> dict[str, str]:
    first, _, second = prompt.partition(" ")
    joined = {"text_a": first, "text_b": ["11", 0], "delimiter": " ", "clean_whitespace": "true"}
    encoder = {"clip": ["1", 1], "text": ["10", 0]}
    nodes = {"2": ("CLIPTextEncode", encoder), "10": ("Text Concatenate", joined)}
    return _graph("", {**nodes, "11": ("Text Multiline", {"text": second})})


def _impact(prompt: str) -> dict[str, str]:
    inputs = {"wildcard_text": "__animals__", "populated_text": prompt, "mode": "populate", "model": ["1", 0]}
    return _graph("", {"2": ("ImpactWildcardEncode", {**inputs, "clip": ["1", 1]})})


def _efficient(prompt: str) -> dict[str, str]:
    loader = {"ckpt_name": "real.safetensors", "positive": prompt, "negative": "blurry"}
    sampler = {"seed": 1, "steps": 20, "cfg": 7, "sampler_name": "euler", "scheduler": "normal", "denoise": 1}
    links = {"model": ["1", 0], "positive": ["1", 1], "negative": ["1", 2], "latent_image": ["1", 3]}
    graph = {"1": ("Efficient Loader", loader), "5": ("KSampler (Efficient)", sampler | links)}
    return {
        "prompt": json.dumps({key: {"class_type": kind, "inputs": inputs} for key, (kind, inputs) in graph.items()})
    }


def _piped(prompt: str) -> dict[str, str]:
    """Easy-Use: all goes through one pipe, and no node looks like a sampler."""
    loader = {"ckpt_name": "real.safetensors", "positive": ["3", 0], "negative": "blurry"}
    graph = {
        "1": ("easy a1111Loader", loader),
        "2": ("easy kSampler", {"pipe": ["1", 0], "image_output": "Save", "save_prefix": "ComfyUI"}),
        "3": ("easy positive", {"positive": prompt}),
    }
    return {
        "prompt": json.dumps({key: {"class_type": kind, "inputs": inputs} for key, (kind, inputs) in graph.items()})
    }


def _fooocus_as_a1111(prompt: str) -> dict[str, str]:
    text = a1111(prompt)["parameters"].replace("v1.10.1", "Fooocus v2.5.5")
    return {"parameters": text, "fooocus_scheme": "a1111"}


def _old_invokeai(prompt: str) -> dict[str, str]:
    image = {"prompt": [{"prompt": f"{prompt} [blurry]", "weight": 1.0}], "seed": 1, "steps": 50, "sampler": "k_lms"}
    data = {
        "model": "stable diffusion",
        "model_weights": "stable-diffusion-1.5",
        "app_version": "2.3.5",
        "image": image,
    }
    return {"sd-metadata": json.dumps(data), "Dream": f'"{prompt} [blurry]" -s 50 -S 1'}


def _novelai_4(prompt: str) -> dict[str, str]:
    caption = {"base_caption": "two friends", "char_captions": [{"char_caption": prompt, "centers": []}]}
    comment = {"prompt": "two friends", "uc": "blurry", "seed": 1, "v4_prompt": {"caption": caption}}
    return {"Software": "NovelAI", "Description": "two friends", "Comment": json.dumps(comment)}


_CHUNKS: Mapping[str, Callable[[str], dict[str, str]]] = {
    "A1111": a1111,
    "Forge": forge,
    "ComfyUI": comfyui,
    "ComfyUI, Text Concatenate": _concatenated,
    "ComfyUI, Impact": _impact,
    "ComfyUI, Efficiency": _efficient,
    "ComfyUI, Easy-Use": _piped,
    "SwarmUI": swarmui,
    "Fooocus": fooocus,
    "Fooocus, as A1111": _fooocus_as_a1111,
    "InvokeAI": invokeai,
    "InvokeAI, version 2": _old_invokeai,
    "NovelAI": novelai,
    "NovelAI, version 4": _novelai_4,
}
_BLOCKS: Mapping[str, Callable[[str], bytes]] = {
    "A1111": _a1111_block(a1111),
    "Forge": _a1111_block(forge),
    "ComfyUI": _comfyui_block,
    "SwarmUI": _swarmui_block,
    "Fooocus": _fooocus_block,
}
