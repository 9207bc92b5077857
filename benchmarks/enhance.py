"""Enhancing prompts, measured: ``python benchmarks/enhance.py``.

Preservation: prompts that are made of known pieces (so that what must stay is known without the code under test), each
given a hostile answer in one of the modes, ``append``, ``region`` and ``rewrite``. For each it is looked whether every
piece is there in its order and as often as before, the negative prompt is byte for byte the same, every component of a
person's is whole and knows where it came from, and both readers of prompts (our own, and the second one that reads as
A1111 and ComfyUI do) find no syntax lost, changed or new. Then the check itself is checked: damage to one prompt in
twenty, which it has to find.

Overhead: what ``enhance()`` costs beside the model, with one that answers at once, over the same kind of prompts; and
what it costs where the answer is in the store's database.

SmolLM2: the real model (135M) enhances five prompts that have 15 tokens between them that must stay; beside it what is
left of them where it is asked to write the prompt anew and to copy them exactly. Needs what ``tests/llm_server.py``
names.

Consistency: 20 stories of 8 scenes without a model, against the oracle of the tests, which knows what was asked alone.

Figures are CPU seconds of one process (``time.process_time``), so a busy machine disturbs them less.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import lore
from orchestrator_core.base_models.names import BaseModel
from orchestrator_core.enhancing.assembling import Components, appended, expanded, rewritten, runs, unmarked_components
from orchestrator_core.enhancing.caching import AnswerCache
from orchestrator_core.enhancing.enhancer import enhance
from orchestrator_core.enhancing.options import Options
from orchestrator_core.enhancing.spans import Kind, layout
from orchestrator_core.enhancing.verifying import is_added_to, problems
from orchestrator_core.llm.port import Ask, IsCancelled, LanguageModel, Message, OnText
from orchestrator_core.llm.settings import LlmSettings, language_model
from orchestrator_core.memory.following import Asked, Sources, follow
from orchestrator_core.memory.notes import with_scene
from orchestrator_core.memory.story import Story
from orchestrator_core.prompt import Component, Origin, PromptDraft, render
from orchestrator_core.run import Run
from orchestrator_core.store import Store
from orchestrator_core.store.answers import LlmAnswers
from tests.core.enhancing.hostile import Case, count, in_order, make_answer, make_case
from tests.core.memory import test_consistency as world
from tests.core.memory.story_world import FakeProfiles
from tests.llm_server import running_smollm

MODES = ("append", "region", "append", "rewrite")  # by the number of the prompt
NEGATIVE = (Component("worst quality, (blurry:1.3), <lora:neg:1>, "), Component("hat", Origin.wildcard))
DAMAGED = 20  # each so many-th prompt is damaged, too
FAMILIES = ("SD 1.5", "SDXL", "Pony", "Flux.1")
# Prompts, and what of them must stay as it is.
FIVE = (
    ("1girl, elf, silver hair, (forest:1.2), masterpiece <lora:elf:0.8>", "(forest:1.2)", "<lora:elf:0.8>"),
    ("a knight in a {dark|deep} forest, [red:blue:0.5] cape BREAK __light/*__", "{dark|deep}", "[red:blue:0.5]",
     "BREAK", "__light/*__"),
    ("score_9, score_8_up, cyberpunk alley, neon rain, ((robot))", "score_9", "score_8_up", "((robot))"),
    ("portrait of Mira, embedding:good_hands, green eyes, (freckles:1.1)", "embedding:good_hands", "(freckles:1.1)"),
    ("1boy, [wizard tower], night sky, {2$$stars|moon} <lora:ink:0.6:0.4> \\(film\\)", "[wizard tower]",
     "{2$$stars|moon}", "<lora:ink:0.6:0.4>", "\\(film\\)"),
)  # fmt: skip
REWRITE = "Rewrite this prompt for an image model so that it is richer. Copy every tag in brackets exactly: "


def enhanced(case: Case, mode: str, random: Random) -> Components:
    if mode == "append":
        return appended(case.components, [make_answer(random) for _ in range(2)], ", ", case.words)
    if mode == "region":
        return expanded(case.components, {str(n): [make_answer(random)] for n in range(3)}, ", ", case.words)
    answers = {key: make_answer(random) for key in runs(case.components, case.words)}
    return rewritten(case.components, answers, case.words)


def losses(case: Case, mode: str, before: PromptDraft, after: PromptDraft) -> list[str]:
    """What is wrong with an enhanced prompt, in words that are counted."""
    plain, text = render(unmarked_components(before.components)), after.positive
    found = []
    if not in_order(case.pieces, text):
        found.append("a piece is lost, or out of order")
    if any(count(piece, text) != count(piece, plain) for piece in case.syntax):
        found.append("a piece stands there more or less often")
    if after.negative_prompt != before.negative_prompt:
        found.append("the negative prompt changed")
    if mode != "rewrite" and not is_added_to(before.components, after.components):
        found.append("words of the person's are lost, or of unknown origin")
    if problems(case.text, text, case.words):
        found.append("one of the readers objects")
    return found


def damage(case: Case, random: Random) -> str | None:
    """The prompt without one piece of its syntax, or with a new one."""
    found = layout(case.text, case.words)
    spans = [span for span in found.spans if span.kind is Kind.protected and span.is_syntax]
    if not spans or random.random() < 0.5:
        return f"{found.text} {random.choice(('<lora:evil:2>', '(b:1.3)', '[c]', '__d__', 'BREAK', 'x:2'))}"
    span = random.choice(spans)
    return found.text[: span.start] + found.text[span.end :]


def preservation(prompts: int) -> int:
    """Prints the figures, and says how many prompts were not preserved."""
    wrong: Counter[str] = Counter()
    pieces = changed = damaged = unseen = failed = 0
    start = time.process_time()
    for number in range(prompts):
        random = Random(number)
        mode = MODES[number % len(MODES)]
        case = make_case(random, 1.0 if mode == "region" else 0.25)
        before = PromptDraft(case.components, NEGATIVE)
        after = before.replacing(components=enhanced(case, mode, random))
        found = losses(case, mode, before, after)
        wrong.update(found)
        if found:
            failed += 1
            print(f"prompt {number}: {'; '.join(found)}\n  before: {case.text!r}\n  after:  {after.positive!r}")
        pieces += len(case.pieces)
        changed += after.positive != render(unmarked_components(case.components))
        if number % DAMAGED == 0:
            damaged += 1
            unseen += not problems(case.text, damage(case, random), case.words)
    seconds = time.process_time() - start
    print(f"preservation      {prompts:,} prompts with {pieces:,} pieces that must stay; {changed:,} got new words")
    print(f"  preserved       {100 * (1 - failed / max(1, prompts)):.3f} %" + (f"  {dict(wrong)}" if wrong else ""))
    print(f"  damage found    {100 * (1 - unseen / max(1, damaged)):.3f} % of {damaged:,}")
    print(f"  CPU             {seconds:.1f} s, {1000 * seconds / max(1, prompts):.2f} ms a prompt, making it included")
    return failed + unseen


@dataclass(frozen=True, slots=True)
class AtOnce:
    """A LanguageModel that has its answer ready."""

    identity: str = "at once"
    answer: str = json.dumps(
        {"add": ["soft light", "wet stone", "drifting mist", "old paper", "a low sun", "long grass"]}
    )

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        return self.answer


def overhead(prompts: int) -> int:
    """Prints what enhancing costs beside the model, and says whether it is more than it may be."""
    drafts = []
    for number in range(prompts):
        case = make_case(Random(number), 0)
        drafts.append(PromptDraft(case.components, NEGATIVE, seed=number))
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/answers.sqlite3") as store:
        answers = LlmAnswers(store)
        timed(drafts[:20], None)  # what is read once is read
        asked, kept, found = timed(drafts, None), timed(drafts, answers), timed(drafts, answers)
    letters = statistics.mean(len(draft.positive) for draft in drafts)
    print(f"overhead          {prompts:,} prompts of {letters:.0f} characters in the mean, {len(FAMILIES)} families")
    print(f"  asking          {figures(asked)}")
    print(f"  with the store  {figures(kept)}")
    print(f"  cache hit       {figures(found)}")
    return int(statistics.mean(asked) > 2) + int(statistics.mean(found) > 1)


def timed(drafts: Sequence[PromptDraft], answers: AnswerCache | None) -> list[float]:
    """CPU milliseconds of each."""
    times = []
    for number, draft in enumerate(drafts):
        family = BaseModel(FAMILIES[number % len(FAMILIES)])
        start = time.process_time()
        enhance(draft, AtOnce(), Options(), family, answers)
        times.append((time.process_time() - start) * 1000)
    return times


def figures(times: list[float]) -> str:
    mean, in_order_of_size = statistics.mean(times), sorted(times)
    late = in_order_of_size[int(len(times) * 0.95)]
    return f"{mean:.2f} ms CPU in the mean, median {statistics.median(times):.2f}, 95th percentile {late:.2f}"


def smollm() -> int:
    """Prints what is left of the five prompts' tokens, and says how many are lost."""
    try:
        with running_smollm() as server:
            model = language_model(LlmSettings(backend="openai", url=server.url))
            assert model is not None
            return five(model)
    except pytest.skip.Exception as reason:
        print(f"SmolLM2           not measured: {reason}")
        return 0


def five(model: LanguageModel) -> int:
    wanted = kept = anew = 0
    start = time.monotonic()
    for number, (prompt, *tokens) in enumerate(FIVE, 1):
        draft = enhance(PromptDraft((Component(prompt),), NEGATIVE, seed=7), model, Options(temperature=0))
        assert draft.enhanced is not None and draft.negative == NEGATIVE
        kept += tokens_in(draft.positive, tokens)
        wanted += len(tokens)
        why = f" ({draft.enhanced.detail})" if draft.enhanced.status == "kept" else ""
        print(f"SmolLM2 prompt {number}  {draft.enhanced.status}{why}: {draft.positive}")
    seconds = (time.monotonic() - start) / len(FIVE)
    for prompt, *tokens in FIVE:
        ask = Ask((Message("user", REWRITE + prompt),), max_tokens=120, temperature=0, seed=7)
        anew += tokens_in(model.generate(ask), tokens)
    print(f"  kept            {kept} of {wanted}, {seconds:.1f} s of wall time a prompt; asked to copy them: {anew}")
    return wanted - kept


def tokens_in(text: str, tokens: Sequence[str]) -> int:
    """How many of the tokens stand there, in their order."""
    at = found = 0
    for token in tokens:
        if (place := text.find(token, at)) >= 0:
            at, found = place + len(token), found + 1
    return found


@dataclass
class Told:
    """What was counted while stories were told."""

    scenes: int = 0
    tags: int = 0
    present: int = 0
    contradictions: int = 0
    lore: int = 0
    wanted_lore: int = 0
    right_lore: int = 0
    over: int = 0
    times: list[float] = field(default_factory=list)


def consistency() -> int:
    """Prints how true the stories stay to what was said, and says how often they do not."""
    told = Told()
    for number in range(world.STORIES):
        tell(number, told)
    right, ours, theirs, over = lore.compared()
    print(f"consistency       {world.STORIES} stories, {told.scenes} scenes without a language model")
    print(f"  looks           {100 * told.present / told.tags:.1f} % of {told.tags:,}, each once")
    print(f"  contradictions  {told.contradictions}, of looks, clothes, places and times")
    precision, recall = told.right_lore / told.lore, told.right_lore / told.wanted_lore
    print(f"  their lore      precision {precision:.3f}, recall {recall:.3f}, over the budget {told.over}")
    print(f"  all of lore     precision {right / ours:.3f}, recall {right / theirs:.3f}, over the budget {over}")
    print(f"  a scene         {figures(told.times)}")
    missed = told.tags - told.present + told.lore - told.right_lore + told.wanted_lore - told.right_lore
    return missed + told.contradictions + told.over + over + ours - right + theirs - right


def tell(number: int, told: Told) -> None:
    random = Random(number)
    cast = world.people(random)
    oracle = world.Oracle([cast[0].name])
    story = Story(f"story {number}", (cast[0].key,), ("world",))
    sources = Sources(FakeProfiles(tuple(cast)), world.Books())
    for scene in world.scenes(random, oracle, [profile.name for profile in cast]):
        draft = PromptDraft((Component(scene.text),), seed=number)
        start = time.process_time()
        followed = follow(draft, story, Asked(scene.wish, world.TOKENS), sources)
        told.times.append((time.process_time() - start) * 1000)
        looked_at(followed.draft.positive, oracle, cast, told)
        activation = followed.lore.activation
        ours = {one.entry.uid for one in activation.entries}
        theirs = {place for place in world.PLACES if place in followed.draft.positive}
        told.lore, told.wanted_lore = told.lore + len(ours), told.wanted_lore + len(theirs)
        told.right_lore += len(ours & theirs)
        told.over += activation.tokens > world.TOKENS
        story = with_scene(story, Run(f"{number}-{story.next_scene}", followed.draft))


def looked_at(prompt: str, oracle: world.Oracle, cast: list[world.Profile], told: Told) -> None:
    """Counts what is in a prompt, and should be, by what was asked."""
    there = [tag.strip() for tag in prompt.split(",")]
    wanted = {tag for profile in cast if profile.name in oracle.who for tag in profile.appearance_tags}
    told.scenes += 1
    told.tags += len(wanted)
    told.present += sum(there.count(tag) == 1 for tag in wanted)
    looks = {tag for tag in there if tag in (*world.HAIR, *world.EYES, *world.MARKS)}
    others = [
        place for place in (*world.PLACES, *world.TIMES) if place in prompt and place not in (oracle.where, oracle.when)
    ]
    worn = {clothes for clothes in world.CLOTHES if clothes in prompt}
    told.contradictions += len(looks - wanted) + len(others) + len(worn ^ set(oracle.wears.values()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=100_000, help="how many prompts are made (default: 100000)")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}")
    wrong = preservation(options.prompts) + overhead(max(20, min(1_000, options.prompts)))
    return 1 if wrong + smollm() + consistency() else 0


if __name__ == "__main__":
    sys.exit(main())
