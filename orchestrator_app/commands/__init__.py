"""The commands of ``orchestrator``: each module adds its own parser, and imports what it works with when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from orchestrator_app.commands import (
    demo,
    export,
    gallery,
    learn,
    lora_test,
    loras,
    mark,
    mcp,
    pipeline,
    profiles,
    prompt,
    queue,
    read,
    run,
    score,
    serve,
    stories,
    studio,
    webhooks,
    wildcards,
    worker,
)


class Command(Protocol):
    def add_to(self, commands: Any, name: str) -> None:
        """Adds a parser under this name, whose ``run`` takes the parsed arguments and returns the exit status."""
        ...


COMMANDS: Mapping[str, Command] = {
    "prompt": prompt,
    "run": run,
    "pipeline": pipeline,
    "wildcards": wildcards,
    "profiles": profiles,
    "stories": stories,
    "loras": loras,
    "lora-test": lora_test,
    "score": score,
    "mark": mark,
    "learn": learn,
    "gallery": gallery,
    "queue": queue,
    "worker": worker,
    "webhooks": webhooks,
    "demo": demo,
    "export": export,
    "read": read,
    "serve": serve,
    "mcp": mcp,
    "studio": studio,
}
