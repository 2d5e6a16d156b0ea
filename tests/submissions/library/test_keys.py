"""`submissions.library.keys`: places in a list, as text for addresses."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.submissions.library import keys
from receiver.submissions.library.keys import END, NEWEST, Key

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds have none


@given(TIMES, st.integers(1, 10**18 - 1), st.integers(0, 10**9 - 1))
def test_a_key_is_read_as_it_was_written(at: datetime, transcript: int, number: int) -> None:
    key = Key(at, transcript, number)
    assert keys.read(str(key)) == key
    assert keys.read(str(Key(at, transcript))) == (at, transcript, END)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1",
        "1.",
        "1.2.",
        "1.2",
        "1.2.3.4",
        "-1.2.3",
        "1.2.-1",
        "9" * 18 + ".1.1",
        "1.2.3\n",
        "\uff11.\uff12.\uff13",
    ],
)
def test_what_is_no_key_means_nothing(text: str) -> None:
    assert keys.read(text) is None


def test_the_newest_is_before_all() -> None:
    assert Key(datetime.now(UTC), 7, 0)[:2] < NEWEST[:2]
