"""Samplers and schedulers by ComfyUI's names, as the classes and settings of diffusers that do the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_core.formats.sampler_names import sampler_name, scheduler_name
from orchestrator_core.generators.near_names import not_in_list

_MULTISTEP = "DPMSolverMultistepScheduler"
_PLAIN_MULTISTEP = {"algorithm_type": "dpmsolver++", "solver_order": 2}
# name → (class, settings)
_SAMPLERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpm_2": ("KDPM2DiscreteScheduler", {}),
    "dpm_2_ancestral": ("KDPM2AncestralDiscreteScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
    "dpmpp_2m": (_MULTISTEP, _PLAIN_MULTISTEP),
    "dpmpp_2m_sde": (_MULTISTEP, {**_PLAIN_MULTISTEP, "algorithm_type": "sde-dpmsolver++"}),
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "uni_pc": ("UniPCMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
}
# Of a model whose noise comes in straight (rectified flow), solvers of the same equation: order 1 is Euler's method.
_OF_FLOW: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "euler": (_MULTISTEP, {**_PLAIN_MULTISTEP, "solver_order": 1}),
    "dpmpp_2m": _SAMPLERS["dpmpp_2m"],
    "dpmpp_2m_sde": _SAMPLERS["dpmpp_2m_sde"],
    "uni_pc": _SAMPLERS["uni_pc"],
}
_SIGMAS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")
_SCHEDULERS: Mapping[str, Mapping[str, Any]] = {
    "normal": {},
    "karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
    "beta": {"use_beta_sigmas": True},
    "sgm_uniform": {"timestep_spacing": "trailing"},
    "simple": {"timestep_spacing": "trailing"},
    "ddim_uniform": {"timestep_spacing": "leading"},
}
_FLOW = "use_flow_sigmas"


def offered(config: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(samplers, schedulers) for a pipeline whose own scheduler has this configuration."""
    if config.get(_FLOW):
        return tuple(_OF_FLOW), ("normal",)
    if "FlowMatch" in str(config.get("_class_name")):
        return ("euler",), ("normal",)
    return tuple(_SAMPLERS), tuple(_SCHEDULERS)


def sampling_problems(sampler: str, scheduler: str, config: Mapping[str, Any]) -> list[str]:
    """A line for each name that this pipeline cannot sample with."""
    samplers, schedulers = offered(config)
    asked = (("sampler", sampler_name(sampler), samplers), ("scheduler", scheduler_name(scheduler), schedulers))
    return [f"{field}: {not_in_list(name, list(names))}" for field, name, names in asked if name not in names]


def new_scheduler(sampler: str, scheduler: str, config: Mapping[str, Any]) -> Any:
    """The scheduler of diffusers that these names stand for, for a pipeline whose own has this configuration.

    Raises ValueError where that sampler has not such a scheduler, ImportError where it needs another package.
    """
    import diffusers

    if "FlowMatch" in str(config.get("_class_name")):
        return getattr(diffusers, str(config["_class_name"])).from_config(config)
    name, settings = (_OF_FLOW if config.get(_FLOW) else _SAMPLERS)[sampler_name(sampler)]
    kind = getattr(diffusers, name)
    spacing = {**dict.fromkeys(_SIGMAS, False), **_SCHEDULERS[scheduler_name(scheduler)]}
    return kind.from_config(config, **_known(kind, {**settings, **spacing}, scheduler))


def _known(kind: Any, settings: Mapping[str, Any], scheduler: str) -> dict[str, Any]:
    """Those that this class has. Raises ValueError where it would leave out what was asked for."""
    import inspect

    has = inspect.signature(kind.__init__).parameters
    if missing := [name for name, value in settings.items() if value is True and name not in has]:
        raise ValueError(f"{kind.__name__} has no {missing[0]}, which the scheduler {scheduler!r} is")
    return {name: value for name, value in settings.items() if name in has}
