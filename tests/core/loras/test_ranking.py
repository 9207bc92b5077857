from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.loras.phrase_table import PhraseTable
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import Fact, LoraRecord
from tests.core.loras.selection_library import libraries, lora, prompts

FILLING = [lora(f"filling{number}", f"thing{number} gadget{number}") for number in range(20)]


def ranked(records: list[LoraRecord], prompt: str) -> list[str]:
    return [record.name for record, _ in LoraIndex([*records, *FILLING]).scores(prompt)]


def score(record: LoraRecord, prompt: str) -> float:
    values = {found.name: value for found, value in LoraIndex([record, *FILLING]).scores(prompt)}
    return values.get(record.name, 0.0)


def test_what_the_prompt_does_not_speak_of_is_not_found() -> None:
    assert ranked([lora("a", "ghibli style")], "a castle in the snow") == []


def test_fields_weigh_in_their_order() -> None:
    fact = Fact("tags", "kimono", "user", 1.0)
    in_order = [
        lora("a", "kimono"),
        lora("b", tags=("kimono",), facts=(fact,)),
        lora("c", title="Kimono"),
        lora("d", tags=("kimono",)),
        lora("e", training_tags=(("kimono", 9),)),
        lora("f", description="Draws a kimono."),
    ]
    values = [score(record, "a red kimono") for record in in_order]
    assert values == sorted(values, reverse=True)
    assert min(values) > 0


def test_a_whole_phrase_beats_a_part_of_one() -> None:
    assert ranked([lora("part", "red castle"), lora("whole", "red hat")], "red hat")[0] == "whole"


def test_half_a_trigger_is_no_trigger() -> None:
    assert score(lora("a", "emerald dragon"), "an emerald ring") < 0.5 * score(lora("b", "emerald"), "an emerald ring")


def test_words_in_a_row_beat_the_same_words_apart() -> None:
    record = lora("a", "ink castle")
    assert score(record, "an ink castle") > score(record, "a castle, ink")


def test_words_of_any_picture_choose_nothing_even_where_they_are_rare() -> None:
    records = [lora("a", "digital illustration"), lora("b", "1girl, solo"), lora("c", tags=("masterpiece",))]
    assert ranked(records, "1girl, solo, masterpiece, digital illustration, best quality") == []


def test_a_rare_tag_says_more_than_a_frequent_one() -> None:
    hats = [lora(f"hat{number}", tags=("hat",)) for number in range(10)]
    assert ranked([*hats, lora("crown", tags=("crown",))], "a hat and a crown")[0] == "crown"


def test_in_a_small_library_what_all_have_is_still_evidence() -> None:
    values = [
        value for _, value in LoraIndex([lora("a", tags=("kimono",)), lora("b", tags=("kimono",))]).scores("kimono")
    ]
    assert min(values) > 0.5


def test_a_tag_that_many_have_is_not_looked_at_but_a_trigger_is() -> None:
    tagged = [lora(f"l{number}", training_tags=(("long hair", 9),)) for number in range(40)]
    others = [lora(f"other{number}", f"thing{number}") for number in range(200)]
    assert ranked([*tagged, *others, lora("rapunzel", "long hair")], "long hair") == ["rapunzel"]


def test_forms_and_slips_of_the_pen_are_found_for_less() -> None:
    record = lora("a", "watercolor")
    assert 0 < score(record, "a watercolour of a cat") < score(record, "a watercolor of a cat")
    assert score(record, "watercolors") == score(record, "watercolor")


def test_a_word_finds_its_compounds_and_its_parts_for_less() -> None:
    cityscape, city = lora("a", "cityscape"), lora("b", "city")
    assert 0 < score(cityscape, "a city at night") < 0.25 * score(city, "a city at night")
    assert 0 < score(city, "a cityscape at night") < 0.25 * score(cityscape, "a cityscape at night")


def test_what_only_ends_like_a_word_is_no_compound_of_it() -> None:
    records = [lora(word, word) for word in ("chair", "hair", "train", "rain", "catastrophe", "cat")]
    assert sorted(ranked(records, "hair in the rain, cats")) == ["cat", "hair", "rain"]


_JOINED = st.lists(st.sampled_from(("ab", "abc", "cab", "bcab")), min_size=1, max_size=4).map("".join)


@given(st.sets(_JOINED, max_size=30), _JOINED)
def test_compounds_are_found_as_by_looking_at_all_words(known: set[str], word: str) -> None:
    table = PhraseTable()
    for other in known:
        table.enter((other,), 0, 1.0)

    def is_compound(long: str, part: str) -> bool:
        enough = 4 <= len(part) < len(long) <= 2.5 * len(part)
        return enough and (long.startswith(part) or (long.endswith(part) and len(long) >= len(part) + 3))

    wanted = {other for other in known if is_compound(other, word) or is_compound(word, other)}
    assert set(table.compounds(word)) == wanted


def test_a_phrase_says_less_of_a_word_the_more_of_it_is_missing() -> None:
    tags = ("castle", "castle wall", "castle wall door")
    values = [score(lora("a", tags=(tag,)), "a castle") for tag in tags]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 3


def test_many_tags_that_share_a_word_are_not_as_many_proofs() -> None:
    many = lora("many", tags=tuple(f"castle {number}x" for number in range(12)))
    assert score(many, "castle") < 6 * score(lora("one", tags=("castle 1x",)), "castle")


def test_what_was_learned_multiplies_the_score() -> None:
    one, other = lora("a", "castle"), lora("b", "castle")
    index = LoraIndex([one, other])
    liked = index.scores("castle", lambda record: 1.5 if record.name == "b" else 1.0)
    assert [record.name for record, _ in liked] == ["b", "a"]


def test_equal_ones_come_by_name_however_they_were_added() -> None:
    records = [lora(f"l{number}", "castle") for number in range(9)]
    shuffled = random.Random(1).sample(records, 9)
    assert ranked(shuffled, "castle") == sorted(record.name for record in records)


def test_a_prompt_says_of_which_phrases_a_lora_was_found() -> None:
    (found,) = LoraIndex([lora("a", "ghibli style", tags=("castle",)), *FILLING]).rank("ghibli castle")
    assert [key for key, _ in found.phrases] == [("ghibli",), ("castle",)]


def test_an_empty_library_and_an_empty_prompt_find_nothing() -> None:
    assert LoraIndex().scores("castle") == LoraIndex(FILLING).scores("") == []
    assert LoraIndex([lora("a")]).scores("castle") == []


def test_a_removed_lora_is_gone_and_an_edited_one_is_found_anew() -> None:
    index = LoraIndex([lora("a", "castle"), lora("b", "dragon")])
    index.remove("/loras/a.safetensors")
    index.add(lora("b", "kimono"))
    assert index.scores("castle dragon") == []
    assert [record.name for record, _ in index.scores("kimono")] == ["b"]
    assert len(index) == len(index.records) == 1


@given(libraries(), prompts, st.data())
def test_an_index_that_was_changed_is_as_one_made_anew(
    library: list[LoraRecord], prompt: str, data: st.DataObject
) -> None:
    index = LoraIndex()
    for record in library:
        index.add(replace(record, trigger_words=("dragon ink",), tags=("red",)))
    index.scores(prompt)  # what is kept of it must not outlast the changes
    for record in data.draw(st.permutations(library)):
        index.add(record)
    gone = data.draw(st.sets(st.sampled_from(library))) if library else set()
    for record in gone:
        index.remove(record.path)
    anew = LoraIndex(record for record in library if record not in gone)
    same = [(record.name, round(value, 6)) for record, value in index.scores(prompt)]
    assert same == [(record.name, round(value, 6)) for record, value in anew.scores(prompt)]


def test_many_changes_leave_no_waste() -> None:
    index = LoraIndex(FILLING)
    for number in range(500):
        index.add(lora("changing", f"word{number}"))
    assert len(index._records) < 200
    assert [record.name for record, _ in index.scores("word499")] == ["changing"]
