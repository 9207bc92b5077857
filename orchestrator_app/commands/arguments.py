"""Arguments that several commands share, so that the same words mean the same in each."""

from __future__ import annotations

import argparse

MAX_SEED = 2**64 - 1
METHODS = ("random", "combinatorial", "cyclical")
DIALECTS = ("dynamicprompts", "impact")


def description(docstring: str | None) -> str:
    """A command's own docstring, without its name, as the text of its --help."""
    text = (docstring or "").partition("``: ")[2].strip()
    return text[:1].upper() + text[1:]


def add_wildcards(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wildcards",
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder of wildcard files; may be given again, the first one wins, 'bundled' is the one that comes with "
        "this pack (default: your own one in the data folder, then bundled)",
    )


def add_template(parser: argparse.ArgumentParser, *, more: str = "", optional: bool = False) -> None:
    parser.add_argument(
        "template",
        nargs="?" if optional else None,
        metavar="TEMPLATE",
        help="a template; or a file with one (.yaml, .json), with many prompts (.json, .txt, .csv), @FILE for the text "
        f"of a file, @quick, @portrait and @landscape for the bundled ones, - for standard input{more}",
    )


def add_drawing(parser: argparse.ArgumentParser, count: str) -> None:
    """What decides which prompts are drawn."""
    group = parser.add_argument_group("drawing")
    group.add_argument("-n", "--count", type=count_or_all, metavar="N", help=f"how many prompts, or 'all' ({count})")
    group.add_argument("-s", "--seed", type=seed, metavar="S", help="of the first prompt; each one after has the next")
    group.add_argument("--negative", metavar="TEMPLATE", help="the template of the negative prompt")
    group.add_argument("--dialect", choices=DIALECTS, help="whose syntax the template is in (default: dynamicprompts)")
    group.add_argument("--method", choices=METHODS, help="at random, all combinations in order, or in turn")
    group.add_argument("--index", type=whole, metavar="I", help="the first combination or turn, counted from 0")
    group.add_argument("--missing", choices=("keep", "remove", "error"), help="what a missing wildcard leaves")
    group.add_argument("--weights", metavar="FILE", help="JSON or YAML: odds multipliers by key, as --json shows them")
    group.add_argument("--learn", action="store_true", help="draw by the learned odds, while learning is on")
    add_wildcards(group)  # type: ignore[arg-type]
    add_profiles(parser)


def add_profiles(parser: argparse.ArgumentParser) -> None:
    """Who and what the prompts show, and in which genre."""
    group = parser.add_argument_group("profiles")
    group.add_argument("--profiles", metavar="NAMES", help='of profiles, separated by commas, as "mira, harbor, ink"')
    group.add_argument("--genre", metavar="NAME", help="the genre around your own words, as film-noir")
    add_profile_folder(group)  # type: ignore[arg-type]


def add_profile_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile-folder",
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder of profiles; may be given again, the first one wins, 'bundled' is the one that comes with this "
        "pack (default: your own one in the data folder, then bundled)",
    )


def add_story(parser: argparse.ArgumentParser) -> None:
    """The options of the stage followStory, as ``story_`` and their names."""
    group = parser.add_argument_group("story")
    group.add_argument("--story", metavar="NAME", help="each prompt is the next scene of it; a new name begins a story")
    group.add_argument(
        "--story-action",
        choices=("continue", "new_scene", "develop", "off"),
        help="go on; be somewhere else at another time; tell something new of somebody; leave it out (continue)",
    )
    for name, value, text in (
        ("who", "NAMES", "who is there from now on, separated by commas"),
        ("where", "PLACE", "where it is from now on"),
        ("when", "TIME", "when it is from now on"),
        ("mood", "MOOD", "in what mood"),
    ):
        group.add_argument(f"--story-{name}", metavar=value, help=text)
    wears = "what somebody wears from now on; may be given again"
    group.add_argument("--story-outfit", action="append", default=[], metavar="PERSON:CLOTHES", help=wears)
    group.add_argument("--no-lore", dest="story_lore", action="store_false", default=None, help="tell nothing of books")
    group.add_argument(
        "--lore-tokens", dest="story_lore_tokens", type=whole, metavar="N", help="the most of lore (300)"
    )
    recent = "how many scenes before it a language model is told of (3)"
    group.add_argument("--recent-scenes", dest="story_recent_scenes", type=whole, metavar="N", help=recent)
    folder = "a folder of lore books; may be given again (default: lore in the data folder)"
    group.add_argument("--lore-folder", action="append", default=[], metavar="FOLDER", help=folder)


def seed(text: str) -> int:
    number = whole(text)
    if number > MAX_SEED:
        raise argparse.ArgumentTypeError(f"{text} is more than a seed can be, {MAX_SEED}")
    return number


def whole(text: str) -> int:
    # isdecimal is true for digits of other scripts too, which int() reads just as well
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)


def count_or_all(text: str) -> int:
    """At least 1; -1 stands for all."""
    if text == "all":
        return -1
    if (number := whole(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1 is needed")
    return number


def add_loras(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--loras",
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder of LoRAs; may be given again (default: those that are named in the studio's Config)",
    )


def add_address(parser: argparse.ArgumentParser, port: int) -> None:
    """Where a server is reached, and under which names."""
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="default: %(default)s, this machine only"
    )
    parser.add_argument("--port", type=whole, default=port, metavar="N", help="0: any that is free (%(default)s)")
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name under which it is reached, as render.local; may be given again",
    )


INSERT = ("matched", "all", "none")


def add_selection(parser: argparse.ArgumentParser, *, checkpoint: bool = False) -> None:
    """The options of the stage selectLoras, as ``lora_`` and their names. ``checkpoint``: nothing else asks for one."""
    group = parser.add_argument_group("LoRAs")
    group.add_argument("--select-loras", action="store_true", help="choose LoRAs that fit each prompt, and say why")
    add_loras(group)  # type: ignore[arg-type]
    if checkpoint:
        group.add_argument("--checkpoint", metavar="NAME", help="the model that the prompts are for")
    group.add_argument(
        "--base-model", metavar="NAME", help="what the checkpoint is, as SDXL or Pony (default: its name)"
    )
    for name, kind, value, text in (
        ("max_loras", int, "N", "the most LoRAs in a prompt (3)"),
        ("total_strength", float, "S", "the most strength of all LoRAs together (1.8)"),
        ("strength", float, "S", "of a LoRA that says nothing of its own (0.8)"),
        ("minimum_evidence", float, "E", "how clearly a prompt must speak of a LoRA; 1 is a rare tag (0.25)"),
        ("variety", float, "V", "how far the seed may choose among those that fit nearly as well, 0 to 1 (0.2)"),
    ):
        group.add_argument(lora_flag(name), dest=f"lora_{name}", type=kind, metavar=value, help=text)
    for name, value, text in (
        ("include", "NAME", "use this one always; NAME:0.8 gives its strength; may be given again"),
        ("exclude", "NAME", "never use this one, or these: styles/*; may be given again"),
        ("never_together", "ONE+OTHER", "two that spoil each other; may be given again"),
    ):
        group.add_argument(lora_flag(name), dest=f"lora_{name}", action="append", default=[], metavar=value, help=text)
    group.add_argument("--lora-query", metavar="QUERY", help="choose only among these, as in orchestrator loras search")
    group.add_argument(
        "--insert-trigger-words",
        dest="lora_insert_trigger_words",
        choices=INSERT,
        help="which to add: the group that fits the prompt, all groups, or none (matched)",
    )
    for name, text in (
        ("allow_accelerators", "Lightning, Turbo, LCM and the like too"),
        ("semantic", "also by what words mean; --embedder says so by itself"),
    ):
        group.add_argument(lora_flag(name), dest=f"lora_{name}", action="store_true", default=None, help=text)
    add_embedder(group)  # type: ignore[arg-type]


def add_embedder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--embedder",
        metavar="FOLDER",
        help="a text encoder of transformers or sentence-transformers: finds LoRAs also by what words mean",
    )


def lora_flag(option: str) -> str:
    """What an option of the selection is called here; two have names that would say too little."""
    return "--" + {"strength": "lora-strength", "query": "lora-query"}.get(option, option.replace("_", "-"))
