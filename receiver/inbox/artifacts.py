"""Where the files lie that submissions have brought."""

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from receiver.database import Database, embedded, query
from receiver.errors import ImpossibleError
from receiver.settings import Settings
from receiver.settings.places import BUCKET

PLAIN = "application/octet-stream"
_PLAYED = re.compile(r"(?:audio|video)/[a-z0-9][a-z0-9.+-]{0,60}")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a submission has brought: a stem, enhanced audio, subtitles.

    Attributes:
        name: as the provider calls it, made harmless as a file's name; unique within the submission.
        content_type: as the provider says it; None if it does not.
        bytes: its size.
        sha256: in hexadecimal digits.
        place: its path on the machine that fetched it, or `s3://bucket/…`.
    """

    name: str
    content_type: str | None
    bytes: int
    sha256: str
    place: str

    @property
    def in_bucket(self) -> bool:
        """Whether it lies in a bucket, and on no machine."""
        return self.place.startswith(BUCKET)

    @property
    def path(self) -> Path:
        """Where it lies on the machine that fetched it.

        Raises:
            ImpossibleError: it lies in a bucket.
        """
        if self.in_bucket:
            raise ImpossibleError(f"{self.name} lies in a bucket and has no path: await ctx.file(artifact) fetches it")
        return Path(self.place)

    @property
    def safe_type(self) -> str:
        """What it is handed to browsers as: what they play, if the provider says so in plain words, or else bytes."""
        kind = (self.content_type or "").partition(";")[0].strip(" ").lower()
        return kind if _PLAYED.fullmatch(kind) else PLAIN

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `artifacts --json` prints."""
        return asdict(self)


def folder(configured: Settings) -> Path:
    """Return this machine's folder for files of submissions, by default one in the data folder. Create nothing."""
    place = configured.artifacts_dir
    if place is None or place.startswith(BUCKET):
        return embedded.locate(configured.data_dir).path / "artifacts"
    return Path(place)


def stored(artifact: Artifact) -> os.stat_result:
    """Return the facts about the file of an artifact that lies in no bucket. This blocks.

    Raises:
        ImpossibleError: it lies on another machine, or is not the file that was fetched.
    """
    try:
        found = artifact.path.stat()
    except OSError as exc:
        raise ImpossibleError(
            f"{artifact.name} is not on this machine: it lies where its worker runs, at {artifact.place}"
        ) from exc
    if not stat.S_ISREG(found.st_mode) or found.st_size != artifact.bytes:
        raise ImpossibleError(f"{artifact.place} is not the file any more that was fetched")
    return found


async def keep(db: Database, submission: str, artifacts: Sequence[Artifact]) -> None:
    """Keep where the files of a submission lie."""
    await db.execute(
        query("inbox/keep_artifacts"), submission, [one.name for one in artifacts],
        [one.content_type for one in artifacts], [one.bytes for one in artifacts], [one.sha256 for one in artifacts],
        [one.place for one in artifacts],
    )  # fmt: skip


async def of(db: Database, submission: str) -> list[Artifact]:
    """Return the files of a submission, by name."""
    return [Artifact(**dict(row)) for row in await db.fetch(query("inbox/list_artifacts"), submission)]
