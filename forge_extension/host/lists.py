"""What the host can render with, as the names that ``generators/forge_names`` finds things in."""

from __future__ import annotations

from dataclasses import fields
from pathlib import PureWindowsPath
from typing import Any

from modules import processing, sd_models, sd_samplers, sd_schedulers, shared

from forge_extension.host import loras
from forge_extension.lora_names import Listed, names_by_file
from orchestrator_core.formats.sampler_names import sampler_name, scheduler_name
from orchestrator_core.generators.forge_names import Item, Items, ServerNames, find_model

_NOT_OURS = {"sd_model", "outpath_samples", "outpath_grids", "sampler_index", "script_args", "force_task_id"}


def names(*, refresh: bool = False) -> ServerNames:
    """What there is now; with ``refresh`` the host looks at its folders again."""
    if refresh:
        _refresh()
    modules = _modules()
    return ServerNames(
        samplers=tuple(_sampler(item) for item in sd_samplers.all_samplers),
        schedulers=tuple(_scheduler(item) for item in sd_schedulers.schedulers),
        checkpoints=tuple(_checkpoint(item) for item in list(sd_models.checkpoints_list.values())),
        vaes=_files(_vae_files() if modules is None else modules),
        loras=_loras(),
        has_modules=modules is not None,
        fields=_fields(),
    )


def _refresh() -> None:
    try:
        from modules_forge.main_entry import refresh_models
    except ImportError:
        sd_models.list_models()
    else:
        refresh_models()
    try:
        from networks import list_available_networks
    except ImportError:
        return
    list_available_networks()


def _fields() -> frozenset[str]:
    """What a job of text to image can be told."""
    known = {item.name for item in fields(processing.StableDiffusionProcessingTxt2Img) if item.init}
    return frozenset(known - _NOT_OURS)


def _sampler(item: Any) -> Item:
    return Item(item.name, sampler_name(item.name), tuple(item.aliases or ()))


def _scheduler(item: Any) -> Item:
    return Item(item.label, scheduler_name(item.label), (item.name, *(item.aliases or ())))


def _checkpoint(item: Any) -> Item:
    aliases = (item.model_name, item.hash, item.shorthash, item.sha256, *item.ids)
    return Item(item.title, item.name, tuple(alias for alias in aliases if alias), str(item.filename))


def checkpoint_file(name: str) -> str:
    """The file of a checkpoint, "" being the one that is set; "" where there is none of that name."""
    wanted = name or str(getattr(shared.opts, "sd_model_checkpoint", None) or "")
    item, _ = find_model(wanted, tuple(map(_checkpoint, list(sd_models.checkpoints_list.values()))))
    return item.path if item else ""


def _modules() -> dict[str, str] | None:
    """Path by name of what a checkpoint is completed with: VAEs and text encoders; None in a host without."""
    try:
        from modules_forge.main_entry import module_list
    except ImportError:
        return None
    return dict(module_list)


def _vae_files() -> dict[str, str]:
    from modules import sd_vae

    return dict(sd_vae.vae_dict)


def _files(paths: dict[str, str]) -> Items:
    return tuple(Item(name, name, (), str(path)) for name, path in paths.items())


def _loras() -> Items | None:
    """None where the extension that reads LoRAs is switched off. Each is sent by the name that finds its file."""
    listed = loras.listed()
    if listed is None:
        return None
    names = names_by_file(listed)
    found = {item.path: item for item in listed if names.get(item.path) == item.name}
    return tuple(Item(item.name, PureWindowsPath(path).name, _aliases(item), path) for path, item in found.items())


def _aliases(item: Listed) -> tuple[str, ...]:
    return (item.alias,) if item.alias and item.alias != item.name else ()
