"""Notes on a submission and its upload, from one run to the next, without a database: a file in the data folder.

    the upload's location ▶ the id of the complete upload ▶ what was asked for ▶ (the end: the notes are removed)

The notes also hold the key of the submission. While we do not know whether a submission was carried out, the same
wishes use the same key, so that the provider repeats its answer. Other wishes are refused then: they would be a second
submission, which is charged.
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
from receiver.database.data_folder import locate, prepare
from receiver.errors import BusyError, ImpossibleError, ProviderError
from receiver.providers import Recording
from receiver.settings import Account

FOLDER = "uploads"
KEY_SECONDS = 24 * 3600  # how long the provider remembers a submission's key
GONE = frozenset({"invalid_request", "not_found"})  # the answers to a submission whose upload is gone


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of one recording for one account.

    Attributes:
        size, modified: of a file, in bytes and nanoseconds. Another size or time means another file. Zero for a URL.
        submission_key: the beginning of the submissions' keys.
        location: the address of a resumable upload.
        upload_id: the id of a complete upload.
        asked: the hash of the wishes of a submission whose answer is unknown.
    """

    size: int
    modified: int
    submission_key: str
    location: str | None = field(default=None, repr=False)  # a secret: with it anyone could continue the upload
    upload_id: str | None = None
    asked: str | None = None


PROGRESS = TypeAdapter(Progress)


def about(recording: Recording, file: Path | None) -> str | Path:
    """Return what the notes on a recording are kept under: its file, else its URL."""
    kept_under = file or recording.url
    assert kept_under is not None
    return kept_under


@contextmanager
def opened(data_dir: Path, account: Account, recording: str | Path) -> Iterator["Notebook"]:
    """Yield the notebook of a recording. No other run has it open.

    Args:
        data_dir: the data folder. It is made if it is missing.
        account: the account of the submission.
        recording: a web address, or a file; see `about`.

    Raises:
        BusyError: another run has it open.
    """
    named = os.fsencode(recording.absolute()) if isinstance(recording, Path) else recording.encode()
    name = hashlib.sha256(f"{account.api_url}\0{account.key_fingerprint}".encode() + b"\0" + named).hexdigest()[:32]
    with ExitStack() as stack:
        folder = _folder(data_dir, stack)
        lock = private.open_file(folder, f"{name}.lock", os.O_RDWR | os.O_CREAT, owner=os.geteuid())
        stack.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise BusyError(f"another run is transcribing {recording}; wait for it, or end it") from exc
        size, modified = 0, 0
        if isinstance(recording, Path):
            status = recording.stat()
            size, modified = status.st_size, status.st_mtime_ns
        yield Notebook(folder, f"{name}.json", size, modified)


def is_lost(data_dir: Path, account: Account, recording: str | Path) -> bool:
    """Return whether the notes on a recording tell of a submission whose answer was lost. If not, remove them.

    With a database, submissions are rows. What was begun without one is brought to its end the way it was begun.

    Raises:
        BusyError: another run has them open.
    """
    if not (locate(data_dir).path / FOLDER).is_dir():
        return False
    with opened(data_dir, account, recording) as notes:
        if notes.progress.asked is not None:
            return True
        notes.forget()
        return False


def _folder(data_dir: Path, stack: ExitStack) -> int:
    """Open the folder of the notebooks, which must be ours alone.

    If we are root, the data folder belongs to the database's user, who must not lead us to another folder. So all files
    are opened below this descriptor, and never through a link.
    """
    path = prepare(data_dir).path / FOLDER
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
    """The notes on one recording. Notes on a file are dropped if the file has changed since."""

    def __init__(self, folder: int, name: str, size: int, modified: int) -> None:
        self._folder = folder
        self._name = name
        found = self._read()
        same = found is not None and (found.size, found.modified) == (size, modified)
        self.progress = found if found is not None and same else Progress(size, modified, _new_key())

    def note(self, **changes: Any) -> None:
        """Change the notes, and write them."""
        self.progress = replace(self.progress, **changes)
        private.replace(self._folder, self._name, PROGRESS.dump_json(self.progress))

    def ask(self, wishes: Mapping[str, Any]) -> tuple[str, bool]:
        """Note that a submission will be sent now. Return its key, and whether it might have been carried out before.

        Raises:
            ImpossibleError: a submission with other wishes was sent, and its answer is unknown.
        """
        asked = hashlib.sha256(json.dumps(wishes, sort_keys=True).encode()).hexdigest()[:16]
        before = self.progress.asked
        if before not in (None, asked):
            raise ImpossibleError(
                "this was submitted before with other options, and the answer was lost: run it with the same "
                "options as before (this cannot pay twice), or with a key of your own (this can pay twice)",
                code="asked_otherwise",
            )
        self.note(asked=asked)
        return f"{self.progress.submission_key}-{asked}", before is not None

    def refused(self, error: ProviderError) -> None:
        """Note that a submission was refused for good, so that the next run uses a new key."""
        # The provider repeats a refusal to the same key for a day, even if its reason is gone.
        self.note(asked=None, submission_key=_new_key())
        if error.code in GONE:
            self.note(upload_id=None)  # the next run asks tus for the upload

    def forget(self) -> None:
        """Remove the notes: nothing is left to do."""
        with suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._folder)

    def _read(self) -> Progress | None:
        try:
            opened = private.open_file(self._folder, self._name, os.O_RDONLY, owner=os.geteuid())
            with os.fdopen(opened, "rb") as file:
                age = time.time() - os.fstat(opened).st_mtime
                found = PROGRESS.validate_json(file.read(), strict=True)
        except (OSError, ValueError):
            return None  # no notes, or those of another version: the upload starts from the beginning
        # The provider has forgotten the key. The upload might be gone: the next request to tus shows that.
        fresh = replace(found, submission_key=_new_key(), upload_id=None, asked=None)
        return found if age < KEY_SECONDS else fresh


def _new_key() -> str:
    return f"file-{secrets.token_hex(16)}"
