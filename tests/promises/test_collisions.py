"""One id, one account name and one key of the caller, at five sources with two addresses each: nothing is mixed up."""

import itertools
import json

import pytest

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.events import AccountId
from receiver.inbox import artifacts
from receiver.inbox.artifacts import Artifact
from receiver.providers import archive
from receiver.submissions import announcing, looks, records, resolving, results
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission, Wanted

WITH_IDS = {"timbr": "transcription", "timbr-audio": "diarization"}
SOURCES = WITH_IDS | dict.fromkeys(("thunderscribe", "fishaudio", "openai"), "transcription")
ACCOUNTS = [
    AccountId(source, url, "default")
    for source, url in itertools.product(SOURCES, ("https://api.test", "http://127.0.0.1:9000"))
]
WORK = "4821"


async def sent(db: Pool, account: AccountId, recording: str = "talk.wav") -> Submission:
    """Return a submission that is sent. The account has no other one under this key."""
    wanted = Wanted(
        account=account, key_fingerprint="f", operation=SOURCES[account.source], wishes={}, recording=recording,
        url=None, title=said_by(account), duration_seconds=60, bytes=1, asked=recording, if_lost="ask", unit="",
    )  # fmt: skip
    submission = await records.intend(db, wanted, f"{recording}-1")
    assert submission is not None
    await records.move(db, submission.id, State.UPLOADED)
    moved = await records.move(db, submission.id, State.SENT, Change(tries=1))
    assert moved is not None
    return moved


def said_by(account: AccountId) -> str:
    return f"{account.source} at {account.api_url}"


def result(account: AccountId) -> bytes:
    """Return a result in which the account says who it is."""
    if account.source in WITH_IDS:
        return f"1\n00:00:01,000 --> 00:00:02,000\n{said_by(account)}\n".encode()
    return json.dumps({"text": said_by(account)}).encode()


async def ended(db: Pool, submission: Submission) -> Submission:
    """Return it as it is when all of it is here: its text, and a file that is called as every other one's."""
    moved = await records.move(db, submission.id, State.ENDED)
    assert moved is not None
    account = moved.whose
    await archive.keep(db, announcing.subject(moved), "result", result(account))
    file = Artifact("talk.srt", None, 1, "0" * 64, f"/{account.source}/{moved.id}/talk.srt")
    await artifacts.keep(db, moved.id, [file])
    await records.move(db, moved.id, State.DONE)
    return moved


async def test_what_is_kept_of_one_is_never_shown_for_another(db: Pool) -> None:
    submissions = [await sent(db, account) for account in ACCOUNTS]
    for one in submissions:
        if one.source in WITH_IDS:
            await records.move(db, one.id, State.ACCEPTED, Change(remote_id=WORK))
        await ended(db, one)
    for one in submissions:
        transcript = await results.stored_transcript(db, one.id)
        assert (transcript.title, transcript.text.strip()) == (said_by(one.whose), said_by(one.whose))
        (file,) = await artifacts.of(db, one.id)
        assert file.place == f"/{one.source}/{one.id}/talk.srt"
        (same,) = await records.same(db, one.whose, "talk.wav")
        assert same.id == one.id


async def test_a_look_and_a_person_mean_the_work_of_one_account_alone(db: Pool) -> None:
    accounts = [account for account in ACCOUNTS if account.source in WITH_IDS]
    first, *others = [await sent(db, account) for account in accounts]
    await records.move(db, first.id, State.ACCEPTED, Change(remote_id=WORK))
    twin = await sent(db, first.whose, "other.wav")
    for one in (*others, twin):
        await records.move(db, one.id, State.UNKNOWN)
    async with db.acquire() as connection:
        for one in others:
            assert (await resolving.found(connection, one.id, WORK)).state is State.ACCEPTED
        with pytest.raises(ImpossibleError, match="4821 is the work of another submission"):
            await resolving.found(connection, twin.id, WORK)
    for one in (first, *others):
        assert [seen.id for seen in await looks.by_work(db, one.whose, [WORK])] == [one.id]
