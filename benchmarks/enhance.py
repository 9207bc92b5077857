"""Enhancing prompts, measured: ``python benchmarks/enhance.py``.

Preservation: prompts that are made of known pieces (so that what must stay is known without the code under test), each
given a hostile answer in one of the modes, ``append``, ``region`` and ``rewrite``. For each it is looked whether every
piece is there in its order and as often as before, the negative prompt is byte for byte the same, every component of a
person's is whole and knows where it came from, and both readers of prompts (our own, and the second one that reads as
A1111 and ComfyUI do) find no syntax lost, changed or new. Then the check itself is checked: damage to one prompt in
twenty, which it has to find.

Figures are CPU seconds of one process (``time.process_time``), so a busy machine disturbs them less.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from orchestrator_core.enhancing.assembling import Components, appended, expanded, rewritten, runs, unmarked_components
from orchestrator_core.enhancing.spans import Kind, layout
from orchestrator_core.enhancing.verifying import is_added_to, problems
from orchestrator_core.prompt import Component, Origin, PromptDraft, render
from tests.core.enhancing.hostile import Case, count, in_order, make_answer, make_case

MODES = ("append", "region", "append", "rewrite")  # by the number of the prompt
NEGATIVE = (Component("worst quality, (blurry:1.3), <lora:neg:1>, "), Component("hat", Origin.wildcard))
DAMAGED = 20  # each so many-th prompt is damaged, too


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=100_000, help="how many prompts are made (default: 100000)")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}")
    return 1 if preservation(options.prompts) else 0


if __name__ == "__main__":
    sys.exit(main())
