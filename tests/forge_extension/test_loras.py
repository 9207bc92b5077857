"""LoRAs in Forge: which name finds which file, when the host has to look again, and the checkpoint's family."""

from __future__ import annotations

import json
import struct
import threading
from pathlib import Path

import pytest

from forge_extension.checkpoints import CheckpointFamilies
from forge_extension.environment import ForgeEnvironment
from forge_extension.lora_names import Listed, LoraNames, names_by_file
from orchestrator_core.base_models import BaseModel
from orchestrator_core.generators.forge_names import Item, find, find_model
from orchestrator_core.loras.record import LoraRecord
from tests.core.loras.library_files import write_lora
from tests.forge_extension.forge_fakes import FakeForge


def record(path: str) -> LoraRecord:
    return LoraRecord(Path(path).stem, path)


def test_a_file_is_named_by_its_stem_whatever_its_trainer_called_it():
    listed = [Listed("alias", "/l/ink.safetensors", "alias"), Listed("ink", "/l/ink.safetensors", "alias")]
    assert names_by_file(listed) == {"/l/ink.safetensors": "ink"}


def test_a_file_that_another_one_hides_is_named_by_its_alias_or_not_at_all():
    listed = [
        Listed("ink", "/b/ink.safetensors"),
        Listed("old ink", "/a/ink.safetensors", "old ink"),
        Listed("a:b", "/c/a:b.safetensors"),
    ]
    host = FakeForge()
    host.listed = listed
    records = [record(path) for path in ("/a/ink.safetensors", "/b/ink.safetensors", "/c/a:b.safetensors", "/d/x.pt")]
    assert LoraNames(host)(records) == {"/a/ink.safetensors": "old ink", "/b/ink.safetensors": "ink"}


def test_the_host_looks_again_for_a_file_that_it_has_not_and_only_once():
    host = FakeForge()
    host.listed = [Listed("ink", "/l/ink.safetensors")]
    host.comes = [Listed("fox", "/l/fox.safetensors")]
    names = LoraNames(host)
    records = [record(f"/l/{name}.safetensors") for name in ("ink", "fox", "hidden")]
    for _ in range(3):
        assert names(records) == {"/l/ink.safetensors": "ink", "/l/fox.safetensors": "fox"}
    assert host.looked_for == [["fox", "hidden"]]
    names([*records, record("/l/new.safetensors")])
    assert host.looked_for[1:] == [["new"]]


def test_a_link_and_the_file_that_it_leads_to_are_one(tmp_path: Path):
    real = write_lora(tmp_path / "real" / "ink.safetensors")
    (tmp_path / "loras").symlink_to(tmp_path / "real")
    host = FakeForge()
    host.listed = [Listed("ink", str(real))]
    assert LoraNames(host)([record(str(tmp_path / "loras" / "ink.safetensors"))]) == {
        str(tmp_path / "loras" / "ink.safetensors"): "ink"
    }


def test_without_the_hosts_own_extension_there_are_none():
    host = FakeForge()
    host.listed = None
    assert LoraNames(host)([record("/l/ink.safetensors")]) == {}


def test_the_name_of_a_lora_is_not_hidden_by_the_alias_of_another():
    other = Item("b", "b.safetensors", ("ink",))
    ink = Item("ink", "ink.safetensors")
    assert find("ink", (other, ink)) == (ink, "")
    assert find_model("ink", (other, ink)) == (ink, "")
    assert find("ink", (other,)) == (other, "")


def test_the_family_of_a_checkpoint_is_read_from_its_header_and_its_name(tmp_path: Path):
    path = tmp_path / "ponyDiffusionV6XL.safetensors"
    key = "model.diffusion_model.input_blocks.4.1.transformer_blocks.1.attn2.to_k.weight"
    header = json.dumps({key: {"dtype": "F16", "shape": [1, 1], "data_offsets": [0, 2]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0")
    families = CheckpointFamilies(lambda name: str(path))
    assert families("") == BaseModel("SDXL", "Pony")
    assert CheckpointFamilies(lambda name: "")("") == BaseModel()
    assert CheckpointFamilies(lambda name: "")("illustriousXL_v2.safetensors").sub_family == "Illustrious"


@pytest.fixture
def host(tmp_path: Path) -> FakeForge:
    write_lora(tmp_path / "loras" / "ink.safetensors", "zorblax")
    found = FakeForge(tmp_path)
    found.lora_dirs = [str(tmp_path / "loras"), str(tmp_path / "more")]
    found.listed = [Listed("ink", str(tmp_path / "loras" / "ink.safetensors"))]
    return found


def test_the_library_has_all_of_the_hosts_folders_and_ends_with_the_extension(host: FakeForge, tmp_path: Path):
    environment = ForgeEnvironment(host)
    studio = environment.studio()
    assert studio.loras is not None
    before = set(threading.enumerate())
    loras = studio.loras(environment.settings())
    assert loras.library.roots == tuple(host.lora_dirs)
    assert set(threading.enumerate()) - before
    environment.close()
    assert set(threading.enumerate()) <= before


def test_forge_as_a_target_says_its_own_names(host: FakeForge):
    here, _ = ForgeEnvironment(host).targets(ForgeEnvironment(host).settings())
    assert here.lora_names is not None
    assert list(here.lora_names([record(host.lora_dirs[0] + "/ink.safetensors")]).values()) == ["ink"]
