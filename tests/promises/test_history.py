"""`tests.faults.history`: the judge of the fault runs sees every way in which a promise can be broken."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults.history import HANDLERS, History, State, failures_in_a_row, judge
from tests.faults.history import digest as digest_of
from tests.processes import completed

BODY = completed("a")
DIGEST = digest_of(BODY)
GOOD = State(stored=(("a", DIGEST),), effects=("a",))


def history(status: int | None = 200, *, handlers: tuple[str, ...] = HANDLERS) -> list[dict[str, Any]]:
    """Return what a run wrote down that sent one event."""
    return [
        {"what": "sent", "event": "a", "digest": DIGEST},
        {"what": "answered", "event": "a", "status": status, "seconds": 0.1, "last": True},
        *({"what": "effect", "event": "a", "key": f"key of a and {name}"} for name in handlers),
    ]


@pytest.mark.parametrize("status", [200, 503, None])
def test_what_is_stored_and_handled_once_is_good_whatever_was_answered(status: int | None) -> None:
    assert judge(history(status), GOOD)
    assert judge(history(status) * 2, GOOD)


def test_what_was_not_taken_need_not_be_there() -> None:
    assert judge(history(503, handlers=()), State((), ()))
    assert judge(history(None, handlers=()), State((), ()))


@pytest.mark.parametrize(("wrong", "lines", "state"), [
    ("lost", history(200, handlers=()), State((), ())),
    ("altered", history(), State((("a", digest_of(BODY + b" ")),), ("a",))),
    ("altered", history()[1:], GOOD),
    ("doubled", history(), State((("a", DIGEST), ("a", DIGEST)), ("a",))),
    ("doubled", history(), State((("a", DIGEST),), ("a", "a"))),
    ("doubled", history(503), State((("a", DIGEST),), ("a", "a"))),
    ("missing", history(), State((("a", DIGEST),), ())),
    ("missing", history(handlers=HANDLERS[:1]), GOOD),
    ("missing", [*history(), {"what": "effect", "event": "a", "key": "another"}], GOOD),
    ("stuck", history(), State(GOOD.stored, GOOD.effects, unfinished=("a",))),
    ("stuck", history(), State(GOOD.stored, GOOD.effects, dead=("a",))),
])  # fmt: skip
def test_what_is_wrong_is_named(wrong: str, lines: list[dict[str, Any]], state: State) -> None:
    judgement = judge(lines, state)
    assert not judgement
    assert getattr(judgement, wrong) == {"a"}
    assert sum(bool(getattr(judgement, name)) for name in judgement.__slots__) == 1


def test_failures_are_counted_as_the_provider_counts_them() -> None:
    def answers(*of: tuple[int | None, bool]) -> list[dict[str, Any]]:
        return [{"what": "answered", "status": status, "last": last} for status, last in of]

    assert failures_in_a_row([]) == 0
    assert failures_in_a_row(answers((503, False), (None, False), (200, True))) == 0
    assert failures_in_a_row(answers((503, True), (503, False), (None, True), (200, False), (503, True))) == 2


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    first, second = History(tmp_path / "h"), History(tmp_path / "h")
    first.sent("a", BODY)
    with (tmp_path / "h").open("ab") as cut:
        cut.write(b'\n{"at": 1, "wh')
    second.answered("a", None, seconds=1.5)
    read = second.read()
    assert [line["what"] for line in read] == ["sent", "answered"]
    assert read[0]["digest"] == DIGEST
