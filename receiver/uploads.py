"""Bring a local file to the provider, once: what was sent survives Ctrl-C and a crash.

    file ──▶ up to 50 MB: a presigned PUT, sent whole ──────▶ upload id ──▶ submitted, and the progress is forgotten
         └─▶ above: tus, in pieces, gone on with after a break ──▲

The progress lies in a small file of the data folder: where the upload is, its id when it is complete, and the key
under which it will be submitted, so that starting again neither sends it twice nor pays twice.
"""

import asyncio
import hashlib
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from receiver import media
from receiver.embedded.folder import prepare
from receiver.errors import CommandError, InvalidRequest, PaymentRequired, ProviderError, ProviderUnavailable
from receiver.providers import Recording, TranscribeSo, tus

LIMIT_BYTES = 500 * 1024 * 1024
WHOLE_BYTES = 50 * 1024 * 1024
PIECE_BYTES = 1024 * 1024
TRIES = 3
EXPIRED = 403  # what S3 says to a ticket that is too old
KEY_SECONDS = 24 * 3600  # how long the provider remembers a submission's key
GONE = frozenset({"invalid_request", "not_found"})  # what a submission is told whose upload is there no more


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file that the provider would take; `modified` in nanoseconds."""

    path: Path
    size: int
    modified: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the upload of one file for one account is."""

    size: int
    modified: int
    submission_key: str
    location: str | None = None
    upload_id: str | None = None


def inspect(path: Path) -> MediaFile:
    """Return what an upload needs to know of a file.

    Raises:
        CommandError: the provider would refuse it, so nothing is sent.
    """
    try:
        status = path.stat()
    except OSError as exc:
        raise CommandError(f"{path} cannot be read ({exc.strerror}); a web address starts with https://") from exc
    if not path.is_file() or status.st_size == 0:
        raise CommandError(f"{path} is empty, or no file")
    if status.st_size > LIMIT_BYTES:
        megabytes = status.st_size / 1024 / 1024
        raise CommandError(f"{path} has {megabytes:.0f} MB, the provider takes 500: make it smaller, or give its URL")
    return MediaFile(path, status.st_size, status.st_mtime_ns, media.content_type(path))


class Notebook:
    """The file in the data folder that holds the progress of one upload.

    Args:
        data_dir: the data folder, made where it is not there.
        account: whose upload: API and key fingerprint.
        file: what is uploaded; a file that has changed since starts from nothing.
    """

    def __init__(self, data_dir: Path, account: tuple[str, str], file: MediaFile) -> None:
        folder = prepare(data_dir)
        name = hashlib.sha256(json.dumps([*account, str(file.path.absolute())]).encode()).hexdigest()[:32]
        self._path = folder.path / "uploads" / f"{name}.json"
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        found = self._read()
        same = found is not None and (found.size, found.modified) == (file.size, file.modified)
        self.progress = found if found is not None and same else Progress(file.size, file.modified, _submission_key())

    def note(self, **changes: Any) -> None:
        """Keep what is new."""
        self.progress = replace(self.progress, **changes)
        coming = self._path.with_suffix(".new")
        # It names an upload that whoever reads it could go on with.
        descriptor = os.open(coming, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump(asdict(self.progress), out)
            out.flush()
            os.fsync(out.fileno())
        coming.replace(self._path)

    def submission_key(self, recording: Recording) -> str:
        """Return the key to submit the upload under: the same for the same wishes, in every run."""
        wishes = json.dumps(recording.to_json(), sort_keys=True).encode()
        return f"{self.progress.submission_key}-{hashlib.sha256(wishes).hexdigest()[:16]}"

    def refused(self, error: ProviderError) -> None:
        """Draw the consequence of a refused submission, so that the next run can do better."""
        if error.code in GONE:
            self.forget()
        elif isinstance(error, PaymentRequired):
            # A refusal is repeated to its key for a day, also when there is money again.
            self.note(submission_key=_submission_key())

    def forget(self) -> None:
        """Remove it: the upload has been submitted, or is good for nothing."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> Progress | None:
        try:
            found = Progress(**json.loads(self._path.read_text(encoding="utf-8")))
            age = time.time() - self._path.stat().st_mtime
        except (OSError, ValueError, TypeError):
            return None  # there is none, or one of another version: the upload starts from nothing
        # The key finds no submission any more, and the upload may be gone; tus tells whether it is.
        return found if age < KEY_SECONDS else replace(found, submission_key=_submission_key(), upload_id=None)


async def upload(
    provider: TranscribeSo, file: MediaFile, notebook: Notebook, *, progressed: Callable[[int], None]
) -> str:
    """Upload a file, from where an earlier run stopped, and return its upload id.

    Args:
        provider: where to.
        file: what `inspect` returned.
        notebook: what is known of earlier runs.
        progressed: called with the number of bytes that are there.

    Raises:
        ProviderError: it did not get through; the next run goes on.
        CommandError: the file has changed under way.
    """
    if notebook.progress.upload_id is None:
        whole = file.size <= WHOLE_BYTES
        notebook.note(upload_id=await (_put if whole else _resume)(provider, file, notebook, progressed))
    progressed(file.size)
    assert notebook.progress.upload_id is not None
    return notebook.progress.upload_id


async def _put(provider: TranscribeSo, file: MediaFile, _notebook: Notebook, progressed: Callable[[int], None]) -> str:
    for _ in range(TRIES - 1):
        try:
            return await _put_once(provider, file, progressed)
        except ProviderUnavailable:
            progressed(0)
        except InvalidRequest as exc:
            if exc.status != EXPIRED:
                raise
            progressed(0)
    return await _put_once(provider, file, progressed)


async def _put_once(provider: TranscribeSo, file: MediaFile, progressed: Callable[[int], None]) -> str:
    # A key of its own each time: the answer to an old one names a URL that has expired.
    ticket = await provider.create_upload(
        file.path.name, content_type=file.content_type, file_size=file.size, idempotency_key=_new_key()
    )
    await provider.put_upload(ticket, _pieces(file, progressed), content_type=file.content_type, file_size=file.size)
    return ticket.upload_id


async def _pieces(file: MediaFile, progressed: Callable[[int], None]) -> AsyncIterator[bytes]:
    sent = 0
    with file.path.open("rb") as opened:
        while piece := await asyncio.to_thread(opened.read, PIECE_BYTES):
            sent += len(piece)
            if sent > file.size:
                break
            yield piece
            progressed(sent)
    if sent != file.size:
        raise CommandError(f"{file.path} changed while it was uploaded")


async def _resume(
    provider: TranscribeSo, file: MediaFile, notebook: Notebook, progressed: Callable[[int], None]
) -> str:
    ticket = await provider.create_tus_upload(file.path.name, file_size=file.size, idempotency_key=_new_key())
    metadata = {ticket.upload_metadata_key: ticket.upload_token.get_secret_value(), "filename": file.path.name}
    with file.path.open("rb") as opened:
        try:
            location = await tus.upload(
                provider.http, ticket.upload_endpoint, opened, size=file.size, metadata=metadata,
                location=notebook.progress.location, created=lambda made: notebook.note(location=made),
                progressed=progressed,
            )  # fmt: skip
        except ProviderError as exc:
            if exc.code != "upload_broken":  # what is there cannot be gone on with
                notebook.note(location=None)
            raise
    return f"tus/{location.rstrip('/').rpartition('/')[2]}"


def _new_key() -> str:
    return f"upload-{secrets.token_hex(16)}"


def _submission_key() -> str:
    return f"file-{secrets.token_hex(16)}"
