"""`assistants.state`: every question ends in time, whatever the database does."""

import pytest

from receiver import settings
from receiver.assistants import errors
from receiver.assistants.errors import UnsureError
from receiver.assistants.state import State
from receiver.database import Pool
from receiver.errors import StoreBusyError, StoreUnavailableError
from tests.assistants.asking import Failed, assistant
from tests.processes import unreachable
from tests.submissions.library.kept import keep

pytestmark = pytest.mark.usefixtures("own_environment")


async def test_a_statement_has_its_time(receiver_database: str, db: Pool) -> None:
    await keep(db, 7, "said")
    async with assistant(receiver_database, statement_seconds=0.2) as asker:
        async with db.acquire() as connection, connection.transaction():
            await connection.execute("lock table receiver.archive")
            with pytest.raises(Failed, match="did not answer this in time: ask for less"):
                await asker.ask("get_transcript", source="transcribe.so", id="7")
        assert (await asker.ask("get_transcript", source="transcribe.so", id="7"))["text"] == "[0:00:00] said"


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError()])
async def test_what_was_begun_may_have_happened_and_nothing_else(receiver_database: str, error: Exception) -> None:
    configured = settings.load(DATABASE_URL=receiver_database)

    async def work(_: Pool) -> None:
        raise error

    with pytest.raises(UnsureError):
        await State(configured, receiver_database).act(work)
    with pytest.raises(StoreUnavailableError):
        await State(configured, unreachable(receiver_database)).act(work)
    with pytest.raises(StoreBusyError) as busy:
        await State(configured, receiver_database, act_seconds=0).act(work)
    assert errors.said(busy.value, "replay") == errors.SLOW


async def test_a_database_that_is_away_is_an_answer(receiver_database: str) -> None:
    async with assistant(unreachable(receiver_database), seconds=1.0) as asker:
        with pytest.raises(Failed, match=r"^the database is away: (?!the database is away).*ask again in a minute$"):
            await asker.ask("list_dead")
