"""`submissions.library.indexing`: whatever was kept comes into the library, once, and goes when the answer goes."""

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from receiver import database
from receiver.database import Pool, query
from receiver.inbox.retention import Prune, horizon
from receiver.providers import archive
from receiver.providers.archive import Subject
from receiver.submissions.library import listing
from receiver.submissions.library.indexing import Indexing
from tests.inbox.ageing import prune
from tests.submissions.library.kept import API, ENDED, LATER, announce, index, keep, search, segment
from tests.submissions.submitting import bench
from tests.worker.working import until

SRT = "1\n00:00:05,000 --> 00:00:07,500\n{}\n"
JSON = {
    "text": "{}", "duration": 9.5, "language": "english",
    "segments": [{"id": 0, "start": 5.0, "end": 7.5, "text": "{}"}],
}  # fmt: skip


async def found(db: Pool, words: str) -> list[tuple[str, float]]:
    """Return where some words were said: the transcription, and when."""
    hits = (await search(db, words)).hits
    return [(hit.transcription_id, hit.seconds) for hit in hits]


async def passages(db: Pool) -> int:
    number: int = await db.fetchval("select count(*) from receiver.passages")
    return number


@pytest.mark.parametrize(("source", "answer"), [
    ("timbr", SRT.format("Interest rates rise")),
    ("timbr-audio", SRT.format("Interest rates rise")),
    ("fishaudio", json.dumps(
        {"text": "Interest rates rise", "duration": 9.5,
         "segments": [{"text": "Interest rates rise", "start": 5.0, "end": 7.5}]})),
    ("thunderscribe", json.dumps(JSON).replace("{}", "Interest rates rise")),
    ("openai", json.dumps(JSON).replace("{}", "Interest rates rise")),
    ("openai", "WEBVTT\n\n00:05.000 --> 00:07.500\nInterest rates rise\n"),
    ("transcribe.so", json.dumps(
        {"id": 7, "status": "completed", "segments": [segment("Interest rates rise", 5.0)]})),
])  # fmt: skip
async def test_the_answer_of_each_source_can_be_searched(db: Pool, source: str, answer: str) -> None:
    await archive.keep(db, Subject(source, API, "7", ENDED), "result", answer.encode())
    await archive.keep(db, Subject(source, API, "7", ENDED), "timestamps/youtube/balanced", b"interest")
    assert await index(db) == 1
    assert await found(db, "interest rates") == [("7", 5.0)]
    assert await index(db) == 0


async def test_a_submission_to_a_source_without_webhooks_is_there_with_its_title_and_language(
    db: Pool, receiver_database: str
) -> None:
    async with bench(db, receiver_database) as here:
        submission = await here.worked(await here.submit("talk.mp3"))
        await db.execute("delete from receiver.events where origin = 'submission'")  # its event can come later
        await db.execute(
            'update receiver.submissions set wishes = wishes || \'{"language": "de"}\' where id = $1', submission.id
        )
        await index(db)
    (listed,), more = await listing.transcripts(db)
    assert (listed.transcription_id, listed.title, listed.source) == (submission.id, "talk", "thunderscribe")
    assert (listed.account, listed.language, more) == ("default", "de", None)
    assert await db.fetchval("select distinct config from receiver.passages") == "german"


async def test_what_an_event_tells_stands_in_the_list(db: Pool) -> None:
    await keep(db, 7, "Guten Morgen", language="de", title="Ein Gespräch")
    await index(db)
    (listed,), _ = await listing.transcripts(db)
    assert (listed.title, listed.language, listed.account) == ("Ein Gespräch", "de", "big-show")
    assert (listed.seconds, await passages(db)) == (5.0, 1)
    assert listed.at.isoformat() == "2026-04-29T14:25:27.968000+00:00"
    assert await found(db, "guter Morgen") == [("7", 0.0)]


async def test_a_title_that_was_asked_for_is_taken_before_that_of_an_event(db: Pool) -> None:
    subject = await keep(db, 7, "said", title="An old title")
    await archive.keep(db, subject, "title", b"A new title")
    await index(db)
    (listed,), _ = await listing.transcripts(db)
    assert listed.title == "A new title"


async def test_without_an_event_its_language_is_that_which_a_handler_has_stored(db: Pool) -> None:
    subject = await keep(db, 7, "Die Zinsen steigen")
    await db.execute("update receiver.events set raw = sha256(raw), pruned_at = now()")
    await db.execute(
        "insert into receiver.transcripts (source, api_url, transcription_id, completed_at, language) "
        "values ($1, $2, $3, $4, 'de')", *subject.key,
    )  # fmt: skip
    await index(db)
    (listed,), _ = await listing.transcripts(db)
    assert (listed.language, listed.title) == ("de", "A talk")


async def test_a_configuration_that_postgresql_lacks_is_simple(db: Pool) -> None:
    subject, now = await keep(db, 7, "said"), datetime.now(UTC)
    for config, kept in (("klingon", "simple"), ("english", "english"), (None, None)):
        await db.execute(query("library/put_transcript"), *subject.key, now, None, None, None, None, 1.0, 0, config)
        assert await db.fetchval("select config from receiver.library") == kept


@pytest.mark.parametrize("is_newest_first", [True, False])
async def test_of_a_transcription_that_ended_again_the_run_that_was_fetched_last_counts(
    db: Pool, is_newest_first: bool  # noqa: FBT001 - a parameter of a test
) -> None:  # fmt: skip
    await keep(db, 7, "the first words", title="First")
    if not is_newest_first:
        await index(db)
    await keep(db, 7, "the second words", "and more", at=LATER, title="Second")
    await index(db)
    assert (await found(db, "first"), await found(db, "second")) == ([], [("7", 0.0)])
    (listed,), _ = await listing.transcripts(db)
    assert listed.title == "Second"
    assert await passages(db) == await db.fetchval("select passages from receiver.library") == 2


async def test_what_is_pruned_goes_from_the_library_too_and_nothing_else(db: Pool) -> None:
    await keep(db, 7, "old words")
    await keep(db, 8, "young words")
    await index(db)
    await db.execute("update receiver.archive set fetched_at = now() - interval '9 days' where transcription_id = '7'")
    await db.execute("delete from receiver.events")
    assert (await prune(db, timedelta(days=3))).answers == 0  # without --answers they stay
    assert await found(db, "words") != []
    ran = Prune(db, await horizon(db, timedelta(days=3)))
    assert await ran.run(answers=True)
    assert ran.gone.answers == 1
    assert await found(db, "words") == [("8", 0.0)]
    assert await passages(db) == 1


async def test_an_answer_that_is_pruned_before_it_is_indexed_is_passed(db: Pool) -> None:
    await keep(db, 7, "old words")
    await db.execute("delete from receiver.archive")
    assert await index(db) == 1
    assert (await passages(db), await db.fetchval("select count(*) from receiver.unindexed")) == (0, 0)


async def test_an_answer_that_is_pruned_while_it_is_indexed_leaves_nothing_behind(
    db: Pool, receiver_database: str
) -> None:
    await keep(db, 7, "old words")
    pruning = await database.connect(receiver_database)
    await pruning.execute("begin; delete from receiver.archive")
    indexing = asyncio.ensure_future(Indexing(db).index())
    await until(lambda: waits(db))  # the end of its transaction looks for the answer
    await pruning.execute("commit")
    await pruning.close()
    assert await indexing
    assert await index(db) == 1
    assert (await passages(db), await listing.transcripts(db)) == (0, ([], None))


async def waits(db: Pool) -> bool:
    return bool(await db.fetchval("select count(*) from pg_stat_activity where wait_event_type = 'Lock'"))


async def test_an_answer_that_cannot_be_read_is_passed_and_said_once(
    db: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await archive.keep(db, Subject("transcribe.so", API, "6", ""), "result", b'{"id": ')
    await archive.keep(db, Subject("of-the-future", API, "5", ""), "result", b"{}")
    await keep(db, 7, "said")
    with caplog.at_level(logging.WARNING):
        assert await index(db) == 3
        assert await index(db) == 0
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert any("the transcript of transcribe.so/6 cannot be searched" in one for one in said)
    assert any("no client of of-the-future" in one for one in said)
    assert await found(db, "said") == [("7", 0.0)]


@pytest.mark.parametrize("source", ["transcribe.so", "thunderscribe", "fishaudio", "timbr", "timbr-audio"])
@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"", b"null", b"1e999", b'"\\ud800"']
)
async def test_no_answer_of_any_source_stops_the_others(db: Pool, source: str, content: bytes) -> None:
    await keep(db, 7, "said")
    await archive.keep(db, Subject(source, API, "sub_1", "2026-01-02T00:00:00Z"), "result", content)
    assert await index(db) == 2
    assert await found(db, "said") == [("7", 0.0)]


HOSTILE = [
    segment("NUL \x00 and \\u0000 and \ud800 half", 0), segment("\u202ereversed\u202c \u2066isolated\u2069", 61),
    segment("<script>alert('mitochondria')</script> &lt;b&gt;", 122), segment("y" * 10_000, 183),
    segment("spoken " * 1500 + "lastword", 244, 300, "\x00Mallory\x1b[31m"), segment("", 1e300),
    segment("later", -5, 1e308),
]  # fmt: skip


async def test_texts_full_of_escapes_markup_and_marks_are_found_and_shown_as_text(db: Pool) -> None:
    answer = json.dumps({"id": 7, "status": "completed", "segments": HOSTILE})
    await announce(db, 7)
    await archive.keep(db, Subject("transcribe.so", API, "7", ENDED), "result", answer.encode())
    assert await index(db) == 1
    assert await found(db, "reversed isolated") == [("7", 61.0)]
    (hit,) = (await search(db, "mitochondria")).hits
    assert "".join(part.text for part in hit.excerpt) == "<script>alert('mitochondria')</script> &lt;b&gt;"
    assert [part.text for part in hit.excerpt if part.is_marked] == ["mitochondria"]
    assert await found(db, "script") == [("7", 122.0)]
    ((_, at),) = await found(db, "lastword")
    assert 290 < at < 300
    (hit, *_) = (await search(db, "spoken")).hits
    assert hit.speaker == "Mallory[31m"


async def test_a_kill_before_the_commit_loses_nothing(db: Pool, receiver_database: str) -> None:
    await keep(db, 7, *["said"] * 30)
    async with database.pool(receiver_database, size=1) as other:
        backend = await other.fetchval("select pg_backend_pid()")
        locking = await database.connect(receiver_database)
        await locking.execute("begin; lock table receiver.passages in exclusive mode")
        indexing = asyncio.ensure_future(Indexing(other).index())
        await until(lambda: waits(db))
        await db.execute("select pg_terminate_backend($1)", backend)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await indexing
        await locking.execute("rollback")
        await locking.close()
    assert (await passages(db), await db.fetchval("select count(*) from receiver.unindexed")) == (0, 1)
    assert await index(db) == 1
    assert await passages(db) == 30


async def test_two_workers_share_the_answers(db: Pool) -> None:
    for number in range(20):
        await keep(db, number + 1, "said")
    both = await asyncio.gather(index(db), index(db))
    assert (sum(both), min(both) > 0) == (20, True)
    assert await passages(db) == 20


async def test_an_answer_that_another_worker_has_holds_nobody_up(db: Pool, receiver_database: str) -> None:
    await keep(db, 7, "held")
    await keep(db, 8, "free")
    other = await database.connect(receiver_database)
    await other.execute("begin; select from receiver.unindexed where transcription_id = '8' for update")
    assert await asyncio.wait_for(index(db), 30) == 1
    assert (await found(db, "held"), await found(db, "free")) == ([("7", 0.0)], [])
    await other.close()


async def test_an_organ_goes_on_by_itself(db: Pool) -> None:
    organ = asyncio.ensure_future(Indexing(db).watch())
    try:
        for number in (1, 2):
            await keep(db, number, "said")

        async def both() -> bool:
            return await passages(db) == 2

        await until(both)
    finally:
        organ.cancel()


async def test_old_answers_are_put_into_it_by_the_migration(db: Pool) -> None:
    await keep(db, 7, "said yesterday")
    text = (database.session.SQL / "migrations" / "0032_library.sql").read_text()
    await db.execute("drop table receiver.passages, receiver.library, receiver.unindexed cascade")
    for _ in range(2):  # it can be repeated
        for statement in text.split(";\n\n"):
            await db.execute(statement)
    assert await index(db) == 1
    assert await found(db, "yesterday") == [("7", 0.0)]


async def test_a_role_of_the_version_before_keeps_answers_without_rights_on_new_tables(
    db: Pool, receiver_database: str
) -> None:
    await db.execute("create role of_0_10 login")
    try:
        await db.execute("grant usage on schema receiver to of_0_10")
        await db.execute("grant select, insert, delete on receiver.archive to of_0_10")
        async with database.pool(receiver_database.replace("receiver@", "of_0_10@"), size=1) as old:
            subject = Subject("transcribe.so", API, "7", ENDED)
            answer: dict[str, Any] = {"id": 7, "status": "completed", "segments": [segment("said")]}
            await archive.keep(old, subject, "result", json.dumps(answer).encode())
            await index(db)
            assert await found(db, "said") == [("7", 0.0)]
            await old.execute("delete from receiver.archive")
        assert await passages(db) == 0
    finally:
        await db.execute("drop owned by of_0_10; drop role of_0_10")
