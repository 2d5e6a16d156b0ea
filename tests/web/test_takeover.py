"""`receiver.web.takeover`: what waits for a database that is gone is stored in this one."""

from pathlib import Path

import pytest

from receiver import database, events
from receiver.database import Pool
from receiver.errors import SchemaError
from receiver.inbox import deliveries, spooled
from receiver.inbox.deliveries import Delivery
from receiver.inbox.spool import Spool
from receiver.web.takeover import take_over
from tests.processes import completed

API = "https://api.test"


async def spool_for_another(folder: Path) -> None:
    spool = Spool(folder, limit_bytes=10**6)
    delivery = Delivery(events.read("transcribe.so", completed("evt_theirs")), API, "f")
    await spool.append(spooled.spooled(delivery, "another", None).to_bytes(), seconds=60)
    await spool.close()


async def test_it_is_stored_as_if_it_had_been_for_this_one(db: Pool, receiver_database: str, tmp_path: Path) -> None:
    await spool_for_another(tmp_path)
    assert await take_over(receiver_database, Spool(tmp_path, limit_bytes=10**6), handlers={}, api_url=API) == 1
    assert [event.id for event in await deliveries.recent(db)] == ["evt_theirs"]
    assert Spool(tmp_path, limit_bytes=10**6).look().is_empty


async def test_a_schema_that_is_too_old_takes_nothing(receiver_database: str, tmp_path: Path) -> None:
    await spool_for_another(tmp_path)
    connection = await database.connect(receiver_database)
    await connection.execute("delete from receiver.migrations where version > 1")
    await connection.close()
    with pytest.raises(SchemaError, match="receiver migrate"):
        await take_over(receiver_database, Spool(tmp_path, limit_bytes=10**6), handlers={}, api_url=API)
    assert not Spool(tmp_path, limit_bytes=10**6).look().is_empty
