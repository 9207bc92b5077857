"""Where a language model for transformers lies: a folder, a GGUF file, or a name in the local cache of Hugging Face.

Names are looked up in the cache by hand, so that transformers is only ever given a folder and has nothing to download.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from orchestrator_core.errors import LanguageModelError

_WEIGHTS = (".safetensors", ".bin")
_BYTES = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0}
_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_HEAD = 64 * 1024  # of a GGUF file: its description, with the tensors' names and shapes


@dataclass(frozen=True, slots=True)
class Source:
    """A model on this disk. ``gguf``: the file's name in ``folder``, for a model in one file."""

    folder: Path
    name: str
    gguf: str = ""

    @property
    def identity(self) -> str:
        """The name, and a hash of the model's description and of its files' sizes."""
        digest = blake2b(digest_size=8)
        if self.gguf:
            path = self.folder / self.gguf
            with path.open("rb") as file:
                digest.update(f"{path.stat().st_size} ".encode() + file.read(_HEAD))
        else:
            files = sorted((path.name, path.stat().st_size) for path in self.folder.iterdir() if path.is_file())
            digest.update(repr(files).encode() + (self.folder / "config.json").read_bytes())
        return f"{self.name} {digest.hexdigest()}"

    def memory(self, dtype: str) -> int:
        """About how many bytes the weights take when they are loaded so."""
        if self.gguf:
            bits = re.search(r"(?:Q|F)(\d+)", self.gguf.upper())
            stored = (int(bits[1]) + 0.5) / 8 if bits else 2.0
            return int((self.folder / self.gguf).stat().st_size * _BYTES[dtype] / stored)
        sizes = {kind: sum(path.stat().st_size for path in self.folder.glob(f"*{kind}")) for kind in _WEIGHTS}
        size = sizes[".safetensors"] or sizes[".bin"]
        return int(size * _BYTES[dtype] / _BYTES.get(self._stored_as(), 2.0))

    def _stored_as(self) -> str:
        try:
            config = json.loads((self.folder / "config.json").read_bytes())
            return str(config.get("dtype") or config.get("torch_dtype"))
        except (OSError, ValueError, AttributeError):
            return ""


def source_of(text: str, environ: Mapping[str, str] = os.environ) -> Source:
    """What a person named: a folder, a .gguf file, or ``owner/name``. Raises LanguageModelError ("missing")."""
    text = text.strip()
    if not text:
        raise LanguageModelError("No language model is named: give a folder with one, or a .gguf file.", "missing")
    path = Path(os.path.expanduser(text))  # noqa: PTH111  # a Path's own raises for a home that is not there
    if os.path.isfile(path) and path.suffix.lower() == ".gguf":  # noqa: PTH113  # and for a name that is too long
        return Source(path.parent, path.name, path.name)
    if os.path.isdir(path):  # noqa: PTH112
        return _in_folder(path)
    if _NAME.fullmatch(text) and (found := _in_cache(text, environ)) is not None:
        return Source(found, text)
    raise LanguageModelError(
        f"{text}: no language model is there. Name a folder with config.json and its weights, a .gguf file, or a model "
        "that the local cache of Hugging Face holds; nothing is downloaded.",
        "missing",
    )


def _in_folder(folder: Path) -> Source:
    name = folder.resolve().name
    if (folder / "config.json").is_file():
        return Source(folder, name)
    files = sorted(path.name for path in folder.glob("*.gguf"))
    if len(files) == 1:
        return Source(folder, files[0], files[0])
    several = f"there are {len(files)} .gguf files; name one of them" if files else "there is no config.json in it"
    raise LanguageModelError(f"{folder}: no language model can be told there: {several}.", "missing")


def _in_cache(name: str, environ: Mapping[str, str]) -> Path | None:
    """The newest snapshot of a model in the cache, as huggingface_hub lays it out; None where it is not there."""
    home = environ.get("HF_HOME") or Path(environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    cache = environ.get("HF_HUB_CACHE") or Path(home) / "hub"
    repository = Path(os.path.expanduser(cache)) / f"models--{name.replace('/', '--')}"  # noqa: PTH111
    try:
        commit = (repository / "refs" / "main").read_text("utf-8").strip()
    except OSError:
        return None
    snapshot = repository / "snapshots" / commit
    return snapshot if (snapshot / "config.json").is_file() else None
