"""``gallery/export`` and ``gallery/import``: marks as JSON lines, by the SHA-256 of images."""

from __future__ import annotations

from pydantic import Field

from orchestrator_core.api.gallery_marks import marking_of
from orchestrator_core.api.gallery_place import opened
from orchestrator_core.api.models import Shown
from orchestrator_core.api.refusing import BASE_HEADERS, Refusal
from orchestrator_core.api.routing import Call
from orchestrator_core.api.wire import Answer

NDJSON = "application/x-ndjson"
TAKEN = (NDJSON, "application/jsonl", "application/x-jsonlines", "text/plain", "application/octet-stream")
MOST_LINES = 250_000  # a line that says something has some 70 bytes
_MOST_TOLD = 100  # lines that were not taken
_AS_A_FILE = {"Content-Disposition": 'attachment; filename="marks.jsonl"'}


class ImportedShown(Shown):
    """A line that cannot be read is told, and the others are taken."""

    read: int = Field(description="Lines that were taken.")
    changed: int = Field(description="Images whose marks are others now.")
    waiting: int = Field(description="Of images that nobody has seen yet: they are there when the image comes.")
    refused: int = Field(description="Lines that were not taken.")
    problems: list[str] = Field(description="Why, of the first 100.")


def exported(call: Call) -> Answer:
    from orchestrator_core.gallery.exchange import exported as lines_of

    with opened(call) as gallery:
        body = "".join(line + "\n" for line in lines_of(marking_of(call, gallery)))
    return Answer(200, body.encode("utf-8", "replace"), NDJSON, {**BASE_HEADERS, **_AS_A_FILE})


def imported(call: Call) -> ImportedShown:
    from orchestrator_core.gallery.exchange import imported as take

    if call.body.count(b"\n") > MOST_LINES:
        raise Refusal(422, "too_many_lines", f"More than {MOST_LINES:,} lines are not taken at once.", "body")
    lines = call.body.decode("utf-8-sig", "replace").split("\n")
    with opened(call) as gallery:
        done = take(marking_of(call, gallery), lines)
    if done.changed:
        call.place.changed("marks")
    return ImportedShown(
        read=done.changed + done.same,
        changed=done.changed,
        waiting=done.waiting,
        refused=len(done.problems),
        problems=[problem[:500] for problem in done.problems[:_MOST_TOLD]],
    )
