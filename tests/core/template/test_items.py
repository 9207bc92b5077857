"""YAML and JSON → items: the text that is written, with its line; a bad file is refused in one line."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.template.items import Item, Unreadable, json_items, yaml_items
from orchestrator_core.template.structured import read_structured


def trees_of(characters: str):
    words = st.text(characters, min_size=1, max_size=6).map(lambda text: f"w{text}w")
    return st.recursive(
        words, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=12
    )


def leaves(item: Item):
    """(text, line) of every scalar below, in the order of the file."""
    if isinstance(item.value, list):
        for child in item.value:
            yield from leaves(child)
    elif item.is_mapping:
        for _, child in item.value:
            yield from leaves(child)
    else:
        yield item.value, item.line


def numbered(tree):
    """The tree with a number behind each leaf, so that no two are alike."""
    count = iter(range(1000))

    def walk(node):
        if isinstance(node, list):
            return [walk(child) for child in node]
        if isinstance(node, dict):
            return {f"{key}{next(count)}": walk(child) for key, child in node.items()}
        return f"{node}{next(count)}"

    return walk(tree)


@given(trees_of('abcé \\"/\n'), st.sampled_from([None, 0, 2]), st.booleans())
def test_every_json_value_is_read_with_its_line(tree, indent: int | None, ascii_only: bool):
    written = json.dumps(numbered(tree), indent=indent, ensure_ascii=ascii_only)
    (item,) = json_items(written)
    for text, line in leaves(item):
        if text is not None:
            assert json.dumps(text, ensure_ascii=ascii_only) in written.split("\n")[line - 1]


@given(trees_of('abcé \\"/:#'))
def test_every_yaml_value_is_read_with_its_line(tree):
    written = yaml.safe_dump(numbered(tree), allow_unicode=True, width=10_000)
    (item,) = yaml_items(written)
    for text, line in leaves(item):
        if text is not None:
            assert f"w{text.rpartition('w')[2]}" in written.split("\n")[line - 1]


def test_scalars_are_the_text_that_is_written():
    texts = ["007", "1.50", "1e3", "yes", "0x1F", "12:30:45", "2024-01-02", "1_000", ".5", "=", "0o17", "True"]
    (item,) = yaml_items("\n".join(f"- {text}" for text in texts))
    assert [child.value for child in item.value] == texts
    (item,) = json_items("[1.50, 1e3, -0, 100000000000000000000000, true, false, NaN, Infinity, null]")
    assert [child.value for child in item.value] == [
        *["1.50", "1e3", "-0", "100000000000000000000000", "true", "false", "NaN", "Infinity", None]
    ]


@pytest.mark.parametrize("written", ["~", "null", "Null", "NULL", "", "!!null 'x'"])
def test_null_is_no_text(written: str):
    (item,) = yaml_items(f"- {written}\n- 'null'\n- x")
    assert [child.value for child in item.value] == [None, "null", "x"]


def test_a_json_file_knows_the_lines_of_values_behind_later_keys():
    entries = read_structured('{\n"a": [\n"x",\n"y"],\n"b":\n["x", 7]}', ".json", "p")
    assert [(entry.name, entry.texts, entry.lines) for entry in entries] == [
        ("a", ["x", "y"], [3, 4]),
        ("b", ["x", "7"], [6, 6]),
    ]


def test_equal_keys_are_added_up():
    for text, suffix in (("a: [x]\nb: [z]\na: [y]\n", ".yaml"), ('{"a": ["x"], "b": ["z"], "a": ["y"]}', ".json")):
        entries = read_structured(text, suffix, "p")
        assert [(entry.name, entry.texts) for entry in entries] == [("a", ["x", "y"]), ("b", ["z"])]


def test_all_documents_of_a_file_are_read():
    entries = read_structured("a: [x]\n---\nb: [y]\n---\n--- ~\n", ".yaml", "p")
    assert [(entry.name, entry.lines) for entry in entries] == [("a", [1]), ("b", [3])]


def test_an_alias_is_the_value_that_it_names_and_a_merge_adds_its_keys():
    entries = read_structured("base: &b {warm: [red]}\nmore:\n  <<: *b\n  cold: [blue]\n", ".yaml", "p")
    assert {entry.name: entry.texts for entry in entries} == {
        "base/warm": ["red"],
        "more/warm": ["red"],
        "more/cold": ["blue"],
    }


def test_braces_without_quotes_are_the_variant_that_they_look_like():
    (item,) = yaml_items("- {a|b}\n- {2$$, $$a|b}\n- [a|b]\n- {a: b}")
    first, second, third, fourth = item.value
    assert (first.value, second.value) == ("{a|b}", "{2$$, $$a|b}")
    assert isinstance(third.value, list)
    assert fourth.is_mapping


def test_a_mapping_of_nothing_that_is_no_prompt_holds_no_value():
    assert read_structured("colors:\n  red:\n  blue:\n", ".yaml", "p") == []


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{" * 100_000,
        "- " * 50_000,
        "? " * 50_000,
        "\n".join(" " * depth + "a:" for depth in range(300)),
        "&a [*a]",
        "&a {b: *a}",
        "&a {? *a : b}",
        "*nothing",
        "a: &a [x, x]\n"
        + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        + "? {? *i : }\n: x",
        "? [" + "a, " * 20_000 + "]\n: b",
        '"\\ud800"',
        "%YAML 9.9\n--- a",
        "a: b: c",
        "\x00\x01\x02: [",
        "!<tag:yaml.org,2002:python/object/apply:os.abort> [",
    ],
    ids=lambda text: text[:20],
)
def test_yaml_that_cannot_be_read_is_refused_in_one_line_that_says_where(text: str):
    with pytest.raises(Unreadable, match=r"line \d+") as error:
        read_structured(text, ".yaml", "p")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[1", "", '["\\x"]', "[" * 70 + "1" + "]" * 70])
def test_json_that_cannot_be_read_is_refused_in_one_line(text: str):
    with pytest.raises(Unreadable) as error:
        read_structured(text, ".json", "p")
    assert "\n" not in str(error.value)


def test_halves_of_surrogate_pairs_become_question_marks():
    (item,) = json_items('["\\ud83c", "\\ud83c\\udf38", {"\\ud800": "x"}]')
    assert item.value[0].value == "?"
    assert item.value[1].value == "\U0001f338"
    assert item.value[2].value[0][0] == "?"


def test_yaml_is_read_the_same_without_libyaml(monkeypatch: pytest.MonkeyPatch):
    text = "a:\n  - {x|y}\n  - &r 2::red\n  - *r\nb: {c: [1, ~, 'it''s']}\n"
    fast = read_structured(text, ".yaml", "p")
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert read_structured(text, ".yaml", "p") == fast
    for bad in ("[" * 50_000, "- " * 50_000, "&a [*a]"):
        with pytest.raises(Unreadable):
            read_structured(bad, ".yaml", "p")


@given(st.text(max_size=80) | st.lists(st.sampled_from(list("[]{}:,-?|>&*!%#'\"\n ax~<")), max_size=60).map("".join))
def test_any_text_is_read_or_refused(text: str):
    for suffix in (".yaml", ".json"):
        try:
            entries = read_structured(text, suffix, "folder/own")
        except Unreadable:
            continue
        for entry in entries:
            assert len(entry.texts) == len(entry.lines) > 0
            assert all(entry.texts)
            assert all(1 <= line <= len(text.splitlines()) for line in entry.lines)
