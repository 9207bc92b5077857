"""The Forge extension: a tab with the studio, and a script that resolves wildcards in ordinary runs.

``entry`` is what ``scripts/orchestrator.py`` calls. Only ``host`` names the host's modules, and only what is imported
from there may be imported without a host: all else here runs in the tests as it is.
"""
