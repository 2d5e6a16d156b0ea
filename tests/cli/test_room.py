"""`receiver.cli.up.room`: processes do not start where the database has no room for their connections."""

import pytest

from receiver import settings
from receiver.cli.up import room
from receiver.cli.up.room import needed
from receiver.database import Pool, query
from receiver.errors import ConfigError

MANY = {"RECEIVER_WEB": "2", "RECEIVER_WORKERS": "64", "RECEIVER_LANES": "100"}
URL = "postgresql://db.example/app"


async def checked(db: Pool, **variables: str) -> None:
    async with db.acquire() as connection:
        await room.check(connection, settings.load(**variables))


@pytest.mark.usefixtures("own_environment")
async def test_with_the_embedded_database_they_do_not_start(db: Pool) -> None:
    places = await db.fetchval(query("database/room"))
    with pytest.raises(ConfigError) as refused:
        await checked(db, **MANY)
    most = needed(settings.load(**MANY))
    assert most > 64 * 2 * 104 > places
    assert str(refused.value) == (
        f"during a restart our processes can open {most} connections to the database, which has room for {places}: "
        "lower --web (2), --workers (64), RECEIVER_LANES (100) or RECEIVER_CALLS (4), "
        "or set DATABASE_URL to a larger one"
    )
    with pytest.raises(ConfigError, match=r"lower --web \(1\), --workers \(1\), RECEIVER_LANES \(100\)"):
        await checked(db, RECEIVER_LANES="100", RECEIVER_CALLS="100")


@pytest.mark.usefixtures("own_environment")
async def test_another_database_can_be_made_larger_so_that_is_said(db: Pool, caplog: pytest.LogCaptureFixture) -> None:
    await checked(db, **MANY, DATABASE_URL=URL)
    (said,) = caplog.messages
    assert said.endswith("or RECEIVER_CALLS (4), or raise its max_connections")


@pytest.mark.usefixtures("own_environment")
async def test_those_that_fit_start_and_so_does_one_of_each_kind_with_another_database(
    db: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await checked(db, RECEIVER_WEB="2", RECEIVER_WORKERS="2", RECEIVER_LANES="4")
    await checked(db, RECEIVER_LANES="100", RECEIVER_CALLS="100", DATABASE_URL=URL)
    assert not caplog.messages


@pytest.mark.usefixtures("own_environment")
async def test_each_process_is_counted_and_one_more_of_each_kind() -> None:
    def more(**variables: str) -> int:
        return needed(settings.load(**variables)) - needed(settings.load())

    lapsed = 2 + 4 + 5 + 2
    worker = 2 * (8 + 4) + 4 + 6 + 2 + 3 * lapsed
    assert needed(settings.load()) == 2 + 2 + 2 * (7 + 3) + 2 * worker
    assert (more(RECEIVER_WEB="2"), more(RECEIVER_WORKERS="2")) == (10, worker)
    assert more(RECEIVER_LANES="9") == 2 * 2
    assert more(TRANSCRIBE_API_KEY__BIG_SHOW="tsk_test_1") == 2 * (2 + 3 * 2)


async def test_room_is_what_the_server_and_the_limits_of_role_and_database_leave(db: Pool) -> None:
    everything, name = await db.fetchval(query("database/room")), await db.fetchval("select current_database()")
    assert everything == await db.fetchval(
        "select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    )
    await db.execute(f'alter database "{name}" connection limit 7')
    assert await db.fetchval(query("database/room")) == 7
    async with db.acquire() as connection:
        limited = connection.transaction()
        await limited.start()
        await connection.execute(f'create role "{name}" connection limit 5; set local role "{name}"')
        assert await connection.fetchval(query("database/room")) == 5
        await limited.rollback()
