"""`receiver.health.captures`: the last refused deliveries can be read, and whoever sends them fills nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from receiver.database import Connections, Pool
from receiver.errors import BodyTooLargeError, NoSecretError, SignatureError
from receiver.events import AccountId
from receiver.health import captures
from receiver.health.captures import EACH, Captures
from tests.processes import free_port
from tests.worker.working import until

WHOSE = AccountId("transcribe.so", "https://api.test", "default")
MISMATCH = SignatureError("mismatch")
HEADERS = [
    (b"Host", b"hooks.test"), (b"X-Transcribe-Signature", b"t=1,v1=ab"), (b"x-hub-signature", b"s"),
    (b"Authorization", b"Bearer s3cret"), (b"cookie", b"s3cret"), (b"Content-Type", b"application/json"),
]  # fmt: skip


@pytest.fixture
async def kept(receiver_database: str) -> AsyncIterator[Captures]:
    connections = Connections(receiver_database)
    yield Captures(connections, seconds=60, between=0)
    connections.close()


def note(kept: Captures, number: int, error: Exception = MISMATCH, place: AccountId | str = WHOSE) -> None:
    kept.note(error, place, HEADERS, b"body %d" % number, "203.0.113.9")


async def pause(db: Pool) -> None:
    """Let a while pass for what was kept."""
    await db.execute("update receiver.refused set at = at - interval '1 minute'")


async def test_a_refused_delivery_is_kept_without_what_can_be_secret(db: Pool, kept: Captures) -> None:
    note(kept, 1)
    await kept.write()
    (found,) = await captures.last(db)
    assert (found.place, found.reason, found.client) == (WHOSE, "mismatch", "203.0.113.9")
    assert found.request == (
        b"Host: hooks.test\r\nX-Transcribe-Signature: t=1,v1=ab\r\nx-hub-signature: s\r\n"
        b"Content-Type: application/json\r\n\r\nbody 1"
    )


async def test_that_of_a_callback_is_known_by_its_token(db: Pool, kept: Captures) -> None:
    note(kept, 1, place="tok_1")
    await kept.write()
    (found,) = await captures.last(db)
    assert found.place == "tok_1"


@pytest.mark.parametrize(
    ("error", "is_kept"),
    [
        (MISMATCH, True), (SignatureError("stale"), True), (NoSecretError(), True),
        (SignatureError("missing"), False), (SignatureError("malformed"), False), (BodyTooLargeError(1), False),
        (ValueError("a bug"), False),
    ],
    ids=["mismatch", "stale", "no secret", "missing", "malformed", "too large", "bug"],
)  # fmt: skip
async def test_only_what_has_the_right_form_is_kept(
    db: Pool, kept: Captures, error: Exception, *, is_kept: bool
) -> None:
    note(kept, 1, error)
    await kept.write()
    assert bool(await captures.last(db)) is is_kept


async def test_the_last_ones_take_the_place_of_the_oldest(db: Pool, kept: Captures) -> None:
    for number in range(EACH + 3):
        note(kept, number)
        await kept.write()
        await pause(db)
    found = await captures.last(db)
    assert [one.body for one in found] == [b"body %d" % number for number in reversed(range(3, EACH + 3))]
    assert await db.fetchval("select count(*) from receiver.refused") == EACH


async def test_a_stranger_pushes_out_nothing_that_a_secret_proves(db: Pool, kept: Captures) -> None:
    note(kept, 0, SignatureError("stale"))
    for number in range(1, EACH + 3):
        note(kept, number)
        await kept.write()
        await pause(db)
    assert (await captures.last(db))[-1].reason == "stale"
    assert len(await captures.last(db)) == EACH + 1 <= captures.MOST


async def test_a_body_that_is_much_larger_than_the_providers_is_not_kept(kept: Captures) -> None:
    kept.note(MISMATCH, WHOSE, HEADERS, b"x" * (captures.BODY_BYTES + 1), None)
    assert not kept.kept
    kept.note(MISMATCH, WHOSE, HEADERS, b"x" * captures.BODY_BYTES, None)
    assert kept.kept


async def test_all_processes_together_keep_one_a_second(db: Pool, kept: Captures) -> None:
    for number in range(5):
        note(kept, number)
        await kept.write()
    assert [one.body for one in await captures.last(db)] == [b"body 0"]


async def test_a_process_keeps_one_a_second(receiver_database: str) -> None:
    connections = Connections(receiver_database)
    kept = Captures(connections, seconds=60, between=3600)
    for number in range(5):
        note(kept, number)
    assert len(kept.kept) == 1
    connections.close()


async def test_while_the_database_is_away_the_newest_stay_in_memory() -> None:
    connections = Connections(f"postgresql://u@127.0.0.1:{free_port()}/d")
    kept = Captures(connections, seconds=1, between=0)
    for number in range(EACH + 3):
        note(kept, number)
    await kept.write()
    assert kept.kept == [b"body %d" % number for number in range(3, EACH + 3)]
    connections.close()


async def test_what_comes_is_written_down_without_a_call(db: Pool, kept: Captures) -> None:
    keeping = asyncio.create_task(kept.keep())
    note(kept, 1)

    async def is_written() -> bool:
        return bool(await captures.last(db))

    await until(is_written)
    keeping.cancel()
