"""Profiles as HTML: the cards, the kinds, what a profile does to a prompt, and what a file to import holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from orchestrator_app.contact_sheet.words import Shades, words_html
from orchestrator_app.studio.html import clickable, escape, legend_html, notice, number
from orchestrator_app.studio.profile_trying import Tried
from orchestrator_core.profiles.importing import Taken
from orchestrator_core.profiles.library import ProfileProblem
from orchestrator_core.profiles.model import Profile
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.provenance import explain

KINDS: Mapping[str, str] = {
    "character": "Characters",
    "setting": "Settings",
    "style": "Styles",
    "genre": "Genres",
    "mixed": "Mixed",
}
_MOST = 300  # cards
_LONGEST, _LONGEST_PROBLEM = 160, 320  # characters of what a card says
_TAKEN = 12  # profiles of a file to import that are shown
_DIAGNOSTICS = 4


# the list


def kinds_html(profiles: Sequence[Profile], chosen: str, to: str) -> str:
    """A button for each kind that there is, with how many; a click sends it, or nothing for the chosen one."""
    counts = {kind: sum(profile.kind == kind for profile in profiles) for kind in KINDS}
    chips = [
        f'<span class="orc-chip{" chosen" if kind == chosen else ""}" role="button" tabindex="0"'
        f' data-send="{"" if kind == chosen else kind}">{title} <small>{counts[kind]:,}</small></span>'
        for kind, title in KINDS.items()
        if counts[kind] or kind == chosen
    ]
    return clickable(to, "".join(chips), "orc-chips") if chips else ""


def cards_html(
    profiles: Sequence[Profile],
    problems: Sequence[ProfileProblem],
    picked: str,
    to: str,
    marks: Callable[[str], Sequence[str]],
) -> str:
    """A card for each profile, and for each file that is none; a click sends its key. ``marks`` are words on a card."""
    told: dict[str, list[str]] = {}
    for problem in problems:
        told.setdefault(problem.key, []).append(problem.message)
    known = {profile.key for profile in profiles}
    broken = [key for key in told if key not in known]
    cards = [_broken_card(key, told[key], key == picked) for key in broken]
    cards += [
        _card(profile, told.get(profile.key, ()), profile.key == picked, marks(profile.key))
        for profile in profiles[:_MOST]
    ]
    if not cards:
        return notice("No profile is like that.", "quiet")
    rest = len(profiles) - _MOST
    more = notice(f"… and {number(rest, 'profile')} more: search for them.", "quiet") if rest > 0 else ""
    return clickable(to, "".join(cards), "orc-profiles") + more


def _card(profile: Profile, problems: Sequence[str], is_picked: bool, marks: Sequence[str]) -> str:
    said = "".join(f"<em>{escape(mark)}</em>" for mark in marks)
    wrong = "".join(f"<i>{escape(_short(problem, _LONGEST_PROBLEM))}</i>" for problem in problems)
    return (
        f'<article class="orc-profile {profile.kind}{" picked" if is_picked else ""}" role="button" tabindex="0"'
        f' data-send="{escape(profile.key)}"><h4>{escape(profile.name)}</h4>'
        f"<small>{escape(profile.kind)} · {escape(profile.key)}{said}</small>"
        f"<p>{escape(_short(summary(profile)))}</p>{wrong}</article>"
    )


def _broken_card(key: str, problems: Sequence[str], is_picked: bool) -> str:
    return (
        f'<article class="orc-profile broken{" picked" if is_picked else ""}" role="button" tabindex="0"'
        f' data-send="{escape(key)}"><h4>{escape(key)}</h4><small>cannot be used</small>'
        f"{''.join(f'<i>{escape(_short(problem, _LONGEST_PROBLEM))}</i>' for problem in problems)}</article>"
    )


def summary(profile: Profile) -> str:
    """What a picture of it shows; else what is told of it."""
    words = ", ".join((*profile.required, *profile.appearance_tags, *profile.style))
    return profile.template or words or profile.description or profile.setting or profile.scenario


def _short(text: str, most: int = _LONGEST) -> str:
    return _cut(" ".join(text.split()), most)


def search(profiles: Sequence[Profile], query: str, kind: str) -> list[Profile]:
    """Those of the kind that have all words of the query."""
    words = query.casefold().split()
    return [
        profile
        for profile in profiles
        if kind in ("", profile.kind) and all(word in _searched(profile) for word in words)
    ]


def _searched(profile: Profile) -> str:
    texts = (profile.key, profile.name, profile.kind, summary(profile), profile.description)
    return " ".join(texts).casefold()


# one of them


def head_html(name: str, where: str, note: str) -> str:
    return (
        f'<h3 class="orc-name">{escape(name)} <small>{escape(where)}</small></h3>'
        f"{notice(note, 'quiet') if note else ''}"
    )


def kept_html(profile: Profile) -> str:
    """What it holds that the form has no field for."""
    entries = [entry for entry in profile.lore if not isinstance(entry, str)]
    parts = [number(len(entries), "entry").replace("entrys", "entries") + " of lore"] if entries else []
    parts += ["the character card that it was imported from"] if profile.card_raw else []
    parts += [f"what other programs keep ({', '.join(profile.extensions)})"] if profile.extensions else []
    return notice(f"It also holds {', '.join(parts)}: kept as they are, to be seen as YAML.", "quiet") if parts else ""


def tried_html(tried: Tried) -> str:
    """The prompts that a profile makes of a template, each word in the colour of what it came from."""
    shades = Shades()
    cards = "".join(prompt_html(draft, shades) for draft in tried.drafts)
    told = [f"{note}" for draft in tried.drafts for note in draft.diagnostics]
    lines = list(dict.fromkeys((*tried.problems, *told)))[:_DIAGNOSTICS]
    hints = "".join(notice(line, "hint") for line in lines)
    return f'{legend_html(tried.drafts)}{hints}<div class="orc-prompts">{cards}</div>'


def prompt_html(draft: PromptDraft, shades: Shades) -> str:
    positive, negative = _words(draft.components, shades), _words(draft.negative, shades)
    return (
        f'<article class="orc-card orc-plain"><p class="orc-words" dir="auto">{positive or "<em>nothing</em>"}</p>'
        + (f'<p class="orc-words orc-negative" dir="auto"><b>negative</b> {negative}</p>' if negative else "")
        + "</article>"
    )


def _words(components: Sequence[Component], shades: Shades) -> str:
    return words_html(explain(components), shades)


# import


def taken_html(taken: Taken, is_there: bool) -> str:
    """What a file would become, before anything is written."""
    hints = "".join(notice(problem, "hint") for problem in taken.problems)
    there = notice("There is a file of this name already: give it another name.") if is_there else ""
    shown = "".join(_taken(profile) for profile in taken.profiles[:_TAKEN])
    rest = len(taken.profiles) - _TAKEN
    more = notice(f"… and {number(rest, 'profile')} more.", "quiet") if rest > 0 else ""
    head = notice(f"{number(len(taken.profiles), 'profile')}, as {taken.path.name}. Nothing is written yet.", "good")
    return head + there + hints + shown + more


def _taken(profile: Profile) -> str:
    rows = (
        ("looks", ", ".join(profile.appearance_tags)),
        ("wears", str(profile.state.get("outfit", ""))),
        ("template", profile.template),
        ("style", ", ".join(profile.style)),
        ("negative", ", ".join(profile.negative)),
        ("description", profile.description),
        ("personality", profile.personality),
        ("scenario", profile.scenario),
        ("lore", ", ".join(_lore_title(entry) for entry in profile.lore)),
        ("kept", "the whole card" if profile.card_raw else ""),
    )
    shown = "".join(
        f"<tr><td>{name}</td><td>{escape(_cut(text, 400))}</td></tr>" for name, text in rows if text.strip()
    )
    return (
        f'<details class="orc-taken" open><summary>{escape(profile.name)} <small>{profile.kind}</small></summary>'
        f'<div class="orc-values"><table>{shown}</table></div></details>'
    )


def _lore_title(entry: object) -> str:
    if isinstance(entry, Mapping):
        keys = entry.get("keys")
        named = entry.get("name") or entry.get("comment") or (keys[0] if isinstance(keys, list) and keys else "")
        return str(named or "an entry")
    return str(entry)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
