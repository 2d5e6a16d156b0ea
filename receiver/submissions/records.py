"""Keep submissions as rows. Each move is one statement, and it refuses what the table of moves does not allow."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from receiver.database import Connection, Database, Pool, query
from receiver.errors import ImpossibleError, LeaseLostError
from receiver.events import AccountId, columns
from receiver.inbox import filters, jobs
from receiver.submissions import ids
from receiver.submissions.moves import FROM, OVER, IfLost, State

SHOWN = (
    "id", "source", "account", "operation", "recording", "title", "state", "if_lost", "remote_id", "paid_tries",
    "permitted_tries", "duration_seconds", "said", "progress", "charged", "unit", "balance_before", "error", "options",
    "created_at", "sent_at", "accepted_at", "ended_at", "seen_at", "look_at", "overdue_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        account: who pays.
        key_fingerprint: with which key.
        operation: such as `transcription`.
        wishes: the options.
        files: those that are files, as they were asked for: `@talk.srt`.
        recording: the name of the file, or the URL.
        url: the recording's web address; the provider fetches it, or else a worker. None for a file.
        duration_seconds: None if it is not known.
        bytes: the size of the file; None for a URL.
        asked: the digest of all that was asked for.
        unit: what it will be charged in; empty if the provider names none.
        max_charge: the provider refuses what costs more; None if it costs what it costs.
    """

    account: AccountId
    key_fingerprint: str
    operation: str
    wishes: Mapping[str, Any]
    recording: str
    url: str | None
    title: str | None
    duration_seconds: float | None
    bytes: int | None
    asked: str
    if_lost: IfLost
    unit: str
    files: Mapping[str, str] = field(default_factory=dict)
    max_charge: float | None = None

    @property
    def permitted(self) -> int:
        """How often it can be sent before a person is asked."""
        return 2 if self.if_lost == "again" else 1


@dataclass(frozen=True, slots=True)
class Submission:
    """A row of `receiver.submissions`: what the migration says of its columns."""

    id: str
    source: str
    api_url: str
    account: str
    key_fingerprint: str
    operation: str
    wishes: Mapping[str, Any]
    recording: str
    url: str | None
    title: str | None
    duration_seconds: float | None
    bytes: int | None
    caller_key: str
    asked: str
    state: State
    if_lost: IfLost
    upload: Mapping[str, Any] = field(repr=False)  # it can hold the address of an upload in pieces, which is a ticket
    remote_file: str | None
    remote_file_expires_at: datetime | None
    remote_id: str | None
    paid_tries: int
    permitted_tries: int
    created_at: datetime
    sent_at: datetime | None
    accepted_at: datetime | None
    ended_at: datetime | None
    look_at: datetime | None
    looks: int
    seen_at: datetime | None
    missing_since: datetime | None
    overdue_at: datetime | None
    said: str | None
    progress: float | None
    charged: float | None
    unit: str | None
    error: str | None
    event: int | None
    files: Mapping[str, str]
    max_charge: float | None
    callback_url: str | None = field(repr=False)
    balance_before: float | None
    uploaded_at: datetime | None

    @property
    def options(self) -> dict[str, Any]:
        """The options as they were asked for. For one that is a file, `wishes` has the id that is sent."""
        return {**self.wishes, **self.files}

    @property
    def whose(self) -> AccountId:
        """The account that pays."""
        return AccountId(self.source, self.api_url, self.account)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.state in OVER

    @property
    def is_permitted(self) -> bool:
        """Whether it can be sent once more."""
        return self.paid_tries < self.permitted_tries

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `--json` prints: those of `SHOWN`."""
        found = {name: getattr(self, name) for name in SHOWN}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """What comes with a move. A None leaves the column as it is.

    Exceptions: `error` is always replaced, a move to `failed` replaces `charged`, and one to `sent` replaces
    `balance_before` and clears `remote_id`.

    Attributes:
        look_after: when the provider is asked about it, after it was accepted.
        balance_before: what the account had just before the request was sent.
    """

    tries: int = 0
    permitted: int = 0
    remote_file: str | None = None
    remote_file_expires_at: datetime | None = None
    remote_id: str | None = None
    said: str | None = None
    charged: float | None = None
    error: str | None = None
    look_after: timedelta | None = None
    bytes: int | None = None
    balance_before: float | None = None


async def intend(db: Database, wanted: Wanted, caller_key: str) -> Submission | None:
    """Write down a new submission; return None if the account has one under this key."""
    row = await db.fetchrow(
        query("submissions/intend_submission"), ids.new(), *wanted.account, wanted.key_fingerprint, wanted.operation,
        json.dumps(wanted.wishes), wanted.recording, wanted.url, wanted.title, wanted.duration_seconds, wanted.bytes,
        caller_key, wanted.asked, wanted.if_lost, wanted.permitted, wanted.unit or None, json.dumps(wanted.files),
        wanted.max_charge,
    )  # fmt: skip
    return None if row is None else from_row(row)


async def keep_terms(db: Database, submission: str, wanted: Wanted, *, callback_url: str | None) -> Submission | None:
    """Keep the terms of a submission that nobody works on yet, and return it; None if somebody does.

    `callback_url` is where its end is announced too; None leaves it as it is.
    """
    row = await db.fetchrow(
        query("submissions/keep_terms"), submission, wanted.max_charge, callback_url, wanted.if_lost, wanted.permitted
    )
    return None if row is None else from_row(row)


async def find(db: Database, submission: str) -> Submission | None:
    """Return a submission by its id; None if there is none, or no id can be like that."""
    is_id = storable(submission) == submission
    row = await db.fetchrow(query("submissions/find_submission"), submission) if is_id else None
    return None if row is None else from_row(row)


async def known(db: Database, submission: str) -> Submission:
    """Return a submission by its id.

    Raises:
        ImpossibleError: there is none.
    """
    found = await find(db, submission)
    if found is None:
        raise ImpossibleError(f"there is no submission {submission}", code="no_submission")
    return found


async def locked(connection: Connection, submission: str) -> Submission | None:
    """Return a submission, which nobody else moves before the transaction ends."""
    row = await connection.fetchrow(query("submissions/lock_submission"), submission)
    return None if row is None else from_row(row)


async def keyed(db: Database, caller_key: str) -> list[Submission]:
    """Return the submissions of all accounts under their caller's key."""
    return [from_row(row) for row in await db.fetch(query("submissions/keyed_submissions"), caller_key)]


async def same(db: Database, account: AccountId, asked: str) -> list[Submission]:
    """Return the submissions of an account that ask for the same, under keys of ours, newest first."""
    return [from_row(row) for row in await db.fetch(query("submissions/same_submissions"), *account, asked)]


async def recent(
    db: Database, states: Collection[State] | None, limit: int | None, *, title: str | None = None,
    source: str | None = None, account: str | None = None, since: timedelta | None = None, before: str | None = None,
) -> list[Submission]:  # fmt: skip
    """Return submissions, newest first: in states, with a part of a title, within a time, before one; None is any.

    Raises:
        ImpossibleError: a text cannot be looked for, or `before` is no id of a submission.
    """
    if any(storable(text) != text for text in (title, source, account)) or not (before is None or ids.is_whole(before)):
        raise ImpossibleError("a text has a character that cannot be looked for, or an id is none of a submission")
    wanted = (list(State if states is None else states), limit, filters.pattern(title), source, account, since, before)
    return [from_row(row) for row in await db.fetch(query("submissions/list_submissions"), *wanted)]


async def states(db: Database, submissions: Collection[str]) -> dict[str, State]:
    """Return the state of each submission that there is."""
    return {one: State(state) for one, state in await db.fetch(query("submissions/states"), list(submissions))}


async def keep_upload(db: Database, submission: str, notes: Mapping[str, Any]) -> None:
    """Keep what an upload has reached."""
    await db.execute(query("submissions/keep_upload"), submission, json.dumps(notes))


async def keep_file_ids(db: Database, submission: str, ids: Mapping[str, str]) -> None:
    """Put the ids of uploaded files into the options of a submission that is not handed over yet."""
    await db.execute(query("submissions/keep_file_ids"), submission, json.dumps(ids))


async def move(
    db: Database, submission: str, to: State, change: Change | None = None, *, tries: int | None = None,
    only_from: Collection[State] | None = None,
) -> Submission | None:  # fmt: skip
    """Move a submission, and return it as it is then; None if it cannot move there now.

    Args:
        db: the database, or a connection with a transaction.
        submission: its id.
        to: the new state.
        change: what comes with the move.
        tries: how often it must have been sent: an answer to another try is not an answer to this one.
        only_from: the states to move from; by default all that the table of moves allows.
    """
    given = change or Change()
    allowed = FROM[to] if only_from is None else FROM[to] & frozenset(only_from)
    row = await db.fetchrow(
        query("submissions/move_submission"), submission, to, sorted(allowed), tries, given.tries, given.permitted,
        given.remote_file, given.remote_file_expires_at, given.remote_id, storable(given.said), given.charged,
        storable(given.error), given.look_after, given.bytes, given.balance_before,
    )  # fmt: skip
    return None if row is None else from_row(row)


async def move_held(
    db: Pool, held: tuple[int, int], before: Submission, to: State, change: Change
) -> Submission | None:
    """Move a submission from where it was, as `move` does, for its job: `held` is the job and the attempt.

    Raises:
        LeaseLostError: another worker carries it out now.
    """
    async with db.acquire() as connection, connection.transaction():
        if not await jobs.lock(connection, *held):
            raise LeaseLostError("the job belongs to another worker now")
        return await move(connection, before.id, to, change, tries=before.paid_tries, only_from={before.state})


async def wake(db: Database, which: Sequence[Submission]) -> None:
    """Let the jobs of some submissions run now. One that runs is left alone: it looks once more before it ends."""
    whose, ids = columns(one.whose for one in which), [one.id for one in which]
    await db.execute(query("submissions/wake_submissions"), *whose, ids, jobs.SUBMISSIONS)


async def dead_work(db: Database, submission: str) -> str | None:
    """Return why the job of a submission is dead; None if it is not."""
    error: str | None = await db.fetchval(query("submissions/dead_work"), submission)
    return error


async def announced_end(db: Database, submission: str) -> str | None:
    """Return the id of the newest event with which the provider has announced the end of a submission."""
    event_id: str | None = await db.fetchval(query("submissions/announced_end"), submission)
    return event_id


async def announced(db: Database, submission: str, event_id: str) -> None:
    """Note the event that announces the end of a submission."""
    await db.execute(query("submissions/announced"), submission, event_id)


def storable(text: str | None) -> str | None:
    """Return a provider's words as text that the database takes."""
    return None if text is None else text.replace("\x00", "").encode("utf-8", "replace").decode()


def from_row(row: asyncpg.Record) -> Submission:
    """Return the submission in a row of the table."""
    values = {column.name: row[column.name] for column in fields(Submission)}
    read = {name: json.loads(values[name]) for name in ("wishes", "upload", "files")}
    return Submission(**values | read | {"state": State(values["state"])})
