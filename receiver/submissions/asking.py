"""What a person asks a source for, checked against the provider's ranges before anything is written or sent.

typed ──▶ operation_of ──▶ work_of ──▶ recordings_in ──▶ read ──▶ Asked
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from receiver.errors import ImpossibleError
from receiver.providers import Source
from receiver.providers.orders import UNKNOWN_CONTENT, Media, Wishes
from receiver.settings import Account
from receiver.submissions import announcing, media, recordings
from receiver.submissions.media import CONTENT_TYPES
from receiver.submissions.moves import IfLost

M = TypeVar("M", bound=BaseModel)

TOO_LARGE = 1e9  # for a number of an option; as seconds these are 31 years


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a submission.

    Attributes:
        if_lost: what a lost answer means.
        idempotency_key: the caller's own key; None if what is asked for is the key.
        again: whether a new submission is meant, although there is one already.
        max_charge: refuse what might cost more, in the provider's unit.
        callback_at: the public URL below which the end is announced too, by a source that `announces`.
    """

    if_lost: IfLost = "ask"
    idempotency_key: str | None = None
    again: bool = False
    max_charge: float | None = None
    callback_at: str | None = None


DEFAULT = Terms()


@dataclass(frozen=True, slots=True)
class Work:
    """What a source is to do, whatever the recording.

    Attributes:
        operation: such as `transcription`.
        wishes: the options. One that is a file of this machine is its name: `@talk.srt`.
        files: the options that are files of this machine. They are uploaded first, and their ids are sent.
    """

    operation: str
    wishes: Wishes
    files: Mapping[str, Media] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for, checked against the provider's ranges.

    Attributes:
        source: whose operation it is.
        account: who pays.
        work: what it is to do.
        file: the recording, if it is a file.
        url: the recording's web address; the provider fetches it, or else a worker.
        duration_seconds: None if it is not known.

    Raises:
        ImpossibleError: the provider would refuse it, or it might cost too much.
    """

    source: type[Source]
    account: Account
    work: Work
    file: Media | None = None
    url: str | None = None
    duration_seconds: float | None = None
    terms: Terms = DEFAULT

    def __post_init__(self) -> None:
        if self.file is not None and "file" not in self.source.takes:
            raise ImpossibleError(f"{self.source.name} takes the address of a recording, not a file: nothing was sent")
        if self.is_fetched and not (self.url or "").startswith("https://"):
            raise ImpossibleError(
                f"{self.source.name} takes files, so the recording is fetched here, and only from https:// addresses: "
                "nothing was sent"
            )
        self.source.check(self.work.operation, self.file, self.duration_seconds)
        if self.terms.max_charge is not None and not self.source.heeds_ceiling:
            self._require_within(self.terms.max_charge)

    @property
    def is_fetched(self) -> bool:
        """Whether a worker fetches the recording from its address, because the provider takes files only."""
        return self.url is not None and "url" not in self.source.takes

    @property
    def recording(self) -> str:
        """The name of the file, or the address."""
        return self.url or "" if self.file is None else self.file.name

    @property
    def title(self) -> str:
        """The recording's name without what is around it."""
        name = (self.url or "").partition("?")[0].rstrip("/") if self.file is None else self.file.name
        return Path(name).stem or self.recording

    @property
    def estimate(self) -> float | None:
        """What it will probably cost, in the provider's unit; None if nothing tells."""
        return self.source.estimate(self.work.operation, self.duration_seconds)

    def _require_within(self, most: float) -> None:
        estimate, name = self.estimate, self.source.name
        if estimate is None:
            why = "its length is not known" if self.source.unit else f"{name} names no price"
            raise ImpossibleError(f"nobody knows what it will cost, because {why}: nothing was sent")
        if not (math.isfinite(most) and estimate <= most):
            raise ImpossibleError(
                f"it would cost about {estimate:g} {self.source.unit}, more than {most:g}: nothing was sent"
            )


def operation_of(source: type[Source], name: str | None) -> str:
    """Return the name of an operation of a source; its first one if none is named.

    Raises:
        ImpossibleError: the source has no such operation.
    """
    if name is None and source.operations:
        return next(iter(source.operations))
    if name in source.operations:
        return cast("str", name)
    raise ImpossibleError(f"{source.name} has no operation {name}; it has: {', '.join(source.operations)}")


def transcribing(source: type[Source]) -> str:
    """Return the name of a source's first operation that makes a transcript of a recording.

    Raises:
        ImpossibleError: it has none.
    """
    for name in source.operations:
        if announcing.family_of(name) == announcing.TRANSCRIPTION:
            return name
    raise ImpossibleError(f"{source.name} makes no transcripts; it has: {', '.join(source.operations)}")


def work_of(source: type[Source], operation: str, given: Sequence[tuple[str, str]]) -> Work:
    """Return an operation with its options, by names and values as typed. `@PATH` is a file that is uploaded first.

    Raises:
        ImpossibleError: as for `wishes_of`, or a file cannot be read, or its option takes none.
    """
    kind, files, said = source.operations[operation], dict[str, Media](), list[tuple[str, str]]()
    for name, value in given:
        is_file = value.startswith("@") and name in kind.model_fields
        if is_file and name not in kind.files:
            raise ImpossibleError(f"{source.name}, {operation}: {name} takes no file, so its value cannot be {value}")
        if is_file:
            files[name] = recordings.readable(Path(value[1:]))
        said.append((name, f"@{files[name].name}" if is_file else value))
    return Work(operation, wishes_of(source, operation, said), files)


def wishes_of(source: type[Source], operation: str, given: Sequence[tuple[str, str]]) -> Wishes:
    """Return the options of an operation, by names and values as typed. A name that is given twice is a list.

    Raises:
        ImpossibleError: an option does not exist, or is out of its range. The message names all mistakes.
    """
    typed = dict[str, Any]()
    for name, value in given:
        before = typed.get(name)
        typed[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return options_of(source, operation, typed)


def options_of(source: type[Source], operation: str, given: Mapping[str, Any]) -> Wishes:
    """Return the options of an operation, by names and values.

    Raises:
        ImpossibleError: as for `wishes_of`.
    """
    found = checked(source.operations[operation], given, of=f"{source.name}, {operation}")
    if any(isinstance(value, int | float) and not abs(value) < TOO_LARGE for value in found.to_json().values()):
        raise ImpossibleError(f"{source.name}, {operation}: a number of the options is too large")
    return found


def checked(kind: type[M], given: Mapping[str, Any], *, of: str, called: str = "option") -> M:
    """Return values as a model.

    Args:
        kind: the model.
        given: the values, by name.
        of: what they belong to, for the message.
        called: what one of them is called there.

    Raises:
        ImpossibleError: a name does not exist, or a value is out of its range. The message names all mistakes.
    """
    try:
        return kind.model_validate(given)
    except ValidationError as exc:
        wrong = [_mistake(kind, called, found["loc"], found["type"], found["msg"]) for found in exc.errors()]
        raise ImpossibleError(f"{of}: {'; '.join(wrong)}") from None


def _mistake(kind: type[BaseModel], called: str, where: tuple[int | str, ...], what: str, said: str) -> str:
    name = str(where[0]) if where else f"{called}s"
    if what == "extra_forbidden":
        return f"there is no {called} {name}; there are {', '.join(kind.model_fields)}"
    if what == "missing":
        return f"{name} is required"
    return f"{name}: {re.sub('^(Input|String) should', 'must', said.removeprefix('Value error, '))}"


def recordings_in(typed: Sequence[str]) -> list[str]:
    """Return files and addresses as typed, with the recordings of a folder in its place, by their names.

    Raises:
        ImpossibleError: a folder has none.
    """
    found = list[str]()
    for one in typed:
        if recordings.is_address(one) or not Path(one).is_dir():
            found.append(one)
            continue
        files = sorted(path for path in Path(one).iterdir() if path.suffix.lower().lstrip(".") in CONTENT_TYPES)
        if not files:
            raise ImpossibleError(f"{one} has no recordings: {', '.join(CONTENT_TYPES)}")
        found += [str(path) for path in files]
    return found


def read(source: type[Source], account: Account, work: Work, given: str | Media, terms: Terms = DEFAULT) -> Asked:
    """Return what is asked for: work on a file or an address as typed, or on a file that was made of a transcript.

    Raises:
        ImpossibleError: the provider would refuse it, or it might cost too much.
    """
    asked = partial(Asked, source, account, work, terms=terms)
    if isinstance(given, Media):
        return asked(file=given)
    if recordings.is_address(given):
        return asked(url=recordings.address(given), duration_seconds=work.wishes.length)
    path = Path(given)
    file = recordings.readable(path, hint=recordings.HINT)
    measured = None if file.content_type == UNKNOWN_CONTENT else media.duration_seconds(path)
    return asked(file=file, duration_seconds=recordings.length(given, measured, said=work.wishes.length))
