"""What was handed in, as it is written down."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from receiver.submissions.moves import IfLost


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
