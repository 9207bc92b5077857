"""What a tiny language model does in a host's own Python, under the host's own memory manager, as one JSON object.

    PYTHON llm_child.py comfyui|forge HOST [GGUF]

Only that Python has torch and transformers; the tests read what comes out.
"""

from __future__ import annotations

import gc
import importlib
import json
import shutil
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2]))

from orchestrator_core.errors import LanguageModelError
from orchestrator_core.llm.port import Ask, Message
from orchestrator_core.llm.residence import ManagedResidence, PlainResidence
from orchestrator_core.llm.transformers_model import TransformersModel

USER = Message("user", "a castle")
CHAT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHAT
CONTEXT = 200  # tokens that the tiny model reads


def manager_of(kind: str) -> tuple[Any, Any]:
    """The host's memory manager and patcher, without a graphics card."""
    arguments = importlib.import_module("comfy.cli_args" if kind == "comfyui" else "backend.args").args
    for name in ("cpu", "always_cpu"):
        if hasattr(arguments, name):
            setattr(arguments, name, True)
    if kind == "comfyui":
        manager = importlib.import_module("comfy.model_management")
        return manager, importlib.import_module("comfy.model_patcher").ModelPatcher
    manager = importlib.import_module("backend.memory_management")
    return manager, importlib.import_module("backend.patcher.base").ModelPatcher


def make_model(folder: Path, template: str = "", context: int = CONTEXT) -> Path:
    """A Llama of one layer with random weights, whose tokens are bytes."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {letter: number for number, letter in enumerate(["<|end|>", *letters])}
    bytes_of = Tokenizer(models.BPE(vocab=words, merges=[]))
    bytes_of.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_of.decoder = decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=bytes_of, eos_token="<|end|>")
    tokenizer.chat_template = template or None
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=context, eos_token_id=0, bos_token_id=0,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    model.generation_config.do_sample = True  # as many models say of themselves: it is ours to say
    model.generation_config.top_k = 1
    model.save_pretrained(folder)
    return folder


def without_a_part(folder: Path) -> Path:
    """A copy of a model that lacks some weights, as a text encoder that was made of a language model does."""
    from safetensors.torch import load_file, save_file

    copy = Path(shutil.copytree(folder, folder / "incomplete"))
    weights = load_file(copy / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    return copy


def raised(work: Any) -> list[str]:
    try:
        work()
    except LanguageModelError as error:
        return [type(error).__name__, error.kind, str(error)]
    return []


def facts_of_writing(folder: Path) -> dict[str, Any]:
    """How it answers, with torch alone."""
    import torch

    model = TransformersModel(str(make_model(folder)), residence=PlainResidence("cpu"))
    pieces: list[str] = []
    before = torch.get_rng_state()
    ask = Ask((USER,), max_tokens=20, seed=5, temperature=0.9)
    text = model.generate(ask, pieces.append)
    stop = threading.Event()
    started = time.monotonic()
    long = Ask((USER,), max_tokens=180)
    cancelled = raised(lambda: model.generate(long, lambda text: stop.set(), stop.is_set))
    return {
        "text": text,
        "pieces": pieces,
        "again": model.generate(ask),
        "another seed": model.generate(Ask((USER,), max_tokens=20, seed=6, temperature=0.9)),
        "greedy": [model.generate(Ask((USER,), max_tokens=9, seed=seed, temperature=0)) for seed in (1, 2)],
        "left global random numbers alone": torch.equal(before, torch.get_rng_state()),
        "cancelled": cancelled,
        "seconds to cancel": time.monotonic() - started,
        "late": raised(lambda: TransformersModel(str(folder), total_s=0.0).generate(long)),
        "too long": raised(lambda: model.generate(Ask((Message("user", "x" * CONTEXT),)))),
        "too large": raised(lambda: TransformersModel(str(folder), most_memory=1000).generate(ask)),
        "without a part": raised(lambda: TransformersModel(str(without_a_part(folder))).generate(ask)),
        "at the end of what it reads": len(model.generate(Ask((Message("user", "x" * (CONTEXT - 5)),), max_tokens=50))),
    }


def facts_of_templates(folder: Path) -> dict[str, Any]:
    """What the model is given to read, by what it says of chats."""
    from orchestrator_core.llm.transformers_loading import load
    from orchestrator_core.llm.transformers_model import _tokens
    from orchestrator_core.llm.transformers_source import source_of

    def read(name: str, template: str) -> list[str]:
        loaded = load(source_of(str(make_model(folder / name, template))), "float32")
        asked = (Message("system", "be brief"), USER)
        texts: list[str] = []
        return raised(lambda: texts.append(loaded.tokenizer.decode(_tokens(loaded, asked)["input_ids"][0]))) or texts

    templates = {"plain": "", "chat": CHAT, "no_system": NO_SYSTEM, "broken": "{{ raise_exception('no') }}"}
    return {name: read(name, template) for name, template in templates.items()}


def facts_of_memory(kind: str, folder: Path) -> dict[str, Any]:
    """Where the weights are, by the host's own book-keeping."""
    import torch

    manager, patcher = manager_of(kind)

    def listed() -> list[str]:
        return [type(each.model.model).__name__ for each in manager.current_loaded_models if each.model is not None]

    def models() -> int:
        gc.collect()
        return sum(type(each).__name__ == "LlamaForCausalLM" for each in gc.get_objects())

    model = TransformersModel(str(make_model(folder)), residence=ManagedResidence(manager, patcher), keep=False)
    gc.collect()
    ask = Ask((USER,), max_tokens=12, seed=5)
    with torch.inference_mode():  # as ComfyUI's nodes run
        first = model.generate(ask)
    facts: dict[str, Any] = {"text": first, "listed": listed(), "models": models()}
    module = weakref.ref(model._loaded.module)  # type: ignore[union-attr]
    manager.unload_all_models()
    facts["listed after unload"] = listed()
    facts["again"] = model.generate(ask)
    facts["listed again"], facts["same module"] = listed(), module() is model._loaded.module  # type: ignore[union-attr]
    facts["models again"] = models()
    model.generate(Ask((USER,), max_tokens=2, is_last=True))
    gc.collect()
    facts["listed after the last"], facts["gone"] = listed(), module() is None
    facts["after that"] = model.generate(ask)
    return facts


def facts_of_gguf(path: str) -> dict[str, Any]:
    """A real model out of one file."""
    model = TransformersModel(path, residence=PlainResidence("cpu"))
    asked = (Message("system", "You describe images in a few words."), Message("user", "a knight in a dark forest"))
    return {"text": model.generate(Ask(asked, max_tokens=16, temperature=0)), "identity": model.identity}


def main(kind: str, host: str, gguf: str = "") -> None:
    sys.argv = sys.argv[:1]  # which the hosts would read
    # As Forge and Forge Neo put them there.
    sys.path[:0] = [host, str(Path(host) / "packages_3rdparty"), str(Path(host) / "modules_forge" / "packages")]
    with tempfile.TemporaryDirectory() as folder:
        if gguf:
            facts = facts_of_gguf(gguf)
        else:
            parts = Path(folder)
            facts = {
                "memory": facts_of_memory(kind, parts / "memory"),
                "writing": facts_of_writing(parts / "writing"),
                "templates": facts_of_templates(parts / "templates"),
            }
    print("facts " + json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
