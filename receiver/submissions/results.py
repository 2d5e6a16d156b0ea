"""The end of a submission, and what it has brought."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from receiver.database import Database, Pool, query
from receiver.errors import ImpossibleError
from receiver.inbox import artifacts
from receiver.providers import Source, TranscribeSo, archive, by_name, content
from receiver.providers.archive import Archive
from receiver.settings import Settings
from receiver.submissions import announcing, records
from receiver.submissions.moves import State
from receiver.submissions.records import Submission
from receiver.transcripts import Transcript, subtitles

Waits: TypeAlias = Callable[[Submission], Awaitable[None]]

LOOK_SECONDS = 0.25


async def until_begun(db: Pool, source: type[Source], submission: str, waiting: Waits) -> Submission:
    """Wait until the provider works on a submission, or nothing more happens to it by itself.

    The answer of a synchronous source is the result, so nobody is told that it has begun: this waits until it is over.
    `waiting` is called with each state before that, and can raise to stop.
    """
    begun = () if source.synchronous else (State.ACCEPTED, State.ENDED)
    return await _until(db, submission, lambda now: now.state in begun or _rests(now), waiting)


async def until_over(db: Pool, submission: str, waiting: Waits) -> Submission:
    """Wait until nothing more happens to a submission by itself: it is done, has failed, or waits for a person.

    `waiting` is that of `until_begun`.

    Raises:
        ImpossibleError: its job was given up, for example because its files do not come.
    """
    return await _until(db, submission, _rests, waiting)


def _rests(submission: Submission) -> bool:
    # What has gone back to the start, with the reason, waits for the same command.
    has_gone_back = submission.state is State.INTENDED and submission.error is not None and submission.url is None
    return submission.is_over or submission.state is State.UNKNOWN or has_gone_back


async def _until(db: Pool, submission: str, is_there: Callable[[Submission], bool], waiting: Waits) -> Submission:
    while True:
        found = await records.known(db, submission)
        # The job of a lost answer looks for it; when it has ended, a person decides.
        if is_there(found) and not (found.state is State.UNKNOWN and await _has_work(db, submission)):
            return found
        await _require_work(db, found)
        await waiting(found)
        await asyncio.sleep(LOOK_SECONDS)


async def trouble(db: Database, submission: Submission) -> str | None:
    """Return why nothing more happens to a submission by itself, and what to do.

    None if it is done, or goes on.
    """
    if submission.state is State.UNKNOWN and await _has_work(db, submission.id):
        return None
    try:
        await _require_work(db, submission)
        require_no_failure(submission)
    except ImpossibleError as exc:
        return str(exc)
    return None


async def _require_work(db: Database, submission: Submission) -> None:
    """Refuse a submission whose files or result a job was to bring, which was given up.

    Raises:
        ImpossibleError: it is one.
    """
    # A dead job in another state is dealt with by `leftovers`: the submission becomes failed or unknown.
    error = await records.dead_work(db, submission.id) if submission.state is State.ENDED else None
    if error is not None:
        raise ImpossibleError(
            f"{submission.id} is {submission.state}, and its job was given up: {error}; "
            f"`receiver replay {submission.id}` tries again"
        )


async def _has_work(db: Database, submission: str) -> bool:
    found: bool = await db.fetchval(query("submissions/has_work"), submission)
    return found


def require_done(submission: Submission) -> None:
    """Refuse a submission that has not succeeded.

    Raises:
        ImpossibleError: it has failed, or a person must decide.
    """
    if submission.state is State.UNKNOWN:
        raise ImpossibleError(
            f"the answer to {submission.id} was lost ({submission.error}): it may have been done and charged. "
            f"`receiver resolve {submission.id}` shows what is known, and lets you decide"
        )
    if submission.state is State.INTENDED:
        raise ImpossibleError(f"{submission.id} was not sent: {submission.error}")
    if submission.state is not State.DONE:
        raise ImpossibleError(f"{submission.id} has failed: {submission.error}")


def require_no_failure(submission: Submission) -> None:
    """Refuse a submission that has failed, or for which a person must decide; not one that is under way.

    Raises:
        ImpossibleError: it is one.
    """
    if _rests(submission):
        require_done(submission)


async def transcript(client: Source, db: Pool, submission: Submission) -> Transcript | None:
    """Return the transcript that a submission has brought; None if its operation brings none."""
    if not announcing.brings_text(submission):
        return None
    if isinstance(client, TranscribeSo):
        return await content.transcript(Archive(client, db), submission.remote_id or "")
    answer = await archive.kept(db, announcing.subject(submission), "result")
    return None if answer is None else await archive.transcript_in(type(client), submission.operation, answer)


async def read(source: str, operation: str, answer: bytes) -> Transcript:
    """Return the transcript in a kept answer, without its title.

    Raises:
        ProviderError: it cannot be read.
        ImpossibleError: this version has no client of its source.
    """
    known = by_name(source)
    if known is None:
        raise ImpossibleError(f"this version has no client of {source}, so it cannot read the answer")
    return await archive.transcript_in(known, operation, answer)


async def at_provider(db: Pool, submission: str, configured: Settings) -> tuple[Settings, str] | None:
    """Return the provider's id of a submission whose text is asked for there, and settings that choose its account.

    None if its text is stored under our id.

    Raises:
        ImpossibleError: as for `stored_transcript`; or this process asks another API, where the id means another work.
    """
    known = await records.known(db, submission)
    source = by_name(known.source)
    if source is None or not source.announces:
        return None
    _require_text(known)
    its = configured.choosing(known.account)
    if its.chosen.api_url != known.api_url:
        raise ImpossibleError(f"{known.id} was submitted to {known.api_url}, and this asks {its.chosen.api_url}")
    return its, known.remote_id or ""


async def stored_transcript(db: Pool, submission: str) -> Transcript:
    """Return the transcript that a submission has brought, with its title, by the submission's id. Ask no provider.

    Raises:
        ImpossibleError: there is none: there is no such submission, it has not ended or has failed, a person must
            decide, or it brings no text.
    """
    known, source, answer = await _answered(db, submission)
    return replace(await archive.transcript_in(source, known.operation, answer), title=known.title)


async def stored_subtitles(db: Pool, submission: str) -> tuple[Submission, bytes]:
    """Return a submission by its id, and its text as SubRip: as the provider made it, or else made of the transcript.

    It is the same on every machine, whichever of them fetched the files.

    Raises:
        ImpossibleError: as for `stored_transcript`.
    """
    known, source, answer = await _answered(db, submission)
    files = [file.name for file in await artifacts.of(db, known.id)]
    if (source.text_in(known.operation, files) or "").lower().endswith(".srt"):
        return known, answer  # it is the text of this file
    return known, subtitles.srt(await archive.transcript_in(source, known.operation, answer), cues="provider").encode()


async def _answered(db: Pool, submission: str) -> tuple[Submission, type[Source], bytes]:
    """Return a submission that has brought a text, whom it was asked of, and the answer that holds the text.

    Raises:
        ImpossibleError: as for `stored_transcript`.
    """
    known = await records.known(db, submission)
    _require_text(known)
    source = by_name(known.source)
    if source is None:
        raise ImpossibleError(f"this version has no client of {known.source}, so it cannot read the answer")
    answer = await archive.kept(db, announcing.subject(known), "result")
    if answer is None:
        raise ImpossibleError(f"the transcript of {known.id} is not stored any more")
    return known, source, answer


def _require_text(known: Submission) -> None:
    """Refuse a submission that has brought no text (yet).

    Raises:
        ImpossibleError: as for `stored_transcript`.
    """
    if not _rests(known):
        raise ImpossibleError(f"{known.id} is {known.state}, so it has no transcript yet: try again when it has ended")
    require_done(known)
    if not announcing.brings_text(known):
        raise ImpossibleError(
            f"{known.id} brings files and no transcript ({known.operation}): `receiver artifacts {known.id}` lists them"
        )
