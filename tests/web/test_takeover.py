"""`receiver.web.takeover`: deliveries that wait for a database that is gone are stored in this one."""

from pathlib import Path

import pytest

from receiver import database, settings
from receiver.database import Pool
from receiver.errors import ImpossibleError, SchemaError
from receiver.inbox import listing, spooled
from receiver.inbox.deliveries import Delivery
from receiver.inbox.spool import Spool
from receiver.providers.transcribe_so import payload
from receiver.settings import Settings
from receiver.web import takeover
from receiver.web.takeover import take_over
from tests.processes import completed

API = "https://api.test"


def spooling(folder: Path, **changes: str) -> Settings:
    return settings.load(RECEIVER_SPOOL_DIR=folder, TRANSCRIBE_API_URL=API, **changes)


async def spool_for_another(folder: Path) -> None:
    spool = Spool(folder, limit_bytes=10**6)
    delivery = Delivery(payload.read("transcribe.so", completed("evt_theirs")), API, "f")
    await spool.append(spooled.spooled(delivery, "another", None, at=0).to_bytes(), seconds=60)
    await spool.close()


async def test_it_is_stored_as_if_it_had_been_for_this_one(db: Pool, receiver_database: str, tmp_path: Path) -> None:
    await spool_for_another(tmp_path)
    assert await take_over(receiver_database, spooling(tmp_path), {}) == 1
    assert [event.id for event in await listing.recent(db)] == ["evt_theirs"]
    assert Spool(tmp_path, limit_bytes=10**6).look().is_empty


async def test_what_waits_is_counted_by_the_database_it_waits_for(tmp_path: Path) -> None:
    nothing = takeover.waiting(spooling(tmp_path / "spool"))
    assert (nothing.numbers, nothing.condition.is_empty) == ({}, True)
    await spool_for_another(tmp_path / "spool")
    found = takeover.waiting(spooling(tmp_path / "spool", DATABASE_URL="postgresql://u@here.test/d"))
    assert (sum(found.numbers.values()), found.condition.is_empty) == (1, False)
    (name,) = found.numbers
    assert "another" in name
    assert found.to_json(taken=2) == {
        "folder": str(found.condition.path), "taken": 2, "waiting": {name: 1}, "refused": 0, "damaged": 0, "unknown": 0,
    }  # fmt: skip


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImpossibleError, match="RECEIVER_SPOOL_DIR names the folder"):
        takeover.waiting(spooling(tmp_path / "file"))


async def test_nothing_is_taken_from_a_folder_that_cannot_be_used(receiver_database: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImpossibleError, match="RECEIVER_SPOOL_DIR names the folder"):
        await take_over(receiver_database, spooling(tmp_path / "file"), {})


async def test_a_schema_that_is_too_old_takes_nothing(receiver_database: str, tmp_path: Path) -> None:
    await spool_for_another(tmp_path)
    connection = await database.connect(receiver_database)
    await connection.execute("delete from receiver.migrations where version > 1")
    await connection.close()
    with pytest.raises(SchemaError, match="receiver migrate"):
        await take_over(receiver_database, spooling(tmp_path), {})
    assert not Spool(tmp_path, limit_bytes=10**6).look().is_empty
