"""`submissions.library.reading`: a transcript and what belongs to it, and nothing of another one's."""

from decimal import Decimal

from receiver.database import Pool
from receiver.inbox import artifacts
from receiver.inbox.artifacts import Artifact
from receiver.providers import archive
from receiver.submissions.library import reading
from receiver.submissions.library.playing import Elsewhere
from receiver.submissions.library.reading import Whole
from tests.submissions.library.kept import API, LATER, announce, keep
from tests.submissions.submitting import bench

OTHER = "https://other.test"
CHARGE = """
insert into receiver.charges (source, api_url, account, work, run, operation, submission, amount, unit, known_by)
values ('transcribe.so', $1, 'big-show', $2, 1, $3, $4, 0.25, 'USD', 'event')
"""
SUBMITTED = """
insert into receiver.submissions (
    id, source, api_url, account, key_fingerprint, operation, wishes, recording, url, caller_key, asked, state,
    paid_tries, remote_id
)
values ($1, 'transcribe.so', $2, 'big-show', 'key', 'transcription', '{}', 'a.mp3', $3, $1, $1, 'done', 1, $4)
"""
OTHER_RUN = b'{"format": "youtube", "style": "balanced", "text": "0:00 Another run"}'
TIMESTAMPS = b'{"format": "youtube", "style": "balanced", "text": "0:00 Intro", "ok_to_paste": true}'


async def found(db: Pool, number: int, **asked: object) -> Whole:
    whole = await reading.whole(db, "transcribe.so", str(number), **asked)  # type: ignore[arg-type]
    assert whole is not None
    return whole


async def said(db: Pool, whole: Whole) -> str:
    content = await reading.content(db, whole.answer)
    assert content is not None
    return (await whole.answer.transcript(content)).text


async def test_what_is_not_kept_is_none(db: Pool) -> None:
    await announce(db, 7)
    assert await reading.whole(db, "transcribe.so", "7") is None
    await keep(db, 8, "said")
    assert await reading.whole(db, "transcribe.so", "8", api_url=OTHER) is None
    assert await reading.whole(db, "openai", "8") is None


async def test_its_events_charges_and_timestamps_are_its_own(db: Pool) -> None:
    subject = await keep(db, 7, "said", title="Lecture 7")
    await keep(db, 8, "said")
    await announce(db, 7, api=OTHER)
    for key, answer in ((subject, TIMESTAMPS), (archive.Subject(*subject.key[:3], LATER), OTHER_RUN)):
        await archive.keep(db, key, "timestamps/youtube/balanced", answer)
    await archive.keep(db, subject, "timestamps/spotify/balanced", b"<html>")  # it cannot be read
    for api, work, operation, submission in (
        (API, "7", "transcription", None), (API, "8", "transcription", None), (OTHER, "7", "transcription", None),
        (API, "regeneration/1", "regeneration", None), (API, "regeneration/2", "regeneration", None),
    ):  # fmt: skip
        await db.execute(CHARGE, api, work, operation, submission)
    await db.execute(
        "insert into receiver.regenerations (api_url, transcription_id, account) values ($1, '7', 'big-show'), "
        "($1, '8', 'big-show')", API,
    )  # fmt: skip
    whole = await found(db, 7)
    assert (whole.answer.title, await said(db, whole)) == ("Lecture 7", "said")
    assert [event.api_url for event in whole.events] == [API]
    assert [(one.format, one.text) for one in whole.timestamps] == [("youtube", "0:00 Intro")]
    assert [(one.operation, one.amount) for one in whole.charges] == [
        ("transcription", Decimal("0.25")), ("regeneration", Decimal("0.25")),
    ]  # fmt: skip
    assert (whole.submission, whole.elsewhere, whole.files) == (None, None, [])


async def test_the_run_that_was_fetched_last_is_read(db: Pool) -> None:
    await keep(db, 7, "first")
    await keep(db, 7, "second", at=LATER)
    assert await said(db, await found(db, 7)) == "second"


async def test_ids_of_two_apis_are_told_apart(db: Pool) -> None:
    await keep(db, 7, "of one")
    await keep(db, 7, "of the other", api=OTHER)
    for asked, text in (
        ({"api_url": API}, "of one"),
        ({"api_url": OTHER}, "of the other"),
        ({"usual": {OTHER}}, "of the other"),
    ):
        whole = await found(db, 7, **asked)
        assert await said(db, whole) == text
        assert list(whole.apis) == [API, OTHER]


async def test_a_work_that_was_submitted_by_address_is_played_from_there(db: Pool) -> None:
    await keep(db, 7, "said")
    await db.execute(SUBMITTED, "sub_1", API, "https://media.test/a.mp3", "7")
    await db.execute(SUBMITTED, "sub_2", OTHER, "https://wrong.test/a.mp3", "7")
    await db.execute(CHARGE, API, "sub_1", "transcription", "7")
    await db.execute(CHARGE, OTHER, "sub_2", "separation", "7")
    whole = await found(db, 7)
    assert [charge.operation for charge in whole.charges] == ["transcription"]
    assert (whole.submission, whole.elsewhere) == (
        "sub_1", Elsewhere("https://media.test/a.mp3", "media.test", "https://media.test"),
    )  # fmt: skip


async def test_a_submission_to_a_source_without_webhooks_has_its_files_and_its_charge(
    db: Pool, receiver_database: str
) -> None:
    async with bench(db, receiver_database) as here:
        submission = await here.worked(await here.submit("talk.mp3"))
        await artifacts.keep(db, submission.id, [
            Artifact("talk.mp3", None, 1, "", "/shelf/talk.mp3"), Artifact("talk.srt", None, 1, "", "/shelf/talk.srt"),
        ])  # fmt: skip
        whole = await reading.whole(db, submission.source, submission.id)
    assert whole is not None
    assert (whole.submission, [file.name for file in whole.files]) == (submission.id, ["talk.mp3"])
    assert (whole.answer.title, whole.elsewhere) == ("talk", None)
    assert [charge.operation for charge in whole.charges] == ["transcription"]
