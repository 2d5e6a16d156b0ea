"""`receiver.inbox.spooled`: the database that a record is for: how such records are counted, and shown."""

from dataclasses import replace

import pytest

from receiver.inbox import spooled
from receiver.inbox.spooled import Spooled

HERE, THERE = "here", "there"
RECORD = Spooled(
    source="transcribe.so", api_url="https://api.test", account="default", secret_fingerprint="f", callback_for=None,
    unreadable=None, database=None, address=None, raw=b"{}",
)  # fmt: skip
NOT_YET = ", which had not answered yet"


@pytest.mark.parametrize(("database", "address", "here", "said"), [
    ("7", THERE, HERE, "database 7"),
    (None, None, HERE, "whichever database drains it first"),
    (None, HERE, HERE, f"this DATABASE_URL's database{NOT_YET}"),
    (None, THERE, HERE, f"another DATABASE_URL's database{NOT_YET}"),
    (None, THERE, None, f"a database{NOT_YET}"),
])  # fmt: skip
def test_it_is_told_which_database_a_record_waits_for(
    database: str | None, address: str | None, here: str | None, said: str
) -> None:
    assert spooled.waits_for(replace(RECORD, database=database, address=address).to_bytes(), here) == said


def test_what_another_version_has_spooled_waits_for_nobody_and_is_not_foreign() -> None:
    assert spooled.waits_for(b"?", HERE) == "no database: another version of the receiver has spooled it"
    assert spooled.foreign([b"?"], "7", HERE) == 0


def test_records_for_another_database_are_counted() -> None:
    records = [
        replace(RECORD, database=database, address=address).to_bytes()
        for database, address in (("7", THERE), ("8", HERE), (None, HERE), (None, THERE), (None, None))
    ]
    assert spooled.foreign(records, "7", HERE) == 2
    assert spooled.foreign(records, "7", None) == 3
