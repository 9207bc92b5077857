"""The template engine: ``Template("a __colors/warm__ {fox|owl}").draw(Wildcards([folder]), seed=1).positive``."""

from orchestrator_core.template.bias import Bias
from orchestrator_core.template.folders import Changes
from orchestrator_core.template.template import Slot, Template
from orchestrator_core.template.wildcards import Wildcards

__all__ = ["Bias", "Changes", "Slot", "Template", "Wildcards"]
