"""What can be asked for here, and a draft of what a form says about it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast, get_args

from receiver.providers import Source, by_name, offers
from receiver.providers.offers import Offered
from receiver.settings import Settings
from receiver.submissions import asking
from receiver.submissions.checking import MistakesError
from receiver.submissions.drafts.draft import FILES, IF_LOST, MAX_CHARGE, OPTION, URL, Draft, Handed, told_at
from receiver.submissions.moves import IfLost


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

    def draft(self, draft_id: str, fields: Sequence[tuple[str, str]], files: Sequence[tuple[str, Handed]]) -> Draft:
        """Return a draft of what a form says.

        Args:
            draft_id: its id.
            fields: the names and values of the form's fields.
            files: its files, each with the name of its field.

        Raises:
            MistakesError: there is no recording or more than one kind of it, a file is empty, or a term or an option is
                none.
        """
        said, options = dict(fields), self._typed(fields)
        option_files = {field.removeprefix(OPTION): one for field, one in files if field != FILES}
        wrong = self._wrong(options, option_files)
        url, recordings = said.get(URL, "").strip() or None, [one for field, one in files if field == FILES]
        if (url is None) == (not recordings):
            wrong[URL] = "hand in either the web address of a recording, or files"
        for field, one in files:
            if one.size == 0:
                wrong[field] = f"{one.name} is empty"
        if_lost, max_charge = said.get(IF_LOST) or "ask", _ceiling(said.get(MAX_CHARGE, ""))
        if if_lost not in get_args(IfLost):
            wrong[IF_LOST] = f"what a lost answer means is one of {', '.join(get_args(IfLost))}"
        if max_charge is not None and not (math.isfinite(max_charge) and max_charge >= 0):
            wrong[MAX_CHARGE] = f"the most that it can cost is a number, and not {said[MAX_CHARGE].strip()}"
        if wrong:
            raise MistakesError("; ".join(wrong.values()), wrong)
        return Draft(
            id=draft_id, source=self.source.name, account=self.account, operation=self.operation,
            options=tuple(options), if_lost=cast("IfLost", if_lost), max_charge=max_charge, url=url,
            files=tuple(recordings), option_files=option_files,
        )  # fmt: skip

    def _wrong(self, options: Sequence[tuple[str, str]], files: Mapping[str, Handed]) -> dict[str, str]:
        """Return the mistakes of the options, by their fields."""
        try:
            with told_at(OPTION):
                given = [*options, *((name, f"@{one.name}") for name, one in files.items())]
                asking.wishes_of(self.source, self.operation, given)
        except MistakesError as exc:
            return dict(exc.at)
        return {}

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
    """Return a number as typed: None if nothing was typed, and NaN if it is none."""
    try:
        return float(typed) if typed.strip() else None
    except ValueError:
        return math.nan
