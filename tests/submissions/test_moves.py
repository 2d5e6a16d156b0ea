"""`submissions.moves`: what an error says about money, and which moves there are."""

from datetime import timedelta

import pytest

from receiver.errors import (
    InsufficientFunds,
    InvalidRequest,
    NotFound,
    NotReady,
    NoTurn,
    PaymentRequired,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    Unauthenticated,
)
from receiver.submissions import moves
from receiver.submissions.moves import FROM, OVER, State

NOTHING_DONE = [
    ProviderUnavailable("cut in the middle of the request", code="not_all_sent"),
    ProviderUnavailable("refused", code="unreachable"),
    NoTurn("the budget is away", code="no_turn"),
    RateLimited("no turn is free", code="out_of_turns", retry_after=timedelta(seconds=9)),
    RateLimited("too many", code="rate_limited", status=429),
    PaymentRequired("no money", code="http_402", status=402),
    InsufficientFunds("no money", code="insufficient_funds", status=402),
    Unauthenticated("no such key", code="unauthenticated", status=401),
    Unauthenticated("no key is set", code="unauthenticated"),
]
REFUSED = [
    InvalidRequest("a wrong option", code="http_400", status=400),
    InvalidRequest("forbidden", code="http_403", status=403),
    NotFound("no such file", code="http_404", status=404),
    InvalidRequest("too large", code="http_413", status=413),
    InvalidRequest("an unsendable option", code="invalid_option"),
]
SAYS_NOTHING = [
    ProviderUnavailable("no answer", code="transport"),
    ProviderUnavailable("not JSON", code="malformed_answer", status=200),
    ProviderUnavailable("broken", code="http_500", status=500),
    ProviderUnavailable("a proxy's", code="http_502", status=502),
    ProviderUnavailable("a proxy's", code="http_504", status=504),
    ProviderUnavailable("a proxy's", code="http_524", status=524),
    InvalidRequest("a redirect", code="http_302", status=302),
    InvalidRequest("a proxy waited in vain", code="http_408", status=408),
    NotReady("it is being done already", code="not_ready", status=409),
    InvalidRequest("the client went away", code="http_499", status=499),
    ProviderUnavailable("the server's own word", code="unreachable", status=503),
]


def code(error: ProviderError) -> str:
    return f"{error.code} {error.status}"


@pytest.mark.parametrize("error", NOTHING_DONE, ids=code)
def test_what_says_that_nothing_was_done_is_free_to_be_sent_again(error: ProviderError) -> None:
    assert moves.after(error) is State.UPLOADED


@pytest.mark.parametrize("error", REFUSED, ids=code)
def test_a_refusal_is_the_end(error: ProviderError) -> None:
    assert moves.after(error) is State.FAILED


@pytest.mark.parametrize("error", SAYS_NOTHING, ids=code)
def test_what_does_not_say_that_nothing_was_done_is_unknown(error: ProviderError) -> None:
    assert moves.after(error) is State.UNKNOWN


def test_a_file_that_was_uploaded_a_moment_ago_is_not_missing_for_good() -> None:
    missing = NotFound("no such file", code="http_404", status=404)
    assert (moves.after(missing, file_is_new=True), moves.after(missing)) == (State.UPLOADED, State.FAILED)


def test_nothing_leaves_a_state_that_is_over() -> None:
    assert not [to for to, froms in FROM.items() if froms & OVER]


def test_only_what_is_uploaded_is_sent() -> None:
    assert FROM[State.SENT] == {State.UPLOADED}
