"""The LoRAs tab of a browser: what its clicks ask for, and what they are answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from comfy_nodes.lora_answers import LoraAnswers
from comfy_nodes.lora_cards import id_of
from comfy_nodes.lora_civitai import LoraCivitai
from comfy_nodes.lora_routes import lora_action_routes, lora_routes
from comfy_nodes.lora_shelf import LoraShelf
from comfy_nodes.lora_testing import LoraTesting
from comfy_nodes.routes import Reply
from orchestrator_core.template import Wildcards
from tests.comfy_nodes.test_routes import HOST, Asked, Body
from tests.fakes import awaited

NOWHERE = "http://127.0.0.1:1"


class ActionsPage:
    """The browser's side; the host lists what is in ``folder``."""

    def __init__(self, shelf: LoraShelf, folder: Path, url: str = NOWHERE) -> None:
        self.folder = folder
        answers = LoraAnswers(shelf)
        testing = LoraTesting(answers, Wildcards([]), lambda name: str(folder / name))
        civitai = LoraCivitai(shelf, answers, url)
        routes = (*lora_routes(lambda: answers), *lora_action_routes(lambda: civitai, lambda: testing))
        self.routes = {each.path: each for each in routes if each.method == "POST"}

    def reply(self, path: str, **body: Any) -> Reply:
        asked = Asked("POST", Body(json.dumps(body).encode()), {}, {"Host": HOST})
        return awaited(self.routes[f"/orchestrator/loras/{path}"].handler(asked))  # type: ignore[arg-type]

    def post(self, path: str, **body: Any) -> Any:
        found = self.reply(path, **body)
        assert found.status == 200, found.data
        return json.loads(json.dumps(found.data))

    def refusal(self, path: str, **body: Any) -> tuple[int, str]:
        found = self.reply(path, **body)
        return found.status, found.data["error"]

    def id(self, name: str) -> str:
        return id_of(str(self.folder / f"{name}.safetensors"))

    def refused_elsewhere(self, path: str) -> bool:
        """Whether the page of another site is refused."""
        asked = Asked("POST", Body(b"{}"), {}, {"Host": HOST, "Origin": "https://elsewhere.example"})
        return bool(awaited(self.routes[f"/orchestrator/loras/{path}"].handler(asked)).status == 403)  # type: ignore[arg-type]

    def test(self, *names: str, **values: Any) -> dict[str, Any]:
        return {
            "ids": [self.id(name) for name in names], "strengths": "0.5, 1", "seeds": "1, 2",
            "prompt": "a fox, {trigger}, snow", **values,
        }  # fmt: skip
