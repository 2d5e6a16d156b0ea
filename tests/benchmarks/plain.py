"""What stands beside us, with the same libraries: `python -m tests.benchmarks.plain KIND PARSER PORT [URL] [MANY]`.

bare    reads the body and answers 200
usual   what one writes in an afternoon: verify, parse, a transaction for the event and its three jobs, answer 200
              with a pool of MANY connections
    provider  gives a transcript of MANY segments
"""

import hashlib
import hmac
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.benchmarks.load import HOST, SECRET

HANDLERS = ["one", "two", "three"]
PATH = "/webhooks/transcribe-so"
TABLES = """
create table events (
    id bigint generated always as identity primary key, event_id text not null unique, type text not null,
    transcription_id text, raw bytea not null, received_at timestamptz not null default now()
);
create table jobs (
    id bigint generated always as identity primary key, event bigint not null references events, handler text not null,
    state text not null default 'pending', attempt integer not null default 0,
    due_at timestamptz not null default now(), unique (event, handler)
);
create index on jobs (due_at) where state = 'pending'
"""
EVENT = """
insert into events (event_id, type, transcription_id, raw) values ($1, $2, $3, $4)
on conflict (event_id) do nothing returning id
"""
JOBS = "insert into jobs (event, handler) select $1, unnest($2::text[])"


def bare() -> Starlette:
    async def answer(request: Request) -> Response:
        await request.body()
        return JSONResponse({"status": "stored"})

    return Starlette(routes=[Route(PATH, answer, methods=["POST"])])


def usual(url: str, size: int, secret: bytes) -> Starlette:
    @asynccontextmanager
    async def pool(app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=size, max_size=size) as app.state.pool:
            yield

    async def answer(request: Request) -> Response:
        body = await request.body()
        stamp, _, mac = request.headers["x-transcribe-signature"].removeprefix("t=").partition(",v1=")
        right = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(mac, right):
            return JSONResponse({"error": "signature"}, status_code=401)
        event = json.loads(body)
        about = str(event["data"]["transcription"]["id"])
        async with request.app.state.pool.acquire() as connection, connection.transaction():
            number = await connection.fetchval(EVENT, event["id"], event["event"], about, body)
            if number is not None:
                await connection.execute(JOBS, number, HANDLERS)
        return JSONResponse({"status": "stored"})

    return Starlette(routes=[Route(PATH, answer, methods=["POST"])], lifespan=pool)


def provider(segments: int) -> Starlette:
    answers = transcript(segments)

    async def answer(request: Request) -> Response:
        raw = answers.replace(b"1234567", request.path_params["number"].encode())
        return Response(raw, media_type="application/json")

    return Starlette(routes=[Route("/api/v1/transcriptions/{number}/result", answer)])


def transcript(segments: int) -> bytes:
    """Return the provider's answer for a long recording."""
    parts = [
        {"start_seconds": 3.6 * number, "end_seconds": 3.6 * number + 3.4, "speaker": f"SPEAKER_0{number % 3}",
         "text": f"and that is what somebody says in segment {number} of it"} for number in range(segments)
    ]  # fmt: skip
    return json.dumps({"id": 1234567, "status": "completed", "segments": parts}).encode()


def main(kind: str, parser: str, port: str, url: str = "", many: str = "0") -> None:
    """Serve until a signal ends it."""
    if kind == "provider":
        app = provider(int(many))
    else:
        app = bare() if kind == "bare" else usual(url, int(many), SECRET.encode())
    uvicorn.run(
        app, host=HOST, port=int(port), http="h11" if parser == "h11" else "httptools", loop="uvloop", ws="none",
        log_level="error", access_log=False, backlog=2048,
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
