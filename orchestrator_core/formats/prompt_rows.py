"""One row of a prompt file, whatever program's words it uses: its keys sorted into what we know.

A row that cannot be used raises FormatError; a key that is not known, or a value of the wrong kind, costs only itself.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.formats.infotext import parse_infotext
from orchestrator_core.formats.sampler_names import names_of_labels
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest

MAX_REPEATS = 1000

# Other names of the keys: A1111's /sdapi/v1/txt2img, its "Prompts from file", sd-dynamic-prompts' CSV.
_ALIASES = {
    "prompt": "positive", "text": "positive", "positive_prompt": "positive", "negative_prompt": "negative",
    "positive_template": "template", "sampler_name": "sampler", "sampler_index": "sampler", "cfg_scale": "cfg",
    "guidance_scale": "cfg", "denoising_strength": "denoise", "model": "checkpoint", "sd_model": "checkpoint",
    "sd_model_checkpoint": "checkpoint", "sd_vae": "vae", "CLIP_stop_at_last_layers": "clip_skip", "n_iter": "repeats",
    "count": "repeats", "id": "run_id", "dialect": "dialect",
}  # fmt: skip
_TEXTS = ("positive", "negative", "template", "negative_template", "target", "run_id", "dialect")
_SETTINGS = {
    "sampler": str, "scheduler": str, "checkpoint": str, "vae": str, "steps": int, "width": int, "height": int,
    "batch_size": int, "clip_skip": int, "cfg": float, "denoise": float,
}  # fmt: skip
_KNOWN = frozenset([*_TEXTS, *_SETTINGS, "seed", "loras", "extra", "repeats"])
# What A1111 and its programs put into every payload, and what says nothing of the picture that is asked for.
_IGNORED = {
    "styles", "save_images", "send_images", "do_not_save_samples", "do_not_save_grid", "alwayson_scripts",
    "script_name", "script_args", "restore_faces", "tiling", "eta", "subseed", "subseed_strength",
    "seed_resize_from_h", "seed_resize_from_w", "enable_hr", "comments",
    "override_settings_restore_afterwards", "outpath_samples", "outpath_grids", "prompt_for_display",
    "s_churn", "s_tmax", "s_tmin", "s_noise", "s_min_uncond", "schema_version",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlannedPrompt:
    """A prompt that somebody wants rendered; where ``positive`` is empty, ``template`` still has to be drawn.

    ``settings`` are the fields of a GenerationRequest that the row gives. ``target`` is "comfyui", "forge" or "".
    ``row`` is the 1-based place in the file: a line of text, an item of a list.
    """

    positive: str = ""
    negative: str = ""
    template: str = ""
    negative_template: str = ""
    dialect: str = ""
    seed: int | None = None
    loras: tuple[LoraUse, ...] = ()
    target: str = ""
    run_id: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    row: int = 0

    def request(self, defaults: GenerationRequest) -> GenerationRequest:
        """The request for this prompt; what the row leaves open is taken from ``defaults``."""
        changes = {"positive": self.positive, **self.settings}
        if self.negative:
            changes["negative"] = self.negative
        if self.loras:
            changes["loras"] = self.loras
        if self.seed is not None:
            changes["seed"] = self.seed
        return defaults.replacing(**changes)


@dataclass(frozen=True, slots=True)
class RowProblem:
    """``lost``: the whole row could not be used; otherwise only what the message names."""

    row: int
    message: str
    lost: bool = False

    def __str__(self) -> str:
        return f"row {self.row}: {self.message}"


def read_row(value: Any, row: int) -> tuple[list[PlannedPrompt], list[RowProblem]]:
    """The prompts of one item of a file: a text, or an object. Raises FormatError if it cannot be used."""
    if isinstance(value, str):
        return [_text_row(value, row)], []
    if not isinstance(value, Mapping):
        raise FormatError(f"is {type(value).__name__}, not a text or an object.")
    reader = _RowReader(value)
    planned = reader.planned(row)
    problems = [RowProblem(row, message) for message in reader.messages]
    return list(_repeated(planned, reader.repeats)), problems


def _text_row(text: str, row: int) -> PlannedPrompt:
    """A text is a prompt; one that is an infotext brings its settings."""
    if not text.strip():
        raise FormatError("is empty.")
    info = parse_infotext(text)
    request, empty = info.request, GenerationRequest("")
    settings = {name: getattr(request, name) for name in _SETTINGS if getattr(request, name) != getattr(empty, name)}
    if request.replacing(positive="", loras=()) == empty and not info.fields:
        return PlannedPrompt(text, row=row)
    return PlannedPrompt(
        request.positive, request.negative, seed=request.seed, loras=request.loras, settings=settings, row=row
    )


def _repeated(planned: PlannedPrompt, repeats: int) -> Iterator[PlannedPrompt]:
    """A1111's n_iter: the same prompt with the seeds that follow."""
    step = planned.settings.get("batch_size", 1)
    for number in range(repeats):
        yield planned if planned.seed is None else _with_seed(planned, planned.seed + number * step)


def _with_seed(planned: PlannedPrompt, seed: int) -> PlannedPrompt:
    values = {name: getattr(planned, name) for name in PlannedPrompt.__slots__}
    return PlannedPrompt(**{**values, "seed": seed})


class _RowReader:
    """Collects what a row says, and what is wrong with it."""

    def __init__(self, value: Mapping[Any, Any]) -> None:
        self.messages: list[str] = []
        self.values = self._known(value)
        self.repeats = self._whole("repeats", self.values.get("repeats"), 1, MAX_REPEATS) or 1

    def _known(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        """The row's values under our names. Settings that A1111 overrides are the row's own."""
        found: dict[str, Any] = {}
        override = value.get("override_settings")
        for key, item in [*(override.items() if isinstance(override, Mapping) else ()), *value.items()]:
            name = _ALIASES.get(key, key)
            if name in _KNOWN:
                if item is not None and (name not in found or key == name):
                    found[name] = item
            elif key not in _IGNORED and key != "override_settings":
                close = difflib.get_close_matches(str(key), [*_KNOWN, *_ALIASES], 1)
                self.messages.append(f'"{key}" is not known and left out' + (f'; "{close[0]}"?' if close else "."))
        return found

    def planned(self, row: int) -> PlannedPrompt:
        texts = {name: self._text(name) for name in _TEXTS}
        if not texts["positive"].strip() and not texts["template"].strip():
            raise FormatError('has neither a "prompt" nor a "template".')
        seed = self.values.get("seed")
        return PlannedPrompt(
            **texts,
            seed=None if seed in (-1, "", "-1") else self._whole("seed", seed, 0, 2**64 - 1),
            loras=self._loras(),
            settings=self._settings(),
            row=row,
        )

    def _text(self, name: str) -> str:
        value = self.values.get(name, "")
        if not isinstance(value, str):
            raise FormatError(f'"{name}" is {type(value).__name__}, not a text.')
        return value

    def _settings(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, kind in _SETTINGS.items():
            value = self.values.get(name, "")
            read = self._setting(name, kind, value) if value != "" else None
            if read is not None:
                found[name] = read
        named = found.get("sampler", "")
        sampler, scheduler = names_of_labels(named, found.get("scheduler", ""))
        if named:
            found["sampler"] = sampler
        if "scheduler" in found or sampler != named:  # a label of A1111's implies a scheduler, a name of ComfyUI's none
            found["scheduler"] = scheduler
        if isinstance(extra := self.values.get("extra"), dict) and extra:
            found["extra"] = extra
        return found

    def _setting(self, name: str, kind: type, value: Any) -> Any:
        if kind is int:
            return self._whole(name, value, 1, 2**31)
        if kind is float:
            return self._number(name, value)
        if not isinstance(value, str):
            self.messages.append(f'"{name}" is {type(value).__name__}, not a text, and left out.')
            return None
        return value

    def _number(self, name: str, value: Any) -> float | None:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if isinstance(value, bool) or not math.isfinite(number):
            self.messages.append(f'"{name}" is {str(value)[:40]!r}, not a number, and left out.')
            return None
        return number

    def _whole(self, name: str, value: Any, least: int, most: int) -> int | None:
        number = self._number(name, value) if value is not None else None
        if number is None:
            return None
        exact = int(value) if isinstance(value, int | str) and number == int(number) else int(number)
        if number != int(number) or not least <= exact <= most:
            self.messages.append(f'"{name}" is {str(value)[:40]}, not a whole number from {least} to {most}; left out.')
            return None
        return exact

    def _loras(self) -> tuple[LoraUse, ...]:
        value = self.values.get("loras", ())
        found = (
            [] if isinstance(value, str) else [self._lora(item) for item in value] if isinstance(value, list) else None
        )
        if found is None and value != ():
            self.messages.append('"loras" is no list and left out.')
        if isinstance(value, str):
            return extract_loras(value)[1]
        return tuple(lora for lora in found or () if lora)

    def _lora(self, item: Any) -> LoraUse | None:
        """A name, a tag, or ``{"name", "strength" | "strength_model", "strength_clip", "sha256"}``."""
        if isinstance(item, str) and item:
            tagged = extract_loras(item)[1]
            return tagged[0] if tagged else LoraUse(item)
        if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
            self.messages.append(f"a LoRA is {str(item)[:40]!r}, not a name or an object with one; left out.")
            return None
        strength = item.get("strength", item.get("weight", 1.0))
        model = self._number("strength_model", item.get("strength_model", strength))
        clip = self._number("strength_clip", item.get("strength_clip", item.get("strength_model", strength)))
        if model is None or clip is None:
            return None
        return LoraUse(item["name"], model, clip, str(item.get("sha256", "")))
