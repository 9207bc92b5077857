"""Arguments of trying again, for ``run``: the options as ``retry_`` and their names, and what looks at the images."""

from __future__ import annotations

import argparse

from orchestrator_app.commands.arguments import whole

CHANGES = ("words and seed", "words", "seed")


def add_retrying(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("trying again")
    group.add_argument(
        "--until",
        dest="retry_until",
        type=float,
        metavar="SHARE",
        help="render again, with what was missing said more clearly, until an image shows so much of its prompt "
        "(0 to 1) or there were enough tries; the best one is kept",
    )
    group.add_argument("--tries", dest="retry_tries", type=whole, metavar="N", help="the most, the first too (4)")
    group.add_argument("--retry-change", choices=CHANGES, help="what is new in the next try (words and seed)")
    group.add_argument("--scorer", metavar="FOLDER", help="the CLIP, SigLIP, … model that looks at the images")
    group.add_argument("--scorer-backend", metavar="NAME", help="open_clip, transformers, blip, vqa, tagger (auto)")
    group.add_argument("--scorer-counts", action="store_true", help="the model was trained to count")
