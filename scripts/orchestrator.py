"""Forge's entry: it executes every file of ``scripts/``, and keeps none of them in ``sys.modules``."""

from forge_extension.entry import start

OrchestratorScript = start()
