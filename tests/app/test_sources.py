"""Files that are given as a template and are none: each is refused in a line, soon, and without a crash."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator_app.drawing import read_weights
from orchestrator_app.sources import read_file
from orchestrator_core.errors import FormatError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bomb.yaml", BOMB, "unfolds to more than 2,000,000 values"),
        ("loop.yaml", "&a [*a]", "unfolds to more than 2,000,000 values"),
        ("digits.yaml", f"template: x\nseed: {'9' * 5000}", "a value that cannot be read"),
        ("month.yaml", "template: 2020-13-45", "a value that cannot be read"),
        ("deep.yaml", "[" * 3000 + "]" * 3000, "nested too deeply"),
        ("tag.yaml", "template: !!python/object/apply:os.getcwd []", "is not valid YAML"),
        ("empty.yaml", "", "no template, no prompts and no pipeline"),
        ("null.json", "null", "no template, no prompts and no pipeline"),
        ("number.yaml", "42", "no template, no prompts and no pipeline"),
        ("picture.txt", "\0\1\2", "it holds NUL bytes"),
        ("picture.csv", "\0\1\2", "it holds NUL bytes"),
    ],
)
def test_what_no_prompt_can_be_drawn_from_is_refused(tmp_path: Path, name: str, content: str, message: str):
    (tmp_path / name).write_text(content)
    with pytest.raises(FormatError, match=f"{name}.*{message}"):
        read_file(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "weights.json")
    with pytest.raises(FormatError, match="is no file that could be read"):
        read_weights(tmp_path / "weights.json")
