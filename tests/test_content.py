"""The bundled wildcards and example templates: nothing broken, nothing twice, and every sentence of them reads well."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GenerationRequest
from orchestrator_core.template import Template, Wildcards

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "wildcards"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
HEADED = [path for path in FILES if path.suffix != ".json"]  # JSON has no comments
EXAMPLES = sorted((ROOT / "orchestrator_app" / "examples").glob("*.yaml"))
GUIDE = ROOT / "docs" / "wildcards.md"

REFERENCE = re.compile(r"__([\w\-/.*]+?)__")
SYNTAX_LEFT_OVER = re.compile(r"__|[{}$|]|::")
# English goes by sound: "a unicorn", "an hour"
WRONG_ARTICLE = re.compile(
    r"\ba (?=[aeiou])(?!uni|eu|onc?e\b|use|util)|\ban (?![aeiou]|A-line|heir|hour|1[18]\b)", re.I
)
MESSY_SPACES = re.compile(r"^\s|\s$|\s\s|\s[,.]|,(?=\S)|,\s*,|\n")


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def bundled() -> Wildcards:
    return Wildcards([FOLDER])


@cache
def names() -> tuple[str, ...]:
    return tuple(bundled().names())


def texts(name: str) -> list[str]:
    values = bundled().values(name)
    assert values is not None, f"nothing behind __{name}__"
    return [value.text for value in values]


def example(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text("utf-8")))


def header(path: Path) -> str:
    return path.read_text("utf-8").splitlines()[0]


def check_reads_well(draft: PromptDraft) -> None:
    assert draft.diagnostics == ()
    for text in (draft.positive, draft.negative_prompt):
        for fault in (SYNTAX_LEFT_OVER, WRONG_ARTICLE, MESSY_SPACES):
            assert not fault.search(text), f"{fault.search(text)} in {text!r}"


def test_there_are_enough_files_of_every_format() -> None:
    assert len(FILES) >= 40
    assert {path.suffix for path in FILES} == {".txt", ".yaml", ".json"}


def test_every_file_is_read_without_a_problem_or_a_hidden_name() -> None:
    assert bundled().check() == []
    assert bundled().shadowed() == []


@pytest.mark.parametrize("path", FILES + EXAMPLES, ids=short)
def test_file_is_clean_utf8(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    assert not text.startswith("\ufeff")
    assert "\t" not in text
    assert text.endswith("\n")
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("path", FILES, ids=short)
def test_names_are_lower_case_without_spaces(path: Path) -> None:
    assert re.fullmatch(r"[a-z0-9/-]+\.(txt|yaml|json)", path.relative_to(FOLDER).as_posix())


@pytest.mark.parametrize("path", HEADED, ids=short)
def test_header_shows_an_example_that_uses_the_file_and_reads_well(path: Path) -> None:
    match = re.fullmatch(r"# .+\. Example: (.+)", header(path))
    assert match, header(path)
    own_name = path.relative_to(FOLDER).with_suffix("").as_posix()
    assert any(name == own_name or name.startswith(own_name + "/") for name in REFERENCE.findall(match[1]))
    for seed in range(100):
        check_reads_well(Template(match[1]).draw(bundled(), seed=seed))


@pytest.mark.parametrize("path", [path for path in HEADED if 'fits after "a"' in header(path)], ids=short)
def test_values_that_follow_an_article_begin_with_a_consonant(path: Path) -> None:
    own_name = path.relative_to(FOLDER).with_suffix("").as_posix()
    own = [name for name in names() if name == own_name or name.startswith(own_name + "/")]
    for name in own:
        wrong = [text for text in texts(name) if WRONG_ARTICLE.search(f"a {text}")]
        assert wrong == [], name


@pytest.mark.parametrize("name", names())
def test_no_value_is_there_twice(name: str) -> None:
    folded = [text.casefold() for text in texts(name)]
    assert sorted(folded) == sorted(set(folded))


@pytest.mark.parametrize("name", names())
def test_every_reference_leads_to_a_wildcard(name: str) -> None:
    used = {reference for text in texts(name) for reference in REFERENCE.findall(text)}
    assert used - set(names()) == set()


@pytest.mark.parametrize("name", names())
def test_every_wildcard_draws_without_a_diagnostic(name: str) -> None:
    template = Template(f"__{name}__")
    for seed in range(60):
        check_reads_well(template.draw(bundled(), seed=seed))


@pytest.mark.parametrize("path", EXAMPLES, ids=short)
def test_example_template_has_its_fields_and_a_renderable_request(path: Path) -> None:
    content = example(path)
    assert set(content) == {"name", "description", "template", "negative", "settings"}
    assert content["name"] == path.stem
    assert set(content["settings"]) <= {field.name for field in fields(GenerationRequest)}
    request = GenerationRequest(positive="", **content["settings"])
    assert request.width % 64 == 0
    assert request.height % 64 == 0


def test_the_examples_are_there() -> None:
    assert [path.stem for path in EXAMPLES] == ["landscape", "portrait", "quick"]


@pytest.mark.parametrize("path", EXAMPLES, ids=short)
def test_example_template_draws_200_clean_and_different_prompts(path: Path) -> None:
    content = example(path)
    template = Template(content["template"], negative=content["negative"])
    assert template.diagnostics == ()
    drafts = [template.draw(bundled(), seed=seed) for seed in range(200)]
    for draft in drafts:
        check_reads_well(draft)
        assert draft.negative_prompt
    assert len({draft.positive for draft in drafts}) > 190


def test_portrait_keeps_the_other_seasons_out_through_the_negative_prompt() -> None:
    content = example(ROOT / "orchestrator_app" / "examples" / "portrait.yaml")
    template = Template(content["template"], negative=content["negative"])
    seen = set()
    for seed in range(60):
        draft = template.draw(bundled(), seed=seed)
        (season,) = set(re.findall(r"(spring|summer|autumn|winter) day", draft.positive))
        seen.add(season)
        assert any(text in draft.negative_prompt for text in texts(f"negative/season/{season}"))
    assert seen == {"spring", "summer", "autumn", "winter"}


def test_rare_values_are_rare() -> None:
    template = Template("__nature/weather__")
    drawn = [template.draw(bundled(), seed=seed).positive for seed in range(1000)]
    assert drawn.count("total solar eclipse") < 15 < drawn.count("clear sky")


def test_the_guide_names_every_bundled_file() -> None:
    guide = GUIDE.read_text("utf-8")
    missing = [short(path) for path in FILES if f"`{path.relative_to(FOLDER).as_posix()}`" not in guide]
    assert missing == []
