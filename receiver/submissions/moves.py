"""How a submission moves from state to state. Pure.

intended ◀▶ uploaded ─▶ SENT ─┬▶ accepted ──looks──▶ ended ──files, result──▶ done, with its event
               ▲  ▲  (written ├▶ ended: the answer of a synchronous call is the result
               │  │    before ├▶ failed: the provider said no, or the work failed; with its event
               │  │ the first └▶ unknown ─┬▶ accepted: the work was found
               │  │     byte)     │       ├▶ ended: its answer came after all
               │  └─ nothing ─────┤       └▶ failed: a person gave up, or said before that this means failed
               │     was sent     │
               └─ permitted once more: `if_lost` is `again`, or a person said so

An answer that comes after a person has permitted another try, and before that is sent, leads from `uploaded` to
`ended` or `accepted`.
A work that the provider does not know for ten minutes leads from `accepted` to `unknown`, and from there to its end
if the provider announces that.
A recording that cannot be fetched leads from `intended` to `failed`.
A job that is dead leads from `intended` and `uploaded` to `failed`, or to `unknown` if an earlier answer was lost.
An upload that the provider has thrown away leads back to `intended`: the same command uploads again.

`paid_tries` counts how often it was sent and might have been paid for. A submission is sent only while `paid_tries` is
below `permitted_tries`; the table refuses anything else.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, TypeAlias

from receiver.errors import InvalidRequest, NotFound, PaymentRequired, ProviderError, RateLimited, Unauthenticated
from receiver.providers.orders import ABOVE_CEILING
from receiver.providers.tries import NOTHING_SENT

IfLost: TypeAlias = Literal["ask", "again", "fail"]

OUT_OF_TURNS = "out_of_turns"
REFUSED, BROKEN = 400, 500
# A server or a proxy that waited in vain, that does it already or will not do it yet, or whose client went away.
SAYS_NOTHING = frozenset({408, 409, 425, 499})


class State(StrEnum):
    """The states of a submission."""

    INTENDED = "intended"
    UPLOADED = "uploaded"
    SENT = "sent"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    ENDED = "ended"
    DONE = "done"
    FAILED = "failed"


# From which states each state is reached.
FROM: Mapping[State, frozenset[State]] = {
    State.INTENDED: frozenset({State.UPLOADED}),
    State.UPLOADED: frozenset({State.INTENDED, State.SENT, State.UNKNOWN}),
    State.SENT: frozenset({State.UPLOADED}),
    State.ACCEPTED: frozenset({State.SENT, State.UNKNOWN, State.UPLOADED}),
    State.UNKNOWN: frozenset({State.INTENDED, State.SENT, State.ACCEPTED, State.UPLOADED}),
    State.ENDED: frozenset({State.SENT, State.UNKNOWN, State.ACCEPTED, State.UPLOADED}),
    State.FAILED: frozenset({State.INTENDED, State.UPLOADED, State.SENT, State.UNKNOWN, State.ACCEPTED}),
    State.DONE: frozenset({State.ENDED}),
}
OVER = frozenset({State.DONE, State.FAILED})


def after(error: ProviderError, *, file_is_new: bool = False) -> State:
    """Return the state of a submission whose paying request has ended in an error.

    `uploaded`: nothing was done, and another try is free. `failed`: the provider refused it. `unknown`: the answer does
    not say that nothing was done. A proxy's 504, a redirect or a broken connection says nothing about the provider.

    `file_is_new`: the file was uploaded a moment ago, so a provider that does not find it will find it soon.
    """
    if error.status is None and (error.code in NOTHING_SENT or error.code == OUT_OF_TURNS):
        return State.UPLOADED
    if error.code == ABOVE_CEILING:
        return State.FAILED
    if isinstance(error, PaymentRequired | Unauthenticated | RateLimited):
        return State.UPLOADED
    if file_is_new and isinstance(error, NotFound):
        return State.UPLOADED
    if isinstance(error, InvalidRequest) and error.status is None:  # refused here, before it was sent
        return State.FAILED
    return State.FAILED if _is_refusal(error) else State.UNKNOWN


def is_answer_to_repeated(error: ProviderError) -> bool:
    """Return whether an error tells that nothing was done under the key of a lost answer, for a source that `repeats`.

    A key that is wrong now, or too many requests, say nothing about the request before.
    """
    return _is_refusal(error) and not isinstance(error, Unauthenticated | RateLimited)


def _is_refusal(error: ProviderError) -> bool:
    return error.status is not None and REFUSED <= error.status < BROKEN and error.status not in SAYS_NOTHING
