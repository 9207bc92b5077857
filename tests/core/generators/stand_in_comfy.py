"""A hand-written stand-in for a ComfyUI server, for what a real one does only in bad moments.

Its routes and messages are those of ComfyUI 0.3.64, as recorded from a real one; ``tests/hosts`` runs the real one.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image

_RECORDED = json.loads((Path(__file__).parents[2] / "data" / "object_info.json").read_text())


def object_info() -> dict[str, Any]:
    info: dict[str, Any] = json.loads(json.dumps(_RECORDED))
    sampler = info["KSampler"]["input"]["required"]
    sampler["sampler_name"][0] = ["euler", "euler_ancestral", "dpmpp_2m"]
    sampler["scheduler"][0] = ["normal", "karras"]
    info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0] = ["sd15.safetensors", "xl/base.safetensors"]
    info["LoraLoader"]["input"]["required"]["lora_name"][0] = ["style/ink.safetensors", "mist.safetensors"]
    return info


def png(color: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(out, "PNG")
    return out.getvalue()


class StandIn:
    """``on_prompt`` decides what becomes of a job; it runs in a thread of its own."""

    def __init__(self, on_prompt: Callable[[StandIn, str], None] | None = None, port: int = 0) -> None:
        self.on_prompt = on_prompt or (lambda server, prompt_id: server.finish(prompt_id))
        self.info = object_info()
        self.answers: dict[str, tuple[int, bytes]] = {}  # instead of the real ones
        self.bodies: list[dict[str, Any]] = []  # of POST /prompt
        self.calls: list[str] = []
        self.files: dict[str, bytes] = {}
        self.running: list[str] = []
        self.pending: list[str] = []
        self.history: dict[str, Any] = {}
        self.cancelled = threading.Event()
        self.sockets: list[Any] = []
        self._threads: list[threading.Thread] = []
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Die: no answer any more, and every connection is cut."""
        self.cancelled.set()
        self._server.shutdown()
        self.cut_sockets()
        self._server.server_close()
        self._thread.join()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def cut_sockets(self) -> None:
        while self.sockets:
            self.sockets.pop().close()

    # What a job does.

    def queued(self, body: dict[str, Any]) -> dict[str, Any]:
        self.bodies.append(body)
        prompt_id = body["prompt_id"]
        self.running.append(prompt_id)
        thread = threading.Thread(target=self.on_prompt, args=(self, prompt_id))
        self._threads.append(thread)
        thread.start()
        return {"prompt_id": prompt_id, "number": 1, "node_errors": {}}

    def entry(self, prompt_id: str) -> list[Any]:
        """A job as the queue and the history have it."""
        number, body = next(((n, one) for n, one in enumerate(self.bodies) if one["prompt_id"] == prompt_id), (0, {}))
        return [number, prompt_id, body.get("prompt", {}), body.get("extra_data", {})]

    def emit(self, kind: str, prompt_id: str, **data: Any) -> None:
        payload = json.dumps({"type": kind, "data": {**data, "prompt_id": prompt_id}}).encode()
        for connection in list(self.sockets):
            connection.send(payload)

    def emit_preview(self, picture: bytes, kind: int = 1) -> None:
        for connection in list(self.sockets):
            connection.send(kind.to_bytes(4, "big") + (2).to_bytes(4, "big") + picture, binary=True)

    def node(self, class_type: str) -> str:
        return next(key for key, node in self.bodies[-1]["prompt"].items() if node["class_type"] == class_type)

    def save(self, prompt_id: str, *names: str, kind: str = "output", node: str = "SaveImage") -> None:
        """An image is finished."""
        for name in names:
            self.files.setdefault(name, png())
        refs = [{"filename": name, "subfolder": "", "type": kind} for name in names]
        outputs = self.history.setdefault(f"made {prompt_id}", {})
        outputs.setdefault(self.node(node), {"images": []})["images"] += refs
        self.emit("executed", prompt_id, node=self.node(node), output={"images": refs})

    def end(self, prompt_id: str, messages: list[Any] | None = None) -> None:
        if prompt_id in self.running:
            self.running.remove(prompt_id)
        status = {
            "status_str": "error" if messages else "success",
            "completed": not messages,
            "messages": messages or [],
        }
        self.history[prompt_id] = {"outputs": self.history.get(f"made {prompt_id}", {}), "status": status}

    def finish(self, prompt_id: str) -> None:
        sampler = self.node("KSampler")
        self.emit("execution_start", prompt_id)
        self.emit("executing", prompt_id, node=sampler, display_node=sampler)
        for step in (1, 2):
            self.emit("progress", prompt_id, node=sampler, value=step, max=2)
        self.save(prompt_id, "x_00001_.png")
        self.end(prompt_id)
        self.emit("execution_success", prompt_id)

    def fail(self, prompt_id: str, kind: str = "execution_error", **data: Any) -> None:
        data = {"node_id": self.node("KSampler"), "node_type": "KSampler", "executed": [], **data}
        self.end(prompt_id, [[kind, {**data, "prompt_id": prompt_id}]])
        self.emit(kind, prompt_id, **data)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, request: Any, address: Any) -> None:
        """A client that goes away in mid-answer is what the tests want."""


class _Connection:
    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.handler = handler
        self.lock = threading.Lock()

    def send(self, payload: bytes, *, binary: bool = False) -> None:
        size, kind = len(payload), 0x82 if binary else 0x81
        head = bytes([kind, size]) if size < 126 else bytes([kind, 126]) + size.to_bytes(2, "big")
        try:
            with self.lock:
                self.handler.wfile.write(head + payload)
        except OSError:
            pass

    def close(self) -> None:
        with suppress(OSError):
            self.handler.connection.shutdown(2)

    def serve(self) -> None:
        """Read what the client sends until it goes."""
        try:
            while (head := self.handler.rfile.read(2)) and head[0] & 0x0F != 8:
                size = head[1] & 0x7F
                self.handler.rfile.read(
                    4 + (int.from_bytes(self.handler.rfile.read(2), "big") if size == 126 else size)
                )
            with self.lock:
                self.handler.wfile.write(b"\x88\x00")
        except OSError:
            pass


def _handler(server: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            server.calls.append(f"GET {url.path}")
            found = server.answers.get(url.path.split("/")[1])
            if found:
                self.answer(*found)
            elif url.path == "/ws":
                self.websocket()
            else:
                self.answer(*_get(server, url.path, {key: value[0] for key, value in parse_qs(url.query).items()}))

        def websocket(self) -> None:
            key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
            connection = _Connection(self)
            with connection.lock:  # the client may send its job as soon as it has these headers
                server.sockets.append(connection)
                self.end_headers()
            connection.serve()
            if connection in server.sockets:
                server.sockets.remove(connection)
            self.close_connection = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.calls.append(f"POST {self.path}")
            found = server.answers.get(self.path.strip("/"))
            self.answer(*(found or _post(server, self.path, body)))

    return Handler


def _get(server: StandIn, path: str, query: dict[str, str]) -> tuple[int, bytes]:
    if path == "/object_info":
        return 200, json.dumps(server.info).encode()
    if path == "/history":
        found = {
            key: {**entry, "prompt": server.entry(key)} for key, entry in server.history.items() if "status" in entry
        }
        return 200, json.dumps(found).encode()
    if path == "/prompt":
        return 200, json.dumps({"exec_info": {"queue_remaining": len(server.running) + len(server.pending)}}).encode()
    if path.startswith("/history/"):
        prompt_id = path.rpartition("/")[2]
        entry = server.history.get(prompt_id)
        return 200, json.dumps({prompt_id: entry} if entry else {}).encode()
    if path == "/queue":
        lists = {"queue_running": server.running, "queue_pending": server.pending}
        return 200, json.dumps({name: [server.entry(key) for key in keys] for name, keys in lists.items()}).encode()
    if path == "/view" and query["filename"] in server.files:
        return 200, server.files[query["filename"]]
    return 404, b"404: Not Found"


def _post(server: StandIn, path: str, body: bytes) -> tuple[int, bytes]:
    if path == "/prompt":
        return 200, json.dumps(server.queued(json.loads(body))).encode()
    if path == "/upload/image":
        name = body.split(b'filename="')[1].split(b'"')[0].decode()
        server.files[name] = body
        return 200, json.dumps({"name": name, "subfolder": "orchestrator", "type": "input"}).encode()
    if path == "/queue":
        for prompt_id in json.loads(body)["delete"]:
            if prompt_id in server.pending:
                server.pending.remove(prompt_id)
    if path == "/interrupt":
        server.cancelled.set()
    return 200, b""
