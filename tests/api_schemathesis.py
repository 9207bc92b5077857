"""schemathesis against a server of the API: whether it does what its description promises, and refuses the rest.

``check_all(api)`` asks each operation with data that the description allows, and with data that it does not. Streams
are left out, as they do not end. A module with a fixture ``api`` calls it in a test of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from orchestrator_core.api.wire import PREFIX
from tests.api_client import ApiServer

LINE = 8_000  # characters of an address; ComfyUI's server itself refuses a little more, before anybody sees it
STREAMS = re.compile(r"/events$")
# What a description in JSON Schema cannot say: which names there are, what a condition is, which stages need others.
UNSAID = re.compile(r"pipeline|run|rerolls|Idempotency-Key|query|jobs\.\d+\.(pipeline|run)")


def check_all(api: ApiServer, most: int = 4) -> None:
    """Raises what it finds: all of an operation, and of the first that has any."""
    schemathesis = pytest.importorskip("schemathesis")
    import requests

    document = api.get("/openapi.json")
    schema = schemathesis.openapi.from_dict(document)
    job = api.add(title="of schemathesis")
    with requests.Session() as session:
        session.headers.update(api.login)
        for operation in _operations(schema):
            known = {"job": job["id"]} if "{job}" in operation.path else None
            for mode in schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE:
                if mode.is_positive or _can_be_wrong(operation):
                    _ask(api, operation.as_strategy(mode, path_parameters=known), session, most)
    api.ask("POST", f"/jobs/{job['id']}/cancel", {})
    api.post("/queue/resume", {})


def _operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        operation = result.ok()
        if not STREAMS.search(operation.path):
            yield operation


def _can_be_wrong(operation: Any) -> bool:
    """Of one without a body and a query nothing can be sent that it does not allow."""
    return bool(operation.body or operation.query)


def _ask(api: ApiServer, cases: Any, session: Any, most: int) -> None:
    from schemathesis.checks import load_all_checks
    from schemathesis.specs.openapi import checks

    load_all_checks()
    base = api.url.removesuffix(PREFIX)

    @seed(7)  # the same at every run: what a longer search finds becomes a test of its own
    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(case=cases)
    def ask(case: Any) -> None:
        answer = case.call(base_url=base, session=session)
        if not api.is_first and len(answer.request.url) > LINE:
            return
        left_out = [checks.positive_data_acceptance] if _is_unsaid(answer) else []
        case.validate_response(answer, excluded_checks=left_out)

    ask()


def _is_unsaid(answer: Any) -> bool:
    if answer.status_code != 422:
        return False
    error = json.loads(answer.content)["error"]
    return error["code"] != "invalid" or UNSAID.match(error["where"]) is not None
