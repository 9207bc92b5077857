"""A scene's state into its prompt, by code: once, and never against what the prompt says itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from orchestrator_core.memory.cast import Cast, place_of
from orchestrator_core.memory.clothes import Worn, worn_in
from orchestrator_core.memory.plain import unplain
from orchestrator_core.memory.saying import said_in, same_place, same_time
from orchestrator_core.memory.telling import Telling, seen_of, shown_outfit
from orchestrator_core.profiles.applying import applied, place_for_words, with_phrases
from orchestrator_core.profiles.model import Profile
from orchestrator_core.profiles.phrases import Said
from orchestrator_core.prompt import Background, Origin, PromptDraft

_COUNT = re.compile(r"([1-9])(\+?)(girl|boy|other|woman|man)s?")


@dataclass(frozen=True, slots=True)
class _Look:
    """Somebody's canonical tags that can stand in this prompt."""

    name: str
    profile: Profile
    tags: tuple[str, ...]


def with_scene_words(draft: PromptDraft, telling: Telling, cast: Cast) -> PromptDraft:
    """The draft with the looks and clothes of who is to be seen, then where, when and in what mood it is."""
    seen = people_seen(telling)
    counts, looks = _counted(draft, [look for name in seen if (look := _look_of(name, cast, telling)) is not None])
    draft = _with(draft, counts, Origin.profile)
    for name in seen:
        look = next((one for one in looks if one.name == name), None)
        if look is not None:
            draft = _dressed(draft, look)
        if (look is None or not look.profile.appearance_tags) and name not in telling.said.who:
            draft = _with(draft, [name], Origin.memory)
        draft = _with(draft, shown_outfit(telling, name), Origin.memory)
    for profile in cast.others:
        if not place_of(profile) or _is_there(profile, telling):
            draft = _without_doubles(applied(draft, profile))
    return _with(draft, _scene_words(draft, telling), Origin.memory)


def people_seen(telling: Telling) -> tuple[str, ...]:
    """Of those who are there, whom this prompt shows."""
    return seen_of(telling.said, telling.state.who)


def _look_of(name: str, cast: Cast, telling: Telling) -> _Look | None:
    profile = cast.profile_of(name)
    if profile is None:
        return None
    own = Said(telling.said.of(name))
    worn = (*telling.said.worn_by(name), *worn_in(telling.state.person(name).outfit), *telling.said.worn_by_somebody)
    tags = [tag for tag in profile.appearance_tags if not own.overrules(tag) and not _is_taken_off(tag, worn)]
    return _Look(name, profile, tuple(tags))


def _is_taken_off(tag: str, worn: Sequence[Worn]) -> bool:
    """Whether a tag is of clothes in whose place something else is worn."""
    own = worn_in(tag)
    off = {part for piece in worn for part in piece.replaces if piece.text not in {one.text for one in own}}
    return any(piece.part in off for piece in own)


def _counted(draft: PromptDraft, looks: list[_Look]) -> tuple[list[str], list[_Look]]:
    """Two looks with "1girl" are "2girls", said once; none where the prompt counts itself. "solo" is of one alone."""
    counts: dict[str, int] = {}
    for look in looks:
        for match in filter(None, map(_COUNT.fullmatch, look.tags)):
            counts[match[3]] = counts.get(match[3], 0) + int(match[1])
    dropped = {"solo"} if len(looks) > 1 else set()
    kept = [
        replace(look, tags=tuple(tag for tag in look.tags if not _COUNT.fullmatch(tag) and tag not in dropped))
        for look in looks
    ]
    if any(_COUNT.fullmatch(word) for word in re.findall(r"\w+\+?\w*", draft.positive)):
        return [], kept
    return [f"{number}{kind}{'s' if number > 1 else ''}" for kind, number in counts.items()], kept


def _dressed(draft: PromptDraft, look: _Look) -> PromptDraft:
    draft = _with(draft, _allowed(look.tags, look.profile), Origin.profile)
    # The rest of the profile: required words, style, negative, and what a model is told.
    return _without_doubles(applied(draft, look.profile.replacing(appearance_tags=look.tags)))


def _allowed(tags: Iterable[str], profile: Profile) -> list[str]:
    return [tag for tag in tags if not Said(tag).has_any(profile.forbidden)]


def _without_doubles(draft: PromptDraft) -> PromptDraft:
    """What a model is told of one profile once: drawing the prompt may have told it already."""
    found: dict[tuple[str, str], Background] = {}
    for told in draft.background:
        found.setdefault((told.kind, told.title), told)
    return draft.replacing(background=tuple(found.values()))


def _is_there(profile: Profile, telling: Telling) -> bool:
    return not telling.state.where or same_place(place_of(profile), telling.state.where)


def _scene_words(draft: PromptDraft, telling: Telling) -> list[str]:
    state, own = telling.state, telling.said
    said = said_in(
        draft.positive, {}, (), (state.where,)
    )  # the light and the faces of a profile are not contradicted either
    words = []
    if state.where and not own.where:
        words.append(state.where)
    if state.when and not said.when:
        words.append(state.when)
    if state.mood and not said.mood and not said.has_face:
        words.append(state.mood)
    return words


def with_lore_words(draft: PromptDraft, tags: Iterable[str], when: str) -> tuple[PromptDraft, list[str]]:
    """The draft with the tags of the lore that is told, and what is wrong with those that are left out.

    Lore comes from strangers: a tag that is more than words stays out.
    """
    good, problems = [], []
    for tag in dict.fromkeys(tags):
        if odd := unplain(tag):
            problems.append(f"The lore's tag {tag[:60]!r} is left out: {odd!r} is more than words.")
        elif same_time(tag, when):
            good.append(tag)
    return _with(draft, good, Origin.memory), problems


def _with(draft: PromptDraft, phrases: Iterable[str], origin: Origin) -> PromptDraft:
    """The draft with those of these phrases that it does not say."""
    there, new = Said(draft.positive), []
    for phrase in phrases:
        if not there.has(phrase):
            there.add(phrase)
            new.append(phrase)
    return draft.replacing(components=with_phrases(draft.components, place_for_words(draft.positive), new, origin))
