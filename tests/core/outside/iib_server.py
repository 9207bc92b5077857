"""A server that behaves as scripts/iib/api.py of infinite-image-browsing (c18964b) says, as far as it is asked."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BASE = "/infinite_image_browsing"
OUTSIDE = 'The current file is not within the scan path. In the top right corner, click on "More".'
NO_INDEX = "You need to generate an index through the image search page first."


class Refused(Exception):
    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(status)
        self.status, self.detail = status, detail


@dataclass
class IibServer:
    """``images``: of each path that is indexed the numbers of its tags."""

    roots: Sequence[Path]
    secret: str = ""
    is_readonly: bool = False
    port: int = 0
    tags: dict[int, str] = field(default_factory=lambda: {1: "like"})
    images: dict[str, set[int]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def named(self, path: Path) -> set[str]:
        return {self.tags[number] for number in self.images.get(str(path), ())}

    def give(self, path: Path, *names: str) -> None:
        self.images.setdefault(str(path), set()).update(self.add_custom_tag({"tag_name": name})["id"] for name in names)

    def answer(self, route: str, cookie: str, body: Any) -> Any:
        self.asked.append(route)
        wanted = hashlib.sha256(f"{self.secret}_ciallo".encode()).hexdigest()
        if self.secret and f"IIB_S={wanted}" != cookie:
            raise Refused(401, {"type": "secret_verification_failed"})
        return getattr(self, route)(body)

    def global_setting(self, _: Any) -> Any:
        tags = [{"id": number, "name": name, "type": "custom"} for number, name in self.tags.items()]
        return {"all_custom_tags": tags, "is_readonly": self.is_readonly, "launch_mode": "server"}

    def basic_info(self, _: Any) -> Any:
        return {"img_count": len(self.images), "tags": [], "expired": False, "expired_dirs": []}

    def update_image_data(self, _: Any) -> None:
        for root in self.roots:
            for path in root.rglob("*.png"):
                self.images.setdefault(str(path), set())

    def add_custom_tag(self, body: Any) -> Any:
        name = body["tag_name"]
        number = next((number for number, known in self.tags.items() if known == name), len(self.tags) + 1)
        self.tags[number] = name
        return {"id": number, "name": name, "type": "custom"}

    def get_image_tags(self, body: Any) -> Any:
        found = {path: self.images[path] for path in body["paths"] if self.images.get(path)}
        return {path: [{"id": one, "name": self.tags[one]} for one in sorted(tags)] for path, tags in found.items()}

    def batch_update_image_tag(self, body: Any) -> None:
        for path in body["img_paths"]:
            if not any(Path(path).is_relative_to(root) for root in self.roots):
                raise Refused(400, OUTSIDE)
            if path not in self.images:
                if not self.images:
                    raise Refused(400, NO_INDEX)
                if Path(path).is_file():
                    self.images[path] = set()
        for path in body["img_paths"]:
            if path not in self.images:  # the attribute of None that it asks for
                raise Refused(500, None)
            if body["action"] == "add":
                self.images[path].add(body["tag_id"])
            else:
                self.images[path].discard(body["tag_id"])


@contextmanager
def iib_serving(*roots: Path, secret: str = "") -> Iterator[IibServer]:
    iib = IibServer(roots, secret)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(length)
            route = self.path.removeprefix(BASE).removeprefix("/db").strip("/")
            try:
                if not self.path.startswith(BASE + "/") or not hasattr(IibServer, route):
                    raise Refused(404, "Not Found")
                told = iib.answer(route, self.headers.get("Cookie", ""), json.loads(data) if data else None)
                self._send(200, json.dumps(told).encode())
            except Refused as refused:
                is_told = refused.detail is not None
                self._send(
                    refused.status,
                    json.dumps({"detail": refused.detail}).encode() if is_told else b"Internal Server Error",
                )

        def do_GET(self) -> None:
            self.do_POST()

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        iib.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield iib
        finally:
            server.shutdown()
            thread.join()
