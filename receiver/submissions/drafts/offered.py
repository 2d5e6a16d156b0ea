"""What can be asked for here, and a draft of what a form says about it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, get_args

from receiver.errors import ImpossibleError
from receiver.providers import Source, by_name, offers
from receiver.providers.offers import Offered
from receiver.settings import Settings
from receiver.submissions.drafts.draft import Draft, Handed
from receiver.submissions.moves import IfLost

OPTION = "option:"  # what the field of an option is called before its name
FILES = "files"


@dataclass(frozen=True, slots=True)
class Offer:
    """An operation that an account of a source can be asked for."""

    source: type[Source]
    account: str
    operation: str

    @property
    def options(self) -> list[Offered]:
        """The options, the required ones first."""
        return list(offers.options(self.source.operations[self.operation]))

    @property
    def files(self) -> frozenset[str]:
        """The options that are files."""
        return self.source.operations[self.operation].files

    def draft(self, name: str, fields: Sequence[tuple[str, str]], files: Sequence[tuple[str, Handed]]) -> Draft:
        """Return a draft of what a form says.

        Args:
            name: its id.
            fields: the names and values of the form's fields.
            files: its files, each with the name of its field.

        Raises:
            ImpossibleError: there is no recording or more than one kind of it, or a term is none.
        """
        said = dict(fields)
        url, recordings = said.get("url", "").strip() or None, [one for field, one in files if field == FILES]
        if (url is None) == (not recordings):
            raise ImpossibleError("hand in either the web address of a recording, or files: nothing was sent")
        if_lost = said.get("if_lost") or "ask"
        if if_lost not in get_args(IfLost):
            raise ImpossibleError(f"what a lost answer means is one of {', '.join(get_args(IfLost))}")
        return Draft(
            id=name, source=self.source.name, account=self.account, operation=self.operation,
            options=tuple(self._typed(fields)), if_lost=cast("IfLost", if_lost),
            max_charge=_ceiling(said.get("max_charge", "")), url=url, files=tuple(recordings),
            option_files={field.removeprefix(OPTION): one for field, one in files if field != FILES},
        )  # fmt: skip

    def _typed(self, fields: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the options that something was typed for. Each line for a list is a member of it."""
        lists = {option.name for option in self.options if option.is_list}
        given = [(field.removeprefix(OPTION), value) for field, value in fields if field.startswith(OPTION)]
        lines = [(name, line) for name, value in given for line in (value.splitlines() if name in lists else [value])]
        return [(name, line.strip()) for name, line in lines if line.strip()]


def offered(configured: Settings) -> list[Offer]:
    """Return what the accounts that have a key can be asked for."""
    return [
        Offer(kind, account.name, operation)
        for account in configured.accounts
        if (kind := by_name(account.source)) is not None
        and (account.key_fingerprint or not kind.variables.needs_key)
        for operation in kind.operations
    ]  # fmt: skip


def _ceiling(typed: str) -> float | None:
    if not typed.strip():
        return None
    try:
        found = float(typed)
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and found >= 0):
        raise ImpossibleError(f"the most that it can cost is a number, and not {typed.strip()}")
    return found
