"""An image once more, through the queue: what is rendered is what was, but for what was asked to be another thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core.context import StageContext
from orchestrator_core.errors import GalleryError
from orchestrator_core.gallery.again import Wanted, jobs_for, prompt_of
from orchestrator_core.gallery.image_runs import Drawing, ImageRun, run_of_image
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.gallery.varying import exchanged, slots_of, varied
from orchestrator_core.gallery.words import words_of
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.prompt import Choice, Component, LoraUse, Origin, PromptDraft, render
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from tests.core.gallery.images import picture, put
from tests.core.jobs.at_work import lane, run_all
from tests.fakes import FakeGenerator

WORDS = Wildcards([])
RUN = "0199aabbccdd" + "0" * 20
DRAWING = Drawing(lambda: StageContext(WORDS))


def drawn(template: str, seed: int = 5, **options: Any) -> PromptDraft:
    return generate(Options(template=template, seed=seed, **options), WORDS)


def image_of(draft: PromptDraft, **request: Any) -> ImageRun:
    asked = GenerationRequest(draft.positive.strip(), draft.negative_prompt.strip(), draft.loras, seed=9)
    shown = GeneratedImage(Path("a.png"), asked.replacing(**request), RUN)
    return ImageRun(Run(RUN, draft, (shown,)), is_stored=True)


def other_values(template: str, name: str, seed: int = 5, count: int = 9, **options: Any) -> list[str]:
    draft = drawn(template, seed, **options)
    return [run_text(new) for new in drafts_of(image_of(draft), Wanted(name, count=count))]


def drafts_of(image: ImageRun, wanted: Wanted) -> list[Any]:
    return [job.run for job in jobs_for(image, None, wanted, DRAWING)]


def run_text(run: Any) -> str:
    return "".join(part["text"] for part in run["draft"]["components"])


def test_what_the_queue_renders_again_is_the_same_request(sqlite_store: Store, tmp_path: Path):
    draft = drawn("a {fox|owl} in {snow|fog}", negative_template="dull").replacing(loras=(LoraUse("ink", 0.7, 0.7),))
    request = GenerationRequest(
        *(draft.positive, "dull", draft.loras, "dream.safetensors", "dpmpp_2m", "karras", 9, 5.5, 1.0, 640, 448),
        seed=2**60,
        vae="soft.pt",
        clip_skip=2,
    )
    path = put(tmp_path / "a.png", picture())
    score = Score(RUN, "a.png", None, "fulfilment", 0.5)
    sqlite_store.save_run(Run(RUN, draft, (GeneratedImage(path, request, RUN),), (score,)))
    gallery, generator = Gallery(sqlite_store), FakeGenerator(tmp_path / "new")
    image = run_of_image(gallery, gallery.image(1), DRAWING)
    new = jobs_for(image, None, Wanted(target="fake"), DRAWING)
    new += jobs_for(image, None, Wanted("{fox|owl}", "new", 1, "fake"), DRAWING)
    Queue(sqlite_store).add_all(new)
    run_all(sqlite_store, tmp_path, lane(generator, "fake"))
    same, other = (request for request, _ in generator.history)
    assert same == request
    assert other.seed != request.seed
    assert {same.positive.split()[1], other.positive.split()[1]} == {"fox", "owl"}
    assert replace(other, seed=request.seed, positive=request.positive) == request
    assert Queue(sqlite_store).state().counts["done"] == 2  # a host without a scorer has rendered it all the same
    assert gallery.count() == 1 and gallery.count("missing:yes") == 2  # the fake wrote no files
    assert gallery.page("missing:yes").images[0].template == "a {fox|owl} in {snow|fog}"


def test_one_image_of_a_batch_is_rendered_alone(sqlite_store: Store):
    draft = drawn("a fox")
    alone = jobs_for(image_of(draft, batch_size=4), None, Wanted(), DRAWING)[0]
    assert "batch_size" not in alone.pipeline.stages[0].options
    third = image_of(draft, batch_size=4, extra={"batch_index": 2})
    assert jobs_for(third, None, Wanted(), DRAWING)[0].pipeline.stages[0].options["extra"] == {"batch_index": 2}
    new = jobs_for(third, None, Wanted(seed="new"), DRAWING)[0].pipeline.stages[0].options
    assert "extra" not in new and "batch_size" not in new


def test_each_value_comes_once_and_with_new_seeds_again():
    assert sorted(other_values("a {fox|owl|hare|fox}", "{fox|owl|hare|fox}")) in (
        ["a fox", "a hare"],
        ["a fox", "a owl"],
        ["a hare", "a owl"],
    )
    image = image_of(drawn("a {fox|owl}"))
    jobs = jobs_for(image, None, Wanted("{fox|owl}", "new", 3), DRAWING)
    assert len({job.pipeline.stages[0].options["seed"] for job in jobs}) == 3
    assert len({run_text(job.run) for job in jobs}) == 1


def test_what_depends_on_a_slot_by_a_variable_goes_along():
    template = "${animal=!{fox|owl}}${animal} and another ${animal}"
    draft = drawn(template)
    (slot, *_) = slots_of(draft)
    (other,) = {run_text(run) for run in drafts_of(image_of(draft), Wanted(slot.name, count=5))}
    first, *_, last = other.split()
    assert first == last != draft.positive.split()[0]


@pytest.mark.parametrize("method", ["combinatorial", "cyclical"])
def test_a_slot_of_a_prompt_that_was_no_draw_by_chance_is_varied_too(method: str):
    found = other_values("a {fox|owl|hare} in {snow|fog}", "{fox|owl|hare}", method=method, index=1)
    before = drawn("a {fox|owl|hare} in {snow|fog}", method=method, index=1).positive.split()
    assert {text.split()[1] for text in found} == {"fox", "owl", "hare"} - {before[1]}
    assert {text.split()[3] for text in found} == {before[3]}


def test_a_slot_that_was_drawn_again_before_is_drawn_on():
    template = "a {fox|owl|hare|wolf|lynx}"
    once = varied(drawn(template), "{fox|owl|hare|wolf|lynx}", 1, lambda rerolls: drawn(template, rerolls=rerolls))[0]
    twice = drafts_of(image_of(once), Wanted("{fox|owl|hare|wolf|lynx}"))[0]
    assert run_text(twice) != once.positive
    (before,), (after,) = once.source.rerolls, twice["draft"]["source"]["rerolls"]
    assert before[0] == after[0] and before[1] < after[1]


def test_a_slot_whose_words_were_rewritten_is_no_slot_any_more():
    draft = drawn("a {fox|owl} in {snow|fog}")
    gone = draft.replacing(components=(Component("something else", Origin.llm), *draft.components[2:]))
    assert [slot.name for slot in slots_of(gone)] == ["{snow|fog}"]
    with pytest.raises(GalleryError, match=r"There are: \{snow\|fog\}"):
        drafts_of(image_of(gone), Wanted("{fox|owl}"))
    (slot,) = slots_of(gone)
    with pytest.raises(GalleryError, match="changed after it was drawn"):
        exchanged(gone, draft.replacing(components=draft.components[:1]), slot.slot)


def test_a_prompt_that_was_edited_is_rendered_as_it_was_edited():
    image = image_of(drawn("a {fox|owl}"), positive="a fox, at dawn")
    assert prompt_of(image).positive == "a fox, at dawn"
    assert prompt_of(image).components[-1].origin is Origin.user


def test_a_source_of_another_program_is_told():
    draft = drawn("a {fox|owl}")
    strange = draft.replacing(source=replace(draft.source, dialect="unknown"))
    with pytest.raises(GalleryError, match="not known here"):
        jobs_for(image_of(strange), None, Wanted("*"), DRAWING)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PARTS = st.lists(
    st.builds(
        Component,
        TEXTS,
        st.sampled_from(Origin),
        st.lists(st.builds(Choice, TEXTS, TEXTS, options=st.integers(0, 3)), max_size=2).map(tuple),
    ),
    max_size=6,
)


@given(PARTS, st.one_of(st.none(), TEXTS), st.booleans())
def test_words_joined_are_the_prompt_whatever_it_is(parts: Sequence[Component], prompt: str | None, trims: bool):
    shown = render(parts).strip() if trims else prompt
    words = words_of(Run("r", PromptDraft(tuple(parts))), shown)
    assert "".join(word.text for word in words) == (render(parts) if shown is None else shown)
    assert all(word.label for word in words)


SLOTS = st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=5)


@settings(max_examples=25)
@given(SLOTS, st.integers(0, 4), st.integers(0, 2**64 - 1), st.booleans())
def test_no_other_slot_says_another_word(kinds: list[int], which: int, seed: int, is_changed: bool):
    """Whether a draw still gives the prompt, or more was done to it since."""
    template = " and ".join(f"{{{kind}a|{kind}b|{kind}c}}" for kind in kinds)
    draft = drawn(template, seed)
    if is_changed:
        draft = draft.replacing(components=(*draft.components, Component(", ink", Origin.trigger_words)))
    slots = slots_of(draft)
    chosen = slots[which % len(slots)]
    before = draft.positive.split(",")[0].split(" and ")
    for run in drafts_of(image_of(draft), Wanted(chosen.name, count=2)):
        after = run_text(run).split(",")[0].split(" and ")
        assert [old != new for old, new in zip(before, after, strict=True)] == [one == chosen for one in slots]
        assert run_text(run).endswith(", ink") == is_changed
