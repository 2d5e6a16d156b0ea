"""From what is asked for to a submission that a worker can carry out.

    Asked ──▶ asked for before? ──▶ refused? ──▶ intended ──▶ uploaded, with its job
                    │                  └── nothing is written
                    └── that submission; nothing is sent

Whoever asks for the same again means the same submission: from any folder, and on any machine with the same database.
An upload that was broken off goes on. An option that is a file is uploaded before the recording. What was asked for is
its content, and what is sent is the id it gets.

A program that asks over HTTP cannot wait for an upload. For it, `place` writes row and job in one transaction; it takes
web addresses only, and asks the provider nothing.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from receiver.database import Connection, Database, Pool, query
from receiver.errors import ImpossibleError
from receiver.inbox import deliveries, jobs
from receiver.providers import Source
from receiver.providers.orders import Media, Notes
from receiver.submissions import announcing, foreseen, records
from receiver.submissions.asking import Asked
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission, Wanted
from receiver.submissions.shelf import Shelf, here
from receiver.webhooks.callbacks import Callbacks

Sending: TypeAlias = Callable[[int, int], None]  # bytes that have arrived, bytes of the file


async def submit(
    client: Source, db: Pool, asked: Asked, shelf: Shelf, *, sending: Sending = lambda _, __: None
) -> tuple[Submission, bool]:
    """Hand a submission to the workers. Return it, and whether it is new.

    Args:
        client: the client of the account.
        db: the database.
        asked: what is asked for.
        shelf: where a file lies that goes with the request that is paid for.
        sending: called with the bytes of the file that have arrived, and with all bytes of the file.

    Raises:
        ImpossibleError: the caller's key was used for something else; or see `foreseen.require_wanted`.
        ProviderError: the price or the list cannot be had, or the file could not be uploaded. The same call goes on.
    """
    wanted = _wanted(asked, await asyncio.to_thread(_digest, asked))
    async with db.acquire() as connection, connection.transaction():
        known, _ = await _known(connection, asked, wanted)
    if known is None or known.state is State.INTENDED:
        await foreseen.require_wanted(client, asked)  # what is refused leaves no row: it would look like work under way
    async with db.acquire() as connection, connection.transaction():
        found, is_new = await _row(connection, asked, wanted)
    if found.state is State.INTENDED:
        found = await _hand_over(client, db, found, _Sends(asked, shelf, sending))
    return found, is_new


async def before(db: Database, asked: Asked) -> Submission | None:
    """Return the newest submission that asks for the same, and was handed to the workers; None if there is none.

    `submit` then pays for nothing.
    """
    digest = await asyncio.to_thread(_digest, asked)
    found = [one for one in await records.same(db, asked.account.id, digest) if one.state is not State.INTENDED]
    return found[0] if found else None


async def place(connection: Connection, asked: Asked) -> tuple[Submission, bool]:
    """Hand a submission of a web address to the workers, whole or not at all. Return it, and whether it is new.

    Nothing is sent.

    Raises:
        ImpossibleError: the caller's key was used for something else.
    """
    assert asked.url is not None
    async with connection.transaction():
        found, is_new = await _row(connection, asked, _wanted(asked, _digest(asked)))
        if found.state is State.INTENDED:
            found = await _to_workers(connection, found, asked, Change())
    await jobs.nudge(connection)
    return found, is_new


def _digest(asked: Asked) -> str:
    """Return the digest of what is asked for: account, operation, options, and the content of the recording.

    An option that is a file is its content, whatever its name and its id. The length that somebody said is left out:
    it is a fact about the recording, and no wish.
    """
    wishes = asked.work.wishes
    options = {name: value for name, value in wishes.to_json().items() if name != wishes.length_option}
    options |= {name: f"@{_content(file)}" for name, file in asked.work.files.items()}
    what = asked.url if asked.file is None else _content(asked.file)
    parts = [*asked.account.id, asked.work.operation, options, what]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _content(file: Media) -> str:
    with file.path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _wanted(asked: Asked, digest: str) -> Wanted:
    options = asked.work.wishes.to_json()
    return Wanted(
        account=asked.account.id, key_fingerprint=asked.account.key_fingerprint, operation=asked.work.operation,
        wishes=options, recording=asked.recording, url=asked.url, title=asked.title,
        duration_seconds=asked.duration_seconds, bytes=None if asked.file is None else asked.file.size, asked=digest,
        if_lost=asked.terms.if_lost, unit=asked.source.unit, files={name: options[name] for name in asked.work.files},
        max_charge=asked.terms.max_charge if asked.source.heeds_ceiling else None,
    )  # fmt: skip


async def _row(connection: Connection, asked: Asked, wanted: Wanted) -> tuple[Submission, bool]:
    """Return the submission that is meant, and whether it was written now.

    Until it is handed over, the terms of the last command count. A callback that an earlier command asked for stays.
    """
    found, is_new = await _meant(connection, asked, wanted)
    if found.state is State.INTENDED:
        public_url, address = asked.terms.callback_at, None
        if public_url is not None and found.callback_url is None:
            address = await Callbacks(connection, public_url, wanted.account).intend(found.id)
        kept = await records.keep_terms(connection, found.id, wanted, callback_url=address)
        found = kept or await records.known(connection, found.id)
    return found, is_new


async def _meant(connection: Connection, asked: Asked, wanted: Wanted) -> tuple[Submission, bool]:
    """Return the submission that is meant, and whether it was written now."""
    known, key = await _known(connection, asked, wanted)
    if known is not None:
        return known, False
    new = await records.intend(connection, wanted, key)
    if new is not None:
        return new, True
    if asked.terms.idempotency_key is not None:
        raise _key_used()
    return (await records.same(connection, wanted.account, wanted.asked))[0], False  # somebody was faster


async def _known(connection: Connection, asked: Asked, wanted: Wanted) -> tuple[Submission | None, str]:
    """Return the submission that is meant if there is one, and the key of a new one. Nothing is written."""
    if asked.terms.idempotency_key is not None:
        return await _keyed(connection, wanted, asked.terms.idempotency_key), asked.terms.idempotency_key
    before = await records.same(connection, wanted.account, wanted.asked)
    is_meant = before and (not asked.terms.again or before[0].state is State.INTENDED)
    return before[0] if is_meant else None, f"{wanted.asked}-{len(before) + 1}"


async def _keyed(connection: Connection, wanted: Wanted, key: str) -> Submission | None:
    """Return the submission under a caller's key, which is locked until the transaction ends; None if there is none.

    A caller's key counts for all accounts. Otherwise the same key with another account would pay a second time.
    """
    await connection.execute(query("submissions/lock_caller_key"), key)
    before = await records.keyed(connection, key)
    for one in before:
        if (one.asked, one.if_lost) == (wanted.asked, wanted.if_lost):
            if one.state is not State.INTENDED and one.max_charge != wanted.max_charge:
                break
            return one
    if before:
        raise _key_used()
    return None


def _key_used() -> ImpossibleError:
    return ImpossibleError("this key was used for something else: take another one", code="key_used")


@dataclass(frozen=True, slots=True)
class _Sends:
    """What is asked for, and how its files are sent."""

    asked: Asked
    shelf: Shelf
    sending: Sending


async def _hand_over(client: Source, db: Pool, intended: Submission, sends: _Sends) -> Submission:
    """Bring the files to where they are wanted, and give the submission to the workers."""
    ids = {name: await _id_of(client, file) for name, file in sends.asked.work.files.items()}
    change = await _sent(client, db, intended, sends)
    async with db.acquire() as connection, connection.transaction():
        await records.keep_file_ids(connection, intended.id, ids)
        moved = await _to_workers(connection, intended, sends.asked, change)
    await jobs.nudge(db)
    return moved


async def _to_workers(connection: Connection, intended: Submission, asked: Asked, change: Change) -> Submission:
    """Give a submission to the workers, unless the same is done somewhere else at the same time."""
    moved: Submission | None = intended
    if not asked.is_fetched:  # else a worker brings the recording first
        moved = await records.move(connection, intended.id, State.UPLOADED, change, only_from={State.INTENDED})
    if moved is None:
        return await records.known(connection, intended.id)
    await deliveries.append(connection, [announcing.of_work(moved)])
    await records.wake(connection, [moved])  # it can have a job already: if its upload had expired, for example
    return moved


async def _sent(client: Source, db: Pool, intended: Submission, sends: _Sends) -> Change:
    """Upload the recording, or put it aside. Return where it is."""
    file = sends.asked.file
    if file is None:
        return Change()
    if not client.uploads:
        await asyncio.to_thread(sends.shelf.put_aside, intended, file)
        return Change(remote_file=here())
    sends.sending(0, file.size)
    keep = partial(records.keep_upload, db, intended.id)
    uploaded = await client.upload(file, intended.upload, keep, lambda arrived: sends.sending(arrived, file.size))
    return Change(remote_file=uploaded.file_id, remote_file_expires_at=uploaded.expires_at)


async def _id_of(client: Source, file: Media) -> str:
    """Upload a file that is an option, from its beginning, and return its id."""

    async def keep(_: Notes) -> None:
        """Keep nothing: the notes of a submission are those of its recording."""

    return (await client.upload(file, {}, keep, lambda _: None)).file_id
