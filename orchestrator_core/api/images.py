"""``images``: what the store lists, their files, and what people say of them. A path never comes from who asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from orchestrator_core.api.files import image_type
from orchestrator_core.api.image_models import ImageList, ImageShown, LoraShown, Marked, MarksShown, ScoreShown
from orchestrator_core.api.models import fields_of, time_of
from orchestrator_core.api.refusing import BASE_HEADERS, Refusal
from orchestrator_core.api.routing import Call
from orchestrator_core.api.wire import PREFIX, Answer
from orchestrator_core.run import Run, Score
from orchestrator_core.weights.marking import Marks

if TYPE_CHECKING:
    from orchestrator_core.store import Store, StoredImage
    from orchestrator_core.store.image_pages import Place
    from orchestrator_core.store.marks import StoredMarks


def listed(call: Call) -> ImageList:
    from orchestrator_core.store import image_pages

    asked = call.query
    after = place_in(asked.after) if asked.after else None
    with call.place.open_store() as store:
        with store.reading() as connection:
            rows = image_pages.page(connection, asked.limit + 1, after, asked.text, asked.run)
        shown = _shown(store, rows[: asked.limit])
    return ImageList(images=shown, next=shown[-1].id if len(rows) > asked.limit else None)


def one(call: Call) -> ImageShown:
    with call.place.open_store() as store:
        return _found(store, call)[0]


def file(call: Call) -> Answer:
    """Its bytes, with the type that they have, whatever the file is called."""
    with call.place.open_store() as store:
        image = _found(store, call)[0]
    path = Path(image.path)
    try:
        kind = image_type(path)
    except (OSError, ValueError):
        raise Refusal(404, "no_file", f"The file of {image.name[:200]} is not there any more.") from None
    if not kind:
        raise Refusal(404, "no_image_file", f"{image.name[:200]} is no image any more.")
    return Answer(200, content_type=kind, headers={**BASE_HEADERS, "Content-Disposition": "inline"}, file=path)


def mark(call: Call) -> Marked:
    """As ``orchestrator mark`` does it, so that it teaches."""
    ledger = call.place.ledger
    if ledger is None:
        raise Refusal(501, "no_learning", "Nothing is learned here, so there is nowhere to keep a mark.")
    asked = call.body
    with call.place.open_store() as store:
        image, run = _found(store, call)
    only = tuple(one for one in run.images if one.path.name == image.name)
    marks = Marks(asked.favourite, asked.stars, asked.reject)
    count = ledger.mark(run.replacing(images=only[-1:], scores=()), image.name, marks)
    call.place.changed("marks")
    shown = MarksShown(favourite=marks.favourite, reject=marks.reject, stars=marks.stars)
    return Marked(marks=shown, observations=count, is_learning=ledger.settings.on)


def images_of_run(store: Store, run_id: str) -> list[ImageShown]:
    """Those that it made, the first one first; [] where the run is not stored."""
    from orchestrator_core.store import image_pages

    with store.reading() as connection:
        rows = image_pages.page(connection, 1_000, run_id=run_id)
    return _shown(store, rows[::-1])


def place_in(image_id: str) -> Place:
    """Raises Refusal for what is no image's id."""
    run_id, dot, number = image_id.rpartition(".")
    if not dot or not run_id or not number.isascii() or not number.isdecimal() or len(number) > 9:
        raise Refusal(404, "no_such_image", f"There is no image {image_id[:100]!r}: it is RUN.NUMBER.")
    return run_id, int(number)


def _found(store: Store, call: Call) -> tuple[ImageShown, Run]:
    from orchestrator_core.store import image_pages

    name = call.names["image"]
    place = place_in(name)
    with store.reading() as connection:
        row = image_pages.one(connection, place)
    if row is None:
        raise Refusal(
            404, "no_such_image", f"There is no image {name[:100]!r}. GET /images lists those that there are."
        )
    return _shown(store, [row])[0], store.load_run(place[0])


def _shown(store: Store, rows: Sequence[Mapping[Any, Any]]) -> list[ImageShown]:
    """With one look at each run that they are of."""
    from orchestrator_core.store.marks import ImageMarks, StoredMarks
    from orchestrator_core.store.rows import stored_image

    runs = {run_id: store.load_run(run_id) for run_id in dict.fromkeys(row["run_id"] for row in rows)}
    marks = {run_id: ImageMarks(store).of_run(run_id) for run_id in runs}
    found = []
    for row in rows:
        image = stored_image(row)
        said = marks[image.run_id].get(image.image.path.name, StoredMarks())
        found.append(_image_shown(image, runs[image.run_id], said, row["created_ms"]))
    return found


def _image_shown(stored: StoredImage, run: Run, marks: StoredMarks, created_ms: int) -> ImageShown:
    path, request, source = stored.image.path, stored.image.request, run.draft.source
    image_id = f"{stored.run_id}.{stored.index}"
    same = ("positive", "negative", "seed", "checkpoint", "sampler", "scheduler", "steps", "cfg")
    return ImageShown(
        id=image_id,
        run_id=stored.run_id,
        name=path.name,
        path=str(path),
        file=f"{PREFIX}/images/{quote(image_id, safe='')}/file",
        is_there=_is_file(path),
        width=stored.width,
        height=stored.height,
        sha256=stored.sha256,
        created=time_of(created_ms),
        template=source.template,
        negative_template=source.negative,
        loras=[LoraShown.model_validate(fields_of(lora)) for lora in request.loras],
        scores=[_score_shown(score) for score in _scores_of(run, path.name)],
        marks=MarksShown(favourite=marks.favourite, reject=marks.reject, stars=marks.stars),
        **{name: getattr(request, name) for name in same},
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _scores_of(run: Run, name: str) -> Iterable[Score]:
    return (score for score in run.scores if score.image == name)


def _score_shown(score: Score) -> ScoreShown:
    numbers = {name: _number(getattr(score, name)) for name in ("value", "low", "high")}
    kept = {name: getattr(score, name) for name in ("metric", "component", "key", "text", "scorer")}
    return ScoreShown.model_validate({**kept, **numbers})


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if value - value == 0 else None
