"""``python -m tests.hosts.studio_beside_civitai URL studio --port 0``: the command line, for which Civitai is there."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from orchestrator_app.cli import main
from orchestrator_app.studio import standalone
from orchestrator_app.studio.environment import StudioEnvironment

_usual = standalone.standalone_environment


def _environment(embedder: Path | None = None) -> StudioEnvironment:
    return replace(_usual(embedder), civitai_url=sys.argv[1])


if __name__ == "__main__":
    standalone.standalone_environment = _environment
    sys.exit(main(sys.argv[2:]))
