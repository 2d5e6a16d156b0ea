"""`receiver.errors`: the tree in the docstring is the tree of the classes."""

import inspect
import re
from datetime import timedelta

import pytest

from receiver import errors
from receiver.errors import GiveUp, Postpone, ProviderError, ReceiverError, RequestError, Retry, Verdict

LINE = re.compile(r"(?P<indent>[│├└─ ]*)(?P<name>[A-Z]\w+)(?:  +(?P<said>.*))?")
CLASSES = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}


def drawn() -> dict[str, tuple[str | None, str]]:
    """Return (parent, words) of every name in the docstring's tree; four characters are one step of depth."""
    found: dict[str, tuple[str | None, str]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines()[1:]:
        match = LINE.fullmatch(line)
        if match is None:
            assert not line.strip(), line
            continue
        depth = len(match["indent"]) // 4
        path[depth:] = [match["name"]]
        assert match["name"] not in found
        found[match["name"]] = (path[depth - 1] if depth else None, match["said"] or "")
    return found


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    real = {
        name: None if kind is ReceiverError else [base.__name__ for base in kind.__bases__]
        for name, kind in CLASSES.items()
    }
    assert {name: None if parent is None else [parent] for name, (parent, _) in drawn().items()} == real


REFUSALS = [kind for kind in CLASSES.values() if issubclass(kind, RequestError) and kind is not RequestError]


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_carries_the_status_that_the_tree_says(kind: type[RequestError]) -> None:
    assert drawn()[kind.__name__][1].startswith(f"{kind.status}: ")


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_says_something_of_its_own_or_what_its_family_says(kind: type[RequestError]) -> None:
    for own in ("status", "code", "message"):
        assert getattr(kind, own) != getattr(RequestError, own)
    assert re.fullmatch("[a-z_]+", kind.code)
    assert kind.message.endswith(".")


def test_a_refusals_detail_is_for_the_log_alone() -> None:
    refusal = errors.StoreUnavailableError("disk full")
    assert (refusal.detail, str(refusal)) == ("disk full", "disk full")
    assert refusal.message == errors.StoreUnavailableError.message
    assert str(errors.StoreUnavailableError()) == errors.StoreUnavailableError.message


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_says_what_it_is(name: str) -> None:
    assert (CLASSES[name].__doc__ or "").strip()


@pytest.mark.parametrize("kind", [Retry, Postpone])
@pytest.mark.parametrize(("after", "read_as"), [
    (None, None), (0, timedelta(0)), (90, timedelta(seconds=90)), (0.5, timedelta(milliseconds=500)),
    (timedelta(hours=2), timedelta(hours=2)),
])  # fmt: skip
def test_a_verdict_takes_seconds_or_a_timedelta(
    kind: type[Verdict], after: timedelta | float | None, read_as: timedelta | None
) -> None:
    verdict = kind("not yet", after=after)
    assert (str(verdict), verdict.after) == ("not yet", read_as)


def test_giving_up_has_no_later() -> None:
    assert GiveUp("no").after is None


@pytest.mark.parametrize(("error", "said"), [
    (ProviderError("m", code="c"), "c: m"),
    (ProviderError("m", code="c", status=500), "500 c: m"),
    (ProviderError("m", code="c", request_id="req_1"), "c: m [req_1]"),
    (ProviderError("m", code="c", status=404, request_id="req_1"), "404 c: m [req_1]"),
])  # fmt: skip
def test_a_provider_error_says_what_its_support_needs(error: ProviderError, said: str) -> None:
    assert str(error) == said
