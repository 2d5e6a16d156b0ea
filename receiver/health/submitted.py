"""Check what the providers are asked for: submissions, the accounts that pay, and where files lie or are written."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from receiver.database import Connection
from receiver.health.finding import Finding
from receiver.inbox.buckets import ANSWER_SECONDS, Bucket, BucketError
from receiver.logs import clock
from receiver.providers import SOURCES, Source
from receiver.settings import Account, Settings
from receiver.settings.accounts import TRANSCRIBE
from receiver.settings.places import BUCKET
from receiver.submissions import counts, standing
from receiver.submissions.shelf import open_shelf
from receiver.submissions.standing import Standing


async def waiting(connection: Connection) -> Finding:
    """Check whether a submission waits for a person: its answer was lost, it takes too long, its upload is gone."""
    found, gone = await counts.unresolved(connection), await counts.expired(connection)
    seen, todo = list[str](), list[str]()
    if found.unknown:
        since = "" if found.unknown_since is None else f", the first sent at {clock(found.unknown_since)}"
        seen.append(f"{found.unknown} unknown{since}")
        todo.append("see `receiver submissions --state unknown`, then `receiver resolve …` for each")
    if found.overdue:
        since = "" if found.overdue_since is None else f", the first accepted at {clock(found.overdue_since)}"
        seen.append(f"{found.overdue} overdue{since}")
        todo.append("ask the provider about the overdue ones: `receiver submissions --state accepted` lists them")
    if gone.number:
        since = "" if gone.since is None else f", the first at {clock(gone.since)}"
        seen.append(f"{gone.number} whose upload has expired{since}")
        todo.append("run their commands again: `receiver submissions --state intended` lists them")
    seen.append(f"{found.under_way} under way")
    return Finding("submissions", holds=not todo, seen="; ".join(seen), todo="; ".join(todo))


async def accounts(configured: Settings, url: str | None) -> list[Finding]:
    """Check whether the providers other than transcribe.so accept the keys, by calls that are free.

    `url`: the database that counts requests, if it can be used.
    """
    return [account(one) for one in await standing.of(_others(configured), url)]


def account(found: Standing) -> Finding:
    """Check whether a provider accepts an account's key."""
    its = found.account
    mark = f" ({its.source})" if its.is_default else f" ({its.source}/{its.name})"
    if found.trouble is not None:
        return Finding("provider", holds=False, seen=found.trouble).of(mark)
    if found.balance is not None:
        seen = f"{its.api_url} answers and accepts the key; balance {found.said}"
    else:
        why = "no free call tells whether it accepts the key" if found.has_key else "no key is set, and it needs none"
        seen = f"{found.said}: {why}"
    return Finding("provider", holds=True, seen=seen).of(mark)


def artifacts_folder(configured: Settings, sources: Sequence[type[Source]] = SOURCES) -> list[Finding]:
    """Report as advice that files that were paid for lie on a disk that might not stay, although the database does.

    `sources`: those of which this version has clients.
    """
    shelf = open_shelf(configured)
    place = shelf.place
    bring_files = {kind.name for kind in sources if kind.operations and not (kind.synchronous or kind.announces)}
    is_inside = configured.artifacts_dir is None or any(
        place.resolve().is_relative_to(folder.resolve()) for folder in (configured.data_dir, Path.cwd())
    )
    has_account = any(account.source in bring_files for account in configured.accounts)
    if configured.database_url is None or shelf.bucket is not None or not (is_inside and has_account):
        return []
    seen = f"the files of submissions are kept in {place}, which a platform may throw away with the next deploy"
    return [
        Finding(
            "artifacts folder",
            holds=True,
            seen=seen,
            todo="set RECEIVER_ARTIFACTS_DIR to a disk that stays, or to a bucket",
        )
    ]


def files_folder(configured: Settings) -> list[Finding]:
    """Check whether the folder of `RECEIVER_FILES` can be written. This blocks, and leaves nothing there."""
    if configured.files is None or configured.files.startswith(BUCKET):
        return []
    folder = Path(configured.files)
    try:
        nearest = next(one for one in (folder, *folder.parents) if one.exists())  # the first file makes the rest
        with TemporaryFile(dir=nearest):
            return [Finding("files folder", holds=True, seen=f"{folder} can be written")]
    except OSError as exc:
        seen = f"{folder} cannot be written ({exc.strerror})"
        todo = "let this user write there, or correct RECEIVER_FILES; then replay the dead jobs of `files`"
        return [Finding("files folder", holds=False, seen=seen, todo=todo)]


async def buckets(configured: Settings, *, seconds: float = ANSWER_SECONDS) -> list[Finding]:
    """Check whether the buckets that files go into exist and accept the key. Nothing is written there.

    `seconds`: how long each can take.
    """
    places = (
        ("files folder", configured.files or "", "correct RECEIVER_FILES; then replay the dead jobs of `files`"),
        ("artifacts folder", configured.artifacts_dir or "", "correct RECEIVER_ARTIFACTS_DIR"),
    )
    trials = [_bucket(*one, seconds=seconds) for one in places if one[1].startswith(BUCKET)]
    return list(await asyncio.gather(*trials))


async def _bucket(name: str, address: str, todo: str, *, seconds: float) -> Finding:
    try:
        may_look = await Bucket(address, seconds=seconds).try_out()
    except BucketError as exc:
        seen = str(exc)
    else:
        answer = "accepts the key" if may_look else "lets this key not look, so whether it may write is not known"
        return Finding(name, holds=True, seen=f"{address} answers and {answer}")
    return Finding(name, holds=False, seen=seen, todo=f"mend it, or {todo}")


def _others(configured: Settings) -> list[Account]:
    return [account for account in configured.accounts if account.source != TRANSCRIBE.source]
