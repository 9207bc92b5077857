"""A script that the tests put into a Forge, as an extension of its own: routes that call ours, and a stand-in.

The routes run the generator in the server as the tab does, without a browser. The stand-in does what ADetailer does:
it makes a job of its own from each finished image, and says which prompts it saw.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import threading
import time
from dataclasses import asdict
from pathlib import Path

import gradio as gr
from backend import memory_management
from modules import processing, script_callbacks, scripts
from PIL import Image

from forge_extension.environment import ForgeEnvironment
from forge_extension.host.forge import Forge
from orchestrator_core.errors import GeneratorError, OrchestratorError
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest, ImageNotes

SEEN: list[dict] = []  # by the stand-in, since it was asked last
PAINTED = threading.Event()  # set for pictures of the tab: what a tiny model makes is noise


def as_json(image):
    return {"path": str(image.path), "run_id": image.run_id, "request": asdict(image.request)}


def generator(folder: str = ""):
    environment = ForgeEnvironment(Forge())
    return environment.targets(environment.settings().model_copy(update={"output_folder": folder}))[0].generator()


def generate(body: dict) -> dict:
    """Render a request; ``cancel_at`` stops it after so many steps, ``cancel_after`` after so many seconds."""
    ours = generator(body.get("folder", ""))
    threads, progress = [], []
    done = {"images": [], "error": "", "problems": []}

    def on_progress(found) -> None:
        threads.append(threading.current_thread().name)
        progress.append([found.what, found.step, found.steps, len(found.preview)])
        if found.step and found.step >= body.get("cancel_at", 1 << 30):
            ours.cancel()

    if "cancel_after" in body:
        threading.Timer(body["cancel_after"], ours.cancel).start()
    started = time.monotonic()
    try:
        loras = tuple(LoraUse(**lora) for lora in body["request"].get("loras", ()))
        request = GenerationRequest(**{**body["request"], "loras": loras})
        notes = ImageNotes(**body.get("notes", {"run_id": "probe"}))
        done["images"] = [as_json(image) for image in ours.generate(request, notes, on_progress)]
    except OrchestratorError as error:
        done |= {"error": type(error).__name__, "message": str(error)}
        done["problems"] = list(getattr(error, "problems", ()))
        if isinstance(error, GeneratorError):
            done["images"] = [as_json(image) for image in error.images]
    return {**done, "progress": progress, "threads": sorted(set(threads)), "seconds": time.monotonic() - started}


def vectors(body: dict) -> dict:
    """What the text encoder that is loaded makes of texts."""
    host = Forge()
    clip = host.text_encoder()
    return {
        "vectors": [] if clip is None else [list(map(float, one)) for one in host.text_vectors(clip, body["texts"])]
    }


def choices() -> dict:
    return asdict(generator().choices())


def paint(on: bool) -> bool:
    PAINTED.set() if on else PAINTED.clear()
    return on


def dusk(seed: int, size: tuple[int, int]) -> Image.Image:
    """A dusk of its own for each seed."""
    sky = Image.new("HSV", (1, 4))
    for place, (turn, saturation, value) in enumerate(((0, 150, 90), (20, 150, 160), (60, 130, 235), (110, 120, 60))):
        sky.putpixel((0, place), ((seed * 37 + turn) % 256, saturation, value))
    return sky.convert("RGB").resize(size, Image.Resampling.BICUBIC)


def seen() -> list:
    found = list(SEEN)
    SEEN.clear()
    return found


def tiny_llm(file: str, folder: str) -> bool:
    """A language model of random weights in a folder, made by ``llm_child.py``."""
    spec = importlib.util.spec_from_file_location("orchestrator_probe_llm", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make_model(Path(folder), context=8192)  # bytes are its tokens: a question has thousands
    return True


def resident(unload: bool = False) -> dict:
    """What the host's memory manager has, and how many language models there are at all."""
    if unload:
        memory_management.unload_all_models()
    listed = [type(each.model.model).__name__ for each in memory_management.current_loaded_models if each.model]
    gc.collect()
    models = sum(type(each).__name__ == "LlamaForCausalLM" for each in gc.get_objects())
    return {"listed": listed, "models": models}


def folders() -> list:
    environment = ForgeEnvironment(Forge())
    return [str(root) for root in environment.wildcards(environment.settings()).roots]


def add_routes(_, app) -> None:
    app.add_api_route("/probe/generate", generate, methods=["POST"])
    app.add_api_route("/probe/vectors", vectors, methods=["POST"])
    app.add_api_route("/probe/choices", choices, methods=["GET"])
    app.add_api_route("/probe/paint", paint, methods=["GET"])
    app.add_api_route("/probe/seen", seen, methods=["GET"])
    app.add_api_route("/probe/folders", folders, methods=["GET"])
    app.add_api_route("/probe/tiny_llm", tiny_llm, methods=["GET"])
    app.add_api_route("/probe/resident", resident, methods=["GET"])


class StandIn(scripts.Script):
    """``how``: "prompt" and "all" copy the job's prompt as it is then, "before" as it was before all scripts;
    "runner" copies it as it was and lets all scripts run in the inner job."""

    def title(self):
        return "Stand-in"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Textbox("", label="how", visible=False)]

    def before_process(self, p, how):
        if how == "fail":
            raise_in(p)
        self.before = (p.prompt, p.negative_prompt)

    def postprocess_image(self, p, pp, how):
        if PAINTED.is_set():
            pp.image = dusk(p.all_seeds[pp.index], pp.image.size)
        if how in ("", "fail") or getattr(p, "is_inner", False):
            return
        if how == "all":
            prompt, negative = p.all_prompts[pp.index], p.all_negative_prompts[pp.index]
        else:
            prompt, negative = self.before if how in ("before", "runner") else (p.prompt, p.negative_prompt)
        inner = processing.StableDiffusionProcessingImg2Img(
            init_images=[pp.image], prompt=prompt, negative_prompt=negative, seed=p.all_seeds[pp.index] + 1000, steps=1,
            width=p.width, height=p.height, sampler_name="Euler", scheduler="Simple", denoising_strength=0.3,
            do_not_save_samples=True, do_not_save_grid=True,
        )  # fmt: skip
        inner.is_api, inner.is_inner = True, True
        if how == "runner":
            inner.scripts, inner.script_args = p.scripts, p.script_args
        with contextlib.closing(inner):
            processed = processing.process_images(inner)
        SEEN.append({"index": pp.index, "prompt": inner.all_prompts[0], "negative": inner.all_negative_prompts[0]})
        pp.image = processed.images[0]


def raise_in(p):
    """What a script breaks is broken where the host does not look."""
    p.init = lambda *_: 1 / 0


script_callbacks.on_app_started(add_routes)
