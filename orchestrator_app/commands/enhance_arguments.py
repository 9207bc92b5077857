"""Arguments of the stage llmEnhance, and of the language model that it asks, shared by ``prompt`` and ``run``."""

from __future__ import annotations

import argparse

from orchestrator_app.commands.arguments import seed, whole

MODES = ("append", "rewrite", "region", "tags+natural")
STYLES = ("auto", "sd15", "sdxl", "pony", "illustrious", "natural")
BACKENDS = ("rules", "openai", "transformers")


def add_enhancing(parser: argparse.ArgumentParser) -> None:
    """The options of the stage, as ``enhance_`` and their names, and those of the model, as ``llm_`` and theirs."""
    group = parser.add_argument_group("enhancing")
    group.add_argument(
        "--enhance",
        action="store_true",
        help="add light, place, texture, mood and camera to each prompt, by rules or a language model; no word of "
        "yours is lost",
    )
    group.add_argument(
        "--enhance-mode", choices=MODES, help="add; say anew; only in [[expand: …]]; and in sentences too (append)"
    )
    group.add_argument("--enhance-style", choices=STYLES, help="how the checkpoint wants to be spoken to (auto)")
    _add_numbers(group)
    group.add_argument("--enhance-instruction", metavar="TEXT", help="what to pay attention to, in your own words")
    for name, text in (
        ("keep", "words that no rewriting may touch; may be given again"),
        ("forbidden", "words that are never added; may be given again"),
    ):
        group.add_argument(f"--enhance-{name}", action="append", default=[], metavar="WORDS", help=text)
    group.add_argument(
        "--enhance-on-error", choices=("keep", "stop"), help="without a usable answer keep the prompt, or stop (keep)"
    )
    add_model(parser)


def _add_numbers(group: argparse._ArgumentGroup) -> None:
    for name, kind, value, text in (
        ("amount", whole, "N", "how many phrases at most (6)"),
        ("temperature", float, "T", "how freely it writes: 0 the same each time, 1 bold (0.7)"),
        ("max-tokens", whole, "N", "the longest the prompt may become (what the text encoder reads at once)"),
        ("seed", seed, "S", "of the additions (the prompt's)"),
        ("refresh", whole, "N", "another number asks anew for what was answered before (0)"),
    ):
        group.add_argument(f"--enhance-{name}", type=kind, metavar=value, help=text)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Who writes, as ``llm_`` and the names of LlmSettings."""
    group = parser.add_argument_group("language model")
    group.add_argument(
        "--llm",
        dest="llm_backend",
        choices=BACKENDS,
        help="rules needs none; openai is a server as Ollama, LM Studio or llama.cpp; transformers a model in this "
        "process (rules)",
    )
    for name, value, text in (
        ("url", "URL", "the server's address (Ollama's on this machine); its key is in ORCHESTRATOR_LLM_KEY"),
        ("model", "NAME", "the model, as the server knows it (its first)"),
        ("folder", "FOLDER", "for transformers: a folder with a model, a .gguf file, or one in the local cache"),
        ("keep-alive", "TIME", "how long Ollama keeps the model after the last prompt: 0, 5m"),
    ):
        group.add_argument(f"--llm-{name}", metavar=value, help=text)
    for name, text in (
        ("connect-s", "seconds to wait for the server (3)"),
        ("first-token-s", "for the first word (30)"),
        ("total-s", "and for a whole answer (120)"),
    ):
        group.add_argument(f"--llm-{name}", type=float, metavar="S", help=text)
    group.add_argument(
        "--llm-allow",
        dest="llm_allowed_hosts",
        action="append",
        default=[],
        metavar="HOST",
        help="a host outside of this machine and its network that prompts may be sent to; may be given again",
    )
