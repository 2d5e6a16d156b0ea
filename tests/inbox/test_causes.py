"""`inbox.causes`: errors that differ in numbers and ids alone have one cause; others have another one. Pure."""

import pytest

from receiver.inbox.causes import LENGTH, NO_REASON, cause, is_about


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("the CRM is away (tried 10 times)", "the CRM is away (tried # times)"),
        ("no episode 4821, evt_1a2b or 7f3a-22-aa", "no episode #, # or #"),
        ("at 2026-11-29T07:17:56.123+00:00, 10.0.0.1:5432", "at #, #"),
        ("ValueError: no (handlers/crm.py line 12)", "ValueError: no (handlers/crm.py line #)"),
        ("GET https://crm.test answered 503 (line 9)", "GET https://crm.test answered 503 (line #)"),
        ("the provider says: no (HTTP 404)", "the provider says: no (HTTP 404)"),
        ("GET https://crm.test answered 410 (line 7)", "GET https://crm.test answered 410 (line #)"),
        ("the CRM in Köln 7 refuses \u0661 \ud800 😀 8", "the CRM in Köln # refuses # \ud800 😀 #"),
        ("first line 1\nsecond", "first line #"),
        ("\n  \n after blanks", "after blanks"),
        ("", NO_REASON),
        (None, NO_REASON),
    ],
)
def test_a_cause_is_the_first_line_without_numbers_and_ids(error: str | None, expected: str) -> None:
    assert cause(error) == expected


def test_a_cause_has_a_bounded_length() -> None:
    assert len(cause("a " * 5000)) == LENGTH


@pytest.mark.parametrize("text", ["EPISODE", "episode 48", "episode #", "second", "no episode # (tried # times)"])
def test_an_error_is_found_by_a_part_of_it_and_by_its_cause_as_it_is_printed(text: str) -> None:
    assert is_about(text, "no episode 4821 (tried 3 times)\nsecond line")


def test_an_error_is_not_found_by_other_words() -> None:
    assert not is_about("nowhere", "no episode 4821")
    assert is_about("no reason", None)
