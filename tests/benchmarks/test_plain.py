"""What stands beside us does what it says that it does."""

import json

import asyncpg
import httpx
import pytest

from tests.benchmarks import plain
from tests.benchmarks.load import SECRET, Order, prepare


def request(raw: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    pairs = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    return {name: value for name, _, value in pairs}, body


async def test_the_usual_way_stores_an_event_and_its_three_jobs_and_refuses_a_forgery(receiver_database: str) -> None:
    connection = await asyncpg.connect(receiver_database)
    await connection.execute(plain.TABLES)
    app = plain.usual(receiver_database, 1, SECRET.encode())
    headers, body = request(prepare(Order(1, "x", 1))[0])
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://usual") as http,
    ):
        answers = [await http.post(plain.PATH, content=one, headers=headers) for one in (body, body[:-1] + b" ")]
    assert [one.status_code for one in answers] == [200, 401]
    assert await connection.fetchval("select count(*) from events join jobs on jobs.event = events.id") == 3
    await connection.close()


@pytest.mark.parametrize("segments", [1, 3])
def test_the_provider_gives_as_many_segments_as_it_was_told(segments: int) -> None:
    assert len(json.loads(plain.transcript(segments))["segments"]) == segments
