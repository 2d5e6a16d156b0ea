"""Files of a bucket on this machine's disk, for as long as one try of a job runs.

    FOLDER/fetched/RANDOM/NUMBER/NAME

The try holds a lock on its folder. Whoever sweeps removes the folders that nobody has locked: killed workers left them.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from receiver.errors import LeaseLostError, Postpone
from receiver.inbox import artifacts
from receiver.inbox.artifacts import Artifact
from receiver.inbox.buckets import Bucket, BucketError
from receiver.providers import files

FOLDER = "fetched"
WAIT_SECONDS = 60


class Fetched:
    """The files that one try of a job has fetched. `within`: where they lie, if not in the configured folder."""

    def __init__(self, within: Path | None = None) -> None:
        self._within = within
        self._found = dict[str, Path]()
        self._one_by_one = asyncio.Lock()
        self._placing = threading.Lock()  # a try can end while a thread makes its folder
        self._folder: Path | None = None
        self._lock: int | None = None
        self._is_over = False
        self._is_begun = False  # there is something to remove, or a thread makes it

    async def path(self, artifact: Artifact, folder: Callable[[], Path]) -> Path:
        """Return where a file lies on this machine; fetch it from its bucket, unless this try has done so.

        `folder` returns the configured folder.

        Raises:
            Postpone: it lies on another machine, or the bucket cannot be reached now.
            ImpossibleError: it is not there any more as it was fetched.
        """
        if not artifact.in_bucket:
            return await asyncio.to_thread(_here, artifact)
        async with self._one_by_one:
            if artifact.place not in self._found:
                self._found[artifact.place] = await self._fetch(artifact, folder)
            return self._found[artifact.place]

    def end(self) -> bool:
        """Fetch no others from now on. Return whether there is something to remove."""
        self._is_over = True
        return self._is_begun

    def remove(self) -> None:
        """Remove them, and fetch no others. This blocks."""
        with self._placing:
            self._is_over = True
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
            if self._lock is not None:
                os.close(self._lock)
            self._folder = self._lock = None

    async def _fetch(self, artifact: Artifact, folder: Callable[[], Path]) -> Path:
        if self._is_over:
            raise LeaseLostError("this attempt is over")
        self._is_begun = True
        into = await asyncio.to_thread(self._place, artifact.name, folder)
        try:
            bucket, path = Bucket.of(artifact.place)
            await bucket.fetch(path, into, size=artifact.bytes, sha256=artifact.sha256)
        except BucketError as exc:
            raise Postpone(f"{artifact.name} is not here yet: {exc}", after=WAIT_SECONDS) from exc
        return into

    def _place(self, name: str, folder: Callable[[], Path]) -> Path:
        with self._placing:
            if self._is_over:
                raise LeaseLostError("this attempt is over")
            if self._folder is None:
                self._folder, self._lock = _locked(self._within or folder() / FOLDER)
            place = self._folder / str(len(self._found))
            place.mkdir(mode=0o700, exist_ok=True)
            return place / files.harmless(name)


def sweep(folder: Path) -> None:
    """Remove what killed workers have left in the configured folder. This blocks."""
    with suppress(OSError):  # there is none
        for one in (folder / FOLDER).iterdir():
            with suppress(OSError):  # it is in use, or somebody else sweeps
                lock = _lock(one)
                try:
                    shutil.rmtree(one, ignore_errors=True)
                finally:
                    os.close(lock)


def _here(artifact: Artifact) -> Path:
    if not artifact.path.is_file():
        raise Postpone(
            f"{artifact.name} is not on this machine: run a worker where {artifact.place} is", after=WAIT_SECONDS
        )
    artifacts.stored(artifact)
    return artifact.path


def _locked(within: Path) -> tuple[Path, int]:
    """Make a folder and lock it; return the lock too.

    Raises:
        OSError: it cannot be made, or cannot be locked.
    """
    within.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        folder = within / secrets.token_hex(8)
        folder.mkdir(mode=0o700)
        try:
            lock = _lock(folder)
        except (BlockingIOError, FileNotFoundError):  # who sweeps was quicker
            continue
        except OSError:
            folder.rmdir()
            raise
        if folder.exists():
            return folder, lock
        os.close(lock)


def _lock(folder: Path) -> int:
    """Lock a folder, and return the descriptor that holds the lock.

    Raises:
        OSError: it is locked, or gone, or no folder.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
