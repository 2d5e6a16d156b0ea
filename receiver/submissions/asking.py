"""What a person asks a source for, checked against the provider's ranges before anything is written or sent.

typed ──▶ operation_of ──▶ work_of ──▶ recordings_in ──▶ read ──▶ Asked
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from receiver.errors import ImpossibleError
from receiver.logs.redaction import without_query
from receiver.providers import Source
from receiver.providers.orders import UNKNOWN_CONTENT, Media, Wishes
from receiver.settings import Account
from receiver.submissions import announcing, media, recordings
from receiver.submissions.checking import MistakesError, checked
from receiver.submissions.media import CONTENT_TYPES
from receiver.submissions.moves import IfLost
from receiver.submissions.records import storable

NOT_WITHIN = "not_within"  # the code of a refusal: nobody knows that it costs no more than it may
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
        if self.file is not None:
            return Path(self.file.name).stem or self.recording
        shown = without_query(self.url or "")  # a password can be all that an address has behind its host
        return Path(shown.partition("?")[0].rstrip("/")).stem or shown

    @property
    def estimate(self) -> float | None:
        """What it will probably cost, in the provider's unit; None if nothing tells."""
        return self.source.estimate(self.work.operation, self.duration_seconds)

    @property
    def price(self) -> str:
        """What it will probably cost, in words."""
        if self.estimate is not None:
            return f"about {self.estimate:g} {self.source.unit}"
        why = "its length is not known" if self.source.unit else f"{self.source.name} names no price"
        return f"nobody knows what it will cost, because {why}"

    def _require_within(self, most: float) -> None:
        estimate = self.estimate
        if estimate is None:
            raise ImpossibleError(f"{self.price}: nothing was sent", code=NOT_WITHIN)
        if not (math.isfinite(most) and estimate <= most):
            raise ImpossibleError(
                f"it would cost about {estimate:g} {self.source.unit}, more than {most:g}: nothing was sent",
                code=NOT_WITHIN,
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
        if value.startswith("@") and name in kind.model_fields:
            _require_file(source, operation, name, value)
            files[name] = recordings.readable(Path(value[1:]))
        else:
            said.append((name, value))
    return work_with(source, operation, said, files)


def work_with(
    source: type[Source], operation: str, given: Sequence[tuple[str, str]], files: Mapping[str, Media]
) -> Work:
    """Return an operation with its options, and the files that are options. No value names a file of this machine.

    Raises:
        MistakesError: as for `wishes_of`, or an option takes no file, or is none.
    """
    kind = source.operations[operation]
    for name, value in given:
        if value.startswith("@") and name in kind.files:
            wrong = f"{name} is a file or its id, so it cannot be {value}"
            raise MistakesError(f"{source.name}, {operation}: {wrong}", {name: wrong})
    for name, file in files.items():
        _require_file(source, operation, name, f"@{file.name}")
    said = [*given, *((name, f"@{file.name}") for name, file in files.items())]
    return Work(operation, wishes_of(source, operation, said), dict(files))


def _require_file(source: type[Source], operation: str, name: str, value: str) -> None:
    if name not in source.operations[operation].files:
        said = f"{name} takes no file, so its value cannot be {value}"
        raise MistakesError(f"{source.name}, {operation}: {said}", {name: said})


def wishes_of(source: type[Source], operation: str, given: Sequence[tuple[str, str]]) -> Wishes:
    """Return the options of an operation, by names and values as typed. A name that is given twice is a list.

    Raises:
        MistakesError: an option does not exist, or is out of its range. The message names all mistakes.
    """
    typed = dict[str, Any]()
    for name, value in given:
        before = typed.get(name)
        typed[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return options_of(source, operation, typed)


def options_of(source: type[Source], operation: str, given: Mapping[str, Any]) -> Wishes:
    """Return the options of an operation, by names and values.

    Raises:
        MistakesError: as for `wishes_of`.
    """
    of = f"{source.name}, {operation}"
    odd = [name for name, value in given.items() if any(storable(said) != said for said in _texts((name, value)))]
    if odd:
        said = "an option has a character that cannot be kept, such as NUL"
        raise MistakesError(f"{of}: {said}", dict.fromkeys(odd, said))
    found = checked(source.operations[operation], given, of=of)
    numbers = {name: value for name, value in found.to_json().items() if isinstance(value, int | float)}
    large = [name for name, value in numbers.items() if not abs(value) < TOO_LARGE]
    if large:
        said = "a number of the options is too large"
        raise MistakesError(f"{of}: {said}", dict.fromkeys(large, said))
    return found


def _texts(value: object) -> Iterator[str]:
    """Yield every text in what was given."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from _texts(pair)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


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
    return asked(*_measured(recordings.readable(Path(given), hint=recordings.HINT), given, work))


def _measured(file: Media, called: str, work: Work) -> tuple[Media, None, float | None]:
    """Return a file, no address, and how long the file plays."""
    measured = None if file.content_type == UNKNOWN_CONTENT else media.duration_seconds(file.path)
    return file, None, recordings.length(called, measured, said=work.wishes.length)


def handed_in(source: type[Source], account: Account, work: Work, file: Media, terms: Terms = DEFAULT) -> Asked:
    """Return what is asked for: work on a file that came from elsewhere. This blocks for at most half a minute.

    Raises:
        ImpossibleError: as for `read`.
    """
    return Asked(source, account, work, *_measured(file, file.name, work), terms)
