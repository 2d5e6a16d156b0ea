"""Files on their way to the disk: piece by piece, within bounds, each whole or not at all."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from receiver.errors import ImpossibleError
from receiver.providers import files
from receiver.submissions.drafts.draft import Handed

MOST_FILES = 50
KEPT_FREE = 1024**3  # bytes of the disk: deliveries can need them
LOOK_AT_ROOM = 4 * 1024**2
TOO_LARGE = "too_large"  # the code of a refusal


class Arriving:
    """Files that are being handed in. Methods block.

    Args:
        folder: where they go.
        most: how large they can be, all together, in bytes.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self.most = most
        self.handed: list[Handed] = []
        self._size = 0
        self._file: BinaryIO | None = None

    def begin(self, name: str) -> None:
        """Begin a file.

        Raises:
            ImpossibleError: there are too many, or the name cannot be kept.
        """
        if "\0" in name:
            raise ImpossibleError("the name of a file has the character NUL: rename it")
        if len(self.handed) >= MOST_FILES:
            raise ImpossibleError(f"at most {MOST_FILES} files are handed in at once")
        place = Path(str(len(self.handed)), files.harmless(name))
        (self.folder / place).parent.mkdir(mode=0o700)
        self._file = (self.folder / place).open("xb")
        self.handed.append(Handed(name=name, place=str(place), size=0))

    def write(self, piece: bytes) -> None:
        """Take in a piece of the file that was begun last.

        Raises:
            ImpossibleError: as for `require_fits`, or the disk has no room.
        """
        assert self._file is not None
        self._size += len(piece)
        self.require_fits(self._size)
        _ROOM.take(self, len(piece))
        try:
            self._file.write(piece)
        except OSError as exc:
            raise ImpossibleError(f"it cannot be kept here: {exc.strerror}") from exc

    def end(self) -> None:
        """End the file: it is on disk then."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self.close()
        self.handed[-1] = self.handed[-1].model_copy(update={"size": size})

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Keep room on the disk while the files come.

        Args:
            size: how many bytes are announced; 0 if that is not told.

        Raises:
            ImpossibleError: as for `require_fits`, or there is none.
        """
        self.require_fits(size)
        _ROOM.announce(self, size)
        try:
            yield
        finally:
            _ROOM.end(self)

    def require_fits(self, size: int) -> None:
        """Refuse files that are too large.

        Raises:
            ImpossibleError: so many bytes are.
        """
        if size > self.most:
            raise ImpossibleError(
                f"the files of a submission can have {self.most / 1024**2:,.0f} MB together: make them smaller, or "
                "give an address", code=TOO_LARGE,
            )  # fmt: skip

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            with suppress(OSError):  # what could not be written is said already
                self._file.close()
            self._file = None


class _Room:
    """The room that the files on their way in this process still need, all together. They come in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._coming: dict[Arriving, int] = {}  # bytes that were announced and have not come
        self._unseen = 0  # bytes that have come since the disk was looked at

    def announce(self, one: Arriving, size: int) -> None:
        """Keep room for what will come.

        Raises:
            ImpossibleError: there is none.
        """
        with self._lock:
            require_room(one.folder, size + sum(self._coming.values()))
            self._coming[one] = size

    def take(self, one: Arriving, size: int) -> None:
        """Note that a piece has come.

        Raises:
            ImpossibleError: the disk has become full meanwhile.
        """
        with self._lock:
            self._coming[one] = max(0, self._coming.get(one, 0) - size)
            self._unseen += size
            if self._unseen >= LOOK_AT_ROOM:
                self._unseen = 0
                require_room(one.folder, 0)

    def end(self, one: Arriving) -> None:
        """Keep no more room for one."""
        with self._lock:
            self._coming.pop(one, None)


_ROOM = _Room()


def require_room(folder: Path, size: int) -> None:
    """Refuse what would fill the disk.

    Raises:
        ImpossibleError: too little would be left.
    """
    if shutil.disk_usage(folder).free - size < KEPT_FREE:
        raise ImpossibleError("the disk has no room for it: a gigabyte is kept free for deliveries")
