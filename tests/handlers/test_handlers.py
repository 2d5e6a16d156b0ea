"""`handlers`: what the bundled handlers store, and what they never do."""

import dataclasses
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from handlers.artifacts import artifacts
from handlers.failures import failures
from handlers.pings import pings
from handlers.timestamps import timestamps
from handlers.transcripts import transcripts
from receiver import (
    Artifact,
    Context,
    Event,
    Handler,
    LeaseLostError,
    NotReady,
    ProviderUnavailable,
    Segment,
    Transcript,
    Word,
)
from receiver.events import AccountId
from receiver.handling import Completion
from receiver.inbox import jobs, listing
from receiver.inbox.artifacts import keep
from receiver.providers import TranscribeSo
from receiver.sandbox import EXAMPLE_ID
from receiver.submissions import records
from receiver.submissions.records import Wanted
from receiver.testing import LEASE, SANDBOX_URL, Scratch

EARLIER, LATER = "2026-04-29T14:25:27.968Z", "2026-04-29T15:00:00.000Z"
# A table's rows of one transcription, in their order.
SEGMENTS = (
    "select start_seconds, end_seconds, speaker, text from receiver.segments where transcription_id = $1"
    " order by position"
)
CHAPTERS = (
    "select start_seconds, end_seconds, title, summary from receiver.chapters where transcription_id = $1"
    " order by position"
)
SECTIONS = "select start_seconds, title, summary from receiver.sections where transcription_id = $1 order by position"
QNA = "select question, answer from receiver.qna where transcription_id = $1 order by position"
ROWS = {"segments": SEGMENTS, "chapters": CHAPTERS, "sections": SECTIONS, "qna": QNA}
NOTHING: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in ROWS}


async def stored(scratch: Scratch, transcription_id: int = EXAMPLE_ID) -> dict[str, list[tuple[Any, ...]]]:
    """Return what is stored of a transcription's content, by kind."""
    found = {kind: await scratch.db.fetch(query, str(transcription_id)) for kind, query in ROWS.items()}
    return {kind: [tuple(row) for row in rows] for kind, rows in found.items()}


async def replayed(scratch: Scratch, event: Event, ctx: Context) -> Context:
    """Replay an event for the handler of `ctx`, claim the job again, and return its context."""
    (found,) = await listing.find(scratch.db, event.id)
    assert await jobs.replay(scratch.db, found.key, [ctx.handler]) == [ctx.handler]
    portions = [jobs.Portion(queue, 1) for queue in jobs.queues([ctx.account], [ctx.handler])]
    claims = await jobs.claim(scratch.db, portions, lease=LEASE, limit=1)
    return dataclasses.replace(ctx, attempt=claims[0].attempt, completion=Completion())


class Provider:
    """A provider that answers as a function of ours says, and remembers what it was asked."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self._answer = answer
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._answer(request)

    @asynccontextmanager
    async def answering(self, ctx: Context) -> AsyncIterator[Context]:
        """Yield `ctx` with this provider for the sandbox."""
        transport = httpx.MockTransport(self)
        async with TranscribeSo(SANDBOX_URL, SecretStr("tsk_test_scripted"), transport=transport) as client:
            yield dataclasses.replace(ctx, client=client)


def result(*texts: str) -> httpx.Response:
    segments = [{"start_seconds": n, "end_seconds": n + 1, "text": text} for n, text in enumerate(texts)]
    return httpx.Response(200, json={"id": EXAMPLE_ID, "status": "completed", "segments": segments})


# --- transcripts -----------------------------------------------------------------------------------------------------


async def test_transcripts_stores_all_four_kinds_in_order(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(transcripts, title="Pilot", language="en", duration_seconds=61.5)
    await transcripts(event, ctx)
    answer = json.loads(await receiver_scratch.provider.result(EXAMPLE_ID))
    fields = {
        "segments": ("start_seconds", "end_seconds", "speaker", "text"),
        "chapters": ("start_seconds", "end_seconds", "title", "summary"),
        "sections": ("start_seconds", "title", "summary"),
        "qna": ("question", "answer"),
    }
    expected = {kind: [tuple(item[name] for name in names) for item in answer[kind]] for kind, names in fields.items()}
    assert await stored(receiver_scratch) == expected
    assert all(len(rows) > 1 for rows in expected.values())
    (row,) = await receiver_scratch.db.fetch("select * from receiver.transcripts")
    assert (row["source"], row["transcription_id"], row["completed_at"]) == ("transcribe.so", "4821", EARLIER)
    assert (row["title"], row["language"], row["duration_seconds"]) == ("Pilot", "en", 61.5)
    assert await receiver_scratch.state(event) == "done"


class Timed(Context):
    """The context of an event from a source that times words."""

    async def transcript(self) -> Transcript:
        words = (Word(0.5, 0.75, 'Say "hi"'), Word(1, 1.5, "Zoë.", "Ada"))
        return Transcript((Segment(0.5, 1.5, 'Say "hi" Zoë.', "Ben", words), Segment(2, 3, "Yes.", "Ada")))


async def test_transcripts_stores_the_words_of_a_source_that_times_them(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(transcripts)
    await transcripts(event, Timed(**{field.name: getattr(ctx, field.name) for field in dataclasses.fields(ctx)}))
    rows = await receiver_scratch.db.fetch("select text, words from receiver.segments order by position")
    assert [(row["text"], row["words"] and json.loads(row["words"])) for row in rows] == [
        ('Say "hi" Zoë.', [
            {"start_seconds": 0.5, "end_seconds": 0.75, "text": 'Say "hi"', "speaker": None},
            {"start_seconds": 1, "end_seconds": 1.5, "text": "Zoë.", "speaker": "Ada"},
        ]),
        ("Yes.", None),
    ]  # fmt: skip


async def test_transcripts_changes_nothing_when_it_is_replayed(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(transcripts)
    await transcripts(event, ctx)
    before = await stored(receiver_scratch)
    await transcripts(event, await replayed(receiver_scratch, event, ctx))
    assert await stored(receiver_scratch) == before
    assert await receiver_scratch.state(event) == "done"


async def test_transcripts_asks_the_provider_once_however_often_it_is_tried(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(transcripts)
    provider = Provider(lambda _: result("Hello."))
    async with provider.answering(ctx) as scripted:
        await transcripts(event, scripted)
        await transcripts(event, await replayed(receiver_scratch, event, scripted))
    assert [(r.method, r.url.path) for r in provider.asked] == [("GET", "/api/v1/transcriptions/4821/result")]


@pytest.mark.parametrize(
    ("ends", "kept"),
    [
        ([(EARLIER, "early"), (LATER, "late")], "late"),
        ([(LATER, "late"), (EARLIER, "early")], "late"),
        ([(LATER, "late"), (None, "undated")], "late"),
        ([(None, "undated"), (EARLIER, "early")], "early"),
    ],
)
async def test_transcripts_keeps_the_later_end_of_a_retried_transcription(
    ends: list[tuple[str | None, str]], kept: str, receiver_scratch: Scratch
) -> None:
    """Every part of what is kept belongs to the same end; both jobs are done."""
    for completed_at, text in ends:
        event, ctx = await receiver_scratch.claim(transcripts, completed_at=completed_at, title=text)
        async with Provider(lambda _, text=text: result(text, f"{text} again")).answering(ctx) as scripted:  # type: ignore[misc] # mypy cannot infer a lambda with a default
            await transcripts(event, scripted)
        assert await receiver_scratch.state(event) == "done"
    assert [row[3] for row in (await stored(receiver_scratch))["segments"]] == [kept, f"{kept} again"]
    assert await receiver_scratch.db.fetchval("select title from receiver.transcripts") == kept


async def test_transcripts_leaves_nothing_of_a_longer_earlier_end(receiver_scratch: Scratch) -> None:
    for completed_at, texts in ((EARLIER, ("a", "b", "c")), (LATER, ("d",))):
        event, ctx = await receiver_scratch.claim(transcripts, completed_at=completed_at)
        async with Provider(lambda _, texts=texts: result(*texts)).answering(ctx) as scripted:  # type: ignore[misc] # the same
            await transcripts(event, scripted)
    assert [row[3] for row in (await stored(receiver_scratch))["segments"]] == ["d"]


@pytest.mark.parametrize(
    ("statement", "left"),
    [
        ("delete from receiver.transcripts where transcription_id = '4821'", ["5"]),
        ("truncate receiver.transcripts cascade", []),
    ],
)
async def test_what_is_stored_of_a_transcript_goes_with_it(
    statement: str, left: list[str], receiver_scratch: Scratch
) -> None:
    """Even if who deletes it has no right to delete its parts, as with a foreign key."""
    event, ctx = await receiver_scratch.claim(transcripts)
    await transcripts(event, ctx)
    db = receiver_scratch.db
    await db.execute(
        "insert into receiver.transcripts (source, api_url, transcription_id, completed_at) values ('s', 'u', '5', '')"
    )
    await db.execute("insert into receiver.segments values ('s', '5', 1, 0, 1, null, 'of another', 'u')")
    async with db.acquire() as connection, connection.transaction():
        if statement.startswith("delete"):
            await connection.execute("create role tidy; grant usage on schema receiver to tidy")
            await connection.execute("grant select, delete on receiver.transcripts to tidy; set local role tidy")
        await connection.execute(statement)
        await connection.execute("reset role; drop owned by tidy; drop role tidy" if left else "reset role")
    assert await stored(receiver_scratch) == NOTHING
    assert [row[0] for row in await db.fetch("select transcription_id from receiver.segments")] == left


async def test_transcripts_stores_an_empty_transcript(receiver_scratch: Scratch) -> None:
    """A recording of silence is no reason for a dead letter."""
    event, ctx = await receiver_scratch.claim(transcripts)
    async with Provider(lambda _: result()).answering(ctx) as scripted:
        await transcripts(event, scripted)
    assert await stored(receiver_scratch) == NOTHING
    assert await receiver_scratch.state(event) == "done"


async def test_transcripts_writes_nothing_when_its_job_is_another_workers(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(transcripts)
    with pytest.raises(LeaseLostError):
        await transcripts(event, dataclasses.replace(ctx, attempt=ctx.attempt + 1))
    assert await stored(receiver_scratch) == NOTHING
    assert await receiver_scratch.state(event) == "pending"


async def test_transcripts_leaves_its_job_to_the_policy_when_the_provider_is_away(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(transcripts)
    async with Provider(lambda _: httpx.Response(503)).answering(ctx) as scripted:
        with pytest.raises(ProviderUnavailable):
            await transcripts(event, scripted)
    assert await receiver_scratch.state(event) == "pending"
    await transcripts(event, ctx)
    assert (await stored(receiver_scratch))["segments"]


# --- timestamps ------------------------------------------------------------------------------------------------------


def stamps(request: httpx.Request, *, made: tuple[str, ...], ok_to_paste: bool = True) -> httpx.Response:
    """Answer for `/timestamps` as a provider does that has made the styles `made`."""
    asked = request.url.params
    if asked["style"] not in made:
        error = {"code": "not_ready", "message": "No.", "reason": "artifact_missing", "available_styles": list(made)}
        return httpx.Response(409, json={"error": error})
    text = f"0:00 {asked['style']}"
    return httpx.Response(200, json={**asked, "text": text, "ok_to_paste": ok_to_paste, "warnings": ["short"]})


async def kept_timestamps(scratch: Scratch) -> list[tuple[Any, ...]]:
    rows = await scratch.db.fetch(
        "select transcription_id, format, style, text, warnings, ok_to_paste from receiver.timestamps order by format"
    )
    return [tuple(row) for row in rows]


async def test_timestamps_stores_each_format_that_the_operator_asked_for(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(timestamps)
    await timestamps(event, ctx)
    assert ctx.setting("RECEIVER_TIMESTAMPS") == "youtube,spotify"
    answers = [
        json.loads(await receiver_scratch.provider.timestamps(EXAMPLE_ID, name)) for name in ("youtube", "spotify")
    ]
    assert await kept_timestamps(receiver_scratch) == [
        ("4821", a["format"], "balanced", a["text"], [], True) for a in sorted(answers, key=lambda a: a["format"])
    ]
    assert await receiver_scratch.state(event) == "done"


async def test_timestamps_takes_a_style_that_exists_and_never_pays(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(timestamps)
    provider = Provider(lambda request: stamps(request, made=("punchy", "educational")))
    async with provider.answering(ctx) as scripted:
        await timestamps(event, scripted)
    assert await kept_timestamps(receiver_scratch) == [
        ("4821", name, "punchy", "0:00 punchy", ["short"], True) for name in ("spotify", "youtube")
    ]
    assert [r.method for r in provider.asked] == ["GET"] * 4


async def test_timestamps_is_not_ready_where_no_style_was_made_and_never_pays(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(timestamps)
    provider = Provider(lambda request: stamps(request, made=()))
    async with provider.answering(ctx) as scripted:
        with pytest.raises(NotReady) as raised:
            await timestamps(event, scripted)
    assert (raised.value.reason, raised.value.available_styles) == ("artifact_missing", ())
    assert [r.method for r in provider.asked] == ["GET"]
    assert await kept_timestamps(receiver_scratch) == []
    assert await receiver_scratch.state(event) == "pending"


async def test_timestamps_stores_all_formats_or_none(receiver_scratch: Scratch) -> None:
    def only_youtube(request: httpx.Request) -> httpx.Response:
        youtube = request.url.params["format"] == "youtube"
        return stamps(request, made=("balanced",)) if youtube else httpx.Response(500)

    event, ctx = await receiver_scratch.claim(timestamps)
    async with Provider(only_youtube).answering(ctx) as scripted:
        with pytest.raises(ProviderUnavailable):
            await timestamps(event, scripted)
    assert await kept_timestamps(receiver_scratch) == []


async def test_timestamps_says_which_are_not_fit_to_paste(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    event, ctx = await receiver_scratch.claim(timestamps)
    answer = Provider(lambda r: stamps(r, made=("balanced",), ok_to_paste=r.url.params["format"] == "youtube"))
    async with answer.answering(ctx) as scripted:
        await timestamps(event, scripted)
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert warnings == ["not fit to paste as they are: spotify"]
    assert [row[5] for row in await kept_timestamps(receiver_scratch)] == [False, True]


async def test_timestamps_keeps_the_later_end_of_a_retried_transcription(receiver_scratch: Scratch) -> None:
    for completed_at, style in ((LATER, "balanced"), (EARLIER, "punchy")):
        event, ctx = await receiver_scratch.claim(timestamps, completed_at=completed_at)
        async with Provider(lambda r, style=style: stamps(r, made=(style,))).answering(ctx) as scripted:  # type: ignore[misc] # the same
            await timestamps(event, scripted)
    assert [row[2] for row in await kept_timestamps(receiver_scratch)] == ["balanced", "balanced"]


# --- failures and pings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"error": "Bad audio."}, "Bad audio."),
        ({"error_message": "Bad audio."}, "Bad audio."),
        ({"failure_reason": "Bad audio."}, "Bad audio."),
        ({"reason": "Bad audio."}, "Bad audio."),
        ({"message": "Bad audio."}, "Bad audio."),
        ({"error": {"code": 5, "message": "Bad audio."}}, "Bad audio."),
        ({"error": "", "reason": "Bad audio."}, "Bad audio."),
        ({"error": None, "message": "Bad audio."}, "Bad audio."),
        ({"error": ["Bad audio."]}, "no reason given"),
        ({"error": {"message": {"text": "Bad audio."}}}, "no reason given"),
        ({"error": 5}, "no reason given"),
        ({}, "no reason given"),
    ],
)
async def test_failures_stores_the_first_text_that_looks_like_a_reason(
    fields: dict[str, Any], reason: str, receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    event, ctx = await receiver_scratch.claim(failures, status="failed", **fields)
    await failures(event, ctx)
    (row,) = await receiver_scratch.db.fetch("select * from receiver.failures")
    assert (row["source"], row["transcription_id"], row["event_id"]) == ("transcribe.so", "4821", event.id)
    assert row["reason"] == reason
    assert await receiver_scratch.state(event) == "done"
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == [
        f"transcription 4821 failed: {reason}"
    ]


@pytest.mark.parametrize("data", [{}, {"transcription": None}, {"transcription": "4821"}, {"transcription": []}])
async def test_failures_stores_a_failure_that_names_no_transcription(
    data: dict[str, Any], receiver_scratch: Scratch
) -> None:
    event, ctx = await receiver_scratch.claim(failures, id=None)
    await failures(dataclasses.replace(event, data=data), ctx)
    (row,) = await receiver_scratch.db.fetch("select * from receiver.failures")
    assert (row["transcription_id"], row["event_id"], row["reason"]) == ("", event.id, "no reason given")


async def test_failures_keeps_those_of_two_accounts_apart_and_names_other_work_by_its_event(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    event, ctx = await receiver_scratch.claim(failures, "separation.failed", id=None)
    event = dataclasses.replace(event, id="evt_same")
    await failures(event, ctx)
    _, ctx = await receiver_scratch.claim(failures, "separation.failed", id=None)
    await failures(event, dataclasses.replace(ctx, account=ctx.account._replace(account="second")))
    rows = await receiver_scratch.db.fetch("select account, event_id from receiver.failures order by account")
    assert [tuple(row) for row in rows] == [("default", "evt_same"), ("second", "evt_same")]
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert said == ["separation of event evt_same failed: no reason given"] * 2


async def test_failures_keeps_one_row_for_an_event_that_is_replayed(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(failures, error="Bad audio.")
    await failures(event, ctx)
    await failures(event, await replayed(receiver_scratch, event, ctx))
    assert await receiver_scratch.db.fetchval("select count(*) from receiver.failures") == 1


FILES = (
    "select account, operation, recording, name, content_type, bytes, sha256, place from receiver.files order by name"
)
VOCALS = Artifact("vocals.wav", "audio/wav", 2**33, "ab" * 32, "/shelf/vocals.wav")
DRUMS = Artifact("drums.wav", None, 7, "cd" * 32, "/shelf/drums.wav")


async def separated(scratch: Scratch, *files: Artifact) -> tuple[Event, Context]:
    """Return the event of a separation that has brought files, and its context."""
    account = AccountId("transcribe.so", SANDBOX_URL, "default")
    wanted = Wanted(
        account, "f", "separation", {}, recording="song.mp3", url=None, title="song", duration_seconds=60, bytes=7,
        asked="a", if_lost="ask", unit="",
    )  # fmt: skip
    submission = await records.intend(scratch.db, wanted, "key")
    assert submission is not None
    await keep(scratch.db, submission.id, files)
    event, ctx = await scratch.claim(artifacts, "separation.completed")
    told = {"id": submission.id, "operation": "separation", "recording": "song.mp3"}
    event = dataclasses.replace(event, data={"submission": told})
    return event, dataclasses.replace(ctx, event=event)


async def test_artifacts_stores_where_files_lie(receiver_scratch: Scratch) -> None:
    event, ctx = await separated(receiver_scratch, VOCALS, DRUMS)
    await artifacts(event, ctx)
    about = ("default", "separation", "song.mp3")
    assert [tuple(row) for row in await receiver_scratch.db.fetch(FILES)] == [
        (*about, "drums.wav", None, 7, "cd" * 32, "/shelf/drums.wav"),
        (*about, "vocals.wav", "audio/wav", 2**33, "ab" * 32, "/shelf/vocals.wav"),
    ]
    assert await receiver_scratch.state(event) == "done"


async def test_artifacts_of_a_replay_take_the_place_of_those_of_before(receiver_scratch: Scratch) -> None:
    event, ctx = await separated(receiver_scratch, VOCALS, DRUMS)
    await artifacts(event, ctx)
    submission = event.data["submission"]["id"]
    await receiver_scratch.db.execute("delete from receiver.artifacts where name = 'drums.wav'")
    await keep(receiver_scratch.db, submission, [dataclasses.replace(VOCALS, bytes=9, place="/other/vocals.wav")])
    await artifacts(event, await replayed(receiver_scratch, event, ctx))
    rows = await receiver_scratch.db.fetch("select name, bytes, place from receiver.files")
    assert [tuple(row) for row in rows] == [("vocals.wav", 9, "/other/vocals.wav")]


async def test_a_transcription_without_files_stores_none(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(artifacts)
    await artifacts(event, ctx)
    assert await receiver_scratch.db.fetch(FILES) == []


async def test_pings_says_one_line(receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    event, ctx = await receiver_scratch.claim(pings)
    await pings(event, ctx)
    assert [(r.levelname, r.getMessage()) for r in caplog.records if r.name.startswith("handlers")] == [
        ("INFO", f"test event {event.id} came through the whole path")
    ]


@pytest.mark.parametrize(
    ("source", "event_type", "interested"),
    [
        ("transcribe.so", "transcription.completed", [artifacts, timestamps, transcripts]),
        ("transcribe.so", "transcription.failed", [failures]),
        ("transcribe.so", "webhook.test", [pings]),
        ("transcribe.so", "transcription.cancelled", []),
        ("other.example", "transcription.completed", [artifacts, transcripts]),
        ("other.example", "transcription.failed", [failures]),
        ("other.example", "separation.failed", [failures]),
        ("other.example", "separation.completed", [artifacts]),
        ("other.example", "enhancement.completed", [artifacts]),
        ("other.example", "translation.completed", [artifacts]),
        ("other.example", "submission.unknown", []),
        ("other.example", "submission.overdue", []),
        ("other.example", "submission", []),
    ],
)
def test_each_event_of_a_source_has_its_handlers(source: str, event_type: str, interested: list[Handler]) -> None:
    assert [
        h for h in (artifacts, failures, pings, timestamps, transcripts) if h.wants(event_type, source)
    ] == interested
