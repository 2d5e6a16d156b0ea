"""`receiver.sandbox.timbr_audio.jobs`: where a job is, by the time since it was created."""

from datetime import UTC, datetime

import pytest

from receiver.sandbox import samples
from receiver.sandbox.timbr_audio import orders
from receiver.sandbox.timbr_audio.jobs import SimulatedJob

NOW = datetime.now(UTC)


def job(name: str = "talk.wav") -> SimulatedJob:
    return SimulatedJob("id", "account", orders.read("enhance", {"file_id": "x"}), samples.named(name), NOW, 0.0)


@pytest.mark.parametrize(
    ("elapsed", "at"),
    [(0, ("pending", 0)), (2, ("queued", 0)), (5, ("processing", 0)), (600, ("processing", 50)),
     (9999, ("processing", 99))],
)  # fmt: skip
def test_a_job_goes_on_with_time_and_is_not_completed_before_it_has_ended(elapsed: float, at: tuple[str, int]) -> None:
    assert job().at(elapsed) == at


def test_a_job_that_has_ended_is_completed_or_has_failed() -> None:
    done, failed = job(), job()
    done.ended = failed.ended = NOW
    failed.error = "no"
    assert [done.at(0), failed.at(0)] == [("completed", 100), ("failed", 0)]


def test_a_longer_recording_takes_longer_and_costs_more() -> None:
    assert (job().lasts, job().cost) == (1200, 3600)
    assert (job("two-hours.wav").lasts, job("two-hours.wav").cost) == (2400, 7200)
