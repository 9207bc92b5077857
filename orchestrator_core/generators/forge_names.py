"""Names in a request against what a Forge server has. It takes an unknown sampler for its first one and says nothing.

Requests speak ComfyUI's names; the server's labels, aliases, hashes and titles are understood as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any, NamedTuple

from orchestrator_core.formats.comfy_graph import model_file
from orchestrator_core.formats.sampler_names import sampler_name, scheduler_label, scheduler_name
from orchestrator_core.generators.forge_api import ForgeApi
from orchestrator_core.generators.near_names import find_name, not_in_list
from orchestrator_core.request import Choices

_HASH = re.compile(r" \[[0-9a-f]{6,64}\]$")
_TEXT_ENCODERS = frozenset({"text_encoder", "text_encoders", "clip"})


class Item(NamedTuple):
    """``sent`` is how the server wants it named, ``shown`` how a request does; ``path`` is the server's."""

    sent: str
    shown: str
    aliases: tuple[str, ...] = ()
    path: str = ""


Items = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class ServerNames:
    """What a server offers. Empty schedulers: they are part of its samplers' names. ``loras`` None: it does not say.

    ``fields`` are those of its text to image; empty if it does not say.
    """

    samplers: Items
    schedulers: Items = ()
    checkpoints: Items = ()
    vaes: Items = ()
    loras: Items | None = None
    has_modules: bool = False  # Forge: a VAE is one of the modules that a checkpoint is completed with
    fields: frozenset[str] = frozenset()


def ask_names(api: ForgeApi) -> ServerNames:
    """Raises GeneratorUnreachable."""
    loras, modules = api.listed("loras"), api.listed("sd-modules")
    return ServerNames(
        _items(api.listed("samplers"), _sampler),
        _items(api.listed("schedulers"), _scheduler),
        _items(api.listed("sd-models"), _checkpoint),
        _items(api.listed("sd-vae") if modules is None else modules, _file),
        None if loras is None else _items(loras, _lora),
        modules is not None,
        api.fields(),
    )


def choices_of(names: ServerNames) -> Choices:
    vaes = [item.shown for item in names.vaes if not is_text_encoder(item.path)]
    schedulers = [item.shown for item in names.schedulers if item.shown.casefold() not in ("automatic", "uniform")]
    shown = [[item.shown for item in items] for items in (names.checkpoints, names.samplers)]
    loras = None if names.loras is None else tuple(item.shown for item in names.loras)
    return Choices(
        tuple(shown[0]), tuple(vaes), tuple(dict.fromkeys(shown[1])), tuple(dict.fromkeys(schedulers)), loras
    )


def is_text_encoder(path: str) -> bool:
    """Is this module of Forge's, by the innermost folder that says so, no VAE?"""
    folders = [part.casefold() for part in reversed(PureWindowsPath(path).parts[:-1])]
    return next((part in _TEXT_ENCODERS for part in folders if part == "vae" or part in _TEXT_ENCODERS), False)


def find(value: str, items: Items) -> tuple[Item | None, str]:
    """(the server's item, what is wrong)."""
    wanted = value.casefold()
    for names in (lambda item: (item.sent, item.shown), lambda item: item.aliases):  # another's alias hides no name
        for item in items:
            if wanted in (name.casefold() for name in names(item)):
                return item, ""
    name, problem = find_name(value, [item.shown for item in items])
    return next((item for item in items if not problem and item.shown == name), None), problem


def find_model(value: str, items: Items) -> tuple[Item | None, str]:
    """``find`` for a file, whose suffix may be left away."""
    item, _ = find(value, items)
    return (item, "") if item else find(model_file(value), items)


def find_sampling(sampler: str, scheduler: str, names: ServerNames) -> tuple[dict[str, str], list[str]]:
    """(the fields that choose them, what is wrong)."""
    found, problem = find(sampler, names.samplers)
    if not names.schedulers:
        return _joint(found, sampler, scheduler, names.samplers, problem)
    spacing, other = find(scheduler, names.schedulers)
    if spacing is None and scheduler == "normal":  # A1111 before 1.10 has it by its older name
        spacing, other = find("uniform", names.schedulers)
    problems = [f"{field}: {text}" for field, text in (("sampler", problem), ("scheduler", other)) if text]
    fields = {"sampler_name": found.sent if found else "", "scheduler": spacing.sent if spacing else ""}
    return fields, problems


def _joint(
    found: Item | None, sampler: str, scheduler: str, samplers: Items, problem: str
) -> tuple[dict[str, str], list[str]]:
    """Of a server that has "DPM++ 2M" and "DPM++ 2M Karras", and no schedulers."""
    if found is None:
        return {}, [f"sampler: {problem}"]
    wanted = f"{found.sent} {scheduler_label(scheduler)}"
    joint = next((item for item in samplers if item.sent.casefold() == wanted.casefold()), None)
    if joint is None and scheduler not in ("normal", "automatic", ""):
        rest = [item.sent.removeprefix(f"{found.sent} ") for item in samplers]
        # What follows "Euler" in "Euler a" is no scheduler.
        known = [name for label in rest if (name := scheduler_name(label)) != label]
        return {}, [f"scheduler: {not_in_list(scheduler, ['normal', *known])} (of {sampler})"]
    return {"sampler_name": (joint or found).sent}, []


def _items(rows: Iterable[Mapping[str, Any]] | None, read: Callable[[Mapping[str, Any]], Item]) -> Items:
    return tuple(item for row in rows or () if (item := read(row)).sent)


def _texts(row: Mapping[str, Any], *names: str) -> list[str]:
    return [str(row.get(name) or "") for name in names]


def _sampler(row: Mapping[str, Any]) -> Item:
    (name,) = _texts(row, "name")
    return Item(name, sampler_name(name), _aliases(row.get("aliases")))


def _scheduler(row: Mapping[str, Any]) -> Item:
    name, label = _texts(row, "name", "label")
    return Item(label or name, scheduler_name(label or name), (name, *_aliases(row.get("aliases"))))


def _checkpoint(row: Mapping[str, Any]) -> Item:
    title, model, short, long, path = _texts(row, "title", "model_name", "hash", "sha256", "filename")
    aliases = [alias for alias in (model, short, long) if alias]
    return Item(title or model, _HASH.sub("", title or model), tuple(aliases), path)


def _file(row: Mapping[str, Any]) -> Item:
    name, path = _texts(row, "model_name", "filename")
    return Item(name, name, (), path)


def _lora(row: Mapping[str, Any]) -> Item:
    name, alias, path = _texts(row, "name", "alias", "path")
    # Always sent by its file's stem: an alias that two files share names neither.
    return Item(name, PureWindowsPath(path).name or name, (alias,) if alias else (), path)


def _aliases(value: Any) -> tuple[str, ...]:
    return tuple(str(alias) for alias in value) if isinstance(value, list) else ()
