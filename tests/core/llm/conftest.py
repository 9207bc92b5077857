from __future__ import annotations

from tests.llm_server import smollm

__all__ = ["smollm"]
