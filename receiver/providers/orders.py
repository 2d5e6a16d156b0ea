"""What a source is asked for, and what it answers: values that every source shares.

Order: operation, Wishes, recording ──start──▶ Accepted ──look──▶ Seen: waiting, completed, failed
                                        └────▶ Answered: the answer to the paying request is the result
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, SecretStr

from receiver.errors import ImpossibleError

# A request that is paid for ends within this time, whatever is sent with it: the job that sends it ends too.
CALL_SECONDS = 3.5 * 3600

Notes: TypeAlias = Mapping[str, Any]
KeepNotes: TypeAlias = Callable[[Notes], Awaitable[None]]
Sent: TypeAlias = Callable[[int], None]

UNKNOWN_CONTENT = "application/octet-stream"
ABOVE_CEILING = "max_charge_exceeded"  # of `PaymentRequired`: nothing was done, and waiting does not help


class Wishes(BaseModel):
    """The options of an operation, within their documented ranges. A subclass for each; its fields are the provider's.

    `model_validate` is lax about text, because options are typed: `0.5` for a number, `true` for a boolean.

    Attributes:
        files: the options that are ids of files, which are uploaded before.
        of_subtitles: whether the operation works on subtitles, and not on a recording.
        length_option: the option that tells the recording's length; None if none does.
    """

    files: ClassVar[frozenset[str]] = frozenset()
    of_subtitles: ClassVar[bool] = False
    length_option: ClassVar[str | None] = None

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @property
    def length(self) -> float | None:
        """The length of the recording in seconds, where an option tells it."""
        return None if self.length_option is None else getattr(self, self.length_option)

    def to_json(self) -> dict[str, Any]:
        """Return the options that are not None, as JSON."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_form(self) -> list[tuple[str, str]]:
        """Return the options that are not None, as the fields of a form. A list is a field for each member."""
        return [
            (name, _text(member))
            for name, value in self.to_json().items()
            for member in (value if isinstance(value, list) else [value])
        ]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Media:
    """A file to send, read piece by piece.

    Attributes:
        path: where it is.
        name: what the provider is told that it is called.
        size: in bytes.
        content_type: by its name.
    """

    path: Path
    name: str
    size: int
    content_type: str = UNKNOWN_CONTENT

    def pieces(self, size: int, *, start: int = 0) -> Iterator[bytes]:
        """Yield the file's bytes from `start` on, in pieces of `size`; an empty file is one empty piece.

        Raises:
            ImpossibleError: the file has become shorter.
        """
        with self.path.open("rb") as file:
            file.seek(start)
            at = start
            while at < self.size or at == start:
                piece = file.read(min(size, self.size - at))
                at += len(piece)
                if len(piece) == 0 and at < self.size:
                    raise ImpossibleError(f"{self.name} has become shorter while it was sent")
                yield piece
                if at >= self.size:
                    return


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest recording that a provider takes. None: nobody knows a limit.

    Attributes:
        most_bytes: of a file.
        most_seconds: of a recording.
    """

    most_bytes: int | None = None
    most_seconds: float | None = None

    @property
    def said(self) -> list[str]:
        """The limits in words."""
        size, length = self.most_bytes, self.most_seconds
        sizes, lengths = [] if size is None else [_size(size)], [] if length is None else [_length(length)]
        return sizes + lengths

    def require(self, provider: str, file: Media | None, seconds: float | None) -> None:
        """Refuse what is beyond a limit. `seconds` is the length if it is known; `file` is None for a URL.

        Raises:
            ImpossibleError: the message names the limit.
        """
        size, length = self.most_bytes, self.most_seconds
        if file is not None and size is not None and file.size > size:
            raise ImpossibleError(f"{file.name} is larger than {_size(size)}, the most that {provider} takes")
        if seconds is not None and length is not None and seconds > length:
            raise ImpossibleError(f"the recording is longer than {_length(length)}, the most that {provider} takes")


def _size(size: int) -> str:
    return f"{size / 1024**3:g} GB" if size >= 1024**3 else f"{size / 1024**2:g} MB"


def _length(seconds: float) -> str:
    return f"{seconds / 3600:g} hours"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that a provider has. `expires_at`: when it is gone there; None if the provider does not say."""

    file_id: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A request that is paid for.

    Attributes:
        operation: such as `transcription`.
        wishes: the options.
        file_id: the recording, if it was uploaded.
        file: the recording, if it goes with the request.
        url: the recording, if the provider fetches it.
        patience: how many seconds to wait for the answer.
        name: what the recording is called: the name of the file, or the URL.
        seconds: the recording's length; None if it is not known.
        idempotency_key: the same for each request that must be paid for only once, for a source that `repeats`.
        asked_before: whether an earlier request under this key might have been carried out.
        max_charge: the provider refuses what costs more, for a source that `heeds_ceiling`.
        callback_url: where the end is announced too, for a source that `announces`.
    """

    operation: str
    wishes: Wishes
    file_id: str | None = None
    file: Media | None = None
    url: str | None = None
    patience: float = 600.0
    name: str = ""
    seconds: float | None = None
    idempotency_key: str = ""
    asked_before: bool = False
    max_charge: float | None = None
    callback_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has begun; it calls the work `remote_id`. `charged`, in the source's unit, is what is said by now.

    `callback_secret` signs what comes to the order's `callback_url`; empty if the answer has none.
    """

    remote_id: str
    charged: float | None = None
    callback_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """The provider has finished: its answer is the result. `charged` is in the source's unit, if it is said."""

    raw: bytes
    charged: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look has shown.

    Attributes:
        state: a word that we do not know is `waiting`, so that nothing ends because a provider invents a word.
        said: the provider's own word.
        error: why it failed.
        progress: from 0 to 1.
        charged: in the source's unit; None if the provider does not say. Then what was said at the start stands, and
            of a failed work nobody knows.
        links: where the files of the result are, by name. A link is a ticket: it is never stored or logged.
    """

    state: Literal["waiting", "completed", "failed"]
    said: str
    error: str | None = None
    progress: float | None = None
    charged: float | None = None
    links: Mapping[str, SecretStr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Work at the provider that a lost answer might be about. What the provider does not say is None."""

    remote_id: str
    file_id: str | None = None
    created_at: datetime | None = None
    seconds: float | None = None
    charged: float | None = None
    said: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `resolve --json` prints."""
        created_at = None if self.created_at is None else self.created_at.isoformat()
        return {
            "remote_id": self.remote_id, "file_id": self.file_id, "created_at": created_at, "seconds": self.seconds,
            "charged": self.charged, "said": self.said,
        }  # fmt: skip
