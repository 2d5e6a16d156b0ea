"""`receiver.health.survey`: every finding that can be made is made; `receiver check` shows all of them."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from receiver import Context, Event, handler, settings
from receiver.database import Pool
from receiver.errors import HandlerLoadError, NoDataError, StartupError
from receiver.handling import Handler
from receiver.health import Finding
from receiver.health.survey import Subjects, subjects, survey
from receiver.inbox.spool import Spool
from receiver.settings import Settings
from tests.buckets import Objects
from tests.inbox.test_spooled import RECORD

AROUND = ["spool", "reachable", "provider"]


@pytest.fixture
def configured(folder: Path) -> Settings:
    return settings.load(RECEIVER_DATA_DIR=folder, TRANSCRIBE_API_KEY="")


NONE = dict[str, Handler]()


class SlowSpool(Spool):
    """A spool on a slow disk: reading it ends when the event loop has run other work."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, limit_bytes=10**6)
        self._loop, self._turned = asyncio.get_running_loop(), threading.Event()
        self.loop_went_on: bool | None = None

    def records(self) -> Iterator[bytes]:
        self._loop.call_soon_threadsafe(self._turned.set)
        self.loop_went_on = self._turned.wait(10)
        return super().records()


async def look(
    configured: Settings, place: str | StartupError, folder: Path, *,
    handlers: Mapping[str, Handler] | HandlerLoadError = NONE,
) -> list[Finding]:  # fmt: skip
    return await survey(configured, Subjects(place, handlers, Spool(folder / "spool", limit_bytes=10**6)))


async def put_into_spool(folder: Path, *databases: str) -> None:
    """Spool a delivery for each of these databases."""
    spool = Spool(folder / "spool", limit_bytes=10**6)
    for database in databases:
        await spool.append(replace(RECORD, database=database).to_bytes(), seconds=60)
    await spool.close()


async def test_without_a_database_everything_else_is_looked_at(configured: Settings, folder: Path) -> None:
    found = await look(configured, NoDataError("there is none"), folder)
    assert [one.name for one in found] == ["settings", "handlers", "database", *AROUND]
    assert {one.name: one.said for one in found}["database"] == "there is none"


async def test_the_buckets_that_files_go_into_are_looked_at(
    configured: Settings, folder: Path, objects: Objects
) -> None:
    del objects
    configured = configured.model_copy(update={"files": "s3://nowhere"})
    *_, last = await look(configured, NoDataError("there is none"), folder)
    assert (last.name, last.holds) == ("files folder", False)


async def test_handlers_that_cannot_be_loaded_are_a_finding_and_hide_no_other(
    configured: Settings, folder: Path
) -> None:
    found = await look(configured, NoDataError("there is none"), folder, handlers=HandlerLoadError("mine is broken"))
    assert [one.name for one in found] == ["settings", "handlers", "database", *AROUND]
    assert (found[1].holds, found[1].said) == (False, "mine is broken")


async def test_dead_jobs_are_told_although_nobody_knows_which_handlers_exist(
    configured: Settings, folder: Path, db: Pool, receiver_database: str
) -> None:
    await db.execute(
        "with event as (insert into receiver.events (source, event_id, api_url, account, type, raw, secret_fingerprint,"
        " origin) values ('transcribe.so', 'evt_1', $1, 'default', 'a.b', '', '', 'webhook') returning *)"
        " insert into receiver.jobs (event, handler, source, api_url, account, state, attempt)"
        " select id, 'mine', source, api_url, account, 'dead', 1 from event",
        configured.chosen.api_url,
    )
    found = await look(configured, receiver_database, folder, handlers=HandlerLoadError("mine is broken"))
    told = {one.name: one for one in found}
    assert not told["dead jobs"].holds
    assert told["orphaned jobs"].seen == "unknown without handlers"


async def test_a_pattern_that_is_nearly_a_known_type_is_told_before_anything_came(
    configured: Settings, folder: Path, receiver_database: str
) -> None:
    async def function(event: Event, ctx: Context) -> None: ...

    mine = handler("transcription.complete", name="mine")(function)
    told = {one.name: one for one in await look(configured, receiver_database, folder, handlers={"mine": mine})}
    assert told["patterns"].holds
    assert "transcription.complete of mine, but there is transcription.completed" in told["patterns"].seen


async def test_the_loop_does_not_wait_for_the_disk(configured: Settings, folder: Path, receiver_database: str) -> None:
    """A page that shows the findings runs beside deliveries."""
    spool = SlowSpool(folder / "spool")
    await survey(configured, Subjects(receiver_database, NONE, spool))
    assert spool.loop_went_on


async def test_what_is_for_another_database_is_told_once_this_one_has_said_its_name(
    configured: Settings, folder: Path, db: Pool, receiver_database: str
) -> None:
    await put_into_spool(folder, "7", "8", "9")
    told = {one.name: one for one in await look(configured, receiver_database, folder)}
    assert "deliveries for another database: 3" in told["spool"].todo
    assert "worker" in told
    await db.execute("delete from receiver.migrations where version > 1")
    found = await look(configured, receiver_database, folder)
    assert [one.name for one in found] == ["settings", "handlers", "database", "schema", *AROUND]
    assert "another database" not in {one.name: one for one in found}["spool"].todo


def test_what_cannot_be_opened_is_looked_at_as_its_error(folder: Path) -> None:
    """Nothing is made for a look."""
    nowhere = settings.load(RECEIVER_DATA_DIR=folder / "data", RECEIVER_HANDLERS="nowhere_at_all")
    with subjects(nowhere) as found:
        assert isinstance(found.place, NoDataError)
        assert isinstance(found.handlers, HandlerLoadError)
        assert found.spool.folder.configured == folder / "data" / "spool"
    assert not (folder / "data").exists()
