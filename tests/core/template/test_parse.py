"""Text → tree: every syntax is read, whatever is no syntax stays as it is, and the time grows with the length alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import TemplateError
from orchestrator_core.template import Template
from orchestrator_core.template.dialects import DIALECTS, DYNAMICPROMPTS
from orchestrator_core.template.parse import parse
from orchestrator_core.template.tree import Assign, Method, Text, Use, Variant, WildcardRef, Wrap
from tests.core.template.engine import NONE, drawn, kinds, listed, outcomes, wildcards_in

# what begins or ends something, in any order and number
PIECES = [
    *[
        "{",
        "}",
        "|",
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        ":",
        "::",
        "$$",
        "${",
        "%{",
        "__",
        "_",
        "\\",
        "#",
        "\n",
        " ",
        ",",
        "'",
    ],
    *[
        '"',
        "~",
        "@",
        "!",
        "=",
        "=!",
        "?=",
        "+=",
        "*",
        "?",
        "..",
        "...",
        "/",
        "-",
        "1",
        "2",
        "2$$",
        "1-3$$, $$",
        "r",
        "o",
    ],
    *["if", "if a::", "2 if a eq 'b'::", "%0.5::include w", "a", "b", "w", "__w__", "${a}", "${a=b}", "<lora:a__b:1>"],
    *[
        "<ppp:if a>",
        "<ppp:elif b>",
        "<ppp:else>",
        "<ppp:/if>",
        "<ppp:set a>",
        "<ppp:/set>",
        "<ppp:echo a/>",
        "<ppp:stn>",
    ],
    *["<ppp:/stn>", "3#", "(x:1.2)", "é", "\u3000", "\U0001f338", "…"],
]
templates = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=40).map("".join)


def only_node(text: str):
    nodes = parse(text, DYNAMICPROMPTS).nodes
    assert len(nodes) == 1
    return nodes[0]


@pytest.mark.parametrize(
    "text",
    [
        "hello world",
        "good-bye, good_bye. (high:1.2) [low] [low:0.4] ((twice)) \\(not emphasis\\)",
        "[from:to:0.5] [cat|dog] [a:b:c:12] BREAK AND a AND b :0.5",
        "embedding:easynegative, <lora:a:0.8> <lora:a__b:0.8:1> <lyco:x:1> <hypernet:y__z:0.2>",
        "http://example.com/a_b?c=d#e 100% $5 5$ $$ $ % a|b :: } ] > ) ' \" \\",
        "snake_case, snake__case and a __ b __",
        "Ünïcödé änderō 🌸 زهرة 아름다운",
        "two\nlines\r\nthree",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_no_syntax_stays_as_it_is(text: str, dialect: str):
    template = Template(text, dialect=dialect)
    assert template.draw(NONE, 1).positive == text
    assert template.diagnostics == ()


@given(templates, st.sampled_from(sorted(DIALECTS)))
def test_any_text_can_be_parsed_and_drawn(text: str, dialect: str):
    template = Template(text, text, dialect)
    draft = template.draw(NONE, 1)
    assert isinstance(draft.positive, str)
    assert isinstance(template.cycle(NONE, 1).negative_prompt, str)


@given(st.text(st.characters(exclude_categories=()), max_size=60), st.sampled_from(sorted(DIALECTS)))
def test_text_without_any_bracket_or_underscore_is_never_changed(text: str, dialect: str):
    plain = "".join(character for character in text if character not in "{_<#\\$%")
    assert Template(plain, dialect=dialect).draw(NONE, 1).positive == plain


@given(templates)
def test_spans_lie_inside_the_template_and_hold_what_they_say(text: str):
    def check(nodes, outer):
        for node in nodes:
            assert outer[0] <= node.span[0] <= node.span[1] <= outer[1]
            if isinstance(node, Text):
                assert text[slice(*node.span)] == node.text
            elif isinstance(node, Variant):
                for option in node.options:
                    check(option.body, node.span)

    check(parse(text, DYNAMICPROMPTS).nodes, (0, len(text)))


@given(templates)
def test_diagnostics_point_into_the_template(text: str):
    for diagnostic in Template(text).diagnostics:
        assert 0 <= diagnostic.start <= diagnostic.end <= len(text)
        assert diagnostic.message


def test_a_variant_knows_its_options_weights_and_place():
    node = only_node("{fox|2::owl|0.5::lynx|.5::elk}")
    assert isinstance(node, Variant)
    assert [(option.text, option.weight) for option in node.options] == [
        ("fox", 1.0),
        ("owl", 2.0),
        ("lynx", 0.5),
        ("elk", 0.5),
    ]
    assert node.span == (0, 30)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("{2$$a|b|c}", (2, 2)),
        ("{1-2$$a|b|c}", (1, 2)),
        ("{2-1$$a|b|c}", (1, 2)),
        ("{-2$$a|b|c}", (1, 2)),
        ("{2-$$a|b|c}", (2, None)),
        ("{0$$a|b|c}", (0, 0)),
        ("{0-1$$a|b|c}", (0, 1)),
        ("{ 2 $$a|b|c}", (2, 2)),
        ("{~1-2$$a|b|c}", (1, 2)),
    ],
)
def test_counts_are_read(text: str, bounds: tuple[int, int | None]):
    count = only_node(text).count
    assert (count.lower, count.upper, count.separator) == (*bounds, ",")


@pytest.mark.parametrize("separator", [" and ", "|", ", ", "  ", "", "-", " or "])
def test_a_separator_may_hold_anything_but_braces_and_dollars(separator: str):
    assert listed(f"{{2$${separator}$$a|b}}") == [f"a{separator}b", f"b{separator}a"]


@pytest.mark.parametrize(
    ("sign", "method"), [("~", Method.random), ("!", Method.combinatorial), ("@", Method.cyclical)]
)
def test_methods_are_read_on_variants_and_wildcards(sign: str, method: Method):
    assert only_node(f"{{{sign}a|b}}").method is method
    assert only_node(f"{{{sign}1-2$$ and $$a|b}}").method is method
    assert only_node(f"{{{sign}0.2::a|0.4::b}}").method is method
    assert only_node(f"__{sign}w__").method is method


@pytest.mark.parametrize(
    "name",
    ["colours", "path/to/colours", "änder", "two words", "men's hats", "a-b.c", "*/x", "**/x?", "[ab]c", "아름다운"],
)
def test_names_of_wildcards_are_read(name: str):
    node = only_node(f"__{name}__")
    assert isinstance(node, WildcardRef)
    assert node.name == name


def test_a_reference_may_hold_a_count_a_filter_and_parameters():
    node = only_node("__2-3$$ and $$colors'warm,1'(of=silk, on={a|b})__")
    assert isinstance(node, WildcardRef)
    assert node.name == "colors"
    assert node.count is not None
    assert (node.count.lower, node.count.upper, node.count.separator) == (2, 3, " and ")
    assert node.filter == "warm,1"
    assert [name for name, _ in node.parameters] == ["of", "on"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("__to/${subject}__", "to/"), ("__${tone}_colours__", None), ("__${tone:warm}_x__", None), ("__a/{b|c}__", "a/")],
)
def test_names_may_be_made_of_variables_and_variants(text: str, name: str | None):
    node = only_node(text)
    assert isinstance(node, WildcardRef)
    assert isinstance(node.name, tuple)
    assert name is None or (isinstance(node.name[0], Text) and node.name[0].text == name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${a=b}", ("a", False, False, False)),
        ("${a=!b}", ("a", True, False, False)),
        ("${a ?= b}", ("a", False, True, False)),
        ("${ a ?=! b }", ("a", True, True, False)),
        ("${a+=b}", ("a", False, False, True)),
        ("${a !=b}", ("a", True, False, False)),
        ("${a-b_2=c}", ("a-b_2", False, False, False)),
    ],
)
def test_assignments_are_read(text: str, expected: tuple[str, bool, bool, bool]):
    node = only_node(text)
    assert isinstance(node, Assign)
    assert (node.name, node.immediate, node.keeps, node.adds) == expected


def test_uses_and_wraps_are_read():
    assert isinstance(only_node("${a}"), Use)
    assert isinstance(only_node("${ a : {b|c} }"), Use)
    assert isinstance(only_node("%{a ... b$$c}"), Wrap)


@pytest.mark.parametrize("text", ["${1a}", "${}", "${a b}", "${a:", "%{no middle}", "%{", "${a=b"])
def test_a_broken_variable_or_wrap_stays_with_a_diagnostic(text: str):
    template = Template(text)
    assert template.draw(NONE, 0).positive == text
    assert template.diagnostics


def test_an_unclosed_brace_is_pointed_at():
    template = Template("a {fox|owl, {x|y}")
    (found,) = template.diagnostics
    assert (found.kind, found.start, found.where) == ("unclosed-variant", 2, "positive")
    assert template.draw(NONE, 0).positive in ("a {fox|owl, x", "a {fox|owl, y")


def test_diagnostics_say_which_prompt_they_are_about():
    assert [found.where for found in Template("{a", "{b").diagnostics] == ["positive", "negative"]


def test_an_unknown_dialect_or_policy_is_refused():
    with pytest.raises(TemplateError, match="dynamicprompts, impact"):
        Template("a", dialect="klingon")
    with pytest.raises(TemplateError, match="keep, remove, error"):
        Template("a", missing="ignore")


def test_a_comment_takes_its_whole_line():
    assert drawn("a\n  # {not|read} __at all__\nb") == "a\nb"
    assert drawn("# only this") == ""
    assert kinds(Template("# {unclosed\n")) == []


def test_brackets_and_tags_keep_their_own_bars():
    assert outcomes("{[cat|dog]|owl}") == {"[cat|dog]", "owl"}
    assert outcomes("{<lora:a|b:1>|owl}") == {"<lora:a|b:1>", "owl"}
    assert outcomes("{[cat|{dog|wolf}]|owl}") == {"[cat|dog]", "[cat|wolf]", "owl"}


def test_bars_in_brackets_that_are_not_closed_separate_options():
    assert outcomes("{[cat|dog|<lora:x}") == {"[cat", "dog", "<lora:x"}


@pytest.mark.parametrize("levels", [5, 39, 40, 41, 60, 500])
@pytest.mark.parametrize(
    ("opening", "closing"),
    [("{", "}"), ("{a|", "}"), ("${a:", "}"), ("%{…$$", "}"), ("${a=!", "}"), ("<ppp:if true>", "<ppp:/if>")],
)
def test_deep_nesting_is_read_or_left_alone_but_never_fails(opening: str, closing: str, levels: int):
    template = Template(opening * levels + "x" + closing * levels)
    assert isinstance(template.draw(NONE, 0).positive, str)
    assert bool(template.diagnostics) == (levels > (20 if "ppp" in opening else 40))


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("<ppp:if a>", "<ppp:elif !!>y<ppp:/if>"),
        ("__(a=", ")__"),
        ("__..(a=", ")__"),
        ("__b(a=", ")__"),
        ("__(a={", "})__"),
        ("__b'{", "}'__"),
    ],
)
def test_text_that_turns_out_to_be_literal_is_not_read_again_at_each_level(opening: str, closing: str):
    assert isinstance(drawn(opening * 200 + "x" + closing * 200), str)  # twice at each level would take 2^200 steps


@pytest.mark.parametrize(
    "text",
    [
        "{" + " " * 30_000 + "}",
        "{a|" + " " * 30_000 + "x}",
        "__" + " " * 30_000 + "x__",
        "${" + " " * 30_000 + "}",
        "{%::include x" + " " * 30_000 + "y|z}",
        ("<ppp:if" + " " * 390 + "\n" * 1000) * 20,
        ("__" + "(" * 390) * 50,
        "__(\n" * 5000,
        "".join(f"${{a{number}=x}}" for number in range(5000)),
        "".join(f"${{a{number}}}${{a{number}=x}}" for number in range(3000)),
        "_" * 30_000,
        "{" * 30_000,
        "(a:" * 10_000,
    ],
    ids=lambda text: text[:12].strip(),
)
def test_long_runs_of_anything_are_read_in_one_pass(text: str):
    assert isinstance(drawn(text), str)


def test_no_more_than_a_hundred_diagnostics_are_kept():
    assert len(Template("${1}" * 500).diagnostics) == 100


def test_conditions_nested_too_deep_are_no_conditions():
    for condition in ("(" * 90 + "a" + ")" * 90, "not " * 90 + "a", "a in " + "(" * 90 + "b" + ")" * 90):
        assert kinds(Template(f"{{if {condition}::x|y}}")) == ["not-a-condition"]


def test_a_variable_may_be_used_before_its_assignment():
    assert drawn("${a} and ${a=fox}${a}") == "fox and fox"
    assert drawn("${ab}${a=fox}${ab=owl}${a}") == "owlfox"


def test_a_double_colon_without_a_weight_before_it_is_text():
    assert outcomes("{::a| ::b}") == {"::a", "::b"}


def test_braces_inside_braces_are_one_option(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"w.txt": "x\ny\n"})
    assert listed("{2$${__w__}}", wildcards) == ["x", "y"]
    assert listed("{2-$$ {0-1$$__w__}}", wildcards) == ["", "x", "y"]
    assert listed("{2$$__w__}", wildcards) == ["x,y", "y,x"]


def test_copies_of_a_wildcard_are_drawn_apart(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"w.txt": "x\ny\n"})
    assert outcomes("2#__w__", wildcards, dialect="impact") == {"x|x", "x|y", "y|x", "y|y"}
    assert drawn("0#__w__", wildcards, dialect="impact") == ""


def test_comment_lines_may_stand_anywhere_in_a_variant():
    text = "{\n# pick two\n 2$$ & $$\n  # heavy\n 3::a\n# the rest { | }\n|b}"
    node = only_node(text)
    assert isinstance(node, Variant)
    assert [(option.text, option.weight) for option in node.options] == [("a\n", 3.0), ("b", 1.0)]
    assert listed(text) == ["a\n & b", "b & a\n"]
    assert [option.text for option in only_node("{#a|b #c}").options] == ["#a", "b #c"]


def test_a_comment_does_not_change_what_an_option_is():
    plain, commented = only_node("{a\nb|c}"), only_node("{a\n# note\nb|c}")
    assert plain.key == commented.key


def test_white_space_around_a_variables_default_is_not_part_of_a_name(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"rooms/dining room/seats.txt": "chair\n"})
    assert drawn("__rooms/${room: dining room }/seats__", wildcards) == "chair"
    assert drawn("${room = dining room }__rooms/${room}/seats__", wildcards) == "chair"
