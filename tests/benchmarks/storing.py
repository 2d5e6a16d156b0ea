"""How long a long transcript takes from its fetching to its rows."""

import json
import time
from pathlib import Path

import asyncpg

from tests.benchmarks import plain
from tests.benchmarks.asking import at_once
from tests.benchmarks.figures import Line, Target
from tests.benchmarks.load import HOST, Order
from tests.benchmarks.machine import strangers
from tests.benchmarks.stage import Place, Stage
from tests.benchmarks.turns import Run, in_turn
from tests.processes import until

SEGMENTS = 20_000
TIMED = """
import time
from pathlib import Path

from receiver import Context, Event, handler
from receiver.bundled import transcripts as bundled


@handler("transcription.completed", timeout=120)
async def timed(event: Event, ctx: Context) -> None:
    began = time.perf_counter()
    await bundled.transcripts(event, ctx)
    with Path("took").open("a") as took:
        took.write(f"{time.perf_counter() - began}\\n")
"""
COLUMNS = (
    "source", "api_url", "transcription_id", "position", "start_seconds", "end_seconds", "speaker", "text", "words",
)  # fmt: skip
BARE = """
create table public.bare (
    source text, api_url text, transcription_id text, position bigint, start_seconds double precision,
    end_seconds double precision, speaker text, text text, words jsonb
)
"""


def transcripts(stage: Stage, run: Run) -> list[Line]:
    """Compare the bundled handler with `json.loads` and COPY into a table without keys and indexes."""
    segments = run.some(SEGMENTS)
    provider = stage.serve("tests.benchmarks.plain", "provider", "h11", "", str(segments))
    place = stage.place("storing", TIMED, TRANSCRIBE_API_URL=f"http://{HOST}:{provider.port}", TRANSCRIBE_API_KEY="tsk")
    place.sql(BARE)
    raw, port = plain.transcript(segments), place.web().port
    with place.working():
        turns = {"ours": lambda: _stored(stage, place, port), "theirs": lambda: at_once(_copied(place.url, raw))}
        with strangers(stage.data) as share:
            found = in_turn(run.rounds + 1, turns)  # the first one warms up
    kept = place.sql("select count(*) as segments from receiver.segments")[0]["segments"]
    note = "" if kept == segments * (run.rounds + 1) else f"NOT ALL STORED: {kept} segments"
    return [Line(
        f"transcript of {segments:,} segments, fetched and stored", "ms", found["ours"][1:],
        "json.loads and COPY into a bare table", found["theirs"][1:], Target(4, at_least=False), share(), note,
    )]  # fmt: skip


def _stored(stage: Stage, place: Place, port: int) -> float:
    """Deliver an event; return the milliseconds of its handler."""
    took = place.folder / "took"
    before = _lines(took)
    came, _ = stage.send(Order(port, "long", 1, first=len(before), rate=1, connections=1))
    assert not came.odd, came.odd
    until(lambda: len(_lines(took)) > len(before), "the transcript is stored")
    return float(_lines(took)[-1]) * 1000


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def _copied(url: str, raw: bytes) -> float:
    connection = await asyncpg.connect(url)
    try:
        began = time.perf_counter()
        records = [
            ("transcribe.so", "", "1", number, one["start_seconds"], one["end_seconds"], one["speaker"], one["text"],
             None) for number, one in enumerate(json.loads(raw)["segments"], 1)
        ]  # fmt: skip
        await connection.copy_records_to_table("bare", schema_name="public", records=records, columns=COLUMNS)
        return (time.perf_counter() - began) * 1000
    finally:
        await connection.close()
