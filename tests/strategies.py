"""Hypothesis strategies for the types that flow through a pipeline: every value that the types permit."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from orchestrator_core.prompt import (
    Background,
    Choice,
    Component,
    Diagnostic,
    Enhancement,
    LoraUse,
    Origin,
    PromptDraft,
    PromptSource,
    StoryUse,
)
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score

# NUL and lone surrogates too: a template is whatever bytes somebody typed, a file name whatever the disk holds.
texts = st.text(st.characters(exclude_categories=()), max_size=12)
integers = st.integers(-(2**63), 2**63 - 1)
seeds = st.integers(0, 2**64 - 1) | st.integers()
numbers = st.floats(allow_nan=False)  # NaN is not equal to itself; it has a test of its own
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(texts, values, max_size=3),
    max_leaves=5,
)


def tuples(values: st.SearchStrategy, max_size: int = 3) -> st.SearchStrategy:
    return st.lists(values, max_size=max_size).map(tuple)


loras = st.builds(LoraUse, texts, numbers, numbers, texts)
choices = st.builds(Choice, texts, texts | tuples(texts), texts, integers, numbers, numbers, integers)
components = st.builds(
    Component, texts, st.sampled_from(Origin), tuples(choices), numbers, st.none() | st.tuples(integers, integers)
)
sources = st.builds(
    PromptSource,
    texts,
    texts,
    texts,
    rerolls=tuples(st.tuples(texts, integers)),
    method=texts,
    index=st.none() | st.integers(),
    missing=texts,
    profiles=texts,
    genre=texts,
)
drafts = st.builds(
    PromptDraft,
    tuples(components),
    tuples(components),
    tuples(loras),
    seeds,
    sources,
    tuples(st.tuples(texts, texts)),
    tuples(st.builds(Diagnostic, texts, texts, integers, integers, texts)),
    tuples(st.builds(Background, texts, texts, texts)),
    st.none() | st.builds(StoryUse, texts, integers, texts),
    st.none() | st.builds(Enhancement, texts, texts, texts, texts),
)
requests = st.builds(
    GenerationRequest,
    positive=texts,
    negative=texts,
    loras=tuples(loras),
    checkpoint=texts,
    sampler=texts,
    scheduler=texts,
    steps=integers,
    cfg=numbers,
    denoise=numbers,
    width=integers,
    height=integers,
    seed=seeds,
    batch_size=integers,
    vae=texts,
    clip_skip=integers,
    extra=st.dictionaries(texts, json_values, max_size=3),
)
run_ids = st.text(st.characters(exclude_categories=()), min_size=1, max_size=40)
images = st.builds(GeneratedImage, texts.map(Path), requests, texts)
scores = st.builds(Score, texts, texts, st.none() | integers, texts, numbers)
runs = st.builds(Run, run_ids, drafts, tuples(images), tuples(scores))
