"""Watching folders: one debounced watcher for LoRAs, wildcards and images. It says where to look, not what happened.

Events of the system get lost, doubled, reordered, and told under old paths, so here they are only hints that a unit (a
file with its siblings of the same stem, or a folder) may have changed; whoever is told looks at the disk. Where there
are no events (network drives, no watches left) the folders are looked at every minute instead, and every five minutes
everything is, whatever the events said.
"""

from __future__ import annotations

from orchestrator_core.watching.debounce import Timing
from orchestrator_core.watching.live import Observer
from orchestrator_core.watching.watch import Mode, Watching

__all__ = ["Mode", "Observer", "Timing", "Watching"]
