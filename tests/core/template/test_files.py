import codecs
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core.template import Template, Wildcards
from orchestrator_core.template.structured import Unreadable, read_structured
from tests.core.template.engine import drawn, outcomes, wildcards_in


def texts(wildcards: Wildcards, name: str) -> list[str]:
    return [value.text for value in wildcards.values(name) or ()]


@pytest.mark.parametrize(
    "data",
    [
        "Müller\nrouge".encode(),
        codecs.BOM_UTF8 + "Müller\nrouge".encode(),
        "Müller\nrouge".encode("utf-16"),
        "Müller\nrouge".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "Müller\nrouge".encode("utf-16-be"),
        "Müller\nrouge".encode("cp1252"),
        "Müller\r\nrouge\r\n".encode(),
        "Müller\rrouge\r".encode(),
        "\n\n  Müller  \n# remark\nrouge\n\n".encode(),
    ],
)
def test_text_is_read_in_whatever_encoding_it_was_left(tmp_path: Path, data: bytes) -> None:
    assert texts(wildcards_in(tmp_path, {"a.txt": data}), "a") == ["Müller", "rouge"]


def test_a_large_file_reads_as_a_small_one_does(tmp_path: Path) -> None:
    lines = [f"line {n}" if n % 7 else ("" if n % 2 else "# no") for n in range(60_000)]
    wildcards = wildcards_in(tmp_path, {"big.txt": "\n".join(lines)})
    expected = [line for line in lines if line.startswith("line")]
    assert texts(wildcards, "big") == expected
    values = list(wildcards.values("big") or ())
    assert all(lines[value.line - 1] == value.text for value in values[::997])


@settings(max_examples=100)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    for suffix in (".txt", ".yaml", ".json"):
        (folder / f"a{suffix}").write_bytes(data)
        wildcards = Wildcards([folder])
        Template("__*__ {2$$__a__}").draw(wildcards, 0)
        wildcards.check()
        (folder / f"a{suffix}").unlink()


YAML = """
top:
  list: [red, 2::amber, {text: gold, weight: 3}, 007, yes, 1.50]
  single: just one
  nested:
    deep: [x]
  empty: []
  nothing:
  labelled:
    - {text: cat, labels: [small, Soft]}
    - "'soft' dog"
    - "'soft'2::wolf"
  anonymous: [a, [b, c]]
  conditional:
    - {text: sun, if: season eq 'summer'}
    - 2 if season eq 'winter'::snow
    - rain
  including: ["%0.5::include top/list", other]
  counted:
    - {count: 2, separator: "/", prefix: "(", suffix: ")"}
    - p
    - q
Cats: {Tags: [animal, pet], Prompts: [tabby, siamese]}
"""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Wildcards:
    return wildcards_in(tmp_path_factory.mktemp("yaml"), {"pack.yaml": YAML, "deep/list.yaml": "[one, two]"})


def test_the_path_in_a_file_is_the_name(pack: Wildcards) -> None:
    assert pack.names() == [
        "Cats", "deep/list", "top/anonymous", "top/conditional", "top/counted", "top/including", "top/labelled",
        "top/list", "top/nested/deep", "top/single",
    ]  # fmt: skip


def test_scalars_are_the_text_that_is_written(pack: Wildcards) -> None:
    found = [(value.text, value.weight) for value in pack.values("top/list") or ()]
    assert found == [("red", 1), ("amber", 2), ("gold", 3), ("007", 1), ("yes", 1), ("1.50", 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("__top/single__", {"just one"}),
        ("__top/anonymous__", {"a", "b", "c"}),
        ("__top/labelled'soft'__", {"cat", "wolf"}),
        ("__top/labelled'small+soft'__", {"cat"}),
        ("__top/labelled'0,2'__", {"cat", "wolf"}),
        ("__top/counted__", {"(p/q)", "(q/p)"}),
        ("${season=winter}__top/conditional__", {"snow", "rain"}),
        ("${season=summer}__top/conditional__", {"sun", "rain"}),
        ("__top/including__", {"red", "amber", "gold", "007", "yes", "1.50", "other"}),
        ("__Cats'pet'__", {"tabby", "siamese"}),
    ],
)
def test_entries_of_every_form_are_drawn(pack: Wildcards, text: str, expected: set[str]) -> None:
    assert outcomes(text, pack, draws=600) == expected


def test_the_key_of_an_included_value_is_that_of_the_wildcard_that_defines_it(pack: Wildcards) -> None:
    keys = {Template("__top/including__").draw(pack, s).components[0].choices[0].key for s in range(200)}
    assert {"top/list#red", "top/including#other"} <= keys


def test_a_misspelt_field_costs_the_value_nothing_and_is_reported(tmp_path: Path) -> None:
    content = "a:\n  - {text: stag, weight: 3, lables: [x]}\n  - fox\n"
    wildcards = wildcards_in(tmp_path, {"p.yaml": content})
    assert [(value.text, value.weight) for value in wildcards.values("a") or ()] == [("stag", 3), ("fox", 1)]
    assert wildcards.names() == ["a"]
    (problem,) = wildcards.check()
    assert (problem.line, "lables" in problem.message) == (2, True)


def test_a_list_that_was_given_no_quotes_is_a_variant(tmp_path: Path) -> None:
    assert outcomes("__a__", wildcards_in(tmp_path, {"p.yaml": "a:\n  - {x|y}\n"})) == {"x", "y"}


def test_json_reads_as_yaml_does(tmp_path: Path) -> None:
    content = '{"top": {"list": ["red", "2::amber", 7, true, null, {"text": "gold", "weight": 3}]}}'
    found = [(v.text, v.weight) for v in wildcards_in(tmp_path, {"p.json": content}).values("top/list") or ()]
    assert found == [("red", 1), ("amber", 2), ("7", 1), ("true", 1), ("gold", 3)]


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        "a: &a [*a]",
        "[" * 5000,
        "a: !!python/object/apply:os.system ['true']\n  b",
        "\t- x",
        "a: [1",
        "- &x {<<: *x}",
    ],
)
def test_yaml_that_would_do_harm_is_refused_in_one_line(content: str) -> None:
    with pytest.raises(Unreadable) as error:
        read_structured(content, ".yaml", "p")
    assert "\n" not in str(error.value)


def test_a_tag_in_yaml_makes_no_object(tmp_path: Path) -> None:
    marker = tmp_path / "made"
    content = f"a: [!!python/object/apply:pathlib.Path.touch ['{marker}'], fine]\n"
    assert drawn("__a__", wildcards_in(tmp_path, {"p.yaml": content}), 1) in ("fine", str(marker))
    assert not marker.exists()


@pytest.mark.parametrize("content", ["[" * 5000, '{"a": NaN', "{'a': 1}", '"unclosed'])
def test_json_that_is_none_is_refused_in_one_line(content: str) -> None:
    with pytest.raises(Unreadable) as error:
        read_structured(content, ".json", "p")
    assert "\n" not in str(error.value)
