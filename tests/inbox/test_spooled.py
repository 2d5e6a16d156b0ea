"""`receiver.inbox.spooled`: the database that a record is for: how such records are counted, and shown."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from receiver.database import Pool
from receiver.inbox import deliveries, lookup, spooled
from receiver.inbox.deliveries import Delivery
from receiver.inbox.spooled import Spooled
from receiver.providers.transcribe_so import payload
from tests.processes import completed

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


# --- what is kept of a delivery --------------------------------------------------------------------------------------


def test_a_record_brings_back_when_it_came_how_far_its_clock_was_off_and_its_trace() -> None:
    delivery = Delivery(payload.read("transcribe.so", completed("evt_1")), "https://api.test", "f", seconds_off=-2.5)
    delivery = replace(delivery, traceparent=f"00-{1:032x}-{1:016x}-01")
    record = spooled.spooled(delivery, "7", HERE, at=1_777_472_458.25).to_bytes()
    assert spooled.read(record).delivery(payload.read) == replace(
        delivery, spooled_at=datetime(2026, 4, 29, 14, 20, 58, 250_000, UTC)
    )


@pytest.mark.parametrize("absent", [("at", "seconds_off"), ("at",), ("seconds_off",)])
def test_what_0_7_has_spooled_is_read_without_them(absent: tuple[str, ...]) -> None:
    head = {name: value for name, value in HEAD.items() if name not in absent}
    read = spooled.read(json.dumps(head).encode() + b"\n{}")
    assert (read.at, read.seconds_off) == (None if "at" in absent else 1.5, None if "seconds_off" in absent else 2.5)
    assert read.raw == b"{}"
    assert (read.delivery(payload.read).spooled_at is None) == ("at" in absent)


def test_what_0_9_has_spooled_is_read_without_a_trace() -> None:
    head = {name: value for name, value in HEAD.items() if name != "traceparent"}
    assert spooled.read(json.dumps(head).encode() + b"\n{}").traceparent is None


def test_what_0_4_has_spooled_is_read_without_them() -> None:
    read = spooled.read(b'["transcribe.so", "https://api.test", "f", null]\n{}')
    assert (read.at, read.seconds_off, read.account) == (None, None, "default")


HEAD = json.loads(replace(RECORD, at=1.5, seconds_off=2.5).to_bytes().partition(b"\n")[0])
NO_NUMBERS = [
    "NaN", "Infinity", "-Infinity", "1e400", "true", "false", '"1"', "[]", "{}", "9" * 400, "-" + "9" * 400, '"x"',
]  # fmt: skip
NO_TIMES = ["1e308", "253402300800", "-62135596800", "-1", "1e18", str(2**63)]


@pytest.mark.parametrize(
    ("name", "value"),
    [*(("seconds_off", value) for value in NO_NUMBERS), *(("at", value) for value in NO_NUMBERS + NO_TIMES)],
)
def test_a_record_with_no_such_number_or_time_is_another_versions(name: str, value: str) -> None:
    head = json.dumps(HEAD | {name: "HERE"}).replace('"HERE"', value).encode()
    with pytest.raises(ValueError, match="another version of the receiver has spooled it"):
        spooled.read(head + b"\n{}")


@pytest.mark.parametrize("at", [0, 1.5, -0.0, 253402300799])
async def test_every_time_that_is_read_can_be_stored(at: float, db: Pool) -> None:
    record = replace(RECORD, raw=completed("evt_1"), at=at, seconds_off=1e308).to_bytes()
    async with db.acquire() as connection:
        await deliveries.append(connection, [spooled.read(record).delivery(payload.read)])
    (came,) = (await lookup.whole(db, "evt_1")).delivered
    assert (came.at, came.how, came.seconds_off) == (datetime.fromtimestamp(at, UTC), "spooled", 1e308)
