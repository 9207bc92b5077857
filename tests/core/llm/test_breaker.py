from __future__ import annotations

import pytest

from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.llm.breaker import Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def fail(breaker: Breaker, error: Exception | None = None) -> None:
    with pytest.raises(LanguageModelError), breaker.guarding("http://x"):
        raise error or LanguageModelError("gone", "unreachable")


def is_asked(breaker: Breaker) -> bool:
    try:
        with breaker.guarding("http://x"):
            return True
    except LanguageModelError:
        return False


def test_two_failures_in_a_row_begin_a_rest_of_a_minute() -> None:
    clock = Clock()
    breaker = Breaker(now=clock)
    fail(breaker)
    assert is_asked(breaker)
    fail(breaker)
    fail(breaker, LanguageModelError("too slow", "slow"))
    clock.now = 59.0
    with pytest.raises(LanguageModelError, match="http://x did not answer lately, so it is left alone for 1 s") as rest:
        breaker.guarding("http://x").__enter__()
    assert rest.value.kind == "unreachable"
    clock.now = 60.0
    assert is_asked(breaker)


def test_after_the_rest_one_call_tries_for_all() -> None:
    clock = Clock()
    breaker = Breaker(now=clock)
    fail(breaker)
    fail(breaker)
    clock.now = 60.0
    with breaker.guarding("http://x"):
        assert not is_asked(breaker)
    assert is_asked(breaker)
    clock.now = 200.0
    fail(breaker)
    assert is_asked(breaker)  # one failure after a success is one failure


def test_a_try_that_fails_begins_the_next_rest() -> None:
    clock = Clock()
    breaker = Breaker(now=clock)
    fail(breaker)
    fail(breaker)
    clock.now = 60.0
    fail(breaker)
    clock.now = 119.0
    assert not is_asked(breaker)


@pytest.mark.parametrize("error", [Cancelled(), LanguageModelError("no", "refused"), LanguageModelError("<html>")])
def test_a_server_that_answers_badly_or_was_not_waited_for_is_not_left_alone(error: LanguageModelError) -> None:
    breaker = Breaker(failures=1)
    fail(breaker, error)
    assert is_asked(breaker)


def test_a_try_that_was_cancelled_leaves_the_next_one_to_another() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, now=clock)
    fail(breaker)
    clock.now = 60.0
    fail(breaker, Cancelled())
    fail(breaker)
    assert not is_asked(breaker)
