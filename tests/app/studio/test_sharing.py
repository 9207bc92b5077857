"""What is taken along of a result is what others can use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.sources import read_file
from orchestrator_app.studio import sharing
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.infotext import parse_infotext
from orchestrator_core.formats.sharing_nodes import OUR_NODES, WILDCARD_PROMPT
from orchestrator_core.pipeline import new_run
from orchestrator_core.prompt import PromptSource
from orchestrator_core.stages import dispatch
from orchestrator_core.stages.generate_prompt import Options, generate, options_from_widgets
from orchestrator_core.template import Template, Wildcards

RUN = new_run().replacing(draft=Template("a {crimson|crimson} fox", "{blurry|blurry}").draw(Wildcards([]), 7))
REQUEST = dispatch.request_for(RUN.draft, dispatch.Options(steps=9, checkpoint="folder/model.safetensors"))


def test_the_infotext_reads_back():
    found = parse_infotext(sharing.infotext(RUN, REQUEST))
    assert (found.request.positive, found.request.steps, found.notes.run_id) == ("a crimson fox", 9, RUN.id)


def test_the_workflow_renders_this_prompt_and_knows_its_run():
    found = json.loads(sharing.workflow(RUN, REQUEST).text)
    assert found["extra"]["orchestrator"]["run_id"] == RUN.id
    graph = graph_from_workflow(found, None)
    assert "a crimson fox" in {node["inputs"].get("text") for node in graph.values()}


def test_what_is_for_others_has_no_run_of_mine():
    for make, text in ((sharing.live, "a {crimson|crimson} fox"), (sharing.stock, "a crimson fox")):
        file = make(RUN, REQUEST)
        assert text in file.text
        assert RUN.id not in file.text


def prompt_widgets(file: sharing.File) -> dict[str, Any]:
    nodes = graph_from_workflow(json.loads(file.text), OUR_NODES).values()
    return next(node["inputs"] for node in nodes if node["class_type"] == WILDCARD_PROMPT)


def test_words_that_were_drawn_again_are_the_first_that_others_draw():
    template = Template("a {red|blue|green|grey} {fox|owl|hare|deer}")
    drawn = template.draw(Wildcards([]), 7, rerolls={template.slots[0].id: 2, template.slots[1].id: 3})
    assert drawn.positive != template.draw(Wildcards([]), 7).positive
    file = sharing.live(new_run().replacing(draft=drawn), dispatch.request_for(drawn, dispatch.Options()))
    assert generate(options_from_widgets(prompt_widgets(file)), Wildcards([])).positive == drawn.positive


@pytest.mark.parametrize(
    "how", [{"method": "cyclical"}, {"method": "combinatorial", "index": 4}, {"missing": "remove"}]
)
def test_others_draw_first_what_was_drawn_here_whatever_the_method(how: dict[str, Any]):
    drawn = generate(Options(template="a {red|blue|green} {fox|owl} __none__", seed=7, **how), Wildcards([]))
    file = sharing.live(new_run().replacing(draft=drawn), dispatch.request_for(drawn, dispatch.Options()))
    assert generate(options_from_widgets(prompt_widgets(file)), Wildcards([])) == drawn


def test_the_template_file_is_what_run_and_batch_read(tmp_path: Path):
    (tmp_path / "t.yaml").write_text(sharing.template(RUN, REQUEST).text)
    (wish,) = read_file(tmp_path / "t.yaml").wishes
    assert (wish.template, wish.negative, wish.settings["steps"]) == ("a {crimson|crimson} fox", "{blurry|blurry}", 9)


def test_the_template_file_of_a_finished_prompt_has_its_negative_too(tmp_path: Path):
    run = RUN.replacing(draft=RUN.draft.replacing(source=PromptSource()))
    (tmp_path / "t.yaml").write_text(sharing.template(run, REQUEST).text)
    (wish,) = read_file(tmp_path / "t.yaml").wishes
    assert (wish.template, wish.negative) == ("a crimson fox", "blurry")


@pytest.mark.parametrize("name", sharing.FILES)
def test_each_button_gives_a_file(name: str):
    label, make = sharing.FILES[name]
    assert label
    assert make(RUN, REQUEST).text
