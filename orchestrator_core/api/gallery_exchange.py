"""``gallery/export`` and ``gallery/import``: marks as JSON lines, by the SHA-256 of images."""

from __future__ import annotations

from pydantic import Field

from orchestrator_core.api.gallery_marks import marking_of
from orchestrator_core.api.gallery_place import opened
from orchestrator_core.api.models import Shown
from orchestrator_core.api.place import OpenStore
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
    with opened(call):  # … says before the lines begin that a store cannot be opened
        pass
    return Answer(200, b"", NDJSON, {**BASE_HEADERS, **_AS_A_FILE}, stream=Lines(call.place.open_store))


class Lines:
    """An EventStream of all lines, some at a time, so that no more of them are in memory. Where the store fails on the
    way it raises: the server breaks off, and nobody takes what came for all."""

    pause_s = 0.0

    def __init__(self, open_store: OpenStore) -> None:
        self._open_store = open_store
        self._since: int | None = 0

    def poll(self) -> bytes | None:
        from orchestrator_core.gallery.exchange import exported_after

        if self._since is None:
            return None
        with self._open_store() as store:
            lines, self._since = exported_after(store, self._since)
        return "".join(line + "\n" for line in lines).encode("utf-8", "replace")

    def close(self) -> None:
        self._since = None


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
