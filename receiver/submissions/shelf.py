"""The files of submissions: in a folder of this machine, or in a bucket.

    RECEIVER_ARTIFACTS_DIR/SOURCE/SUBMISSION/NAME     what a provider made
    FOLDER/drafts/…                                   what was handed in, and is not submitted yet: see `drafts`
    FOLDER/waiting/SUBMISSION                         a recording that goes with the request that is paid for
    FOLDER/waiting/SUBMISSION.brought/NAME            what a provider made, on its way to the bucket
    FOLDER/fetched/…                                  what handlers have fetched from the bucket: see `handling.fetched`

FOLDER is RECEIVER_ARTIFACTS_DIR, or `artifacts` in the data folder if that is a bucket.

The names are the provider's, so they are made harmless.
"""

import asyncio
import os
import secrets
import shutil
import socket
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from receiver.errors import ImpossibleError, Postpone, ProviderUnavailable
from receiver.failpoints import Failpoint, reach
from receiver.inbox import artifacts
from receiver.inbox.artifacts import Artifact
from receiver.inbox.buckets import Bucket
from receiver.providers import Source, destinations, files
from receiver.providers.downloads import download
from receiver.providers.orders import Media
from receiver.settings import Settings
from receiver.settings.places import BUCKET
from receiver.submissions import ids
from receiver.submissions.records import Submission

MEGABYTE = 1024 * 1024
WAITING = "waiting"
MOST_LISTED = 10_000
MOST_TEXT = 64 * MEGABYTE  # a text of a day has less than 2 MB


@dataclass(frozen=True, slots=True)
class Shelf:
    """The files.

    Attributes:
        place: the folder of this machine.
        most: a size in bytes: of a file that is fetched, or of all files of a draft.
        bucket: where what the providers made lies, `s3://bucket/prefix`; None if in the folder.
    """

    place: Path
    most: int
    bucket: str | None = None

    def path(self, submission: Submission, name: str) -> Path:
        """Return where a file of a submission lies."""
        return self.folder(submission.source, submission.id) / name

    def folder(self, source: str, submission: str) -> Path:
        """Return where the files of a submission lie."""
        return self.place / source / submission

    async def bring(
        self, client: Source, http: httpx.AsyncClient, submission: Submission
    ) -> tuple[list[Artifact], bytes | None]:  # fmt: skip
        """Fetch the files of a submission that has ended; those that are here, or in the bucket, are fetched again.

        Return them, and the content of the one that has the text; None if none has it.

        Raises:
            ProviderUnavailable: the provider does not name them, or they do not come.
            BucketError: the bucket does not take them now.
            ImpossibleError: one is too large, or the disk is full.
        """
        wanted = _harmless((await _links(client, submission)).keys())
        private = not destinations.is_public_api(client.api_url)
        with_text, text = client.text_in(submission.operation, list(wanted.values())), None
        found = []
        for given, name in wanted.items():

            async def link(given: str = given) -> SecretStr:
                return (await _links(client, submission))[given]

            path = self.path(submission, name) if self.bucket is None else self._waiting(submission.id, name)
            came = await download(http, link, path, most=self.most, private=private)
            if name == with_text:  # here: the key of the bucket may be one that cannot read
                text = await _text(path, came.bytes)
            place = str(path) if self.bucket is None else await self._send(self.bucket, submission, path)
            found.append(Artifact(name, came.content_type, came.bytes, came.sha256, place))
        return found, text

    async def _send(self, bucket: str, submission: Submission, file: Path) -> str:
        """Send a file to the bucket, and remove it here. Return its address."""
        path = f"{submission.source}/{submission.id}/{file.name}"
        reach(Failpoint.BEFORE_STORED)
        await Bucket(bucket).put(path, file)
        reach(Failpoint.AFTER_STORED)
        await asyncio.to_thread(file.unlink)
        return f"{bucket}/{path}"

    def put_aside(self, submission: Submission, file: Media) -> None:
        """Copy a recording to where a worker of this machine finds it. This blocks.

        Raises:
            ImpossibleError: the file changed meanwhile.
        """
        waiting = self._waiting(submission.id)
        waiting.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = waiting.with_name(f"{waiting.name}.{secrets.token_hex(4)}")  # two runs can copy at the same time
        if file.path.is_relative_to(self.place):  # it is on this disk already, and for good
            part.hardlink_to(file.path)
        else:
            with file.path.open("rb") as source, part.open("wb") as copy:
                shutil.copyfileobj(source, copy, MEGABYTE)
                copy.flush()
                os.fsync(copy.fileno())
        copied = part.stat().st_size
        if copied != file.size:  # no worker would take it
            part.unlink()
            raise ImpossibleError(f"{file.name} changed while it was copied: nothing was sent")
        part.replace(waiting)

    async def fetch(self, http: httpx.AsyncClient, submission: Submission) -> Media:
        """Fetch a recording from its public https address, to where a recording is put aside.

        Raises:
            ProviderUnavailable: it did not come; another try can help.
            InvalidRequest: there is nothing at that address, or it is not public.
            ImpossibleError: it is too large, or the disk is full.
        """
        url, waiting = submission.url or "", self._waiting(submission.id)
        came = await download(http, SecretStr(url), waiting, most=self.most, private=False)
        return Media(waiting, Path(urlsplit(url).path).name or submission.id, came.bytes)

    def aside(self, submission: Submission) -> Media:
        """Return the recording that was put aside.

        Raises:
            Postpone: it lies on another machine, or is gone.
        """
        waiting, size = self._waiting(submission.id), submission.bytes or 0
        if not waiting.is_file() or waiting.stat().st_size != size:
            raise Postpone(
                f"its file is not here as it was put aside on {submission.remote_file}: run a worker there, or "
                "submit it again", after=60.0,
            )  # fmt: skip
        name = Path(urlsplit(submission.url).path).name if submission.url else submission.recording
        return Media(waiting, name or submission.id, size)

    def waiting(self) -> dict[str, float]:
        """Return for each submission that has something put aside when that was last changed, in seconds of Unix time.

        These are some of them, if there are very many. This blocks.
        """
        found = dict[str, float]()
        with suppress(FileNotFoundError), os.scandir(self.place / WAITING) as entries:
            for entry in islice(entries, MOST_LISTED):
                submission = entry.name.partition(".")[0]
                if ids.is_id(submission):
                    with suppress(FileNotFoundError):
                        found[submission] = max(found.get(submission, 0.0), entry.stat().st_mtime)
        return found

    async def forget(self, submissions: Collection[str]) -> None:
        """Remove the recordings that were put aside, what is on its way to the bucket, and what downloads have left."""
        await asyncio.to_thread(self._forget, submissions)

    def _forget(self, submissions: Collection[str]) -> None:
        with suppress(FileNotFoundError):
            for path in (self.place / WAITING).iterdir():
                if path.name.partition(".")[0] in submissions:
                    if path.is_dir():
                        shutil.rmtree(path, ignore_errors=True)
                    with suppress(OSError):
                        path.unlink()

    def _waiting(self, submission: str, brought: str | None = None) -> Path:
        """Return where a recording is put aside, or where a file lies on its way to the bucket."""
        waiting = self.place / WAITING / submission
        return waiting if brought is None else waiting.with_name(f"{submission}.brought") / brought


async def copy(artifact: Artifact, folder: Path) -> Path:
    """Copy a file into a folder, and return the copy.

    Raises:
        ImpossibleError: the file lies on another machine, is not in its bucket any more, or cannot be written.
        BucketError: the bucket refuses, or does not answer.
    """
    into = folder / artifact.name
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        if artifact.in_bucket:
            bucket, path = Bucket.of(artifact.place)
            await bucket.fetch(path, into, size=artifact.bytes, sha256=artifact.sha256)
        else:
            await asyncio.to_thread(_copy_here, artifact, into)
    except shutil.SameFileError as exc:
        raise ImpossibleError(f"{into} is the file itself: choose another folder") from exc
    except OSError as exc:
        raise ImpossibleError(f"{folder} cannot be written: {exc.strerror}") from exc
    return into


def open_shelf(configured: Settings) -> Shelf:
    """Return the configured shelf, by default a folder in the data folder. Create nothing."""
    given = configured.artifacts_dir or ""
    bucket = given if given.startswith(BUCKET) else None
    return Shelf(artifacts.folder(configured), int(configured.artifact_max_mb * MEGABYTE), bucket)


def here() -> str:
    """Return the name of this machine."""
    return socket.gethostname()


async def _text(file: Path, size: int) -> bytes:
    if size > MOST_TEXT:
        raise ImpossibleError(f"{file.name} is no text: it has {size:,} bytes")
    return await asyncio.to_thread(file.read_bytes)


def _copy_here(artifact: Artifact, into: Path) -> None:
    artifacts.stored(artifact)
    shutil.copyfile(artifact.path, into)


async def _links(client: Source, submission: Submission) -> dict[str, SecretStr]:
    """Look once more, for fresh links."""
    remote_id = submission.remote_id or ""
    seen = (await client.look([remote_id])).get(remote_id)
    if seen is None:
        raise ProviderUnavailable(f"the provider does not know {remote_id} any more", code="gone")
    if seen.state != "completed" or not seen.links:
        raise ProviderUnavailable(f"the provider says {seen.said} of {remote_id}, and names no files", code="no_files")
    return dict(seen.links)


def _harmless(given: Iterable[str]) -> dict[str, str]:
    """Return a file name for each name that a provider has given, each only once."""
    found: dict[str, str] = {}
    for name in given:
        found[name] = files.unlike(found.values(), files.harmless(name))
    return found
