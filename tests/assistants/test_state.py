"""`assistants.state`: every question ends in time, whatever the database does."""

import pytest

from receiver.database import Pool
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


async def test_a_database_that_is_away_is_an_answer(receiver_database: str) -> None:
    async with assistant(unreachable(receiver_database), seconds=1.0) as asker:
        with pytest.raises(Failed, match=r"the database is away: .*ask again in a minute"):
            await asker.ask("list_dead")
