"""What differs between the two prompt dialects, as data. docs/dialects.md has the reason for each flag."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_core.errors import TemplateError


@dataclass(frozen=True, slots=True)
class Dialect:
    """``dynamicprompts`` (which also reads Prompt PostProcessor's extensions) or ``impact``."""

    name: str
    separator: str  # between several options of one variant, where the template names none
    strips_options: bool  # leading white space of an option
    methods: bool  # ~ ! @ choose a sampler
    variables: bool  # ${…}, %{…}
    commands: bool  # <ppp:…>, labels, conditions, parameters of wildcards
    quantifiers: bool  # 3#__w__
    anchored_globs: bool  # False: a glob needs to match the start of a name only


DYNAMICPROMPTS = Dialect("dynamicprompts", ",", True, True, True, True, False, True)
IMPACT = Dialect("impact", " ", False, False, False, False, True, False)
DIALECTS = {dialect.name: dialect for dialect in (DYNAMICPROMPTS, IMPACT)}


def find_dialect(name: str) -> Dialect:
    """Raises TemplateError for a name that is no dialect's."""
    try:
        return DIALECTS[name]
    except KeyError:
        raise TemplateError(f"There is no dialect {name!r}. Use one of: {', '.join(DIALECTS)}.") from None
