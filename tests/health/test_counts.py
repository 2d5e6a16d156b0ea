"""`receiver.health.counts`: what is counted grows by what happens, and its names do not grow with the data."""

import pytest

from receiver.health import counts
from receiver.health.counts import ANSWER_SECONDS, BEYOND, BOUNDS, MOST, OTHER, Counts, Series


def test_a_series_is_counted_by_its_labels() -> None:
    counted = Counts()
    for account, answer in (("default", "stored"), ("default", "stored"), ("two", "stored")):
        counted.add(counts.DELIVERIES, account, answer)
    counted.add(counts.WAIT_SECONDS, "timbr", "default", by=0.5)
    assert counted.values() == {
        'deliveries["default", "stored"]': 2.0, 'deliveries["two", "stored"]': 1.0,
        'budget_wait_seconds["timbr", "default"]': 0.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "bound"), [(0.0, "0.001"), (0.001, "0.001"), (0.0011, "0.0025"), (5.0, "5.0"), (5.1, BEYOND)]
)
def test_a_duration_falls_into_the_first_bucket_that_holds_it(seconds: float, bound: str) -> None:
    counted = Counts()
    counted.observe(ANSWER_SECONDS, seconds)
    assert counted.values() == {f'answer_seconds["{bound}"]': 1.0, "answer_seconds_sum[]": seconds}


def test_every_histogram_has_growing_bounds() -> None:
    assert all(list(bounds) == sorted(set(bounds)) for bounds in BOUNDS.values())


def test_beyond_a_number_of_series_a_name_has_one_for_all_others() -> None:
    """An authentic sender, or a handler's author, can make up names without end."""
    counted = Counts()
    for number in range(MOST + 50):
        counted.add("provider_calls", "timbr", str(number))
        counted.add("spooled")
    values = counted.values()
    assert len(values) == MOST + 2
    assert values[str(Series("provider_calls", (OTHER, OTHER)))] == 50
    counted.add("provider_calls", "timbr", "0")
    assert counted.values()[str(Series("provider_calls", ("timbr", "0")))] == 2


@pytest.mark.parametrize("labels", [(), ("a",), ('"', ", ", "[]"), ("ü", "\n", "")])
def test_a_series_is_read_back_from_its_text(labels: tuple[str, ...]) -> None:
    series = Series("name", labels)
    assert Series.read(str(series)) == series


@pytest.mark.parametrize("text", ["", "name", "name[", "name[1", "name{}"])
def test_what_names_no_series_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Series.read(text)
