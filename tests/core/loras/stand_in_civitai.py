"""A Civitai of the tests: knows some files by their hash, and answers what a test tells it to."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

PLACE = "/api/v1/model-versions/by-hash/"


def version(sha256: str, **changes: Any) -> dict[str, Any]:
    """An answer with the fields, nesting and types of a real one."""
    images = [
        {
            "url": "https://image.example/1.jpeg",
            "nsfwLevel": 1,
            "width": 832,
            "height": 1216,
            "type": "image",
            "meta": {
                "prompt": "a harbour at dusk, ghibli style <lora:ghibli_v1:0.6>",
                "negativePrompt": "blurry",
                "seed": 7,
                "steps": 30,
                "sampler": "Euler a",
                "cfgScale": 7,
                "Model": "ponyDiffusionV6XL",
            },
        },
        {"url": "https://image.example/2.jpeg", "type": "image", "meta": None},
    ]
    files = [
        {
            "id": 2,
            "name": "ghibli_training_data.zip",
            "type": "Training Data",
            "primary": False,
            "hashes": {"SHA256": "AB" * 32},
        },
        {
            "id": 1,
            "name": "ghibli_v1.safetensors",
            "sizeKB": 223112.4,
            "type": "Model",
            "primary": True,
            "metadata": {"format": "SafeTensor"},
            "hashes": {"AutoV2": sha256[:10].upper(), "SHA256": sha256.upper(), "AutoV3": "0123456789AB"},
            "downloadUrl": "https://civitai.example/download",
        },
    ]
    answer = {
        "id": 135867,
        "modelId": 122359,
        "name": "v1.0",
        "baseModel": "Pony",
        "baseModelType": "Standard",
        "air": "urn:air:sdxl:lora:civitai:122359@135867",
        "trainedWords": ["ghibli style", "ghibli style, watercolor"],
        "description": "<p>Second <b>version</b></p>",
        "model": {"name": "Ghibli", "type": "LORA", "nsfw": False, "poi": False},
        "files": files,
        "images": images,
        "stats": {"downloadCount": 1},
    }
    return answer | changes


class StandIn:
    """``known`` answers by hash; ``next`` answers come first: (status, headers, body). ``asked`` are the requests."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.next: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stand_in.asked.append((self.path, dict(self.headers)))
                status, headers, body = stand_in.answer(self.path)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):  # who had enough hangs up
                    self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if self.next:
            return self.next.pop(0)
        digest = path.removeprefix(PLACE)
        if digest in self.known:
            return 200, {"Content-Type": "application/json"}, json.dumps(self.known[digest]).encode()
        return 404, {"Content-Type": "application/json"}, b'{"error":"Model not found"}'

    @property
    def hashes(self) -> list[str]:
        """Those that were asked for, in their order."""
        return [path.removeprefix(PLACE) for path, _ in self.asked]

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
