"""``gallery/images/{image}/…``: a picture's words, what it taught, and the picture again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator_core.api import picture_models as shown
from orchestrator_core.api.gallery_place import drawing_of, image_named, opened
from orchestrator_core.api.job_models import JobsAdded, job_shown
from orchestrator_core.api.jobs import check_replay, key_of
from orchestrator_core.api.models import fields_of
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import Call, Created
from orchestrator_core.errors import GalleryError, OrchestratorError
from orchestrator_core.jobs.queue import Queue

if TYPE_CHECKING:
    from orchestrator_core.gallery.image_runs import ImageRun
    from orchestrator_core.gallery.model import GalleryImage
    from orchestrator_core.gallery.service import Gallery

_TITLES = {"comfyui": "ComfyUI", "forge": "Forge", "embedded": "This machine, without a host"}


def words(call: Call) -> shown.WordsShown:
    from orchestrator_core.gallery.words import words_of

    with _opened(call) as (gallery, image):
        found = _run_or_none(call, gallery, image)
    if found is None or not (found.is_stored or found.run.draft.source.template):
        return shown.WordsShown(words=[])
    told = words_of(found.run, image.prompt)
    odds = _odds(call, found)
    return shown.WordsShown(
        words=[shown.WordShown(**fields_of(word, "key"), times=odds.get(word.key)) for word in told]
    )


def _odds(call: Call, found: ImageRun) -> dict[str, float]:
    """The learned multipliers for a prompt like this one, where learning is on."""
    from orchestrator_core.weights.ledger import family_of

    ledger, source = call.place.ledger, found.run.draft.source
    if ledger is None:
        return {}
    try:
        return dict(ledger.odds(ledger.context_for(source.profiles, source.genre, family_of(found.run))).multipliers)
    except OrchestratorError:
        return {}


def taught(call: Call) -> shown.TaughtAll:
    from orchestrator_core.gallery.taught import taught_by

    ledger = call.place.ledger
    if ledger is None:
        return shown.TaughtAll(values=[], is_learning=False)
    with _opened(call) as (gallery, image):
        run = _run_or_none(call, gallery, image)
    if run is None:
        return shown.TaughtAll(values=[], is_learning=ledger.settings.on)
    found = taught_by(run, ledger, call.place.context())
    values = [shown.TaughtShown(**fields_of(value)) for value in found.values]
    return shown.TaughtAll(values=values, is_learning=found.is_learning, notice=found.notice)


def slots(call: Call) -> shown.SlotList:
    from orchestrator_core.gallery.again import prompt_of
    from orchestrator_core.gallery.varying import slots_of

    with _opened(call) as (gallery, image):
        run = _run_or_none(call, gallery, image)
    found = slots_of(prompt_of(run)) if run is not None else []
    return shown.SlotList(slots=[shown.SlotShown(slot=one.name, value=one.value) for one in found])


def again(call: Call) -> Created | JobsAdded:
    """201 with the jobs; 200 where they were there already under the key."""
    from orchestrator_core.gallery.again import Wanted, jobs_for, pipeline_of_run

    asked, key = call.body, key_of(call)
    with _opened(call) as (gallery, image):
        run = _run(call, gallery, image)
        pipeline = pipeline_of_run(gallery.store, run.run.id) if run.is_stored else None
        title = f"Again: {image.name}"[:500]
        wanted = Wanted(asked.vary or "", asked.seed, asked.count, asked.target or "", title, key)
        try:
            new = jobs_for(run, pipeline, wanted, drawing_of(call))
        except GalleryError as error:
            raise Refusal(422, "not_again", str(error), "vary" if asked.vary else "") from None
        if key:
            check_replay(gallery.store, key, len(new))
        added = Queue(gallery.store).add_all(new)
    fresh = sum(one.is_new for one in added)
    if fresh:
        call.place.changed("jobs")
    answer = JobsAdded(count=len(added), new=fresh, jobs=[job_shown(one.job) for one in added])
    return Created(answer, f"/jobs/{added[0].job.id}" if len(added) == 1 else "") if fresh else answer


def targets(call: Call) -> shown.TargetList:
    """Where this place renders itself, and whom workers of the same store render with now."""
    from orchestrator_core.store import job_lacks

    with call.place.open_store() as store, store.reading() as connection:
        lanes = job_lacks.living_lanes(connection)
    titles = {name: _TITLES.get(name, name) for name in call.place.targets() if name}
    for serves in (lane["serves"] for lane in lanes):
        kind = next((_TITLES[name] for name in serves if name in _TITLES), "")
        # An embedded generator's folder is of its machine, and nothing to choose by.
        own = {name: f"{kind} ({name.partition('//')[2]})".strip() for name in serves if "//" in name}
        titles |= own | {name: _TITLES[name] for name in serves if name in _TITLES}
    away = {name: _away([lane.get("away", "") for lane in lanes if name in lane["serves"]]) for name in titles}
    away[call.place.name] = ""  # a host that answers this is there, whether its own worker is awake or not
    found = [shown.TargetShown(name=name, title=title, away=away[name]) for name, title in titles.items()]
    return shown.TargetList(targets=found)


def _away(said: Sequence[str]) -> str:
    """Of a target whose lanes say this of their hosts: "" where one of them is there, or nobody knows."""
    return " ".join(dict.fromkeys(said))[:500] if all(said) else ""


def workflow(call: Call) -> shown.WorkflowShown:
    from orchestrator_core.gallery.workflows import workflow_of_image

    with _opened(call) as (gallery, image):
        found = workflow_of_image(gallery, image, drawing_of(call))
    return shown.WorkflowShown(workflow=found.workflow, source=found.source, warnings=list(found.told))


@contextmanager
def _opened(call: Call) -> Iterator[tuple[Gallery, GalleryImage]]:
    with opened(call) as gallery:
        yield gallery, image_named(gallery, call.names["image"])


def _run_or_none(call: Call, gallery: Gallery, image: GalleryImage) -> ImageRun | None:
    """None where it would only be read from a file that says of no template: that tells nothing of its words."""
    if not (image.run_id or image.template):
        return None
    try:
        return _run(call, gallery, image)
    except Refusal:
        return None


def _run(call: Call, gallery: Gallery, image: GalleryImage) -> ImageRun:
    """Raises Refusal where nothing is known of it."""
    from orchestrator_core.gallery.image_runs import run_of_image

    try:
        return run_of_image(gallery, image, drawing_of(call))
    except GalleryError as error:
        raise Refusal(409, "no_run", str(error), "image") from None
