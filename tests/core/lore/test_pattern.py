from __future__ import annotations

import re
import time
import warnings
from contextlib import suppress

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.lore.activation import activated
from orchestrator_core.lore.book import Book, Entry
from orchestrator_core.lore.pattern import Effort, Pattern, Walk
from orchestrator_core.lore.pattern_reading import read_pattern
from orchestrator_core.lore.pattern_states import States


def found(pattern: str, text: str, flags: str = "") -> bool:
    """Whether both ways of searching find it; they must agree."""
    quick = Pattern(pattern, flags).found(text, Effort())
    walked = any(Walk(States(read_pattern(pattern, flags), "i" in flags)).ends(text, Effort()))
    assert quick == walked
    return quick


@pytest.mark.parametrize(
    ("pattern", "flags", "text", "is_found"),
    [
        (r"drag(on|ons)\b", "", "two dragons.", True),
        (r"drag(on|ons)\b", "", "dragonfly", False),
        (r"^fox", "", "a\nfox", False),
        (r"^fox$", "m", "a\nfox\nb", True),
        (r"fox$", "", "fox\n", False),
        ("a.b", "", "a\nb", False),
        ("a.b", "s", "a\nb", True),
        ("ÄNDE", "i", "ände", True),
        (r"[^\d\s]+", "", "1 2", False),
        (r"[\w-]x", "", "-x", True),
        (r"[a-c\]]", "", "]", True),
        ("[^]", "", "\n", True),
        ("[]", "", "a", False),
        (r"\x41B\u0043", "", "ABC", True),
        (r"\u{1F98A}", "u", "a 🦊", True),
        (r"\/\.\*", "", "/.*", True),
        (r"a{2}b{1,}c{0,1}", "", "aab", True),
        (r"a{,2}", "", "a{,2}", True),
        ("x{", "", "x{", True),
        (r"(?<name>fox)", "", "fox", True),
        (r"fox(?= den)", "", "fox den", True),
        (r"fox(?! den)", "", "fox den", False),
        (r"(?<=red )fox", "", "red fox", True),
        (r"(?<!red )fox", "", "red fox", False),
        (r"(?=.*king)(?=.*dragon)", "", "dragon, king", True),
        (r"(?<=(?:very )+)old", "", "very very old", True),
        ("fox", "y", "a fox", False),
        (r"\cJ", "", "\n", True),
        (r"[\b]", "", "\b", True),
        (r"\Bx", "", "ax", True),
        (r"dragon[\s\S]{0,500}castle", "", "dragon" + " \n" * 250 + "castle", True),
        (r"dragon[\s\S]{0,500}castle", "", "dragon" + " \n" * 251 + "castle", False),
        (r"storm.*KING+", "i", "the Storm king", True),
        (r"kings.*", "i", "\u212ain\u017f", False),
        ("", "", "", True),
    ],
)
def test_expressions_mean_what_they_mean_in_javascript(pattern: str, flags: str, text: str, is_found: bool):
    assert found(pattern, text, flags) == is_found


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(a", "never closed"),
        ("a)", "too much"),
        ("[a", "never closed"),
        ("*a", "repeats nothing"),
        ("^*", "repeats a place"),
        ("a{3,1}", "from 3 down to 1"),
        ("[z-a]", "back to"),
        ("\\", "ends with a backslash"),
        ("[\\", "ends with a backslash"),
        (r"(a)\1", "refers back"),
        (r"\k<a>", "refers back"),
        ("(?i:a)", "unknown kind"),
        ("(?:a{1000}){1000}", "too large"),
        ("a{2}{3}", "repeats a repetition"),
        ("a**", "repeats a repetition"),
        ("(" * 60 + ")" * 60, "groups inside"),
        ("a" * 3000, "characters long"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_in_words(pattern: str, says: str):
    with pytest.raises(FormatError, match=says):
        Pattern(pattern)


ATOMS = st.sampled_from(("a", "b", "c", ".", "[ab]", "[^a]", r"\w", r"\W", r"\b", r"\B", "^", "$", "(?:)"))
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("(?:{0[0]}|{0[1]})".format),
        st.tuples(inner, st.sampled_from(("*", "+", "?", "{2}", "{1,3}", "{0,2}?", "{2,}"))).map(
            lambda both: f"(?:{both[0]}){both[1]}"
        ),
        inner.map("(?={})".format),
        inner.map("(?!{})".format),
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS, st.text("abc -", min_size=1, max_size=8))  # Python's \\B was wrong in an empty text until 3.14
@example("(?:(?:a|b)*c){2}", "abcc")
def test_it_is_found_where_pythons_own_search_finds_it(pattern: str, text: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = re.search(pattern, text) is not None
    with suppress(FormatError):
        assert found(pattern, text) == expected


@settings(max_examples=100, deadline=None)
@given(st.text(r"()[]{}*+?|\^$.-,0aА:=!<>ux", max_size=12), st.sampled_from(("", "i", "u", "ms")), st.text(max_size=6))
def test_no_expression_does_worse_than_to_be_refused(pattern: str, flags: str, text: str):
    try:
        found(pattern, text, flags)
    except FormatError as error:
        assume(str(error))


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+[bc]",
        "(a|a)*b",
        "(a|aa)+b",
        "a*a*a*a*a*b",
        r"(\w+\s?)*$x",
        "(?:a?){30}a{30}b",
        "(?=(a+)+b)a",
        "(.*)*(.*)*b",
    ],
)
def test_no_expression_takes_long(pattern: str):
    start = time.process_time()
    assert not Pattern(pattern).found("a" * 20_000, Effort())
    assert time.process_time() - start < 1


def test_a_book_of_hostile_expressions_ends_with_a_word_about_it():
    # Each walks through many sets of states, none of which it meets twice.
    keys = tuple(f"/[ab]*a[ab]{{{150 + at}}}c/" for at in range(60))
    text = "".join("ab"[hash_bit(at)] for at in range(3000))
    book = Book("w", (Entry("0", keys), Entry("1", ("aa",))))
    start = time.process_time()
    result = activated(book, [text])
    assert time.process_time() - start < 10
    assert [one.entry.uid for one in result.entries] == ["1"]
    assert any("take too long" in problem for problem in result.problems)


def hash_bit(number: int) -> int:
    return (number * 2654435761 >> 7) & 1
