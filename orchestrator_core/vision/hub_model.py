"""Loads a model of transformers that sees, from files on this disk alone and without code of the model's own.

``Held`` keeps one model loaded, in the memory that a host's manager lends, until it is released.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator_core.errors import LanguageModelError, ScorerError
from orchestrator_core.llm.residence import PlainResidence, Residence, adapted
from orchestrator_core.llm.transformers_loading import dtype_argument, is_out_of_memory
from orchestrator_core.llm.transformers_source import source_of

_SPARE = 512 * 1024 * 1024  # bytes beside the weights, for what the model computes with
_WEIGHTS = (".safetensors", ".bin", ".pth", ".pt", ".onnx")
# What a model's answers depend on beside them. Other files of a folder tell no models apart: notes may lie there.
_CONFIGS = (
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
    "chat_template.jinja",
)
_PLACES, _PIECE = 16, 64 * 1024  # of a file of weights that are read for its hash


class Loaded(NamedTuple):
    """A model, what it reads with (``reader``: a tokenizer or processor), and the module a memory manager is given.

    ``digest``: of the files that it was loaded from, whatever is in their place now.
    """

    model: Any
    reader: Any
    module: Any
    digest: str


class Held:
    """One model, loaded at its first use. ``reader`` and ``kind`` are names of transformers' classes.

    ``wanted``: the model types that its config.json may have; () for any. ``prepare``: is given the loaded model.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        reader: str,
        *,
        wanted: tuple[str, ...] = (),
        residence: Residence | None = None,
        prepare: Callable[[Any], None] | None = None,
    ) -> None:
        self._name, self._kind, self._reader, self._wanted = name, kind, reader, wanted
        self._prepare = prepare
        self._residence = residence or PlainResidence()
        self._loaded: Loaded | None = None
        self._lock = threading.RLock()

    @property
    def identity(self) -> str:
        """Name, hash and dtype of the weights. Raises ScorerError where they are not there."""
        folder, loaded = self.folder, self._loaded
        digest = loaded.digest if loaded else weights_digest(folder)
        return f"{folder.resolve().name}:{digest}:{self._residence.dtype()}"

    @property
    def folder(self) -> Path:
        """Raises ScorerError where it is not there."""
        return folder_of(self._name)

    @contextmanager
    def resident(self) -> Iterator[tuple[Loaded, Any]]:
        """The model and the device that its weights are on. One caller at a time. Raises ScorerError."""
        import torch

        with self._lock:
            loaded = self._loaded = self._loaded or self._load()
            try:
                with self._residence.resident(loaded.module, _SPARE) as device, torch.inference_mode():
                    yield loaded, device
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise ScorerError(f"There is too little memory for {self._name}.") from error

    def release(self) -> None:
        """Let go of the weights; the next use loads them again."""
        with self._lock:
            if self._loaded is not None:
                self._residence.release(self._loaded.module)
                self._loaded = None

    def _load(self) -> Loaded:
        folder = self.folder
        _check_type(folder, self._wanted)
        digest = weights_digest(folder)
        try:
            import torch
            import transformers
        except ImportError as error:
            raise ScorerError(f"{folder.name}: this scorer needs transformers and torch: {error}") from error
        where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            reader = getattr(transformers, self._reader).from_pretrained(folder, **where)
            # Weights that are made in inference mode, as ComfyUI's nodes run in it, could not be moved outside of it.
            with torch.inference_mode(False):
                dtypes = dtype_argument(transformers.__version__, getattr(torch, self._residence.dtype()))
                kind = getattr(transformers, self._kind)
                model, told = kind.from_pretrained(folder, output_loading_info=True, **where, **dtypes)
            check_whole(told)
        except Exception as error:  # loaders raise whatever they like, safetensors an error of its own
            said = "there is too little memory" if is_out_of_memory(error) else " ".join(str(error).split())[:300]
            raise ScorerError(f"{folder.name}: this model cannot be loaded: {said}") from error
        if self._prepare is not None:
            self._prepare(model)
        return Loaded(model.eval(), reader, adapted(model), digest)


def folder_of(name: str) -> Path:
    """``name``: a folder, or ``owner/name`` in the local cache. Raises ScorerError where it is not there."""
    try:
        source = source_of(name)
    except LanguageModelError as error:
        raise ScorerError(f"{error}".replace("language model", "model that sees")) from error
    if source.gguf:
        told = "a model that sees cannot be read from a GGUF file alone; run it with llama.cpp and name the server"
        raise ScorerError(f"{source.name}: {told}.")
    return source.folder


def check_whole(told: Mapping[str, Any]) -> None:
    """``told``: what transformers says of a loading. Raises ValueError for weights that it made up."""
    if missing := {*told["missing_keys"], *(key for key, *_ in told.get("mismatched_keys", ()))}:
        raise ValueError(f"{len(missing)} of its weights are in no file, as {min(missing)}")


def _check_type(folder: Path, wanted: tuple[str, ...]) -> None:
    try:
        found = json.loads((folder / "config.json").read_bytes()).get("model_type")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ScorerError(f"{folder.name}: its config.json cannot be read: {error}") from error
    if wanted and found not in wanted:
        raise ScorerError(f"{folder.name} is of the kind {found!r}; this scorer needs one of {', '.join(wanted)}.")


def weights_digest(place: Path, told: object = None) -> str:
    """12 hex digits that tell one file of weights, or one model's folder, from another.

    ``told``: what JSON holds beside a file, as its configuration, that the model's answers depend on too.

    Of each file its size and sixteen places of it are read: a fine-tuned model differs from its origin everywhere.
    Raises ScorerError where there is none.
    """
    files = [place] if place.is_file() else sorted(each for each in place.iterdir() if each.suffix in _WEIGHTS)
    if not files:
        raise ScorerError(f"{place}: there are no weights in it.")
    digest = sha256(json.dumps(told, sort_keys=True).encode())
    for file in (*files, *(place / name for name in _CONFIGS if place.is_dir() and (place / name).is_file())):
        digest.update(f"{file.name} ".encode() + _sampled(file))
    return digest.hexdigest()[:12]


def _sampled(file: Path) -> bytes:
    size = file.stat().st_size
    digest = sha256(str(size).encode())
    with file.open("rb") as opened:
        for place in range(_PLACES):
            opened.seek(max(0, size - _PIECE) * place // (_PLACES - 1))
            digest.update(opened.read(_PIECE))
    return digest.digest()
