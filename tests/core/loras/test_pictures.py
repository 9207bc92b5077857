"""The pictures that images are compared with, by the name of a LoRA or a profile."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from orchestrator_core.errors import ConfigError
from orchestrator_core.loras.pictures import MOST, NamedPictures
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.profiles.model import Profile, ProfileLora
from orchestrator_core.profiles.source import Chosen
from orchestrator_core.prompt import Diagnostic
from tests.core.loras.lora_files import read


class Loras:
    """A LoraSource of a few."""

    def __init__(self, *records: LoraRecord) -> None:
        self._index = LoraIndex(records)

    def index(self) -> LoraIndex:
        return self._index


class Profiles:
    """A ProfileSource with one, "mira"."""

    def chosen(self, names: str, genre: str = "") -> Chosen:
        if names == "mira":
            return Chosen(Profile("mira", loras=(ProfileLora("ink"), ProfileLora("gone"))))
        return Chosen(Profile(""), (Diagnostic("missing-profile", f"There is no profile {names!r}."),))

    def combined(self, names: str, genre: str = "") -> Profile:
        raise NotImplementedError


@pytest.fixture
def ink(tmp_path: Path) -> LoraRecord:
    for name in ("ink.png", "ink.2.JPG", "ink.preview.webp", "ink.mp4", "ink.txt", "inkwell.png"):
        (tmp_path / name).write_bytes(b"x")
    return LoraRecord("ink", str(tmp_path / "ink.safetensors"))


def names(found: list[object]) -> set[str]:
    return {path.name for path in found if isinstance(path, Path)}


def test_the_pictures_beside_a_lora_are_its_own(ink: LoraRecord) -> None:
    assert names(NamedPictures(Loras(ink), None)("ink")) == {"ink.png", "ink.2.JPG", "ink.preview.webp"}


def test_a_profile_has_those_of_its_loras(ink: LoraRecord) -> None:
    assert len(NamedPictures(Loras(ink), Profiles())("mira")) == 3


def test_a_lora_without_any_beside_it_may_carry_one(tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.new("RGB", (6, 5), "red").save(data, "PNG")
    record = read(tmp_path, metadata={"modelspec.thumbnail": base64.b64encode(data.getvalue()).decode()})
    (found,) = NamedPictures(Loras(record), None)("foo")
    assert found.size == (6, 5)


@pytest.mark.parametrize("name", ["nobody", "bare"])
def test_what_has_no_picture_is_told(name: str, tmp_path: Path) -> None:
    pictures = NamedPictures(Loras(LoraRecord("bare", str(tmp_path / "bare.safetensors"))), Profiles())
    with pytest.raises(ConfigError, match=name):
        pictures(name)
    with pytest.raises(ConfigError, match="no LoRA and no profile"):
        NamedPictures(None, None)(name)


def test_a_folder_is_a_name_only_where_that_is_allowed(tmp_path: Path) -> None:
    for number in range(MOST + 3):
        (tmp_path / f"{number}.png").write_bytes(b"x")
    assert len(NamedPictures(None, None, may_be_folder=True)(str(tmp_path))) == MOST
    with pytest.raises(ConfigError, match="no LoRA"):
        NamedPictures(None, None)(str(tmp_path))
    with pytest.raises(ConfigError, match="cannot be read"):
        NamedPictures(None, None, may_be_folder=True)(str(tmp_path / "gone"))
