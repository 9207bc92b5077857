"""A hand-written stand-in for a Forge server, for what a real one does only in bad moments.

Its routes and answers are those of Forge dfdcbab, as recorded from a real one; ``tests/hosts`` runs the real one.
``old`` makes it one without schedulers and modules, as A1111 before 1.9 and Forge Classic are.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from PIL.PngImagePlugin import PngInfo

MODELS = "/models"
SAMPLERS = {
    "DPM++ 2M": ["k_dpmpp_2m"],
    "Euler a": ["k_euler_a", "k_euler_ancestral"],
    "Euler": ["k_euler"],
    "Restart": [],
}
OLD_SAMPLERS = {"DPM++ 2M Karras": ["k_dpmpp_2m_ka"], **SAMPLERS}
SCHEDULERS = {"automatic": "Automatic", "uniform": "Uniform", "karras": "Karras", "normal": "Normal", "ddim": "DDIM"}
FIELDS = (
    "prompt", "negative_prompt", "seed", "steps", "cfg_scale", "width", "height", "batch_size", "n_iter",
    "sampler_name", "scheduler", "override_settings", "force_task_id", "send_images", "save_images",
    "denoising_strength", "enable_hr", "hr_scale", "hr_additional_modules", "alwayson_scripts",
)  # fmt: skip


def png(infotext: str = "", size: int = 8) -> bytes:
    out, texts = io.BytesIO(), PngInfo()
    if infotext:
        texts.add_text("parameters", infotext)
    Image.new("RGB", (size, size), "red").save(out, "PNG", pnginfo=texts)
    return out.getvalue()


class StandIn:
    """``on_job`` does the work: it is called with the server and the body, and returns a status and an answer."""

    def __init__(self, on_job: Callable[[StandIn, dict[str, Any]], Any] | None = None, *, old: bool = False) -> None:
        self.on_job = on_job or (lambda server, body: server.finish(body))
        self.old = old
        self.login = ""  # user:password of --api-auth
        self.has_api = self.has_page = True
        self.answers: dict[str, tuple[int, bytes]] = {}  # by path, instead of the real ones
        self.bodies: list[dict[str, Any]] = []  # of POST /sdapi/v1/txt2img
        self.calls: list[str] = []
        self.options: dict[str, Any] = {
            "sd_model_checkpoint": "sd15.safetensors [0123456789]",
            "CLIP_stop_at_last_layers": 1.0,
            "forge_additional_modules": [f"{MODELS}/text_encoder/t5.safetensors", f"{MODELS}/VAE/old.safetensors"],
        }
        self.sticky: set[str] = set()  # settings that a job does not put back
        self.checkpoints = ["sd15.safetensors [0123456789]", "xl/base.safetensors"]
        self.loras = {"ink": "styles/ink.safetensors", "mist.v1": "mist.v1.safetensors"}
        self.state: dict[str, Any] = {
            "skipped": False, "interrupted": False, "stopping_generation": False, "job": "", "job_count": 0,
            "job_timestamp": "0", "job_no": 0, "sampling_step": 0, "sampling_steps": 0,
        }  # fmt: skip
        self.active = self.queued = ""  # task ids
        self.waiting = "In queue: 1/1"
        self.preview = b""
        self.interrupts = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self.interrupts.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # What a job does.

    def begin(self, body: dict[str, Any]) -> None:
        """The job is now the one that runs."""
        self.queued, self.active = "", body["force_task_id"]
        stamp = f"2026{len(self.bodies):04}"
        self.state |= {"interrupted": False, "sampling_step": 0, "job_timestamp": stamp, "job_count": 1}

    def step(self, number: int, of: int) -> None:
        self.state |= {"sampling_step": number, "sampling_steps": of}

    def end(self, body: dict[str, Any]) -> None:
        self.active = ""
        self.state |= {"sampling_step": 0, "job_count": 0}
        self.options |= {
            name: body["override_settings"][name] for name in self.sticky & body["override_settings"].keys()
        }

    def finish(self, body: dict[str, Any], **changes: Any) -> tuple[int, Any]:
        if not self.active:
            self.begin(body)
        self.end(body)
        return 200, self.answer(body, **changes)

    def answer(self, body: dict[str, Any], **changes: Any) -> dict[str, Any]:
        seeds = [body["seed"] + number for number in range(body["batch_size"])]
        texts = [infotext(body, seed, self.options) for seed in seeds]
        info = {
            "all_prompts": [body["prompt"]] * len(seeds),
            "all_seeds": seeds,
            "infotexts": texts,
            "index_of_first_image": 0,
            "job_timestamp": self.state["job_timestamp"],
            **changes,
        }
        images = [base64.b64encode(png(text)).decode() for text in texts]
        return {"images": images, "parameters": body, "info": json.dumps(info)}

    def rows(self, name: str) -> Any:
        """What a list of the API holds; None where this server has no such list."""
        modules = {"t5.safetensors": "text_encoder", "old.safetensors": "VAE", "fine.safetensors": "VAE"}
        lists: dict[str, Any] = {
            "samplers": [{"name": name, "aliases": known, "options": {}}
                         for name, known in (OLD_SAMPLERS if self.old else SAMPLERS).items()],
            "schedulers": [{"name": name, "label": label, "aliases": None} for name, label in SCHEDULERS.items()],
            "sd-models": [{"title": title, "model_name": title.split(".")[0].replace("/", "_"), "hash": None,
                           "filename": f"{MODELS}/{title}"} for title in self.checkpoints],
            "loras": [{"name": name, "alias": f"{name} alias", "path": f"{MODELS}/Lora/{path}"}
                      for name, path in self.loras.items()],
            "sd-modules": [{"model_name": name, "filename": f"{MODELS}/{folder}/{name}"}
                           for name, folder in modules.items()],
            "sd-vae": [{"model_name": "fine.safetensors", "filename": f"{MODELS}/VAE/fine.safetensors"}],
        }  # fmt: skip
        return None if name in (("schedulers", "sd-modules") if self.old else ("sd-vae",)) else lists.get(name)


def infotext(body: dict[str, Any], seed: int, options: dict[str, Any]) -> str:
    checkpoint = body["override_settings"].get("sd_model_checkpoint") or options["sd_model_checkpoint"]
    model = checkpoint.split(" [")[0].rsplit("/", 1)[-1].rsplit(".", 1)[0]
    clip_skip = int(body["override_settings"].get("CLIP_stop_at_last_layers", options["CLIP_stop_at_last_layers"]))
    pairs = {
        "Steps": body["steps"],
        "Sampler": body["sampler_name"],
        **({"Schedule type": body["scheduler"]} if "scheduler" in body else {}),
        "CFG scale": body["cfg_scale"],
        "Seed": seed,
        "Size": f"{body['width']}x{body['height']}",
        "Model hash": "0123456789",
        "Model": model,
        **({"Clip skip": clip_skip} if clip_skip > 1 else {}),
        "Version": "f2.0.1v1.10.1",
    }
    negative = f"\nNegative prompt: {body['negative_prompt']}" if body["negative_prompt"] else ""
    return f"{body['prompt']}{negative}\n" + ", ".join(f"{key}: {value}" for key, value in pairs.items())


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, request: Any, address: Any) -> None:
        """A client that goes away in mid-answer is what the tests want."""


def _handler(server: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def respond(self, body: dict[str, Any]) -> None:
            path = urlsplit(self.path).path
            server.calls.append(f"{self.command} {path}")
            status, value = server.answers.get(path) or _route(server, self.command, path, body, self.authorized())
            if status == 0:  # it dies
                self.close_connection = True
                return
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def authorized(self) -> bool:
            return self.headers["Authorization"] == f"Basic {base64.b64encode(server.login.encode()).decode()}"

        def do_GET(self) -> None:
            self.respond({})

        def do_POST(self) -> None:
            self.respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    return Handler


_NOT_FOUND = (404, {"detail": "Not Found"})


def _route(server: StandIn, method: str, path: str, body: dict[str, Any], authorized: bool) -> tuple[int, Any]:
    if path.startswith("/internal/"):
        return _internal(server, path, body) if server.has_page else _NOT_FOUND
    if path == "/openapi.json":
        fields = {name: {} for name in FIELDS}
        return 200, {"components": {"schemas": {"StableDiffusionProcessingTxt2Img": {"properties": fields}}}}
    if not server.has_api:
        return _NOT_FOUND
    if server.login and not authorized:
        return 401, {"detail": "Not authenticated"}
    return _api(server, method, path.removeprefix("/sdapi/v1/"), body)


def _api(server: StandIn, method: str, name: str, body: dict[str, Any]) -> tuple[int, Any]:
    if name == "txt2img":
        server.bodies.append(body)
        status, answer = server.on_job(server, body)
        return status, answer
    if name == "progress":
        return 200, {"progress": 0.0, "state": server.state, "current_image": None, "textinfo": None}
    if name == "options":
        server.options |= body
        return 200, None if body else server.options
    if name == "interrupt":
        server.state["interrupted"] = True
        server.interrupts.set()
        return 200, {}
    if name.startswith("refresh-"):
        return 200, None
    rows = server.rows(name) if method == "GET" else None
    return _NOT_FOUND if rows is None else (200, rows)


def _internal(server: StandIn, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    if path == "/internal/pending-tasks":
        return 200, {"size": 0, "tasks": []}
    ours = {"active": body["id_task"] == server.active, "queued": body["id_task"] == server.queued, "completed": False}
    new = ours["active"] and server.preview and body["id_live_preview"] != 1
    picture = f"data:image/png;base64,{base64.b64encode(server.preview).decode()}" if new else None
    text = server.waiting if ours["queued"] else None
    return 200, {**ours, "live_preview": picture, "id_live_preview": 1 if server.preview else -1, "textinfo": text}
