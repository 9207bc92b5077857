"""Images a second: this pack's scorer, a bare forward of open_clip, transformers, torchmetrics' CLIPScore.

    python benchmarks/scoring.py [--pairs 9] [--torchmetrics-python PATH] [--only forward,components,load,torchmetrics]

All have ViT-B-32 with random weights. Figures are CPU seconds of one thread, medians of interleaved pairs. torchmetrics
1.9 breaks with transformers 5: its Python is one of an environment with torchmetrics 1.9, transformers 4.57 and torch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

NAME = "ViT-B-32"
TAGS = [f"a {thing} of number {n}" for n, thing in enumerate(["fox", "castle", "red coat", "storm", "lamp"] * 4)]
PLAIN = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}


def cpu_seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def pairs(count: int, *calls: Callable[[], Any]) -> list[list[float]]:
    """Each call's seconds, taken in turn."""
    for call in calls:
        call()
    return [list(row) for row in zip(*([cpu_seconds(call) for call in calls] for _ in range(count)), strict=True)]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))


def write_model(folder: Path) -> Any:
    """ViT-B-32 of random weights as a folder of 605 MB; and the model itself, by open_clip's own making."""
    import open_clip
    from safetensors.torch import save_file

    model = open_clip.create_model(NAME).eval()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: value.contiguous() for key, value in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    config = {"model_cfg": open_clip.get_model_config(NAME), "preprocess_cfg": PLAIN}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    return model


def images_of(count: int, side: int = 224) -> list[Any]:
    import numpy as np

    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(count)]


class Prepared:
    """An encoder whose images are prepared already, so that what is compared is the scoring alone."""

    def __init__(self, encoder: Any, pixels: Any) -> None:
        self._encoder, self._pixels = encoder, pixels
        self.identity, self.scale, self.bias = encoder.identity, encoder.scale, encoder.bias
        self.text_vectors, self.rest, self.release = encoder.text_vectors, encoder.rest, encoder.release

    def image_vectors(self, images: Sequence[Any], is_cancelled: Any = None) -> Any:
        return self._encoder.prepared_vectors(self._pixels[: len(images)])


def scoring(encoder: Any, batch: int, tags: int) -> Callable[[], Any]:
    """Scores new images each time: one that was seen before costs nothing."""
    from orchestrator_core.vision.contrastive import ContrastiveScorer
    from orchestrator_core.vision.port import Wanted

    images = images_of(batch)
    scorer = ContrastiveScorer(encoder)
    wanted = [Wanted(0, tag, "siblings", f"w#{tag}", tuple(TAGS)) for tag in TAGS[:tags]]
    scorer.score(images, wanted)
    turn = iter(range(1, 256))

    def call() -> None:
        step = next(turn)
        for image in images:
            image[0, 0] = step
        scorer.score(images, wanted)

    return call


def forward(folder: Path, model: Any, count: int) -> None:
    import torch

    from orchestrator_core.vision.opening import ScorerSettings, open_encoder
    from orchestrator_core.vision.precision import gains_by_bfloat16

    exact = open_encoder(ScorerSettings(model=str(folder), dtype="float32"))
    short = open_encoder(ScorerSettings(model=str(folder)))
    other = transformers_model()
    print(f"bfloat16 is faster on this processor: {gains_by_bfloat16()}; taken: {short.identity.rpartition(':')[2]}")
    print(f"{'batch':>6} {'open_clip':>10} {'transformers':>13} {'ours':>8} {'ours, auto':>11}  images per CPU second")
    for batch in (1, 8, 32):
        pixels = torch.randn(batch, 3, 224, 224)

        def bare(pixels: Any = pixels) -> None:
            with torch.inference_mode():
                model.encode_image(pixels, normalize=True)

        def hub(pixels: Any = pixels) -> None:
            with torch.inference_mode():
                other.get_image_features(pixels)

        calls = [bare, hub, scoring(Prepared(exact, pixels), batch, 20), scoring(Prepared(short, pixels), batch, 20)]
        found = pairs(count if batch == 32 else min(count, 3), *calls)
        told = [batch / statistics.median(each) for each in found]
        print(f"{batch:>6} {told[0]:>10.2f} {told[1]:>13.2f} {told[2]:>8.2f} {told[3]:>11.2f}", end="")
        print(f"  ours / bare: {ratio(found[2], found[0]):.3f}, auto {ratio(found[3], found[0]):.2f}")
    whole = pairs(min(count, 3), scoring(exact, 8, 20), scoring(short, 8, 20))
    print(
        "end to end, 224², batch 8:", *(f"{8 / statistics.median(each):.2f}" for each in whole), "images per CPU second"
    )


def transformers_model() -> Any:
    import transformers

    vision = {"projection_dim": 512, "patch_size": 32}
    return transformers.CLIPModel(transformers.CLIPConfig(vision_config=vision, projection_dim=512)).eval()


def components(folder: Path, count: int) -> None:
    from orchestrator_core.vision.opening import ScorerSettings, open_encoder

    encoder = open_encoder(ScorerSettings(model=str(folder)))
    one, twenty = pairs(count, scoring(encoder, 8, 1), scoring(encoder, 8, 20))
    print(f"20 components / 1 component, texts cached, batch 8: {ratio(one, twenty):.3f}")


COLD = """
import sys, time
import numpy as np, torch, safetensors.torch, PIL.Image
if sys.argv[2] != "image":
    import open_clip  # its vocabulary
torch.set_num_threads(1)
from orchestrator_core.vision.opening import ScorerSettings, open_scorer
from orchestrator_core.vision.port import Wanted
image = np.zeros((224, 224, 3), np.uint8)
start = time.process_time()
if sys.argv[2] == "ours":
    wanted = [Wanted(0, "fox", "siblings", "w#fox", ("fox", "owl"))]
    open_scorer(ScorerSettings(model=sys.argv[1], dtype=sys.argv[3])).score([image], wanted)
elif sys.argv[2] == "image":
    from orchestrator_core.vision.opening import open_encoder
    open_encoder(ScorerSettings(model=sys.argv[1], dtype=sys.argv[3])).image_vectors([image])
else:
    model, _, prepare = open_clip.create_model_and_transforms("local-dir:" + sys.argv[1])
    with torch.inference_mode():
        a = model.eval().encode_image(prepare(PIL.Image.fromarray(image))[None], normalize=True)
        if sys.argv[2] == "open_clip":
            tokens = open_clip.tokenize(["fox", "owl", "a picture of fox", "a picture of owl"])
            (100 * a @ model.encode_text(tokens, normalize=True).T).softmax(-1)
print(time.process_time() - start)
"""


def load(folder: Path, count: int) -> None:
    def cold(kind: str, dtype: str = "float32") -> float:
        command = [sys.executable, "-c", COLD, str(folder), kind, dtype]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    kinds = (("image", "float32"), ("ours", "float32"), ("ours", "auto"), ("open_clip", "float32"))
    found = [[cold(*kind) for kind in kinds] for _ in range(count)]
    for kind, seconds in zip(kinds, zip(*found, strict=True), strict=True):
        print(f"cold load to the first {'vector' if kind[0] == 'image' else 'score'}, {' '.join(kind)}:", end=" ")
        print(f"{statistics.median(seconds):.2f} CPU s")


TORCHMETRICS = """
import sys, time
import torch, transformers
from torchmetrics.multimodal.clip_score import CLIPScore
torch.set_num_threads(1)
sizes = dict(vision_config=dict(projection_dim=512, patch_size=32), projection_dim=512)
model = transformers.CLIPModel(transformers.CLIPConfig(**sizes)).eval()
import gzip, json, os
lines = gzip.open(sys.argv[1]).read().decode().split("\\n")[1 : 49152 - 256 - 2 + 1]
from transformers.models.clip.tokenization_clip import bytes_to_unicode
letters = list(bytes_to_unicode().values())
words = [*letters, *(x + "</w>" for x in letters), *("".join(x.split()) for x in lines)]
words += ["<|startoftext|>", "<|endoftext|>"]
json.dump({w: n for n, w in enumerate(words)}, open(sys.argv[2] + "/vocab.json", "w"))
open(sys.argv[2] + "/merges.txt", "w").write("#version: 0.2\\n" + "\\n".join(lines))
tokenizer = transformers.CLIPTokenizer(sys.argv[2] + "/vocab.json", sys.argv[2] + "/merges.txt")
processor = transformers.CLIPProcessor(transformers.CLIPImageProcessor(), tokenizer)
metric = CLIPScore(model_name_or_path=lambda: (model, processor))
image = torch.randint(0, 256, (3, 224, 224), dtype=torch.uint8)
tags = json.loads(sys.argv[3])
found = []
with torch.inference_mode():
    for turn in range(int(sys.argv[4]) + 1):
        start = time.process_time()
        metric.update([image] * len(tags), tags)
        found.append(time.process_time() - start)
print(json.dumps(found[1:]))
"""


def against_torchmetrics(folder: Path, python: str, count: int) -> None:
    import open_clip

    from orchestrator_core.vision.opening import ScorerSettings, open_encoder

    words = str(Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz")
    with tempfile.TemporaryDirectory() as place:
        command = [python, "-c", TORCHMETRICS, words, place, json.dumps(TAGS), str(count)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    theirs = statistics.median(json.loads(done.stdout.splitlines()[-1]))
    for dtype in ("float32", "auto"):
        encoder = open_encoder(ScorerSettings(model=str(folder), dtype=dtype))
        (found,) = pairs(count, scoring(encoder, 8, 20))
        ours = statistics.median(found) / 8
        print(
            f"20 components an image: torchmetrics {theirs:.2f} CPU s, ours ({dtype}) {ours:.3f}: {theirs / ours:.1f} ×"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--torchmetrics-python", default="")
    parser.add_argument("--only", default="forward,components,load,torchmetrics")
    asked = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    only = asked.only.split(",")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "vit-b-32"
        model = write_model(folder)
        if "forward" in only:
            forward(folder, model, asked.pairs)
        del model
        if "components" in only:
            components(folder, asked.pairs)
        if "load" in only:
            load(folder, min(asked.pairs, 3))
        if "torchmetrics" in only and asked.torchmetrics_python:
            against_torchmetrics(folder, asked.torchmetrics_python, min(asked.pairs, 3))


if __name__ == "__main__":
    main()
