"""orchestrator learn, mark, score: what was learned, as a person sees, changes, undoes and shares it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import update

from orchestrator_app.learning import open_ledger
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft
from orchestrator_core.request import GenerationRequest, ImageNotes
from orchestrator_core.run import Run, Score
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.store import Store, schema
from orchestrator_core.template import Wildcards
from orchestrator_core.vision.port import Fulfilment, Wanted
from orchestrator_core.weights.observation import Observation
from tests.app.conftest import Cli
from tests.core.generators.stand_in_forge import png
from tests.core.vision.tiny_tagger import write_tagger


def taught(count: int = 16) -> None:
    ledger = open_ledger()
    for number in range(count):
        color = "red" if number % 2 else "blue"
        choice = Choice(f"colors#{color}", "colors", options=2)
        value = 0.9 if color == "red" else 0.1
        score = Score(f"r{number}", "a.png", 0, "fulfilment", value, key=choice.key, scorer="x")
        ledger.learn(Run(f"r{number}", PromptDraft((Component(color, Origin.wildcard, (choice,)),)), scores=(score,)))


@pytest.fixture
def learned(cli: Cli, tmp_path: Path) -> Cli:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "colors.txt").write_text("red\nblue\n", encoding="utf-8")
    for change in (("on",), ("fast",), ("prefer", "colors")):
        assert cli("learn", *change).status == 0
    taught()
    return cli


def test_learning_is_off_until_a_person_switches_it_on(cli: Cli):
    taught()
    said = cli("learn", "status").out
    assert "Learning is off" in said
    assert "0 observations" in said


def test_prompts_are_drawn_by_the_learned_odds_where_that_is_asked_for(learned: Cli):
    drawn = learned("prompt", "__colors__", "--wildcards", "words", "--seed", 1, "--count", 30, "--learn", "--json").out
    drafts = [json.loads(line) for line in drawn.splitlines()]
    assert sum(draft["positive"] == "red" for draft in drafts) >= 25
    plain = learned("prompt", "__colors__", "--wildcards", "words", "--seed", 1, "--count", 30).out.split()
    assert plain.count("red") < 25


def test_where_the_ledger_cannot_be_read_prompts_are_drawn_without_it_and_that_is_said(learned: Cli):
    with Store.open() as store, store.writing() as connection:
        connection.execute(update(schema.learning_events).values(data="[]"))
    drawn = learned("prompt", "a {red|red} hat", "--seed", 1, "--count", 2, "--learn")
    assert drawn.status == 0
    assert drawn.out.split("\n")[:2] == ["a red hat"] * 2
    assert drawn.err.count("drawn without learned odds") == 1


def test_the_odds_are_shown_with_what_they_come_of(learned: Cli):
    said = learned("learn", "odds", "colors")
    assert said.status == 0
    assert said.out.index("red") < said.out.index("blue")
    assert learned("learn", "odds", "gone").status == 1


def test_what_is_not_known_is_told_with_what_is(learned: Cli):
    assert "Nothing was learned of gone, no profile, unknown model yet. Known are: colors." in (
        learned("learn", "odds", "gone").err
    )
    assert "Known are: colors." in learned("learn", "plot", "gone", "gone.svg").err
    assert "Images were seen of: no profile, unknown model." in learned("learn", "odds", "--genre", "noir").err
    assert "colors (prefers)" in learned("learn", "status").out
    learned("learn", "slot-off", "colors")
    assert "colors (off)" in learned("learn", "status").out


def test_who_has_learned_nothing_yet_is_told_how_to_begin(cli: Cli):
    for action in ("status", "odds", "effect"):
        assert "orchestrator score IMAGE --model FOLDER --record" in cli("learn", action).err


def test_a_slot_that_no_image_was_seen_of_may_be_set_and_is_told(learned: Cli):
    assert "No image was seen of colours yet" in learned("learn", "prefer", "colours").err
    assert learned("learn", "prefer", "colors").err == ""


def test_a_dry_run_shows_what_would_move_and_changes_nothing(learned: Cli):
    assert "→ 1.00×" in learned("learn", "reset", "--dry-run").out
    assert "16 observations" in learned("learn", "status").out


def test_what_was_set_can_be_undone_and_the_history_says_so(learned: Cli):
    assert "colors#red: pinned at 3.0×" in learned("learn", "pin", "colors#red", 3).out
    learned("learn", "undo")
    said = learned("learn", "history").out.splitlines()
    assert "back to moment" in said[0]
    assert "(undone)" in said[1]


def test_a_slot_is_switched_off_and_on_again(learned: Cli):
    moved = open_ledger().odds("||").multipliers
    assert "→ 1.00×" in learned("learn", "slot-off", "colors", "--dry-run").out
    learned("learn", "slot-off", "colors")
    assert open_ledger().odds("||").multipliers == {}
    learned("learn", "slot-on", "colors")
    assert open_ledger().odds("||").multipliers == moved != {}


def test_a_moment_that_is_not_there_is_told_in_a_line(learned: Cli):
    assert (learned("learn", "undo", 999).status, learned("learn", "value-off", "").status) == (2, 2)


def test_what_was_learned_goes_into_a_file_and_back_and_counts_once(learned: Cli):
    assert learned("learn", "export", "all.json").status == 0
    before = open_ledger().odds("||").multipliers
    learned("learn", "import", "all.json")
    learned("learn", "pin", "colors#red", 1)
    assert "nothing of all.json is new" in learned("learn", "import", "all.json").out
    learned("learn", "unpin", "colors#red")
    assert open_ledger().odds("||").multipliers == before
    learned("learn", "reset")
    learned("learn", "import", "all.json")
    assert open_ledger().odds("||").multipliers == before


def test_a_poisoned_file_changes_nothing(learned: Cli, tmp_path: Path):
    number = open_ledger().number
    learned("learn", "export", "all.json")
    text = (tmp_path / "all.json").read_text("utf-8")
    (tmp_path / "bad.json").write_text(text.replace('"weight": 1.0', '"weight": NaN', 1), encoding="utf-8")
    found = learned("learn", "import", "bad.json")
    assert found.status == 2
    assert "weight" in found.err
    assert open_ledger().number == number


def test_what_the_wildcards_here_do_not_have_is_left_out_of_an_import(learned: Cli, tmp_path: Path):
    learned("learn", "export", "all.json")
    learned("learn", "reset")
    text = (tmp_path / "all.json").read_text("utf-8")
    (tmp_path / "ghosts.json").write_text(text.replace("colors#blue", "colors#ghost"), encoding="utf-8")
    found = learned("learn", "import", "ghosts.json", "--wildcards", "words")
    assert "colors#ghost" in found.err
    assert {one.key for one in open_ledger().state().observations} == {"colors#red"}
    number = open_ledger().number
    (tmp_path / "ghosts.json").write_text(text.replace("colors#", "colors#no "), encoding="utf-8")
    found = learned("learn", "import", "ghosts.json", "--wildcards", "words")
    assert (found.status, "Nothing of this file fits" in found.err) == (2, True)
    assert open_ledger().number == number


def test_a_table_and_a_plot_are_written(learned: Cli, tmp_path: Path):
    learned("learn", "csv", "all.csv")
    assert len((tmp_path / "all.csv").read_text("utf-8").splitlines()) == 17
    learned("learn", "csv", "--of", "values", "values.csv")
    assert len((tmp_path / "values.csv").read_text("utf-8").splitlines()) == 3
    learned("learn", "plot", "colors", "colors.svg")
    assert (tmp_path / "colors.svg").read_text("utf-8").startswith("<svg")
    assert learned("learn", "plot", "gone", "gone.svg").status == 1
    learned("learn", "plot", "slots.svg")
    assert "all together" in (tmp_path / "slots.svg").read_text("utf-8")


def test_what_learned_odds_have_brought_and_which_values_go_together_is_told(cli: Cli):
    assert (cli("learn", "effect").status, cli("learn", "pairs").status) == (1, 1)
    cli("learn", "on")
    chance = random.Random(2)
    told = []
    for number in range(120):
        drawn = {"color": chance.choice(["red", "blue", "gold"]), "shape": chance.choice(["star", "ring", "disc"])}
        value = -3.0 if drawn == {"color": "red", "shape": "star"} else chance.uniform(2.0, 4.0)
        told += [
            Observation(f"r{number}", "a", "||", slot, f"{slot}#{name}", value, scorer="x", steered=number >= 60)
            for slot, name in drawn.items()
        ]
    open_ledger().observe(told)
    said = cli("learn", "effect").out
    assert "of 60" in said
    assert "no profile" in said
    (line,) = [line for line in cli("learn", "pairs").out.splitlines() if "red + star" in line]
    assert "worse" in line


def image_of(template: str, path: Path) -> str:
    """Writes it; the key of what was drawn."""
    draft = generate(Options(template=template, seed=7), Wildcards([path.parent / "words"]))
    request, notes = GenerationRequest(draft.positive, seed=7), ImageNotes("r99", template)
    path.write_bytes(png(format_infotext(request, notes)))
    return next(part.choices[0].key for part in draft.components if part.choices)


def test_a_mark_is_told_to_the_values_of_an_image(learned: Cli, tmp_path: Path):
    key = image_of("a __colors__ star", tmp_path / "one.png")
    said = learned("mark", "one.png", "favourite", "--wildcards", "words")
    assert (said.status, "learned for 1 value" in said.out) == (0, True)
    assert "counts for once learning is on" not in said.out
    learned("learn", "off")
    assert "counts for once learning is on" in learned("mark", "one.png", "favourite", "--wildcards", "words").out
    marked = [one for one in open_ledger().state().observations if one.kind == "mark"]
    assert [(one.key, one.image, one.value > 0) for one in marked] == [(key, "one.png", True)]


def test_a_mark_that_is_taken_away_is_not_told_as_learned(learned: Cli, tmp_path: Path):
    image_of("a __colors__ star", tmp_path / "one.png")
    learned("mark", "one.png", "favourite", "--wildcards", "words")
    said = learned("mark", "one.png", "none", "--wildcards", "words").out
    assert "taken away, and count no more for 1 value." in said


def test_it_is_told_why_nothing_can_be_learned_from_an_image(
    learned: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("orchestrator_app.commands.score._scorer", lambda arguments: Half())
    image_of("a __colors__ star", tmp_path / "one.png")
    for command in (("mark", "one.png", "favourite"), ("score", "one.png", "--model", "tiny", "--record")):
        found = learned(*command)  # without the folder of its wildcards
        assert "--wildcards FOLDER" in found.out + found.err


def test_it_is_told_what_a_score_was_good_for(learned: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orchestrator_app.commands.score._scorer", lambda arguments: Half())
    image_of("a __colors__ star", tmp_path / "one.png")
    command = ("score", "one.png", "--model", "tiny", "--wildcards", "words", "--record")
    assert "The scores of 1 image were kept; 1 were learned." in learned(*command).err
    learned("learn", "report", "colors")
    assert "move nothing before you say: orchestrator learn prefer SLOT" in learned(*command).err
    assert "nothing was learned, as asked" in learned(*command, "--no-learn").err
    learned("learn", "off")
    assert "orchestrator learn on" in learned(*command).err


def test_what_a_scorer_cannot_see_is_among_the_parts_with_the_reason(
    learned: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("orchestrator_app.commands.score._scorer", lambda arguments: Half())
    image_of("a __colors__ star, two foxes, masterpiece", tmp_path / "one.png")
    said = learned("score", "one.png", "--model", "tiny", "--wildcards", "words").out
    assert "not measured" in next(line for line in said.splitlines() if line.startswith("two foxes"))
    assert "masterpiece" not in said


def test_an_image_without_a_prompt_is_told_in_a_line(learned: Cli, tmp_path: Path):
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    found = learned("mark", "plain.png", "favourite")
    assert found.status == 2
    assert "nothing of a prompt" in found.err


class Half:
    """A Scorer."""

    identity = "half:1"

    def score(self, images: Sequence[Any], wanted: Sequence[Wanted], is_cancelled: Any = None) -> list[Any]:
        return [[self._of(each) for each in wanted] for _ in images]

    def _of(self, wanted: Wanted) -> Fulfilment:
        if wanted.measure in ("unscored", "unmeasurable"):
            return Fulfilment.unmeasured(wanted, wanted.reason)
        return Fulfilment(wanted, 0.5, 0.3, 0.7, None, bool(wanted.key))


def test_images_are_scored_part_by_part_and_learned_from_where_that_is_asked_for(
    learned: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("orchestrator_app.commands.score._scorer", lambda arguments: Half())
    key = image_of("a __colors__ star", tmp_path / "one.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    images = ("one.png", "plain.png", "--model", "tiny", "--wildcards", "words")
    found = learned("score", *images, "--json")
    assert (found.status, "plain.png" in found.err) == (1, True)
    assert [score["key"] for score in json.loads(found.out)["scores"] if score["key"]] == [key]
    number = open_ledger().number
    assert f"{key[7:]} star" in learned("score", *images, "--record").out
    assert open_ledger().number == number + 1
    with Store.open() as store:
        assert store.load_run("r99").scores


def test_what_is_missing_and_unasked_is_told_of_an_image_and_kept_without_being_learned(learned: Cli, tmp_path: Path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    image_of("a __colors__ star", tmp_path / "one.png")
    write_tagger(tmp_path / "tagger")
    common = ("score", "one.png", "--model", "tagger", "--wildcards", "words", "--compare", "tagger")
    number = open_ledger().number
    found = learned(*common, "--record", "--no-learn")
    assert found.status == 0
    assert "unasked: 1girl 95%" in found.out
    assert open_ledger().number == number
    with Store.open() as store:
        assert any(score.metric == "compared:unasked" for score in store.load_run("r99").scores)
    failed = learned(*common, "--whole")
    assert (failed.status, "choose a CLIP or SigLIP model" in failed.err) == (1, True)
    assert "unasked" in failed.out


def test_without_a_model_it_is_said_what_to_give(cli: Cli, tmp_path: Path):
    (tmp_path / "one.png").write_bytes(b"x")
    assert "--model FOLDER, or --url" in cli("score", "one.png").err
