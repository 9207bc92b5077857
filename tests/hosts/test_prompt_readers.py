"""The second reader of prompts beside the hosts' own: their functions, taken out of their files as they stand there."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from orchestrator_core.enhancing.second_look import a1111_weights, and_weights, comfy_weights, extra_networks
from tests.core.enhancing.hostile import make_case
from tests.hosts.comfyui import NoComfyUI, find_comfyui
from tests.hosts.forge import NoForge, find_forge

pytestmark = pytest.mark.host

PIECES = [*"()[]:\\ ,ab", ":1.2)", " BREAK ", "BREAK", "((", "))", "\\(", "AND", " :1", ":.5", "<lora:a:1>", "<x", ">"]


def taken_out(file: Path, names: set[str], folder: Path) -> ModuleType:
    """A module with only these functions and patterns of a host's, so that the rest of the host is not loaded."""

    def name_of(node: ast.stmt) -> str:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            return node.targets[0].id
        return node.name if isinstance(node, ast.FunctionDef) else ""

    nodes = [node for node in ast.parse(file.read_text("utf-8")).body if name_of(node) in names]
    assert {name_of(node) for node in nodes} == names
    path = folder / f"{file.stem}_parts.py"
    path.write_text("import re\n" + "\n".join(ast.unparse(node) for node in nodes), "utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prompts(amount: int) -> list[str]:
    """Half of them prompts, half of them nothing but signs."""
    random = Random(7)
    signs = ["".join(random.choices(PIECES, k=random.randint(0, 14))) for _ in range(amount // 2)]
    return [*signs, *(make_case(random).text for _ in range(amount // 2))]


def rounded(parts: list[tuple[str, float]]) -> list[tuple[str, float]]:
    return [(text, round(weight, 6)) for text, weight in parts]


@pytest.mark.filterwarnings("ignore:.*invalid escape sequence")  # in a docstring of Forge's
def test_emphasis_and_prompts_are_read_as_forge_reads_them(tmp_path: Path) -> None:
    try:
        host, _ = find_forge()
    except NoForge as reason:
        pytest.skip(f"no Forge: {reason}")
    names = {"re_attention", "re_break", "parse_prompt_attention", "re_AND", "re_weight"}
    forge = taken_out(host / "modules" / "prompt_parser.py", names, tmp_path)
    networks = taken_out(host / "modules" / "extra_networks.py", {"re_extra_net"}, tmp_path)
    for text in prompts(2000):
        try:
            read = [(part, weight) for part, weight in forge.parse_prompt_attention(text)]
        except ValueError:  # (a:1.2.3) stops Forge
            continue
        assert rounded(a1111_weights(text) or [("", 1.0)]) == rounded(read), text
        found = networks.re_extra_net.findall(text)
        assert extra_networks(text) == found
        plain = networks.re_extra_net.sub("", text)
        weights = [forge.re_weight.search(prompt)[2] for prompt in forge.re_AND.split(plain)]
        if "#" not in text:  # a comment goes before Forge comes to this
            assert and_weights(text) == [1.0 if weight is None else float(weight) for weight in weights], text


def test_emphasis_is_read_as_comfyui_reads_it(tmp_path: Path) -> None:
    try:
        host, _ = find_comfyui()
    except NoComfyUI as reason:
        pytest.skip(f"no ComfyUI: {reason}")
    names = {"parse_parentheses", "token_weights", "escape_important", "unescape_important"}
    comfy = taken_out(host / "comfy" / "sd1_clip.py", names, tmp_path)
    for text in prompts(2000):
        read = comfy.token_weights(comfy.escape_important(text), 1.0)
        assert rounded(comfy_weights(text)) == rounded([(comfy.unescape_important(part), w) for part, w in read]), text
