"""The bundled subgraph blueprints: what a ComfyUI that reads them asks of their form."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.blueprints import BLUEPRINTS, Blueprint, build
from orchestrator_app.example_workflows import as_text
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.sharing import Host, share_workflow
from orchestrator_core.formats.sharing_nodes import OUR_NODES, WILDCARD_PROMPT
from orchestrator_core.template import Template, Wildcards
from tests.core.formats.test_sharing import check_links

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "subgraphs"

every_blueprint = pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda blueprint: blueprint.name)


def content(blueprint: Blueprint) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{blueprint.name}.json").read_text("utf-8")))


def definition(blueprint: Blueprint) -> dict[str, Any]:
    (found,) = content(blueprint)["definitions"]["subgraphs"]
    return dict(found)


def test_the_folder_holds_a_file_for_each_and_nothing_else():
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(blueprint.name for blueprint in BLUEPRINTS)


@every_blueprint
def test_the_committed_file_is_what_is_built_today(blueprint: Blueprint):
    text = (FOLDER / f"{blueprint.name}.json").read_text("utf-8")
    assert text == as_text(build(blueprint)), "write it anew: python -m orchestrator_app.blueprints"


@every_blueprint
def test_it_is_a_workflow_of_one_node_whose_type_it_defines(blueprint: Blueprint):
    found = content(blueprint)
    (node,) = found["nodes"]
    inner = definition(blueprint)
    assert node["type"] == inner["id"] == str(uuid.UUID(inner["id"]))
    assert node["title"] == inner["name"] == blueprint.name
    for side in ("inputs", "outputs"):
        ends = [(end["name"], end["type"]) for end in inner[side]]
        assert [(slot["name"], slot["type"]) for slot in node[side]] == ends
        assert len({end["id"] for end in inner[side]}) == len(ends)
    assert found["extra"]["BlueprintDescription"] == blueprint.description


@every_blueprint
def test_its_links_are_the_same_in_all_places_that_keep_them(blueprint: Blueprint):
    check_links(content(blueprint))
    inner = definition(blueprint)
    for side, end, slot in (("inputs", "origin_id", "origin_slot"), ("outputs", "target_id", "target_slot")):
        number = -10 if side == "inputs" else -20
        for position, own in enumerate(inner[side]):
            links = [link for link in inner["links"] if link[end] == number and link[slot] == position]
            assert links
            assert own["linkIds"] == [link["id"] for link in links]
            assert {link["type"] for link in links} == {own["type"]}
    assert inner["state"]["lastLinkId"] == max(link["id"] for link in inner["links"])


@every_blueprint
def test_the_widgets_that_it_shows_are_those_of_inner_nodes(blueprint: Blueprint):
    (node,) = content(blueprint)["nodes"]
    graph = graph_from_workflow(content(blueprint), OUR_NODES)
    for key, name in node["properties"]["proxyWidgets"]:
        assert name in graph[f"100:{key}"]["inputs"]


@every_blueprint
def test_nothing_in_it_would_be_taken_out_when_shared(blueprint: Blueprint):
    shared = share_workflow(content(blueprint), "live", host=Host(OUR_NODES, names=()))
    assert [line for line in shared.taken_out if "extra.Blueprint" not in line] == []
    assert not re.search(
        r"/(root|home|users|tmp)/|localhost|127\.", (FOLDER / f"{blueprint.name}.json").read_text("utf-8")
    )


def test_the_template_to_begin_with_draws_from_the_bundled_wildcards():
    values = next(node["inputs"] for node in BLUEPRINTS[0].graph.values() if node["class_type"] == WILDCARD_PROMPT)
    draft = Template(values["template"]).draw(Wildcards([ROOT / "wildcards"]), seed=1)
    assert draft.diagnostics == ()
    assert "__" not in draft.positive
