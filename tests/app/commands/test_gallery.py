"""``orchestrator gallery`` as a person types it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.app.conftest import Cli
from tests.core.gallery.images import a1111, comfyui, put, write


def test_a_folder_is_added_read_searched_and_marked(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(folder / "a.png", a1111("a crimson fox"), colour=1)
    write(folder / "b.png", comfyui("an owl"), colour=2)
    put(folder / "c.png", b"no image")
    assert cli("gallery", "add", folder).out == f"{folder}\n"
    assert cli("gallery", "folders").out == f"{folder}\n"
    indexed = cli("gallery", "index")
    assert (indexed.status, indexed.out) == (0, "3 read, 1 of them broken; 0 gone; 3 in the gallery\n")
    (fox,) = [json.loads(line) for line in cli("gallery", "search", "crimson", "--json").out.splitlines()]
    assert (fox["tool"], fox["prompt"], fox["schema_version"]) == ("A1111", "a crimson fox", 1)
    assert "an owl" in cli("gallery", "search", "tool:comfyui").out
    assert cli("gallery", "mark", fox["id"], "--favourite", "--rating", 4).out == f"{fox['id']} a.png: ♥ ★★★★\n"
    kept = cli("gallery", "export").out
    assert json.loads(kept)["sha256"] == fox["key"]
    assert cli("gallery", "undo").out == f"{fox['id']} a.png: no mark\n"
    put(tmp_path / "marks.jsonl", (kept + "nonsense\n").encode())
    taken = cli("gallery", "import", tmp_path / "marks.jsonl")
    assert (taken.status, taken.out) == (1, "1 images marked, 0 were so already\n")
    assert "Line 2" in taken.err
    assert "♥ ★★★★" in cli("gallery", "search", "favourite:yes").out
    assert "a.png" in cli("gallery", "show", fox["key"]).out
    assert "dream" in cli("gallery", "facets").out


def test_what_cannot_be_is_told(cli: Cli, tmp_path: Path) -> None:
    assert "no folder that is there" in cli("gallery", "add", tmp_path / "nowhere").err
    assert "there is no key 'lorra:'" in cli("gallery", "search", "lorra:ink").err
    assert "There is no image 7" in cli("gallery", "mark", 7, "--favourite").err
    assert "Say which mark" in cli("gallery", "mark", 7).err
    assert "There is no mark to take back" in cli("gallery", "undo").err


def test_marks_that_wait_are_told_and_teach_when_their_image_is_read(cli: Cli, tmp_path: Path) -> None:
    parameters = a1111("a fox")["parameters"]
    write(tmp_path / "out" / "a.png", {"parameters": parameters + ", Template: a {fox|owl}"})
    digest = hashlib.sha256((tmp_path / "out" / "a.png").read_bytes()).hexdigest()
    put(tmp_path / "marks.jsonl", json.dumps({"sha256": digest, "favourite": True}).encode())
    taken = cli("gallery", "import", tmp_path / "marks.jsonl")
    assert (taken.status, taken.out) == (0, "1 images marked, 0 were so already\n")
    assert "1 of them nobody has seen yet: their marks wait" in taken.err
    cli("gallery", "add", tmp_path / "out")
    assert "Learned for 1 value." in cli("gallery", "index").err
    assert "Learned" not in cli("gallery", "index").err
    assert "nobody has seen" not in cli("gallery", "import", tmp_path / "marks.jsonl").err
