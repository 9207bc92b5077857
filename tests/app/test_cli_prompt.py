"""orchestrator prompt: what is drawn, how it is shown, and what is said of what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orchestrator_app.bundled import example_files
from orchestrator_app.explaining import COLOURS
from orchestrator_core.provenance import SHADES
from orchestrator_core.template import Template, Wildcards
from tests.app.conftest import Cli


def test_prompts_are_printed_one_after_another(cli: Cli):
    done = cli("prompt", "a {fox|owl}", "--count", 20, "--seed", 1)
    lines = done.out.splitlines()
    assert (done.status, done.err, len(lines)) == (0, "", 20)
    assert set(lines) == {"a fox", "a owl"}


def test_the_same_seed_gives_the_same_prompts_and_each_has_its_own(cli: Cli):
    first = cli("prompt", "@quick", "--count", 3, "--seed", 5).out
    assert first == cli("prompt", "@quick", "--count", 3, "--seed", 5).out
    assert cli("prompt", "@quick", "--seed", 6).out in first


def test_the_draw_is_the_engines(cli: Cli, wildcards: Path):
    text, negative = "a __colors/warm__ __animals/*__", "{blur|noise}"
    done = cli("prompt", text, "--negative", negative, "--seed", 9, "--wildcards", wildcards)
    draft = Template(text, negative).draw(Wildcards([wildcards]), 9)
    assert done.out == f"{draft.positive}\nNegative prompt: {draft.negative_prompt}\n"


def test_all_combinations_come_in_order(cli: Cli):
    done = cli("prompt", "{a|b} {1|2}", "--method", "combinatorial")
    assert done.out.splitlines() == ["a 1", "a 2", "b 1", "b 2"]
    assert cli("prompt", "{a|b} {1|2}", "--method", "combinatorial", "--index", 3).out == "b 2\n"
    assert cli("prompt", "{a|b} {1|2}", "--method", "combinatorial", "--count", 2).out.splitlines() == ["a 1", "a 2"]


def test_very_many_combinations_are_not_printed_by_mistake(cli: Cli):
    template = "__colors/*__ __materials/*__"
    done = cli("prompt", template, "--method", "combinatorial")
    assert (done.status, done.out) == (2, "")
    assert "more than 1,000 combinations" in done.err
    assert len(cli("prompt", template, "--method", "combinatorial", "--count", 3).out.splitlines()) == 3


def test_in_turn(cli: Cli):
    done = cli("prompt", "{a|b|c}", "--method", "cyclical", "--count", 4)
    assert done.out.split() == ["a", "b", "c", "a"]


def test_all_of_a_random_draw_is_refused(cli: Cli):
    done = cli("prompt", "{a|b}", "--count", "all")
    assert (done.status, done.out) == (2, "")
    assert "--method combinatorial" in done.err


def test_weights_shift_the_odds(cli: Cli, tmp_path: Path, wildcards: Path):
    path = tmp_path / "weights.json"
    path.write_text('{"colors/warm#amber": 0}')
    done = cli("prompt", "__colors/warm__", "--count", 30, "--wildcards", wildcards, "--weights", path)
    assert set(done.out.split()) == {"crimson"}


@pytest.mark.parametrize("content", ["[1]", '{"a": "b"}', '{"a": -1}', "{"])
def test_weights_that_are_none_are_one_line(cli: Cli, tmp_path: Path, content: str):
    path = tmp_path / "weights.json"
    path.write_text(content)
    done = cli("prompt", "x", "--weights", path)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)


def test_a_missing_wildcard_keeps_its_place_or_goes_as_told(cli: Cli):
    assert cli("prompt", "a __nope__ b").out == "a __nope__ b\n"
    assert cli("prompt", "a __nope__ b", "--missing", "remove").out == "a  b\n"
    failed = cli("prompt", "a __nope__ b", "--missing", "error")
    assert (failed.status, failed.out) == (2, "")


def test_the_impact_dialect(cli: Cli):
    assert cli("prompt", "${x=1}a${x}", "--dialect", "impact").out == "$x=1a$x\n"
    assert cli("prompt", "${x=1}a${x}").out == "a1\n"


# where templates come from


def test_a_template_comes_from_standard_input(process: Cli):
    assert process("prompt", "-", stdin="a {fox|fox}\n").out == "a fox\n"


def test_a_file_after_an_at_sign_is_one_template(cli: Cli, tmp_path: Path):
    (tmp_path / "two.txt").write_text("a\n{b|b}\n")
    assert cli("prompt", "@two.txt").out == "a\nb\n"
    assert cli("prompt", "two.txt").out == "a\nb\n"  # a prompt in each line: the same, once
    (tmp_path / "two.txt").write_text("# a comment\n{a|a}\n\n{b|b}\n")
    assert cli("prompt", "two.txt", "--json").out.count("schema_version") == 2


@pytest.mark.parametrize("path", example_files(), ids=lambda path: path.stem)
def test_the_bundled_examples_draw_without_a_word_of_complaint(cli: Cli, path: Path):
    done = cli("prompt", f"@{path.stem}", "--count", 5)
    assert (done.status, done.err) == (0, "")
    assert done.out.count("Negative prompt: ") == 5
    assert cli("prompt", path, "--seed", 1).out == cli("prompt", f"@{path.stem}", "--seed", 1).out


def test_a_json_list_of_prompts_is_drawn_each_once(cli: Cli, tmp_path: Path):
    rows = ["a {fox|fox}", {"prompt": "an owl", "negative_prompt": "blur"}, {"template": "{hare|hare}", "seed": 3}]
    (tmp_path / "list.json").write_text(json.dumps(rows))
    assert cli("prompt", "list.json").out == "a fox\nan owl\nNegative prompt: blur\nhare\n"
    (tmp_path / "list.yaml").write_text(json.dumps(rows))  # which is YAML too
    assert cli("prompt", "list.yaml").out.count("\n") == 4


def test_a_row_that_cannot_be_used_is_reported_and_the_others_go_on(cli: Cli, tmp_path: Path):
    (tmp_path / "list.json").write_text('["a fox", 7, "an owl"]')
    done = cli("prompt", "list.json")
    assert (done.status, done.out) == (0, "a fox\nan owl\n")
    assert "row 2" in done.err


def test_a_finished_prompt_is_not_drawn_again(cli: Cli, tmp_path: Path):
    row = {"positive": "a {fox} __x__ \\(", "template": "{a|b}", "seed": 1}
    (tmp_path / "done.json").write_text(json.dumps([row]))
    assert cli("prompt", "done.json").out == "a {fox} __x__ \\(\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("template: [1]", "'template' should be a text"),
        ("template: a\nsetings: {}", "did you mean 'settings'"),
        ("template: a\ndialect: klingon", "no dialect 'klingon'"),
        ("template: [1", "line "),
        ("a: *x", "undefined alias"),
        ("1: {class_type: KSampler, inputs: {}}", "--graph"),
        ("stages: []", "orchestrator run"),
        ("template: a\0", "NUL"),
    ],
)
def test_a_file_that_is_no_template_is_one_clear_line(cli: Cli, tmp_path: Path, content: str, said: str):
    (tmp_path / "t.yaml").write_text(content)
    done = cli("prompt", "t.yaml")
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err


@pytest.mark.parametrize("name", ["nope.yaml", "no such.json", "@nope"])
def test_a_file_that_is_not_there_is_said_to_be_so(cli: Cli, name: str):
    done = cli("prompt", name)
    assert (done.status, done.out) == (2, "")
    assert "There is no file" in done.err


# --json


def test_json_has_everything(cli: Cli, wildcards: Path):
    text = "${x=!{one}}a __animals/cats__ {fox|owl} ${x}"
    done = cli("prompt", text, "--json", "--count", 2, "--seed", 4, "--wildcards", wildcards)
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["seed"] for row in rows] == [4, 5]
    for row in rows:
        assert row["schema_version"] == 1
        assert row["positive"] == "".join(part["text"] for part in row["components"])
        assert row["variables"] == {"x": "one"}
        assert (row["template"], row["dialect"], row["diagnostics"]) == (text, "dynamicprompts", [])
        choices = [choice for part in row["components"] for choice in part["choices"]]
        assert {"animals/cats", ("fox", "owl")} <= {
            choice["siblings"] if isinstance(choice["siblings"], str) else tuple(choice["siblings"])
            for choice in choices
        }
        assert all(choice.keys() >= {"key", "file", "line", "weight", "probability", "options"} for choice in choices)


def test_json_carries_the_diagnostics(cli: Cli):
    done = cli("prompt", "a {b", "--json")
    assert json.loads(done.out)["diagnostics"][0]["kind"] == "unclosed-variant"


# --explain


def test_explain_in_brackets_names_every_decision(cli: Cli, wildcards: Path):
    done = cli("prompt", "a {old|old} __animals/cats__ sits", "--explain", "--seed", 2, "--wildcards", wildcards)
    draft = Template("a {old|old} __animals/cats__ sits").draw(Wildcards([wildcards]), 2)
    words = re.sub(r"\[\d+ (.*?)\]", r"\1", done.out)
    assert draft.positive in words
    assert "a [1 old] [2 " in done.out
    assert "animals.yaml:2" in done.out
    assert "__animals/cats__" in done.out
    assert "50 %  1 of 2" in done.out


def test_explain_shows_nested_decisions_below_their_own(cli: Cli, wildcards: Path):
    done = cli("prompt", "{__colors/warm__ sky}", "--explain", "--wildcards", wildcards, "--seed", 1)
    rows = [line for line in done.out.splitlines() if re.match(r"\s+\d+  ", line)]
    assert [len(re.match(r"\s+\d+  (\s*)", row)[1]) // 2 for row in rows] == [0, 1]  # type: ignore[index]


def test_explain_without_choices_has_no_table(cli: Cli):
    done = cli("prompt", "just words", "--explain", "--seed", 1)
    assert done.out.endswith("\njust words\n")


def test_explain_in_colour(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    done = cli("prompt", "a {fox|owl} in __places/city__", "--explain", "--seed", 1)
    assert "\x1b[" in done.out
    assert "¹" in done.out
    red, green, blue = bytes.fromhex(COLOURS["option"][0][1:])
    assert f"38;2;{red};{green};{blue}m" in done.out
    assert "places/city.txt:" in done.out


def test_no_color_wins(process: Cli):
    done = process("prompt", "a {fox|owl}", "--explain", NO_COLOR="1", FORCE_COLOR="1")
    assert "\x1b" not in done.out + done.err


def test_without_rich_everything_is_plain(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "rich.console", None)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "[1 " in cli("prompt", "a {fox|owl}", "--explain").out


def test_every_kind_of_word_has_its_shades():
    assert all(len(shades) == SHADES for shades in COLOURS.values())


# diagnostics


def test_a_diagnostic_has_a_caret_under_its_place(cli: Cli):
    done = cli("prompt", "a {fox|owl __nope__ x", "--count", 3)
    lines = done.err.splitlines()
    assert [line.split(":")[0] for line in lines if not line.startswith(" ")] == ["warning", "warning"]
    for mark, token in (("^", "{"), ("^~~~~~~~", "__nope__")):
        (number,) = [n for n, line in enumerate(lines) if line.strip() == mark]
        assert lines[number - 1][lines[number].index("^") :].startswith(token)


def test_the_caret_is_right_in_a_long_line_of_wide_letters(cli: Cli):
    done = cli("prompt", "狐" * 200 + "{x" + "y" * 200)
    line, marks = done.err.splitlines()[-2:]
    before = line[: line.index("{")]
    assert len(marks) - 1 == sum(2 if letter == "狐" else 1 for letter in before)


def test_a_missing_wildcard_is_answered_with_the_name_most_like_it(cli: Cli, wildcards: Path):
    assert "Did you mean colors/warm?" in cli("prompt", "__colors/wram__", "--wildcards", wildcards).err
    assert "Did you mean" not in cli("prompt", "__zebra__", "--wildcards", wildcards).err


def test_a_diagnostic_of_a_value_does_not_point_into_the_template(cli: Cli, wildcards: Path):
    (wildcards / "bad.txt").write_text("a value with {a|b} and __nope__\n")
    done = cli("prompt", "one two three four five __bad__ six", "--wildcards", wildcards)
    assert "__nope__" in done.out
    assert "one two three" not in done.err


def test_the_seed_of_a_draw_nobody_chose_is_new_each_time(cli: Cli):
    seeds = {json.loads(cli("prompt", "a", "--json").out)["seed"] for _ in range(3)}
    assert len(seeds) == 3
