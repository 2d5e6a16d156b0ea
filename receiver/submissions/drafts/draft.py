"""What was handed in, as it is written down, and at which field of its form a mistake is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import BaseModel, ConfigDict

from receiver.errors import ImpossibleError
from receiver.submissions.asking import NOT_WITHIN
from receiver.submissions.checking import MistakesError
from receiver.submissions.moves import IfLost

OPTION = "option:"  # what the field of an option is called before its name
URL, FILES, MAX_CHARGE, IF_LOST = "url", "files", "max_charge", "if_lost"


class Handed(BaseModel):
    """A file that was handed in: its name, its path within the draft, and its size in bytes."""

    model_config = ConfigDict(frozen=True)

    name: str
    place: str
    size: int


class Draft(BaseModel):
    """What was handed in.

    Attributes:
        id: its id. Who knows it can submit it.
        account: the name of the account that pays.
        options: names and values as typed.
        url: the web address of the recording; None for files, and once it is submitted.
        files: the recordings that are files.
        option_files: the options that are files.
        prices: of each recording, in words; empty until they were asked for.
        refused: why each recording is refused for its price, as long as it is not submitted; empty if it is not.
        before: for each recording the id of the submission that asks for the same; empty if there is none.
        again: whether a person has said that new submissions are wanted, although some ask for the same.
        submitted: the ids of the submissions, in the order of the recordings.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    source: str
    account: str
    operation: str
    options: tuple[tuple[str, str], ...] = ()
    if_lost: IfLost = "ask"
    max_charge: float | None = None
    url: str | None = None
    files: tuple[Handed, ...] = ()
    option_files: Mapping[str, Handed] = {}
    prices: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    again: bool = False
    submitted: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """How many recordings it has."""
        return len(self.files) or 1

    def was_there(self, number: int) -> bool:
        """Whether a recording's submission was there before, so that nothing was paid again."""
        return self.submitted[number : number + 1] == self.before[number : number + 1] != ()

    @property
    def is_submitted(self) -> bool:
        """Whether every recording is."""
        return len(self.submitted) == self.number

    def refusals(self, *, again: bool) -> list[str]:
        """Return why it cannot be submitted. What is there already is paid for by nobody, unless it is wanted again."""
        left = range(len(self.submitted), len(self.refused))
        there = {number for number in left if self.before[number] and not (again or self.again)}
        return [self.refused[number] for number in left if self.refused[number] and number not in there]


@contextmanager
def told_at(field: str) -> Iterator[None]:
    """Say at which field of the form a mistake is: that of an option at the option, and of a price at its ceiling.

    Raises:
        MistakesError: there is one.
    """
    try:
        yield
    except MistakesError as exc:
        its = {f"{OPTION}{name}": said for name, said in exc.at.items()}
        raise MistakesError(str(exc), its or {field: str(exc)}) from exc
    except ImpossibleError as exc:
        raise MistakesError(str(exc), {MAX_CHARGE if exc.code == NOT_WITHIN else field: str(exc)}) from exc
