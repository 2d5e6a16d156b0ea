"""Prune the files of submissions that are over: those on the shelf of this machine, or in its bucket.

A file is deleted before its row, and the folder of its submission after that. So if we die in between, the next run
finds the folder, knows that the files lay here, and deletes the rows. What lies in the bucket is known by its address.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncpg

from receiver.database import Connection, Database, query
from receiver.inbox.buckets import Bucket
from receiver.inbox.retention import COUNTED, Gone, Horizon, Old, Prune, Step
from receiver.submissions.shelf import Shelf

BUCKET_SECONDS = 2.0  # for a batch
ANSWER_SECONDS = 30.0  # the database ends a transaction that is idle for a minute


async def count(db: Database, before: Horizon) -> Old:
    """Count the files that lie before a horizon, those that lie elsewhere or that a job needs included."""
    row = await db.fetchrow(query("submissions/count_old_artifacts"), before.at, COUNTED)
    assert row is not None, "an aggregate always returns a row"
    return Old(Gone(files=row["files"], bytes=row["bytes"]), row["is_exact"])


async def clear(run: Prune, shelf: Shelf) -> bool:
    """Delete the files that lie before a run's horizon, batch by batch; return False if the run was stopped.

    Raises:
        BucketError: the bucket refuses, or does not answer. The rows of this batch stay.
    """
    files = _Files(shelf, run.before)
    # The answer of a bucket is no time of the database's.
    await run.walk(files.batch, "", run.pace if shelf.bucket is None else replace(run.pace, seconds=BUCKET_SECONDS))
    await asyncio.to_thread(files.remove_folders)
    return not run.stop.is_set()


@dataclass(frozen=True, slots=True)
class _Files:
    """The walk over the submissions that have files; `_empty` are the folders of those whose rows are gone."""

    shelf: Shelf
    before: Horizon
    _empty: list[Path] = field(default_factory=list)

    async def batch(self, connection: Connection, after: str, rows: int) -> Step:
        """Delete the files of the next submissions."""
        found = await connection.fetch(query("submissions/old_artifacts"), after, self.before.at, rows)
        in_bucket, others = list[asyncpg.Record](), list[asyncpg.Record]()
        for row in found:
            if row["are_old"]:
                (in_bucket if self._are_in_bucket(row) else others).append(row)
        await self._delete_objects([place for row in in_bucket for place in row["places"]])
        here, gone = await asyncio.to_thread(self._delete, others)
        for row in in_bucket:
            gone.files += len(row["names"])
            gone.bytes += row["bytes"]
        await connection.execute(query("submissions/forget_artifacts"), [*here, *(row["id"] for row in in_bucket)])
        return Step(found[-1]["id"] if found else after, len(found) < rows, gone)

    def remove_folders(self) -> None:
        """Remove the folders whose rows are gone. One that holds something else stays. This blocks."""
        while self._empty:
            with suppress(OSError):
                self._empty.pop().rmdir()

    async def _delete_objects(self, places: list[str]) -> None:
        """Delete objects, while the transaction waits.

        Raises:
            BucketError: the bucket refuses, or does not answer.
        """
        if not places or self.shelf.bucket is None:
            return
        start = len(self.shelf.bucket) + 1
        await Bucket(self.shelf.bucket, seconds=ANSWER_SECONDS).delete([place[start:] for place in places])

    def _are_in_bucket(self, row: asyncpg.Record) -> bool:
        """Whether all files of a submission are in the bucket, where those of this submission belong."""
        folder = f"{self.shelf.bucket}/{row['source']}/{row['id']}/"
        return all("/" not in place.removeprefix(folder) for place in row["places"])

    def _delete(self, old: list[asyncpg.Record]) -> tuple[list[str], Gone]:
        """Delete the files that lie here; return their submissions, and how much is gone. This blocks."""
        self.remove_folders()
        here, gone = [], Gone()
        for row in old:
            folder = self.shelf.folder(row["source"], row["id"])
            if folder.is_dir() and _deleted(folder, [Path(place) for place in row["places"]]):
                here.append(row["id"])
                self._empty.append(folder)
                gone.files += len(row["names"])
                gone.bytes += row["bytes"]
            else:
                gone.files_elsewhere += len(row["names"])
        return here, gone


def _deleted(folder: Path, files: list[Path]) -> bool:
    """Delete files, if all of them belong into a folder; return whether they are gone."""
    if any(file.parent != folder for file in files):
        return False
    try:
        for file in files:
            file.unlink(missing_ok=True)
    except OSError:
        return False
    return True
