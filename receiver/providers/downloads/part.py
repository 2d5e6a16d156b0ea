"""A file that is still arriving: what is here of it, and its checksums.

    NAME.part        the beginning of the file
    NAME.part.note   how many bytes of it are surely on disk, and the ETag of the file that they belong to
    NAME             the whole file: it appears only when every byte is on disk

After a crash the beginning can be longer than the note says, and the rest can be anything: only the noted bytes are
kept. Every method blocks and raises OSError, so call it in a thread, and one at a time.
"""

import errno
import fcntl
import hashlib
import json
import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from receiver.database import private
from receiver.errors import BusyError, ImpossibleError

PIECE_BYTES = 1024 * 1024
NOTED_EVERY_BYTES = 64 * PIECE_BYTES
NO_SPACE = "no_space"


@dataclass(slots=True)
class _Sums:
    """The checksums of a file, taken while it is written. Providers name the MD5, which protects against accidents."""

    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    md5: "hashlib._Hash" = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))

    def update(self, piece: bytes | bytearray) -> None:
        self.sha256.update(piece)
        self.md5.update(piece)


class Part:
    """The beginning of a file. Nobody else can have it open as a `Part`.

    Attributes:
        size: how many bytes are here.
        etag: names the version of the file that they belong to; None if nothing does.

    Args:
        into: where the whole file will be.
        reserve: how many bytes stay free on the disk.
        noted_every: after how many bytes the note is renewed: what a crash can cost.
    """

    def __init__(self, into: Path, *, reserve: int, noted_every: int = NOTED_EVERY_BYTES) -> None:
        self.size = 0
        self.etag: str | None = None
        self._into, self._reserve, self._noted_every = into, reserve, noted_every
        self._folder: int
        self._file: BinaryIO
        self._opened = ExitStack()
        self._sums = _Sums()
        self._noted = 0
        self._is_kept = True

    def open(self) -> None:
        """Open what an earlier run has left of the file, or begin. Missing folders are made, 0700.

        Raises:
            BusyError: another process has it open.
        """
        for folder in reversed([self._into.parent, *self._into.parent.parents]):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = self._opened.enter_context(private.opened_folder(self._into.parent))
        descriptor = private.open_file(self._folder, self._name, os.O_RDWR | os.O_CREAT, owner=os.geteuid())
        self._file = self._opened.enter_context(os.fdopen(descriptor, "r+b", buffering=0))
        _lock(self._file, self._folder, self._name)
        self._restore()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes that are here, in hexadecimal digits."""
        return self._sums.sha256.hexdigest()

    @property
    def md5(self) -> bytes:
        """The MD5 of the bytes that are here."""
        return self._sums.md5.digest()

    def begin(self, etag: str | None) -> None:
        """Forget the bytes that are here. The next ones belong to the file with this ETag."""
        if self._unlink(self._note_name):
            os.fsync(self._folder)  # before anything is overwritten
        self.size, self.etag, self._sums, self._noted = 0, etag, _Sums(), 0
        self._file.seek(0)
        self._file.truncate()

    def require_space(self, coming: int) -> None:
        """Refuse to write `coming` bytes if the disk would be too full afterwards.

        Raises:
            ImpossibleError: it would be (code `no_space`).
        """
        disk = os.fstatvfs(self._folder)
        missing = coming + self._reserve - disk.f_bavail * disk.f_frsize
        if missing > 0:
            message = (
                f"the disk of {self._into.parent} lacks {missing:,} bytes for a file: {coming:,} are still to come, "
                f"and {self._reserve:,} stay free"
            )
            raise ImpossibleError(message, code=NO_SPACE)

    def write(self, piece: bytes | bytearray) -> None:
        """Append a piece.

        Raises:
            ImpossibleError: the disk is too full (code `no_space`).
        """
        self.require_space(len(piece))
        rest = memoryview(piece)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._sums.update(piece)
        self.size += len(piece)
        if self.size - self._noted >= self._noted_every:
            self._keep()

    def finish(self) -> None:
        """Let the whole file appear at its place, and return when it is on disk."""
        os.fsync(self._file.fileno())
        os.replace(self._name, self._into.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._is_kept = False
        self._unlink(self._note_name)
        os.fsync(self._folder)

    def discard(self) -> None:
        """Remove what is here, because it will not be continued."""
        self._is_kept = False
        self._unlink(self._name)
        self._unlink(self._note_name)

    def close(self) -> None:
        """Close it. What is here of an unfinished file is kept, so that another run is shorter."""
        with self._opened, suppress(OSError):
            if self._is_kept:
                self._keep()

    @property
    def _name(self) -> str:
        return f"{self._into.name}.part"

    @property
    def _note_name(self) -> str:
        return f"{self._name}.note"

    def _restore(self) -> None:
        """Keep the noted bytes of an earlier run."""
        etag, noted = self._read_note()
        if etag is None or noted > os.fstat(self._file.fileno()).st_size:
            self.begin(None)
            return
        while self.size < noted:
            piece = self._file.read(min(PIECE_BYTES, noted - self.size))
            if not piece:
                raise OSError(errno.EIO, "it has become shorter", self._name)
            self._sums.update(piece)
            self.size += len(piece)
        self._file.truncate()
        self.etag, self._noted = etag, noted

    def _read_note(self) -> tuple[str | None, int]:
        try:
            note = json.loads(private.read(self._folder, self._note_name, owner=os.geteuid(), most=PIECE_BYTES))
            return note["etag"], int(note["bytes"])
        except (OSError, ValueError, LookupError, TypeError):  # there is none, or it is not ours
            return None, 0

    def _keep(self) -> None:
        """Note what is here, if there is more of it than before, and if it can be continued."""
        if self.etag is None or self.size == self._noted:
            return
        os.fsync(self._file.fileno())
        note = {"etag": self.etag, "bytes": self.size}
        private.replace(self._folder, self._note_name, json.dumps(note).encode())
        self._noted = self.size

    def _unlink(self, name: str) -> bool:
        """Remove a file, and return whether there was one."""
        try:
            os.unlink(name, dir_fd=self._folder)
        except FileNotFoundError:
            return False
        return True


def _lock(file: BinaryIO, folder: int, name: str) -> None:
    """Lock a file for as long as it is open.

    Raises:
        BusyError: another process has locked it, or has just finished it, so that it has another name now.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except (BlockingIOError, FileNotFoundError):
        found = None
    if found is None or not os.path.samestat(found, os.fstat(file.fileno())):
        raise BusyError(f"{name} is being downloaded by another process")
