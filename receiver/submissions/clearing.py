"""Prune the files of submissions that are over: those on the shelf of this machine.

A file is deleted before its row, and the folder of its submission after that. So if we die in between, the next run
finds the folder, knows that the files lay here, and deletes the rows.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from receiver.database import Connection, Database, query
from receiver.inbox.retention import COUNTED, Gone, Horizon, Old, Prune, Step
from receiver.submissions.shelf import Shelf


async def count(db: Database, before: Horizon) -> Old:
    """Count the files that lie before a horizon, those that lie elsewhere or that a job needs included."""
    row = await db.fetchrow(query("submissions/count_old_artifacts"), before.at, COUNTED)
    assert row is not None, "an aggregate always returns a row"
    return Old(Gone(files=row["files"], bytes=row["bytes"]), row["is_exact"])


async def clear(run: Prune, shelf: Shelf) -> bool:
    """Delete the files that lie before a run's horizon, batch by batch; return False if the run was stopped."""
    files = _Files(shelf, run.before)
    await run.walk(files.batch, "")
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
        here, gone = await asyncio.to_thread(self._delete, [row for row in found if row["are_old"]])
        await connection.execute(query("submissions/forget_artifacts"), here)
        return Step(found[-1]["id"] if found else after, len(found) < rows, gone)

    def remove_folders(self) -> None:
        """Remove the folders whose rows are gone. One that holds something else stays. This blocks."""
        while self._empty:
            with suppress(OSError):
                self._empty.pop().rmdir()

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
