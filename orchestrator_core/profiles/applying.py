"""A profile on a draft: its phrases into both prompts, each once, and what a language model is told of it.

The words are put in by code, so they are there whoever writes the rest. What the prompt says already is not said again,
and where its own words give a figure's hair or eyes another color, they have the say. To apply a profile twice is the
same as once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from orchestrator_core.profiles.model import Profile
from orchestrator_core.profiles.phrases import Said, phrase_key
from orchestrator_core.prompt import Background, Component, Diagnostic, Origin, PromptDraft, render
from orchestrator_core.template.attention import with_strengths

WHERE = "profiles"  # of diagnostics: not a place in a template
_OWN = frozenset((Origin.template, Origin.wildcard, Origin.user))
_PARTS = re.compile(r"\\.|[()\[\]]|\b(?:BREAK|AND|ADDROW|ADDCOL|ADDCOMM|ADDBASE)\b", re.S)


def applied(draft: PromptDraft, profile: Profile) -> PromptDraft:
    """The draft with what the profile adds. Words are Origin.profile; nothing of the draft is changed."""
    components = with_phrases(draft.components, place_for_words(draft.positive), _wanted(draft, profile))
    opposite = Said(draft.negative_prompt)
    unwanted = [phrase for phrase in profile.negative if not opposite.has(phrase)]
    return draft.replacing(
        components=components,
        negative=with_phrases(draft.negative, len(draft.negative_prompt), _once(unwanted)),
        background=_joined(draft.background, _background(profile)),
        diagnostics=_joined(draft.diagnostics, _forbidden(render(components), profile)),
    )


def own_words(draft: PromptDraft) -> str:
    """What the template, its wildcards and a person say; what was added to it is left out."""
    return render(component for component in draft.components if component.origin in _OWN)


def _wanted(draft: PromptDraft, profile: Profile) -> list[str]:
    """The phrases to add, in their order."""
    own, there = Said(own_words(draft)), Said(draft.positive)
    looks = [tag for tag in profile.appearance_tags if not own.overrules(tag)]
    phrases = [phrase for phrase in (*profile.required, *looks, *profile.style) if not there.has(phrase)]
    forbidden = [f" {phrase_key(word)} " for word in profile.forbidden]
    return _once([phrase for phrase in phrases if not any(word in f" {phrase_key(phrase)} " for word in forbidden)])


def _once(phrases: Iterable[str]) -> list[str]:
    """Without those that an earlier one says already."""
    said, found = Said(""), []
    for phrase in phrases:
        if not said.has(phrase):
            said.add(phrase)
            found.append(phrase)
    return found


def place_for_words(prompt: str) -> int:
    """Where added words go: behind the first part of the prompt, before the extra networks that end it."""
    depth, end = 0, len(prompt)
    for match in _PARTS.finditer(prompt):
        if match[0] in ("(", "["):
            depth += 1
        elif match[0] in (")", "]"):
            depth = max(0, depth - 1)
        elif not match[0].startswith("\\") and depth == 0:
            end = match.start()
            break
    return _before_networks(prompt, end)


def _before_networks(prompt: str, end: int) -> int:
    """Before the ``<…>`` that stand at the end, and what separates them."""
    end = _without_marks(prompt, end, "")
    while prompt.endswith(">", 0, end):
        start = prompt.rfind("<", 0, end)
        if start < 0 or prompt.find(">", start, end) != end - 1 or "\n" in prompt[start:end]:
            break
        end = _without_marks(prompt, start, ",")
    return end


def _without_marks(prompt: str, end: int, marks: str) -> int:
    """The end without white space and these marks before it. (A regular expression would go back over each of many.)"""
    while end and (prompt[end - 1].isspace() or prompt[end - 1] in marks):
        end -= 1
    return end


def with_phrases(
    components: Sequence[Component], place: int, phrases: Sequence[str], origin: Origin = Origin.profile
) -> tuple[Component, ...]:
    """The components with these phrases put in at a place of their text, with the commas that they need."""
    if not phrases:
        return tuple(components)
    before, after = _split(components, place)
    added = [Component(_comma_after(render(before)) + phrases[0], origin)]
    added += [Component(f", {phrase}", origin) for phrase in phrases[1:]]
    rest = render(after)
    if rest and not rest[0].isspace() and rest[0] != ",":
        added.append(Component(" " if place else ", ", origin))
    found = (*before, *added, *after)
    return with_strengths(found) if any(mark in phrase for phrase in phrases for mark in "([") else found


def _split(components: Sequence[Component], place: int) -> tuple[list[Component], list[Component]]:
    before: list[Component] = []
    after: list[Component] = []
    position = 0
    for component in components:
        at = min(max(place - position, 0), len(component.text))
        position += len(component.text)
        before += [part(component, 0, at)] if at else []
        after += [part(component, at, len(component.text))] if at < len(component.text) else []
    return before, after


def part(component: Component, start: int, end: int) -> Component:
    """The component with a part of its text."""
    if (start, end) == (0, len(component.text)):
        return component
    span = component.span
    if span is not None and span[1] - span[0] == len(component.text):  # it is the template's own text
        span = (span[0] + start, span[0] + end)
    return Component(component.text[start:end], component.origin, component.choices, component.strength, span)


def _comma_after(text: str) -> str:
    """What stands between a text and words that are put behind it."""
    if not text.strip():
        return ""
    if text.rstrip().endswith(","):
        return "" if text[-1].isspace() else " "
    return ", "


def background_of(profile: Profile) -> Background:
    """What a language model is told of a profile."""
    told = (
        ("", profile.description),
        ("Looks: ", ", ".join(profile.appearance_tags)),
        ("Personality: ", profile.personality),
        ("Setting: ", profile.setting),
        ("Scenario: ", profile.scenario),
        ("Backstory: ", profile.backstory),
        ("Style: ", ", ".join(profile.style)),
    )
    return Background("profile", profile.name, "\n".join(head + text for head, text in told if text))


def _background(profile: Profile) -> list[Background]:
    return [told for member in profile.members for told in (background_of(member), forbidden_by(member)) if told.text]


def forbidden_by(profile: Profile) -> Background:
    """What nobody may add, of a kind of its own: a looks that is forbidden is no fact about anybody."""
    return Background("forbidden", profile.name, ", ".join(profile.forbidden))


def _forbidden(prompt: str, profile: Profile) -> list[Diagnostic]:
    found = Said(prompt).has_any(profile.forbidden) if profile.forbidden else []
    return [
        Diagnostic(
            "forbidden-word",
            f"{word!r} is in the prompt, and the profile {profile.name!r} forbids it: leave out what brings it in.",
            where=WHERE,
        )
        for word in found
    ]


def _joined(there: tuple, more: Iterable) -> tuple:  # type: ignore[type-arg]
    return (*there, *(item for item in more if item not in there))
