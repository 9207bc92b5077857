"""Watching folders: one debounced watcher for LoRAs, wildcards and images. It says where to look, not what happened.

Events of the system get lost, doubled, reordered, and told under old paths, so here they are only hints that a unit (a
file with its siblings of the same stem, or a folder) may have changed; whoever is told looks at the disk. Where there
are no events (network drives, no watches left, no watchdog) the folders are looked at every five seconds instead, or
more seldom where a look takes long; and every five minutes everything is, whatever the events said.
"""

from __future__ import annotations

from orchestrator_core.watching.debounce import Timing
from orchestrator_core.watching.live import NO_WATCHDOG, Observer
from orchestrator_core.watching.watch import Mode, Watching

__all__ = ["NO_WATCHDOG", "Mode", "Observer", "Timing", "Watching"]
