from __future__ import annotations

from orchestrator_core.profiles.inheritance import MAX_LEVELS, Heirs, combined
from orchestrator_core.profiles.model import Profile, ProfileLora

MIRA = Profile(
    "Mira", "character", "mira", appearance_tags=("1woman", "long hair"), family="SDXL", state={"mood": "calm"}
)
INK = Profile("Ink", "style", "ink", style=("ink drawing",), negative=("photo",), family="Pony")


def heirs(*profiles: Profile) -> Heirs:
    by_key = {profile.key: profile for profile in profiles}
    return Heirs(lambda name: (by_key.get(name), "" if name in by_key else f"There is no profile {name!r}."))


def test_lists_are_joined_once_weights_multiplied_and_the_later_text_wins():
    one = MIRA.replacing(wildcard_weights={"c#red": 2.0, "c#blue": 0.0}, loras=(ProfileLora("ink", 0.5),), lore=("a",))
    two = INK.replacing(
        appearance_tags=("LONG_HAIR", "hat"),
        wildcard_weights={"c#red": 3.0, "c#blue": 5.0},
        loras=(ProfileLora("Ink", 0.9),),
        lore=("a", "b"),
        state={"where": "here"},
    )
    both = combined([one, two])
    assert both.appearance_tags == ("1woman", "long hair", "hat")
    assert both.wildcard_weights == {"c#red": 6.0, "c#blue": 0.0}
    assert both.loras == (ProfileLora("Ink", 0.9),)
    assert (both.family, both.lore, both.state) == ("Pony", ("a", "b"), {"mood": "calm", "where": "here"})
    assert (both.name, both.kind, both.parts) == ("Mira, Ink", "mixed", (one, two))
    assert combined([two, one]).family == "SDXL"


def test_of_one_and_of_none():
    assert combined([MIRA]) is MIRA
    assert combined([MIRA]).members == (MIRA,)
    assert combined([]) == Profile("")


def test_the_parts_of_a_combination_of_combinations_are_the_profiles():
    assert combined([combined([MIRA, INK]), MIRA]).parts == (MIRA, INK, MIRA)


def test_a_child_has_what_its_parents_have_but_for_what_it_takes_away():
    child = Profile("Child", "character", "child", extends=("mira",), appearance_tags=("-1woman", "1girl", "-hat"))
    found = heirs(MIRA, child).of(child)
    assert found.appearance_tags == ("long hair", "1girl")
    assert (found.name, found.key, found.family, found.parts) == ("Child", "child", "SDXL", ())


def test_a_circle_is_named_and_the_rest_is_inherited():
    profiles = [
        Profile("A", key="a", extends=("b", "mira"), style=("a",)),
        Profile("B", key="b", extends=("c",), style=("b",)),
        Profile("C", key="c", extends=("a",), style=("c",)),
    ]
    found = heirs(*profiles, MIRA)
    heir = found.of(profiles[0])
    assert found.problems == {"c": ["a extends b extends c extends a: a profile cannot inherit from itself."]}
    assert set(heir.style) == {"a", "b", "c"}
    assert "1woman" in heir.appearance_tags


def test_a_parent_that_is_not_there_is_told():
    child = Profile("Child", key="child", extends=("nobody", "mira"))
    found = heirs(child, MIRA)
    assert found.of(child).family == "SDXL"
    assert found.problems == {"child": ["There is no profile 'nobody'."]}


def test_a_lattice_of_parents_is_read_once_each_and_a_long_chain_ends():
    lattice = [Profile(f"P{n}", key=f"p{n}", extends=(f"p{n + 1}", f"p{n + 1}", "nobody")) for n in range(40)]
    found = heirs(*lattice)
    found.of(lattice[0])
    chain = [Profile(f"P{n}", key=f"p{n}", extends=(f"p{n + 1}",)) for n in range(3000)]
    found = heirs(*chain)
    found.of(chain[0])
    assert any(f"more than {MAX_LEVELS} levels" in told for some in found.problems.values() for told in some)
