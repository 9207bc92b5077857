"""A language model in the host's process: its weights are one more model of the host's memory manager.

It writes while the host's queue stands still. The manager is used by one thread at a time, and an image that is
rendered meanwhile would take the memory that the answer is being written in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from backend import memory_management
from backend.patcher.base import ModelPatcher
from modules import shared
from modules.call_queue import queue_lock

from orchestrator_core.errors import Cancelled
from orchestrator_core.llm.port import IsCancelled
from orchestrator_core.llm.residence import ManagedResidence, Residence

_LOOK = 0.05  # seconds between two looks at the queue


def residence() -> Residence:
    """Forge's memory manager, which has the same calls as ComfyUI's."""
    return ManagedResidence(memory_management, ModelPatcher)


@contextmanager
def queue(is_cancelled: IsCancelled) -> Iterator[None]:
    """In it the host renders nothing. Not for who is in a job of the host's, which has the queue. Raises Cancelled."""
    while not queue_lock.acquire(blocking=False):
        if is_cancelled():
            raise Cancelled
        time.sleep(_LOOK)
    try:
        yield
    finally:
        queue_lock.release()


def is_interrupted() -> bool:
    """Whether somebody wants the host to stop what it does."""
    return bool(shared.state.interrupted)


def tell(text: str) -> None:
    """What stands in the host's bar of progress until the next step; "" is what it says by itself."""
    shared.state.textinfo = text or None
