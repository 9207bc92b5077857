import threading

import pytest

from orchestrator_core.generators.background import Call


def test_the_caller_goes_on_and_gets_the_answer_at_the_end():
    go_on = threading.Event()
    call = Call(lambda: go_on.wait(10))
    assert not call.done.is_set()
    go_on.set()
    assert call.result() is True
    assert call.done.is_set()


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_what_the_call_raises_is_raised_in_the_thread_that_waits(error: BaseException):
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as found:
        Call(fail).result()
    assert found.value is error
