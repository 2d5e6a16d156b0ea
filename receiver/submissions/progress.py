"""What is known of a submission, and of a file's upload, from one run to the next: a small file in the data folder.

    where the upload is ▶ its id, when it is complete ▶ what was asked for ▶ (the end: removed)

It also holds the key under which the upload is submitted. While it is not known whether a submission was carried out,
the same wishes bring the same key, so that the provider repeats its answer; other wishes are refused, because they
would be a second submission, and charged.
"""

import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from receiver.database import private
from receiver.database.data_folder import prepare
from receiver.errors import BusyError, ImpossibleError, ProviderError
from receiver.settings import Account

KEY_SECONDS = 24 * 3600  # how long the provider remembers a submission's key
GONE = frozenset({"invalid_request", "not_found"})  # what a submission is told whose upload is there no more


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one source is for one account.

    Attributes:
        size, modified: of a file, bytes and nanoseconds; another size or time is another file. Zero for an address.
        submission_key: what its submissions' keys begin with.
        location: where a resumable upload is.
        upload_id: what a complete upload is called.
        asked: the hash of the wishes of a submission whose answer is not known.
    """

    size: int
    modified: int
    submission_key: str
    location: str | None = field(default=None, repr=False)  # whoever knows it could go on with the upload
    upload_id: str | None = None
    asked: str | None = None


PROGRESS = TypeAdapter(Progress)


@contextmanager
def opened(data_dir: Path, account: Account, source: str | Path) -> Iterator["Notebook"]:
    """Yield the notebook of a source, which nobody else has open.

    Args:
        data_dir: the data folder, made where it is not there.
        account: whose submission it is.
        source: a web address, or a file.

    Raises:
        BusyError: another run is at the same source.
    """
    named = os.fsencode(source.absolute()) if isinstance(source, Path) else source.encode()
    name = hashlib.sha256(f"{account.api_url}\0{account.key_fingerprint}".encode() + b"\0" + named).hexdigest()[:32]
    with ExitStack() as stack:
        folder = _folder(data_dir, stack)
        lock = private.open_file(folder, f"{name}.lock", os.O_RDWR | os.O_CREAT, owner=os.geteuid())
        stack.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise BusyError(f"another run is transcribing {source}; wait for it, or end it") from exc
        size, modified = 0, 0
        if isinstance(source, Path):
            status = source.stat()
            size, modified = status.st_size, status.st_mtime_ns
        yield Notebook(folder, f"{name}.json", size, modified)


def _folder(data_dir: Path, stack: ExitStack) -> int:
    """Open the folder of the notebooks, which must be ours alone.

    As root, the data folder belongs to the database's user, who must not lead us elsewhere: so everything is opened
    below this descriptor, and nothing through a link.
    """
    path = prepare(data_dir).path / "uploads"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        folder = stack.enter_context(private.opened_folder(path, owner=os.geteuid()))
        os.fchmod(folder, 0o700)
    except OSError as exc:
        raise ImpossibleError(
            f"{path} cannot be used ({exc.strerror}): set RECEIVER_DATA_DIR to another folder"
        ) from exc
    return folder


class Notebook:
    """The notes on one source; a file is what it was when they were written."""

    def __init__(self, folder: int, name: str, size: int, modified: int) -> None:
        self._folder = folder
        self._name = name
        found = self._read()
        same = found is not None and (found.size, found.modified) == (size, modified)
        self.progress = found if found is not None and same else Progress(size, modified, _new_key())

    def note(self, **changes: Any) -> None:
        """Keep what is new."""
        self.progress = replace(self.progress, **changes)
        private.replace(self._folder, self._name, PROGRESS.dump_json(self.progress))

    def ask(self, wishes: Mapping[str, Any]) -> tuple[str, bool]:
        """Note that a submission is sent; returns its key, and whether it may have been carried out before.

        Raises:
            ImpossibleError: one with other wishes was sent, and its answer is not known.
        """
        asked = hashlib.sha256(json.dumps(wishes, sort_keys=True).encode()).hexdigest()[:16]
        before = self.progress.asked
        if before not in (None, asked):
            raise ImpossibleError(
                "this was submitted before with other options, and the answer was lost: run the command with the "
                "same options as then, which cannot pay twice, or with an --idempotency-key of your own, which may"
            )
        self.note(asked=asked)
        return f"{self.progress.submission_key}-{asked}", before is not None

    def refused(self, error: ProviderError) -> None:
        """Note that a submission was refused for good, so that the next run can do better."""
        # A refusal is repeated to its key for a day, also when its reason is gone.
        self.note(asked=None, submission_key=_new_key())
        if error.code in GONE:
            self.note(upload_id=None)  # tus tells whether it is there

    def forget(self) -> None:
        """Remove it: there is nothing left to do."""
        with suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._folder)

    def _read(self) -> Progress | None:
        try:
            opened = private.open_file(self._folder, self._name, os.O_RDONLY, owner=os.geteuid())
            with os.fdopen(opened, "rb") as file:
                age = time.time() - os.fstat(opened).st_mtime
                found = PROGRESS.validate_json(file.read(), strict=True)
        except (OSError, ValueError):
            return None  # there is none, or one of another version: the upload starts from nothing
        # The key finds no submission any more, and the upload may be gone; tus tells whether it is.
        fresh = replace(found, submission_key=_new_key(), upload_id=None, asked=None)
        return found if age < KEY_SECONDS else fresh


def _new_key() -> str:
    return f"file-{secrets.token_hex(16)}"
