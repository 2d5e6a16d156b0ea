"""What a program asks for with JSON, checked like what a person types.

A program names web addresses only, never a file of this machine.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from receiver.errors import ImpossibleError
from receiver.events import DEFAULT_ACCOUNT, NotAnEventError, document
from receiver.providers import Source
from receiver.settings import Account
from receiver.submissions import asking, recordings
from receiver.submissions.asking import Asked, Terms, Work
from receiver.submissions.checking import checked
from receiver.submissions.moves import IfLost
from receiver.submissions.resolving import Action

AccountOf: TypeAlias = Callable[[str, str], Account]  # a source and a name ──▶ the account

_KEY = re.compile(r"[!-~]{1,200}")
_REMOTE_ID = r"^[!-~]{1,200}$"


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Requested(_Body):
    """What a program asks for. `options` are those of the operation, in the provider's words."""

    provider: str
    account: str = DEFAULT_ACCOUNT
    operation: str | None = None
    url: str
    options: dict[str, Any] = Field(default_factory=dict)
    if_lost: IfLost = "ask"
    max_charge: float | None = Field(None, ge=0, allow_inf_nan=False)


class Resolution(_Body):
    """What becomes of a submission whose answer was lost. Only `found` has a `remote_id`."""

    action: Action
    remote_id: str | None = Field(None, pattern=_REMOTE_ID)


def asked(raw: bytes, key: str, account_of: AccountOf, sources: Sequence[type[Source]]) -> Asked:
    """Return what the body of a request asks for, under its caller's key.

    Raises:
        ImpossibleError: it is not what it must be, or the provider would refuse it.
    """
    if not _KEY.fullmatch(key):
        raise ImpossibleError("the header Idempotency-Key must have 1 to 200 visible ASCII characters")
    wanted = checked(Requested, _document(raw), of="the body", called="field")
    known = {source.name: source for source in sources if source.operations}
    source = known.get(wanted.provider)
    if source is None:
        raise ImpossibleError(f"there is no provider {wanted.provider}; there are: {', '.join(known)}")
    operation = asking.operation_of(source, wanted.operation)
    wishes = asking.options_of(source, operation, wanted.options)
    pays, address = account_of(source.name, wanted.account), recordings.address(wanted.url)
    terms = Terms(wanted.if_lost, key, max_charge=wanted.max_charge)
    return Asked(source, pays, Work(operation, wishes), url=address, duration_seconds=wishes.length, terms=terms)


def resolution(raw: bytes) -> Resolution:
    """Return what the body of a request says about a submission.

    Raises:
        ImpossibleError: it is not what it must be.
    """
    found = checked(Resolution, _document(raw), of="the body", called="field")
    if (found.action == "found") != (found.remote_id is not None):
        raise ImpossibleError("the body: the action found, and no other, needs a remote_id")
    return found


def _document(raw: bytes) -> Mapping[str, Any]:
    try:
        return document(raw)
    except NotAnEventError as exc:
        raise ImpossibleError(f"the body: {exc}") from None
