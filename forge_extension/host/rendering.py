"""Renders in the host's own process: on its main thread, under the lock of its queue, as one of its tasks.

Four traps of the host are dealt with here:

- Without ``is_api`` the host's own sampler and seed scripts put their values over those of the job.
- ``run_and_wait_result`` swallows exceptions, so they are carried out by hand.
- ``state.interrupted`` is of use only until the next job begins, so it is read before the lock is given back.
- Settings that a job overrides are put back only where the settings have them already, not where a default holds.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from modules import images, processing, progress, scripts, shared
from modules.call_queue import queue_lock

from forge_extension.job import Gate
from forge_extension.marks import mark_as_final
from forge_extension.rendered import Look, Rendered, RenderedImage

Result = TypeVar("Result")


def render(task: str, fields: Mapping[str, Any], infotext: Mapping[str, Any], gate: Gate) -> Rendered | None:
    """Blocks until the images are there; None where ``gate`` did not let it begin. Raises what the host raised."""
    progress.add_task_to_queue(task)
    try:
        with queue_lock:
            return _as_task(task, lambda: on_main_thread(lambda: _process(fields, infotext)), gate)
    finally:
        progress.pending_tasks.pop(task, None)


def _as_task(task: str, work: Callable[[], Rendered], gate: Gate) -> Rendered | None:
    shared.state.begin(job=task)
    progress.start_task(task)
    try:
        return work() if gate.begin() else None
    finally:
        gate.end()
        progress.finish_task(task)
        shared.state.end()
        shared.state.interrupted = shared.state.skipped = False  # as the host does after its own jobs


def on_main_thread(work: Callable[[], Result]) -> Result:
    """What work gives, or raises, in the thread in which the host uses its models."""
    try:
        from modules_forge import main_thread
    except ImportError:
        return work()
    outcome: list[Result] = []
    problem: list[Exception] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:
            problem.append(error)
            raise  # the host's console shows where it happened

    main_thread.run_and_wait_result(run)
    if problem:
        raise problem[0]
    return outcome[0]


def _process(fields: Mapping[str, Any], infotext: Mapping[str, Any]) -> Rendered:
    options = shared.opts
    paths = {
        "outpath_samples": options.outdir_samples or options.outdir_txt2img_samples,
        "outpath_grids": options.outdir_grids or options.outdir_txt2img_grids,
    }
    job = processing.StableDiffusionProcessingTxt2Img(**{**paths, **fields, "do_not_save_grid": True})
    for name in job.override_settings:
        if name not in options.data and name in options.data_labels:
            options.data[name] = options.get_default(name)
    with closing(job):
        job.is_api = True
        mark_as_final(job)
        job.scripts = scripts.scripts_txt2img
        job.script_args = _default_arguments(job.scripts)
        job.extra_generation_params.update(infotext)
        processed = processing.process_images(job)
        shared.total_tqdm.clear()
        return rendered(job, processed, save=True)


def _default_arguments(runner: Any) -> tuple[Any, ...]:
    """What the elements of all scripts hold in a page that was just opened; the first chooses a script: none."""
    values = [getattr(element, "value", None) for element in runner.inputs]
    return (0, *values[1:])


def rendered(job: Any, processed: Any, *, save: bool = False) -> Rendered:
    """The images of the job that are on disk, or are put there; scripts may have put others behind them."""
    first = processed.index_of_first_image
    found = list(zip(processed.images[first:], processed.infotexts[first:], strict=False))[: len(job.all_seeds)]
    interrupted = bool(shared.state.interrupted)
    made = [_image(job, number, *pair, save=save and not interrupted) for number, pair in enumerate(found)]
    return Rendered(tuple(image for image in made if image.path), interrupted, processed.comments.strip())


def _image(job: Any, number: int, image: Any, infotext: str, *, save: bool) -> RenderedImage:
    path = getattr(image, "already_saved_as", "")
    if not path and save:  # a script has put another image in its place
        path, _ = images.save_image(
            image, job.outpath_samples, "", job.all_seeds[number], job.all_prompts[number],
            shared.opts.samples_format, info=infotext, p=job,
        )  # fmt: skip
    is_black = image.getbbox() is None
    absolute = str(Path(path).absolute()) if path else ""  # Forge's are relative to its own folder
    return RenderedImage(absolute, infotext, int(job.all_seeds[number]), str(job.all_prompts[number]), is_black)


def began() -> float:
    """When the task under way began: the same for all jobs that it makes."""
    return float(shared.state.time_start or 0)


def interrupt() -> None:
    """Stop what is being rendered, after its current step."""
    shared.state.interrupt()


def look(preview_id: int) -> Look:
    """How far the job is that is being rendered. ``preview_id``: the preview that was seen last."""
    state = shared.state
    with suppress(Exception):  # in another thread than the rendering's: what it shows may just be gone
        state.set_current_image()
    step, steps = int(state.sampling_step or 0), int(state.sampling_steps or 0)
    passes = (int(state.job_no or 0), max(int(state.job_count or 0), 1))
    if state.current_image is None or state.id_live_preview == preview_id:
        return Look(step, steps, passes, preview_id)
    return Look(step, steps, passes, int(state.id_live_preview), _jpeg(state.current_image))


def _jpeg(image: Any) -> bytes:
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=85)
    return file.getvalue()


def jobs_there() -> int:
    """How many jobs of the host's run or wait, whoever's they are."""
    return len(progress.pending_tasks) + int(progress.current_task is not None)


def output_folder() -> str:
    """Where the host keeps the images of text to image."""
    return str(Path(shared.opts.outdir_samples or shared.opts.outdir_txt2img_samples).absolute())


def options() -> dict[str, Any]:
    """The host's settings now, with the defaults where none are saved."""
    return {name: getattr(shared.opts, name, None) for name in shared.opts.data_labels}
