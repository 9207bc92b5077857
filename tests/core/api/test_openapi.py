"""docs/openapi.json: what the routes' models say, as a file that programs are made from.

``ORCHESTRATOR_WRITE_DOCS=1 pytest tests/core/api/test_openapi.py`` writes it anew.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from orchestrator_core.api.openapi import document
from orchestrator_core.api.routes import ROUTES
from orchestrator_core.api.wire import PREFIX

DOCS = Path(__file__).parents[3] / "docs"
FILE = DOCS / "openapi.json"


def test_the_file_is_what_the_models_say():
    if os.environ.get("ORCHESTRATOR_WRITE_DOCS"):
        FILE.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert json.loads(FILE.read_text("utf-8")) == document()


def test_every_reference_leads_somewhere():
    told = document()
    names = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(told)))
    assert names == names & told["components"]["schemas"].keys()


def test_each_operation_has_an_id_of_its_own():
    found = [operation["operationId"] for path in document()["paths"].values() for operation in path.values()]
    assert len(found) == len(set(found)) == len(ROUTES)


def test_the_page_names_every_path():
    page = (DOCS / "api.md").read_text("utf-8")
    for path in document()["paths"]:
        last = path.removeprefix(PREFIX).rpartition("/")[2]
        assert last in page, path
