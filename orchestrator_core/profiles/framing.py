"""A genre's template around the person's own words, drawn by the draft's seed.

The person's own template is drawn as it would be without a genre, but for the odds that the genre shifts; the genre's
words are drawn apart, so that another genre changes them and leaves the person's own choices alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from orchestrator_core.profiles.applying import WHERE, part
from orchestrator_core.profiles.model import PLACEHOLDER, Profile
from orchestrator_core.prompt import Component, Diagnostic, Origin, PromptDraft, render
from orchestrator_core.template import Template, Wildcards
from orchestrator_core.template.attention import with_strengths
from orchestrator_core.template.chance import place, start

Weights = Mapping[str, float] | None
Variables = Mapping[str, str] | None
_MARK = "\ue0f0"  # of a private area: where the own words go


def with_subject(
    draft: PromptDraft, profile: Profile, wildcards: Wildcards, weights: Weights = None, variables: Variables = None
) -> PromptDraft:
    """The draft; where the person wrote nothing, with the profile's own subject."""
    if not profile.subject or draft.positive.strip():
        return draft
    drawn = _drawn(profile, "subject", profile.subject, draft, wildcards, weights, variables)
    return draft.replacing(components=tuple(_as_profile(drawn.components)), diagnostics=_told(draft, drawn, profile))


def framed(
    draft: PromptDraft, profile: Profile, wildcards: Wildcards, weights: Weights = None, variables: Variables = None
) -> PromptDraft:
    """The draft within the profile's template, whose words are Origin.profile or of the wildcards that it names."""
    if not profile.template:
        return draft
    text = profile.template if PLACEHOLDER in profile.template else f"{PLACEHOLDER}, {profile.template}"
    drawn = _drawn(profile, "template", text.replace(PLACEHOLDER, _MARK), draft, wildcards, weights, variables)
    components = tuple(_around(list(_as_profile(drawn.components)), draft.components))
    return draft.replacing(
        components=with_strengths(components),
        negative=_beside(draft.negative, tuple(_as_profile(drawn.negative))),
        diagnostics=_told(draft, drawn, profile),
    )


def _drawn(
    profile: Profile,
    role: str,
    text: str,
    draft: PromptDraft,
    wildcards: Wildcards,
    weights: Weights,
    variables: Variables,
) -> PromptDraft:
    seed = start(draft.seed) ^ place(f"{role} {profile.key}")  # or its first choice would follow that of the template
    return Template(text).draw(wildcards, seed, weights, index=draft.seed, variables=variables)


def _as_profile(components: Sequence[Component]) -> Iterator[Component]:
    for component in components:
        origin = Origin.profile if component.origin is Origin.template else component.origin
        yield replace(component, origin=origin, span=None)


def _around(frame: list[Component], own: Sequence[Component]) -> Iterator[Component]:
    """The frame with the own words at its mark; before it where the draw left the mark out."""
    waiting = list(own) if render(own).strip() else []
    if not any(_MARK in component.text for component in frame) and waiting:
        yield from waiting
        yield Component(", ", Origin.profile)
        waiting = []
    is_bare = not waiting
    for component in frame:
        before, mark, after = component.text.partition(_MARK)
        if not mark:
            yield component
            continue
        if before:
            yield part(component, 0, len(before))
        yield from waiting
        waiting = []
        after = after.replace(_MARK, "")
        after = after.lstrip(" ,") if is_bare else after
        if after:
            yield replace(component, text=after)


def _beside(there: tuple[Component, ...], more: tuple[Component, ...]) -> tuple[Component, ...]:
    if not more or render(more).strip() in render(there):
        return there
    comma = (Component(", ", Origin.profile),) if render(there).strip() else ()
    return (*there, *comma, *more)


def _told(draft: PromptDraft, drawn: PromptDraft, profile: Profile) -> tuple[Diagnostic, ...]:
    """The draft's diagnostics and those of the profile's template, whose places mean nothing in the person's."""
    found = [
        Diagnostic(note.kind, f"In the template of the profile {profile.name!r}: {note.message}", where=WHERE)
        for note in drawn.diagnostics
    ]
    return (*draft.diagnostics, *(note for note in found if note not in draft.diagnostics))
