"""`handlers.ready._line`: of a service that hangs one job at a time learns whether it still does."""

from contextlib import ExitStack
from datetime import timedelta

import pytest

from handlers.ready._line import Line
from receiver import Postpone


def test_a_service_that_hangs_has_one_job_at_a_time_and_one_that_answers_has_all() -> None:
    line = Line()
    with ExitStack() as first:
        for _ in range(3):
            first.enter_context(line.turn("shop"))
        line.hangs = True
        with (
            pytest.raises(Postpone, match=r"^shop has not answered in time, and has another event now$") as raised,
            line.turn("shop"),
        ):
            pytest.fail("three are under way")
        assert raised.value.after == timedelta(minutes=5)
    with line.turn("shop"):
        with pytest.raises(Postpone), line.turn("shop"):
            pytest.fail("one is under way")
        line.hangs = False
        with line.turn("shop"):
            pass


def test_a_job_that_fails_gives_the_line_back() -> None:
    line = Line()
    line.hangs = True
    for _ in range(2):
        with pytest.raises(OSError, match="broken"), line.turn("shop"):
            raise OSError("broken")
