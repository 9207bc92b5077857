"""One table of sampler and scheduler names: ComfyUI's (``dpmpp_2m``) and A1111's labels (``DPM++ 2M``).

Requests speak ComfyUI's names, infotext speaks labels. A name that is in neither column passes through unchanged.
Sources: ``comfy/samplers.py``; in Forge's ``modules/``: ``sd_samplers_kdiffusion.py``, ``sd_samplers_timesteps.py``,
``sd_samplers_lcm.py``, ``sd_schedulers.py``.
"""

from __future__ import annotations

_SAMPLERS = {
    "euler": "Euler",
    "euler_ancestral": "Euler a",
    "heun": "Heun",
    "heunpp2": "HeunPP2",
    "dpm_2": "DPM2",
    "dpm_2_ancestral": "DPM2 a",
    "lms": "LMS",
    "dpm_fast": "DPM fast",
    "dpm_adaptive": "DPM adaptive",
    "dpmpp_2s_ancestral": "DPM++ 2S a",
    "dpmpp_sde": "DPM++ SDE",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_2m_sde_heun": "DPM++ 2M SDE Heun",
    "dpmpp_3m_sde": "DPM++ 3M SDE",
    "ddpm": "DDPM",
    "lcm": "LCM",
    "ipndm": "IPNDM",
    "ipndm_v": "IPNDM_V",
    "deis": "DEIS",
    "ddim": "DDIM",
    "uni_pc": "UniPC",
}
_SCHEDULERS = {
    "normal": "Normal",
    "karras": "Karras",
    "exponential": "Exponential",
    "sgm_uniform": "SGM Uniform",
    "simple": "Simple",
    "ddim_uniform": "DDIM",
    "beta": "Beta",
    "kl_optimal": "KL Optimal",
}
# What "Automatic" stands for in A1111 and Forge; any other sampler uses the model's own steps, ComfyUI's "normal".
_AUTOMATIC = {
    "dpmpp_2m": "karras",
    "dpmpp_sde": "karras",
    "dpmpp_2s_ancestral": "karras",
    "dpm_2": "karras",
    "dpm_2_ancestral": "karras",
    "dpmpp_2m_sde": "exponential",
    "dpmpp_2m_sde_heun": "exponential",
    "dpmpp_3m_sde": "exponential",
}
_SAMPLER_OF_LABEL = {label.casefold(): name for name, label in _SAMPLERS.items()}
_SCHEDULER_OF_LABEL = {label.casefold(): name for name, label in _SCHEDULERS.items()}
_OLD_SUFFIXES = (" Karras", " Exponential")  # before 1.9, A1111 wrote both names as one: "DPM++ 2M Karras"
SAMPLERS, SCHEDULERS = tuple(_SAMPLERS), tuple(_SCHEDULERS)  # those that people know, in ComfyUI's words


def sampler_label(name: str) -> str:
    return _SAMPLERS.get(name, name)


def scheduler_label(name: str) -> str:
    return _SCHEDULERS.get(name, name)


def sampler_name(label: str) -> str:
    return _SAMPLER_OF_LABEL.get(label.casefold(), label)


def scheduler_name(label: str) -> str:
    return _SCHEDULER_OF_LABEL.get(label.casefold(), label)


def names_of_labels(sampler: str, scheduler: str = "") -> tuple[str, str]:
    """ComfyUI's (sampler, scheduler) of an infotext's labels, with the old joint ones and "Automatic" resolved."""
    if not scheduler:
        for suffix in _OLD_SUFFIXES:
            if sampler.endswith(suffix):
                sampler, scheduler = sampler.removesuffix(suffix), suffix.strip()
    name = sampler_name(sampler)
    if scheduler.casefold() in ("", "automatic"):
        return name, _AUTOMATIC.get(name, "normal")
    return name, "normal" if scheduler.casefold() == "uniform" else scheduler_name(scheduler)
