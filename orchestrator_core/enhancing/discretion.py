"""Reasons as they may travel: what is said of an enhancement goes where the prompt goes, and prompts are shared."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"https?://[^\s,;()<>'\"]*[^\s,;()<>'\".:]")
_STEP = r"[^\s:;,()'\"]*"
_ROOT = r"(?:[A-Za-z]:[/\\]|~?[/\\])"
# One that begins a sentence ends at the colon, as our errors have it; else with its last piece that has a slash.
_PATH = re.compile(rf"\A{_ROOT}[^:\n]*(?=: )|(?<![\w.~/\\]){_ROOT}{_STEP}(?: {_STEP}[/\\]{_STEP})*(?<!\.)")


def discreet(reason: str) -> str:
    """Without the addresses of servers, the paths and the keys that an error names to the person at this machine."""
    from orchestrator_core.formats.sharing_words import Scrubber  # whose many expressions only a failure needs

    told = _ADDRESS.sub(lambda match: "the server" if match.start() else "The server", reason)
    return Scrubber(()).text(_PATH.sub("…", told), "", names=False, ids=False)
